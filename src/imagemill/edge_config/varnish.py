"""The configuration of Varnish (VCL 4.1, for Varnish 6.0 LTS and later; tested with Debian's 7.1).

Varnish keeps answers of ours under the same names as nginx does: canonical path, class of Accept, version. Where the
settings say that it is purged (`cdn.kind = "varnish"`) it keeps them as long as `CDN-Cache-Control` says and takes BAN;
otherwise it asks again after `FRESH` seconds.
"""

from __future__ import annotations

from imagemill.edge_config import answers, patterns
from imagemill.edge_config.facts import Facts
from imagemill.edge_config.nginx_cache import FRESH
from imagemill.edge_config.text import fill

CONFIGURATION = """\
vcl 4.1;
# Imagemill behind Varnish, written by `imagemill edge-config varnish` from the platform's settings: write it again when
# they change. Debian: /etc/varnish/default.vcl. Imagemill must believe this Varnish about who is asking:
# server.trusted_proxies = ["127.0.0.1"] (Varnish's address).

import std;
import directors;

«backends»

«purgers»

sub vcl_init {
    new imagemill = directors.round_robin();
    «members»
}

sub vcl_recv {
    set req.backend_hint = imagemill.backend();
    if (req.restarts == 0) {
        # What the client says of itself does not count; Varnish has added the address to what was there.
        set req.http.X-Forwarded-For = client.ip;
        unset req.http.Forwarded;
        unset req.http.X-Real-IP;
        unset req.http.X-Imagemill-Class;
        unset req.http.X-Imagemill-Stale;
        if (req.http.X-Request-Id !~ "^[A-Za-z0-9_-]{1,64}$") {
            set req.http.X-Request-Id = "varnish-" + req.xid;
        }
        std.collect(req.http.Accept, ", ");
        # Several ranges, and what is none, get the whole picture (RFC 9110 section 14.2).
        if (req.http.Range !~ "^bytes=([0-9]{1,15}-[0-9]{0,15}|-[1-9][0-9]{0,14})$") {
            unset req.http.Range;
        } elseif (req.http.Range ~ "-[0-9]" && req.http.Range !~ "=-"
            && std.integer(regsub(req.http.Range, "^bytes=([0-9]+)-.*$", "\\1"), 0)
                > std.integer(regsub(req.http.Range, "^.*-", ""), 0)) {
            unset req.http.Range;
        }
    }

    if (!req.http.Host) {
        return (synth(400, "Bad Request"));
    }

    «purging»
    unset req.http.Imagemill-Purge;
    unset req.http.Imagemill-Ban;
«mount»
«control»
    # Everything else of Imagemill is not for the public: its control API, /metrics, /healthz, /internal.
    if (req.url !~ "^/(img/|info/|robots[.]txt$|favicon[.]ico$)") {
        return (synth(404, "Not Found"));
    }
    if (req.method != "GET" && req.method != "HEAD" && req.method != "OPTIONS") {
        return (synth(405, "Method Not Allowed"));
    }
    # Imagemill judges each of these itself: methods and conditions that are rare, callers with an Authorization, odd
    # spellings (one picture has one entry, and nobody fills the cache with names), and whatever needs a signature.
    if (req.method == "OPTIONS" || req.http.Authorization || req.http.If-Match || req.http.If-Unmodified-Since
        || (req.http.Range && req.http.Range !~ "^«range»$") || req.http.If-None-Match ~ "[,*]"
        || req.http.Transfer-Encoding || req.http.Content-Length
        || req.url !~ {"«canonical»"}) {
        return (pass);
    }
    «private»

    # ?v= counts, what Imagemill does not know is left out, and where there is more to it Imagemill decides.
    if (req.url ~ "[?]") {
        if (regsub(req.url, "^[^?]*[?]", "") ~ {"«versioned»"}) {
            set req.url = regsub(req.url, {"[?](?:.*&)?v=(«version»)(?:&.*)?$"}, "?v=\\1");
        } elseif (regsub(req.url, "^[^?]*[?]", "") ~ {"«unversioned»"}) {
            set req.url = regsub(req.url, "[?].*$", "");
        } else {
            return (pass);
        }
    }

    # Accept in its normal form, which is also what Imagemill is sent: so an entry holds what its name says.
    set req.http.X-Imagemill-Class = "*/*";
    if (req.url ~ "^/img/"
        && req.url !~ {"^/img/(?:[^/]*[,&])?fm=(?:jpeg|jpg|png|webp|avif|gif|tiff|jxl|source)[,&/]"}) {
        «accepts»
    }
    if (req.http.X-Imagemill-Class == "-") {
        unset req.http.X-Imagemill-Class;
        return (pass);
    }
    set req.http.Accept = req.http.X-Imagemill-Class;

    # For so long an old answer is shown while a new one is fetched; after a failure, as long as there is one.
    set req.grace = «revalidating»s;
    if (req.http.X-Imagemill-Stale) {
        set req.grace = «stale_if_error»s;
    }
    return (hash);
}

sub vcl_hash {
    hash_data(req.url);
    hash_data(req.http.X-Imagemill-Class);
    return (lookup);
}

sub vcl_miss {
    if (req.http.X-Imagemill-Stale) {
        return (synth(503, "Service Unavailable"));  # there was a failure, and nothing old to show
    }
}

sub vcl_backend_fetch {
    unset bereq.http.X-Imagemill-Class;
    unset bereq.http.X-Imagemill-Stale;
}

sub vcl_backend_response {
    if (beresp.status >= 500 && bereq.is_bgfetch) {
        return (abandon);  # what is there stays, until stale-if-error ends
    }
    if (bereq.uncacheable) {
        return (deliver);
    }
    # Nothing private, nothing of one caller, nothing that was read off a client's hints. That it cannot be kept is
    # remembered for a moment, so that those who ask meanwhile do not wait for one another.
    if (beresp.http.Set-Cookie || beresp.http.Cache-Control ~ "(?i)private|no-store|no-cache"
        || (beresp.http.Vary && beresp.http.Vary !~ "(?i)^accept$")
        || (beresp.status != 200 && beresp.status != 404 && beresp.status != 410)) {
        set beresp.uncacheable = true;
        set beresp.ttl = 5s;
        set beresp.grace = 0s;
        return (deliver);
    }
    if (beresp.status != 200) {
        set beresp.ttl = «not_found»s;
        set beresp.grace = 0s;
        return (deliver);
    }
    «lifetime»
    set beresp.grace = «stale_if_error»s;  # vcl_recv says how much of it counts
    set beresp.keep = 3600s;               # then asked for with If-None-Match: the same bytes are not sent twice
    return (deliver);
}

sub vcl_deliver {
    if (resp.status >= 500 && req.http.X-Imagemill-Class && req.restarts == 0) {
        set req.http.X-Imagemill-Stale = "1";
        return (restart);
    }
    unset resp.http.CDN-Cache-Control;
    unset resp.http.X-Varnish;
    set resp.http.X-Request-Id = req.http.X-Request-Id;
    if (obj.hits > 0) {
        set resp.http.Cache-Status = regsub(resp.http.Cache-Status, "$", ", ") + "varnish; hit";
        unset resp.http.Server-Timing;
        «aged»
    } elseif (req.http.X-Imagemill-Class) {
        set resp.http.Cache-Status = regsub(resp.http.Cache-Status, "$", ", ") + "varnish; fwd=uri-miss";
    } else {
        set resp.http.Cache-Status = regsub(resp.http.Cache-Status, "$", ", ") + "varnish; fwd=bypass";
    }
    set resp.http.Cache-Status = regsub(resp.http.Cache-Status, "^, ", "");
    return (deliver);
}

# Errors of Varnish itself, in the form of Imagemill's own (RFC 9457).
sub vcl_synth {
    unset resp.http.Retry-After;
    if (req.http.Content-Length || req.http.Transfer-Encoding) {
        set resp.http.Connection = "close";  # else Varnish would read a body that nobody wants to its end
    }
    set resp.http.Cache-Control = "no-store";
    set resp.http.Content-Type = "application/problem+json";
    set resp.http.X-Content-Type-Options = "nosniff";
    set resp.http.X-Request-Id = req.http.X-Request-Id;
    if (resp.status == 404) {
        set resp.http.Cache-Control = "«nothing_kept»";
        set resp.http.Imagemill-Error = "not_found";
        synthetic({"«nothing»"});
    } elseif (resp.status == 405) {
        set resp.http.Allow = "GET, HEAD, OPTIONS";
        set resp.http.Imagemill-Error = "method_not_allowed";
        synthetic({"«method»"});
    } elseif (resp.status == 503) {
        set resp.http.Retry-After = "5";
        set resp.http.Imagemill-Error = "origin_away";
        synthetic({"«away»"});
    } else {
        synthetic({"{"type": "about:blank", "title": ""} + resp.reason + {"", "status": "} + resp.status + {"}"});
    }
    return (deliver);
}

sub vcl_backend_error {
    set beresp.status = 503;
    set beresp.reason = "Service Unavailable";
    set beresp.http.Retry-After = "5";
    set beresp.http.Cache-Control = "no-store";
    set beresp.http.Content-Type = "application/problem+json";
    set beresp.http.X-Content-Type-Options = "nosniff";
    set beresp.http.Imagemill-Error = "origin_away";
    synthetic({"«origin_away»"});
    return (deliver);
}
"""

