"""Why a server does not answer: the name, the connection or the certificate, in the system's own words.

For `doctor`, whose reader may know it. What the platform tells strangers is that a store is away, and no more.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from urllib.parse import urlsplit

SECONDS = 5.0
_PORTS = {"https": 443, "http": 80}


def why_unreachable(base: str) -> str:
    """Return what stops a connection to `base` (scheme and host), empty where nothing does."""
    parts = urlsplit(base)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    try:
        with contextlib.ExitStack() as opened:
            plain = opened.enter_context(socket.create_connection((host, port), SECONDS))
            if parts.scheme == "https":
                opened.enter_context(ssl.create_default_context().wrap_socket(plain, server_hostname=host))
    except ssl.SSLError as error:
        return getattr(error, "verify_message", "") or error.reason or "TLS failed"
    except UnicodeError:
        return f"{host} is no name of a host"
    except TimeoutError:
        return f"no connection within {SECONDS:.0f} s"
    except OSError as error:
        return error.strerror or str(error)
    return ""
