"""The platform's own settings as a deployment may give them: checked by the platform's reader, before anything is made.

Separate from `config`, which is about AWS: here a wrong word of `[settings]` is found with the sentences that people
know from `imagemill serve`, and what only the stacks can know, or what must not stand in a template, is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from imagemill.settings import Settings, SettingsError
from imagemill.settings.rules import RULES
from imagemill.settings.source import variable_of

OWNED = {
    "data.dir": "Lambda's one writable folder",
    "server.public_url": "domain, or CloudFront's own host name",
    "server.api_url": "api_domain of this file",
    "originals.url": "the originals bucket of the stacks",
    "originals.replica_url": "the replica bucket of the stacks",
    "variants.url": "the variants bucket of the stacks",
    "admin.key_file": "the secret of the functions stack",
    "cdn.kind": "the distribution of the stacks",
    "cdn.url": "the distribution of the stacks",
    "cdn.zone": "the distribution of the stacks",
    "signing.public_keys": "public_keys of this file",
    "uploads.origins": "upload_origins of this file",
    "cache.disk_dir": "Lambda's one writable folder",
    "limits.url": "nothing: there is no Redis, API Gateway and the web ACL count instead",
}
"""Settings that follow from the deployment, and what they follow from."""
MOST_BYTES = 2500
"""Lambda takes 4 KB of variables; names of buckets, ARNs and AWS's own need the rest."""
NOWHERE = Path("/nowhere")
"""A folder that is not there: no file of this machine may have a say."""
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")


def faults(settings: Mapping[str, str]) -> Iterator[str]:
    """Yield what is wrong with `settings` (`section.name` → word), each with its name."""
    for name in settings:
        rule = RULES.get(name)
        if name in OWNED:
            yield f"settings.{name}: expected not to be set: it is {OWNED[name]}."
        elif rule is not None and rule.secret:
            yield f"settings.{name}: expected no secret: a template would show it. Use the API."
        elif not _VARIABLE.fullmatch(variable_of(name)):
            yield f"settings.{name}: expected letters, digits and _, as Lambda needs in variables, received {name!r}."
    size = sum(len(variable_of(name).encode()) + len(value.encode()) for name, value in settings.items())
    if size > MOST_BYTES:
        yield f"settings: expected at most {MOST_BYTES} bytes of names and values, for Lambda, received {size}."
    try:
        read(settings)
    except SettingsError as error:
        yield from (f"settings: {sentence}" for sentence in error.sentences)


def read(settings: Mapping[str, str]) -> Settings:
    """Return the platform's settings as a function will read them, with made-up buckets; raise SettingsError."""
    ours = {"originals.url": "s3://originals", "variants.url": "s3://variants", "data.dir": str(NOWHERE)}
    environ = {variable_of(name): value for name, value in {**settings, **ours}.items()}
    return Settings.load(environ=environ, cwd=NOWHERE)
