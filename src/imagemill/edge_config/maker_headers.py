"""The headers in which CloudFront's function tells the maker what it knows: both sides take the names from here.

Separate from `cloudfront`, which writes the function: the maker's start waits for each import, and needs two words.
"""

from __future__ import annotations

URI_HEADER = "x-imagemill-uri"
"""The path as the viewer sent it, and what of the query means something to us."""
LOOP_HEADER = "x-imagemill-loop"
"""That the viewer is an Imagemill in search of an original (`gateway.loops`)."""
