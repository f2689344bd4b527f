"""nginx serves kept variants itself: the maps from an address to a file's name, and from it to every header of ours.

A map that is not sure gives a name that no file has, and the request goes on to us. A file in the folder of a version
is right as long as it is there (`variants.shelf`), so nothing has to be purged and nothing can be old.
"""

from __future__ import annotations

from imagemill.delivery.cache_tags import MAX_FOLDERS
from imagemill.delivery.plan import SECURITY
from imagemill.edge_config import patterns
from imagemill.edge_config.facts import Facts
from imagemill.edge_config.nginx_proxy import NO_BODY
from imagemill.edge_config.text import fill, quoted
from imagemill.recipe.vocabulary import Format

MAPS = """\
# --- what is asked for ------------------------------------------------------------------------------------------------
# Each map gives an empty word, or one that no file has, where it is not sure; then Imagemill answers.

# What the client reads: the first format that it names. Where it weighs them (";q="), Imagemill decides.
map $http_accept $imagemill_bucket {
    default jpg;
    «buckets»
}

# The stated format, and the options without it: fm=webp is the ending of the file's name.
map $imagemill_options $imagemill_format {
    default "";
    «stated»
}
map $imagemill_options $imagemill_rest {
    default $imagemill_options;
    «rest»
}
map "$imagemill_format $imagemill_bucket" $imagemill_ending {
    default -;
    «endings»
}

# Which version: the one that ?v= names, else the present one. Parameters that mean nothing to Imagemill count as none.
map $args $imagemill_query {
    default "";
    "" current;
    «queries»
}

# The key, where its spelling is plain: one that has only one, and whose Cache-Tag and file name can be written here.
map $imagemill_uri $imagemill_plain {
    default "";
    «plain»
}
map $imagemill_plain $imagemill_escaped {
    default "";
    «escaped»
}

# Which folder of the key's: none where anything above was not sure, or where something else than the picture may be
# the answer.
map "$request_method $imagemill_query $imagemill_escaped $http_range $http_if_match$http_if_unmodified_since"
    $imagemill_folder {
    default -;
    "~^(?:GET|HEAD) (current|«version») [^ ]+ (?:«range»)? $" $1;
}

# --- the headers of the answer, as Imagemill's own --------------------------------------------------------------------
map $imagemill_escaped $imagemill_tags {
    default "";
    «tags»
}
map $imagemill_key $imagemill_stem {
    default "";
    «stems»
}
map $imagemill_ending $imagemill_extension {
    default "";
    "~\\.([a-z]+)$" $1;
}
map $imagemill_query $imagemill_lifetime {
    default "«lifetime»";
    "~^«version»$" "«immutable»";
}
map $imagemill_format $imagemill_vary {
    default "";
    «vary»
}
"""

LOCATION = """\
location ~ "^«mount»/img/(?<imagemill_options>[^/]+)/(?<imagemill_key>.+)$" {
    «no_body»
    root «folder»;
    # Not try_files, which looks for the file once before it is opened: a tenth of what a hit costs.
    rewrite ^ /$imagemill_key/~/$imagemill_folder/$imagemill_rest$imagemill_ending break;
    error_page 403 404 405 = @imagemill;
    log_not_found off;
    «serving»
    add_header Cache-Control $imagemill_lifetime;
    «security»
}
"""

PRIVATE_LOCATION = """\
location ~ "^«mount»/img/(?<imagemill_options>[^/]+)/+(?<imagemill_key>«keys».+)$" {
    «no_body»
    auth_request /imagemill-authorize;
    auth_request_set $imagemill_private $upstream_http_imagemill_cache_control;
    # 403: Imagemill gives the true answer (403, 404, 410) with its reason; without Imagemill there is none.
    error_page 401 403 500 = @imagemill;
    root «folder»;
    try_files «candidates» @imagemill;
    «serving»
    add_header Cache-Control $imagemill_authorized_lifetime;
    «security»
}
"""

SERVING = """\
types { «types» }
open_file_cache off;   # an open file would outlive the picture's replacement
if_modified_since exact;
max_ranges 1;
add_header Cache-Status "nginx; hit";
add_header Cache-Tag $imagemill_tags;
add_header Content-Disposition 'inline; filename="$imagemill_stem.$imagemill_extension"';
add_header Vary $imagemill_vary;
add_header X-Request-Id $request_id;
"""

PRIVATE_MAPS = """
# --- what only one caller may see: judged by Imagemill on each request ------------------------------------------------
# The parameters of its signature say nothing of the picture.
map $args $imagemill_signed_query {
    default "";
    "" current;
    «queries»
}
map "$request_method $imagemill_signed_query $imagemill_escaped $http_range $http_if_match$http_if_unmodified_since"
    $imagemill_signed_folder {
    default -;
    "~^(?:GET|HEAD) (current|«version») [^ ]+ (?:«range»)? $" $1;
}
# Imagemill says for how long, and other pages may not use it.
map $imagemill_private $imagemill_authorized_lifetime {
    default $imagemill_private;
    "" $imagemill_lifetime;
}
map $imagemill_private $imagemill_anyone {
    default "";
    "" *;
}
"""
_TYPES = " ".join(f"{form.media_type} {form.extension};" for form in Format if form.concrete)
FOR_ANYONE = frozenset({"access-control-allow-origin", "timing-allow-origin"})
"""Headers of public answers only."""


