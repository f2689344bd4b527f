"""The variables of a function's environment that are no settings: the templates name them, the functions read them.

Separate from the functions, so that what writes the templates (`deploy.aws`) loads no platform for three words.
"""

from __future__ import annotations

ADMIN_SECRET_ARN = "IMAGEMILL_ADMIN_SECRET_ARN"  # noqa: S105 - the name of a variable
"""Names the secret of Secrets Manager whose text is the admin key."""
DEAD_LETTERS_URL = "IMAGEMILL_DEAD_LETTERS_URL"
"""Names the queue for events that nobody can carry out."""
EVENTS_URL = "IMAGEMILL_EVENTS_URL"
"""Names the queue of events, which brings what the CDN did not take to the function that asks again."""
EDGE_SECRET = "IMAGEMILL_EDGE_SECRET"  # noqa: S105 - the name of a variable
"""Holds the word by which CloudFront says that it has judged a signature itself; empty where it judges none."""
