"""How nginx asks us: the lines of every location that passes something on."""

from __future__ import annotations

PROXY = """\
proxy_pass http://imagemill$imagemill_uri;  # raw: never decoded and put together again (threat H1)
proxy_http_version 1.1;
proxy_set_header Connection "";
proxy_set_header Host $host;
proxy_set_header X-Forwarded-For $remote_addr;  # alone: what the client says of itself does not count
proxy_set_header Forwarded "";
proxy_set_header X-Real-IP "";
proxy_set_header X-Request-Id $request_id;
proxy_pass_request_body off;
proxy_set_header Content-Length "";
proxy_connect_timeout 2s;
proxy_read_timeout 30s;
"""

NO_BODY = "if ($http_transfer_encoding) { return 400; }  # a body that nobody asked for (threat H1)"
"""For every location that is not the control API; its requests have no body."""

CONTROL = """
    # The control API and its documentation; uploads stream through, Imagemill itself knows their limits.
    location ~ ^«mount»/(v1(/|$)|openapi\\.json$|docs(/|$)) {
        proxy_pass http://imagemill$imagemill_uri;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header Forwarded "";
        proxy_set_header X-Real-IP "";
        proxy_set_header X-Request-Id $request_id;
        proxy_request_buffering off;
        proxy_buffering off;
        proxy_read_timeout 120s;
        client_max_body_size 0;
    }
"""

AUTHORIZE = """\
# Asks Imagemill whether this caller may see what it asks for, now. No answer is a refusal.
location = /imagemill-authorize {
    internal;
    proxy_pass http://imagemill/internal/authorize;
    proxy_http_version 1.1;
    proxy_pass_request_body off;
    proxy_set_header Connection "";
    proxy_set_header Content-Length "";
    proxy_set_header Host $host;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header Forwarded "";
    proxy_set_header X-Real-IP "";
    proxy_set_header X-Original-URI $imagemill_uri;
    proxy_set_header X-Original-Method $request_method;
    proxy_connect_timeout 2s;
    proxy_read_timeout 5s;
}
"""
