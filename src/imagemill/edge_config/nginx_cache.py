"""nginx keeps answers of ours: the variants lie elsewhere (a bucket), or their addresses do not say their names.

An entry is asked for again after `FRESH` seconds, whatever lifetime a browser is told: with If-None-Match and its tag,
so that it costs us a look and no bytes. That bounds how long a replaced or deleted picture can be seen here, for nginx
cannot purge by tag; while we are away, what is there is shown.

Two things follow that are easily got wrong (threats C7, G8). Nobody is shown an old entry while it is being looked at:
it may be hours old, as nothing but a request looks. And our refusal must take the entry's place, or a picture that was
made private would be shown from it as soon as we are away: so a 403 is kept, for a second, where there was something
else, and who brings cookies that may open it is passed on. So is the 404 of a deleted one, where 404s are not kept.
"""

from __future__ import annotations

from imagemill.edge_config import patterns
from imagemill.edge_config.facts import Facts
from imagemill.edge_config.nginx_proxy import NO_BODY, PROXY
from imagemill.edge_config.text import fill, quoted

FRESH = 10
"""Seconds; a purge must be complete within 60 (contract)."""

MAPS = """\
proxy_cache_path «folder» levels=1:2 keys_zone=imagemill:64m max_size=20g inactive=«kept»s
                 use_temp_path=off;

# --- the name of an entry: path, class of Accept, version -------------------------------------------------------------
# What is in an odd spelling is passed on and not kept: one picture has one entry, and nobody fills the cache with
# names.
map $imagemill_uri $imagemill_path {
    default "";
    «canonical»
}
# ?v= counts, what Imagemill does not know is left out, what a signature says is none of the cache's business.
map $args $imagemill_query {
    default "";
    "" current;
    «queries»
}
# Accept in its normal form, which is also what Imagemill is sent: so an entry holds what its name says (threat C2).
map $http_accept $imagemill_accept {
    default "*/*";
    «accepts»
}
# What only one caller may see, or what may have another answer than the picture, is passed on too.
map $http_cookie $imagemill_cookies {
    default "";
    "~CloudFront-" 1;
}
map "$http_authorization$imagemill_cookies $http_if_match $http_if_unmodified_since $http_range" $imagemill_usual {
    default "";
    "~^   (?:«range»)?$" 1;
}
map "$imagemill_path $imagemill_query $imagemill_accept $imagemill_usual" $imagemill_unsure {
    default 1;
    "~^[^ ]+ [^ ]+ [^ -][^ ]* 1$" 0;
}

# --- what may be kept -------------------------------------------------------------------------------------------------
# Nothing private, nothing of one caller, nothing that was read off a client's hints (threats C1, C5). A refusal takes
# the place of a picture that was made private or deleted, for a moment: else that would be shown again when Imagemill
# is away.
map "$upstream_cache_status $upstream_status|$upstream_http_cache_control|$upstream_http_set_cookie|$upstream_http_vary"
    $imagemill_unkept {
    default 1;
    "~*^(?!.*(?:private|no-store|no-cache)).*\\|\\|(?:accept)?$" 0;
    "~^EXPIRED 40[34]\\|no-store\\|\\|$" 0;
}
map $upstream_cache_status $imagemill_cache_status {
    default "nginx; fwd=uri-miss";
    EXPIRED "nginx; fwd=stale";
    HIT "nginx; hit";
    REVALIDATED "nginx; fwd=stale; fwd-status=304";
    STALE "nginx; hit; detail=stale";
}
map $upstream_cache_status $imagemill_timing {
    default $upstream_http_server_timing;
    HIT "";
    STALE "";
}
"""

LOCATION = """\
location ~ ^«mount»/img/ {
    «no_body»
    if ($imagemill_unsure) {
        return 418;
    }
    error_page 418 = @imagemill;
    error_page 502 504 =503 @imagemill_away;

    proxy_cache imagemill;
    proxy_cache_key "$imagemill_path $imagemill_query $imagemill_accept";
    proxy_cache_valid 200 «fresh»s;
    proxy_cache_valid 404 410 «not_found»s;
    proxy_cache_valid 403 1s;
    proxy_ignore_headers Cache-Control Expires Vary X-Accel-Expires;  # for the browser; here the lines above count
    proxy_no_cache $imagemill_unkept;
    proxy_cache_revalidate on;       # the same bytes are not sent twice
    proxy_cache_lock on;             # of many who ask for what is not there, one asks Imagemill
    proxy_cache_lock_timeout 15s;
    proxy_cache_lock_age 15s;
    proxy_cache_use_stale error timeout http_500 http_502 http_503 http_504;  # not "updating": it may be hours old
    proxy_force_ranges on;
    max_ranges 1;

    proxy_hide_header X-Request-Id;
    proxy_hide_header Server-Timing;
    proxy_hide_header CDN-Cache-Control;
    add_header X-Request-Id $request_id always;
    add_header Server-Timing $imagemill_timing always;
    add_header Cache-Status $imagemill_cache_status always;

    «proxy»
    proxy_set_header Accept $imagemill_accept;
}
"""

PRIVATE_LOCATION = """\
# Private: Imagemill answers each request itself, nothing is kept.
location ~ "^«mount»/img/[^/]+/+«keys»" {
    «no_body»
    «proxy»
}
"""


def maps(facts: Facts) -> str:
    """Return the zone and the maps, for the http context."""
    return fill(
        MAPS,
        folder=quoted(str(facts.cache_folder)),
        range=patterns.SATISFIABLE_RANGE,
        kept=str(max(facts.stale_if_error, FRESH)),
        canonical=f"{quoted('~^(' + patterns.CANONICAL_PATH + ')(?:[?]|$)')} $1;",
        queries="\n".join(
            (
                f"{quoted('~' + patterns.query_with_version(signed=False))} $1;",
                f"{quoted('~' + patterns.query_without_version(signed=False))} current;",
            )
        ),
        accepts=_accepts(facts),
    )


def location(facts: Facts) -> str:
    """Return the location of pictures that anyone may see."""
    return fill(
        LOCATION,
        no_body=NO_BODY,
        mount=patterns.escaped(facts.mount),
        fresh=str(FRESH),
        not_found=str(max(facts.not_found_max_age, 1)),  # 0 would leave what was there in its place
        proxy=PROXY,
    )


def private_location(facts: Facts, keys: str) -> str:
    """Return the location of pictures that we answer ourselves; `keys` is the pattern that their keys begin with."""
    return fill(PRIVATE_LOCATION, no_body=NO_BODY, mount=patterns.escaped(facts.mount), keys=keys, proxy=PROXY)


def _accepts(facts: Facts) -> str:
    if not facts.buckets:
        return ""
    rows = [f"{quoted('~*' + patterns.UNSURE_ACCEPT)} -;"]
    rows += [f"{quoted('~*' + pattern)} {normal};" for pattern, normal, _ in patterns.accept_classes(facts)]
    return "\n".join(rows)
