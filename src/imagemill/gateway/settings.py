"""Settings of the HTTP front door."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """The `[server]` section."""

    host: Annotated[str, "Address to listen on."] = "127.0.0.1"
    port: Annotated[int, "Port to listen on."] = 8080
    processes: Annotated[int, "Serving processes on this node, which share port, store and workers."] = 1
    public_url: Annotated[str, "The address people use, such as https://img.example.com; builds links."] = ""
    api_url: Annotated[str, "Where /v1 is, if apart from public_url; builds the links of uploads."] = ""
    trusted_proxies: Annotated[
        tuple[str, ...], "Addresses or networks whose X-Forwarded-For counts. None by default."
    ] = ()
    header_seconds: Annotated[float, "Seconds in which a client must have sent its headers."] = 10.0
    body_seconds: Annotated[float, "Seconds an upload may pause before it is given up."] = 20.0
    write_seconds: Annotated[
        float, "Seconds a client may take nothing of its answer before the connection is closed."
    ] = 20.0
    drain_seconds: Annotated[float, "Seconds in which a stopping server finishes what is running."] = 25.0
    access_log: Annotated[bool, "Write one JSON line for each request."] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminSettings:
    """The `[admin]` section."""

    key_file: Annotated[str, "File whose one line is the admin key. Empty: admin.key in the data folder."] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """The `[log]` section."""

    format: Annotated[str, "json or text; empty: text on a terminal, else json."] = ""
    level: Annotated[str, "debug, info, warning or error."] = "info"