BACKEND = """\
backend imagemill_«number» {
    .host = "«host»";
    .port = "«port»";
    .connect_timeout = 2s;
    .first_byte_timeout = 30s;
    .between_bytes_timeout = 20s;
}
"""

CONTROL = """
    # The control API and its documentation: passed on, uploads as they come.
    if (req.url ~ "^/(v1(/|$|[?])|openapi[.]json$|docs(/|$))"
        && req.method ~ "^(GET|HEAD|PUT|POST|PATCH|DELETE|OPTIONS)$") {
        return (pass);
    }
"""
MOUNT = """
    # People see Imagemill below a path.
    if (req.restarts == 0) {
        if (req.url !~ "^«mount»/") {
            return (synth(404, "Not Found"));
        }
        set req.url = regsub(req.url, "^«mount»", "");
    }
"""
PRIVATE = """\
if (req.url ~ {"^/(?:img/[^/]+|info)/+«keys»"}) {
    return (pass);
}
"""
PURGERS = """\
acl imagemill_purgers {
    "127.0.0.1";
    "::1";
    «purgers»
}
"""
PURGING = """\
# Purging: Imagemill sends BAN with a pattern of cache tags, which no key of a stranger can be mistaken for.
if (req.method == "BAN") {
    if (client.ip !~ imagemill_purgers || req.http.Imagemill-Purge != "«secret»") {
        return (synth(403, "Forbidden"));
    }
    if (req.http.Imagemill-Ban !~ {"^[^ "]{1,8000}$"}
        || !std.ban("obj.http.Cache-Tag ~ " + req.http.Imagemill-Ban)) {
        return (synth(400, "Bad Request"));
    }
    return (synth(200, "Banned"));
}
"""
PURGED = """\
# Kept as long as CDN-Cache-Control says (RFC 9213): Imagemill purges what it replaces.
if (beresp.http.CDN-Cache-Control ~ "max-age=[0-9]+") {
    set beresp.ttl = std.duration(regsub(beresp.http.CDN-Cache-Control, ".*max-age=([0-9]+).*", "\\1s"), «fresh»s);
}
"""
NOT_PURGED = (
    "set beresp.ttl = «fresh»s;  # whatever a browser is told: this bounds how long something replaced is shown"
)


