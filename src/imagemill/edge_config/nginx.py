"""The configuration of nginx, for the `http` context (Debian: `/etc/nginx/conf.d/imagemill.conf`).

Two ways, by where variants are kept (`Facts.static`). Where they lie on nginx's machine it serves the files, by the
maps of `nginx_files`; elsewhere it keeps answers of ours in a cache of its own, by those of `nginx_cache`. In both what
it cannot decide comes to us, and what is private is judged by us on each request.
"""

from __future__ import annotations

from imagemill.edge_config import answers, nginx_cache, nginx_files
from imagemill.edge_config.facts import Facts
from imagemill.edge_config.nginx_proxy import AUTHORIZE, CONTROL, NO_BODY, PROXY
from imagemill.edge_config.patterns import escaped, private_keys
from imagemill.edge_config.text import fill, quoted

CONFIGURATION = """\
# Imagemill behind nginx, written by `imagemill edge-config nginx` from the platform's settings: write it again when
# they change. It belongs into nginx's http context, as /etc/nginx/conf.d/imagemill.conf.
#
# Imagemill must believe this nginx about who is asking: server.trusted_proxies = ["127.0.0.1"] (nginx's address).

upstream imagemill {
    «servers»
    keepalive 64;  # connections kept open to Imagemill; a new one for each request costs more than a hit
}

# The path as Imagemill knows it, byte for byte as the client sent it. nginx decides by a path that it has cleaned; what
# is not ours before that ("/metrics/../info/x") is nothing.
map $request_uri $imagemill_uri {
    «uris»
}

«maps»

server {
    listen «listen»;
    «names»
    server_tokens off;
    recursive_error_pages on;
    merge_slashes off;       # Imagemill judges odd spellings itself; nginx must not mend them before
    client_max_body_size 1k; # pictures are asked for, not sent
    large_client_header_buffers 4 «url_kb»k; # limits.url_bytes, and room for the rest of the line
    client_header_timeout 10s;
    client_body_timeout 20s;
    send_timeout 20s;

    «locations»

    # What Imagemill answers beside pictures: /info/<key>, robots.txt, favicon.ico.
    location ~ ^«mount»/(info/|robots\\.txt$|favicon\\.ico$) {
        «no_body»
        «proxy»
    }
«control»
    # Everything else of Imagemill is not for the public: its control API, /metrics, /healthz, /internal.
    location / {
        «no_body»
        return 404;
    }

    # Errors of nginx itself, in the form of Imagemill's own (RFC 9457).
    error_page 404 @imagemill_nothing;
    error_page 502 504 =503 @imagemill_away;
    location @imagemill_nothing {
        internal;
        types { }
        default_type application/problem+json;
        add_header Cache-Control "«nothing_kept»" always;
        add_header Imagemill-Error not_found always;
        add_header X-Content-Type-Options nosniff always;
        return 404 '«nothing»';
    }
    location @imagemill_away {
        internal;
        types { }
        default_type application/problem+json;
        add_header Cache-Control no-store always;
        add_header Retry-After 5 always;
        add_header Imagemill-Error origin_away always;
        add_header X-Content-Type-Options nosniff always;
        return 503 '«away»';
    }
}
"""
TO_IMAGEMILL = """\
# To where everything goes that is not answered here.
location @imagemill {
    «proxy»
}
"""


def nginx_config(facts: Facts) -> str:
    """Return the whole text."""
    way = nginx_files if facts.static else nginx_cache
    return fill(
        CONFIGURATION,
        servers="\n".join(f"server {origin};" for origin in facts.origins),
        uris=_uris(facts),
        maps=way.maps(facts),
        listen=str(facts.listen),
        names=f"server_name {' '.join(facts.names)};" if facts.names else "",
        url_kb=str(max(16, facts.url_bytes // 1024 + 8)),
        locations=_locations(facts),
        mount=escaped(facts.mount),
        no_body=NO_BODY,
        proxy=PROXY,
        nothing=answers.body(answers.NOTHING, "$request_id"),
        nothing_kept=answers.nothing_kept(facts.not_found_max_age),
        away=answers.body(answers.AWAY, "$request_id"),
        control=fill(CONTROL, mount=escaped(facts.mount)) if facts.control else "",
    )


def _uris(facts: Facts) -> str:
    served = r"/(?:img|info)/.*|/(?:robots\.txt|favicon\.ico)(?:[?].*)?"
    if facts.control:
        served += r"|/(?:v1|docs)(?:[/?].*)?|/openapi\.json(?:[?].*)?"
    return f"default /;\n{quoted(f'~^{escaped(facts.mount)}({served})$')} $1;"


def _locations(facts: Facts) -> str:
    """Return the locations of pictures: what is private first, then the rest; the first that fits is taken."""
    way = nginx_files if facts.static else nginx_cache
    found = [AUTHORIZE] if facts.static and (facts.private or facts.access == "signed") else []
    if facts.private:
        found.append(way.private_location(facts, private_keys(facts)))
    if facts.access == "signed":
        found.append(way.private_location(facts, ""))
    else:
        found.append(way.location(facts))
    return "\n".join([*found, TO_IMAGEMILL.replace("«proxy»", PROXY.replace("\n", "\n    ").strip())])