def maps(facts: Facts) -> str:
    """Return the maps, for the http context."""
    text = fill(
        MAPS,
        buckets=_buckets(facts),
        stated=_row(patterns.STATED_FORMAT.format(formats="|".join(_stated(facts))), "$1"),
        rest=_rest(facts),
        endings=_endings(facts),
        queries=_queries(signed=False),
        plain=_row(patterns.PLAIN_URI, "$1"),
        escaped="\n".join(
            (
                _row(patterns.UNRESERVED, "$imagemill_plain"),
                _row(patterns.AT_SIGN, "$1%40$2"),
                _row(patterns.PARENTHESES, "$1%28$2%29$3"),
            )
        ),
        version=patterns.VERSION,
        range=patterns.SATISFIABLE_RANGE,
        tags=_tags(facts.site),
        stems="\n".join((_row(patterns.ENDED_NAME, "$1"), _row(patterns.ANY_NAME, "$1"))),
        lifetime=facts.lifetime,
        immutable=facts.immutable,
        vary='"" Accept;' if facts.negotiation == "vary" else "",
    )
    if not facts.private and not _signed(facts):
        return text
    return text + fill(
        PRIVATE_MAPS,
        queries=_queries(signed=True),
        version=patterns.VERSION,
        range=patterns.SATISFIABLE_RANGE,
    )


def location(facts: Facts) -> str:
    """Return the location of pictures that anyone may see."""
    return fill(
        LOCATION,
        no_body=NO_BODY,
        mount=patterns.escaped(facts.mount),
        folder=quoted(str(facts.folder)),
        serving=fill(SERVING, types=_TYPES),
        security=_security(anyone="*"),
    )


def private_location(facts: Facts, keys: str) -> str:
    """Return the location of pictures that we judge on each request; `keys` is the pattern that their keys begin with.

    A private original's variants lie in a folder of their own name, without a link to the present version.
    """
    home = "/$imagemill_key/~/$imagemill_signed_folder"
    name = "/$imagemill_rest$imagemill_ending"
    candidates = [f"{home}-private{name}"]
    if _signed(facts):
        candidates.insert(0, home + name)
    return fill(
        PRIVATE_LOCATION,
        no_body=NO_BODY,
        mount=patterns.escaped(facts.mount),
        keys=keys,
        folder=quoted(str(facts.folder)),
        candidates=" ".join(candidates),
        serving=fill(SERVING, types=_TYPES),
        security=_security(anyone="$imagemill_anyone"),
    )


def _signed(facts: Facts) -> bool:
    return facts.access == "signed"


def _row(pattern: str, value: str, *, any_case: bool = False) -> str:
    return f"{quoted(('~*' if any_case else '~') + pattern)} {value if value.isalnum() else quoted(value)};"


def _queries(*, signed: bool) -> str:
    return "\n".join(
        (
            _row(patterns.query_with_version(signed=signed), "$1"),
            _row(patterns.query_without_version(signed=signed), "current"),
        )
    )


def _buckets(facts: Facts) -> str:
    if not facts.buckets:
        return ""
    rows = [_row(patterns.UNSURE_ACCEPT, "-", any_case=True)]
    return "\n".join(rows + [_row(patterns.named(bucket), bucket, any_case=True) for bucket in facts.buckets])


def _stated(facts: Facts) -> list[str]:
    """Return the formats that a file's name may end in because the address says so; TIFF wants a signature."""
    return [form.value for form in facts.formats if form is not Format.TIFF]


def _rest(facts: Facts) -> str:
    rows = [_row(patterns.OTHER_FORMAT.format(formats="|".join(_stated(facts))), "-")]
    listed = patterns.open_options(facts)
    if listed is not None:
        rows.append(_row(f"^(?!{listed[1:-1]}$)", "-"))
    elif not _signed(facts):
        rows.append(_row(patterns.CLOSED_OPTIONS, "-"))
    return "\n".join(rows + [_row(pattern, value) for pattern, value in patterns.REST])


def _endings(facts: Facts) -> str:
    rows = [f'" {bucket}" @{bucket}.{bucket};' for bucket in (*facts.buckets, "jpg")]
    rows.append(_row("^jpeg ", ".jpg"))
    others = "|".join(word for word in _stated(facts) if word != "jpeg")
    return "\n".join(rows + ([_row(f"^({others}) ", ".$1")] if others else []))


def _tags(site: str) -> str:
    """Return a row for each depth of a key: its own tag, its folders' from the nearest, the site's."""
    rows = []
    for depth in range(MAX_FOLDERS + 1):
        pattern = "^" + "([^/]+/)" * depth + "([^/]+)$"
        parts = [f"${number}" for number in range(1, depth + 2)]
        names = ["".join(parts[:end]) for end in range(depth + 1, 0, -1)]
        rows.append(_row(pattern, ",".join(f"{site}/{name}" for name in [*names, ""])))
    return "\n".join(rows)


def _security(*, anyone: str) -> str:
    """Return our headers of every picture; `anyone` is the value of those that open it to other pages."""
    rows = []
    for name, value in SECURITY:
        word = name.decode()
        text = anyone if word in FOR_ANYONE else quoted(value.decode())
        rows.append(f"add_header {word.title()} {text};")
    return "\n".join(rows)