def varnish_config(facts: Facts) -> str:
    """Return the whole text."""
    numbers = range(len(facts.origins))
    return fill(
        CONFIGURATION,
        backends="\n".join(_backend(number, facts.origins[number]) for number in numbers),
        purgers=_purgers(facts),
        members="\n".join(f"imagemill.add_backend(imagemill_{number});" for number in numbers),
        purging=fill(PURGING, secret=facts.secret) if facts.purged else "",
        mount=fill(MOUNT, mount=patterns.escaped(facts.mount)) if facts.mount else "",
        control=CONTROL if facts.control else "",
        range=patterns.SATISFIABLE_RANGE,
        canonical=f"^{patterns.CANONICAL_PATH}(?:[?]|$)",
        private=_private(facts),
        versioned=patterns.query_with_version(signed=False),
        unversioned=patterns.query_without_version(signed=False),
        version=patterns.VERSION,
        accepts=_accepts(facts),
        revalidating=str(facts.stale_while_revalidate if facts.purged else FRESH),
        not_found=str(facts.not_found_max_age),
        lifetime=fill(PURGED if facts.purged else NOT_PURGED, fresh=str(FRESH)),
        nothing=_synthetic(answers.NOTHING, "req.http.X-Request-Id"),
        nothing_kept=answers.nothing_kept(facts.not_found_max_age),
        method=_synthetic(answers.METHOD, "req.http.X-Request-Id"),
        away=_synthetic(answers.AWAY, "req.http.X-Request-Id"),
        origin_away=_synthetic(answers.AWAY, "bereq.http.X-Request-Id"),
        stale_if_error=str(facts.stale_if_error),
        aged="unset resp.http.Age;  # purged when it changes, so a browser's time begins now" if facts.purged else "",
    )


def _synthetic(answer: tuple[int, str, str, str], variable: str) -> str:
    """Return the body of an answer inside of a long string of VCL, which ends for the value of `variable`."""
    return answers.body(answer, "\0").replace(r"\u0000", f'"}} + {variable} + {{"')


def _backend(number: int, origin: str) -> str:
    host, _, port = origin.rpartition(":")
    return fill(BACKEND, number=str(number), host=host.strip("[]"), port=port)


def _purgers(facts: Facts) -> str:
    hosts = "\n".join(f'"{host}";' for host in _numeric_hosts(facts))
    return fill(PURGERS, purgers=hosts) if facts.purged else ""


def _numeric_hosts(facts: Facts) -> list[str]:
    """Return the addresses of ours, from where purges come; names are left to the operator."""
    hosts = [origin.rpartition(":")[0].strip("[]") for origin in facts.origins]
    return sorted({host for host in hosts if host not in ("127.0.0.1", "::1") and host.replace(".", "").isdigit()})


def _private(facts: Facts) -> str:
    if facts.access == "signed":
        return "return (pass);  # delivery.access is signed: nothing is kept"
    return fill(PRIVATE, keys=patterns.private_keys(facts, raw=True)) if facts.private else ""


def _accepts(facts: Facts) -> str:
    if not facts.buckets:
        return ""
    rows = [(f"(?i){patterns.UNSURE_ACCEPT}", "-")]
    rows += [(f"(?i){pattern}", normal) for pattern, normal, _ in patterns.accept_classes(facts)]
    found = []
    for place, (pattern, normal) in enumerate(rows):
        word = "if" if place == 0 else "elseif"
        found.append(
            f'{word} (req.http.Accept ~ {{"{pattern}"}}) {{\n    set req.http.X-Imagemill-Class = "{normal}";\n}}'
        )
    return "\n".join(found)
