"""A web server on loopback that answers as badly as a test wants: raw bytes, over TLS with its own CA, or plain."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAMES = ("images.example.com", "other.example.com", "a.example.org", "localhost")
"""For whom the certificate stands, beside 127.0.0.1."""


@dataclass(frozen=True)
class Asked:
    """One request as it came; header names in lower case."""

    target: str
    headers: Mapping[str, str]
    raw: bytes


Answer = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]


def answer(body: bytes = b"", status: str = "200 OK", **headers: str) -> Answer:
    """Return what sends one honest answer; header names are written with `_` for `-`."""

    async def send(asked: Asked, writer: asyncio.StreamWriter) -> None:
        named = {"content-length": str(len(body))} | {name.replace("_", "-"): text for name, text in headers.items()}
        head = "".join(f"{name}: {text}\r\n" for name, text in named.items())
        writer.write(f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body)

    return send


@dataclass
class Web:
    """A server that runs; `routes` may be changed while it does, and every request is in `asked`."""

    port: int
    ca: Path
    routes: dict[str, Answer]
    tls: bool
    asked: list[Asked] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its address by number, without a slash at the end."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def targets(self) -> list[str]:
        """Return what was asked for, in order."""
        return [asked.target for asked in self.asked]


@contextmanager
def web_server(folder: Path, routes: dict[str, Answer], *, tls: bool = True) -> Iterator[Web]:
    """Run a server until the block ends; `folder` keeps its certificates."""
    ca, chain = certificates(folder)
    ready, loops = threading.Event(), []
    web = Web(0, ca, routes, tls)
    context = None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)

    async def run() -> None:
        server = await asyncio.start_server(lambda r, w: _serve(web, r, w), "127.0.0.1", 0, ssl=context)
        web.port = server.sockets[0].getsockname()[1]
        stop = asyncio.Event()
        loops.append((asyncio.get_running_loop(), stop))
        ready.set()
        await stop.wait()
        server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    assert ready.wait(60)
    try:
        yield web
    finally:
        loop, stop = loops[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join(60)


async def _serve(web: Web, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one request and close; the client going away early is its right."""
    with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.CancelledError):
        raw = await reader.readuntil(b"\r\n\r\n")
        first, *lines = raw.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        asked = Asked(first.split(" ")[1], headers, raw)
        web.asked.append(asked)
        send = web.routes.get(asked.target.partition("?")[0], answer(b"none", "404 Not Found"))
        await send(asked, writer)
        await writer.drain()
    with suppress(ConnectionError, ssl.SSLError, asyncio.CancelledError):
        writer.close()
        await writer.wait_closed()


def certificates(folder: Path) -> tuple[Path, Path]:
    """Return the files of a new CA and of a key with its certificate for `NAMES` and 127.0.0.1."""
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Imagemill tests")])
    ca = _certificate(issuer, issuer, ca_key.public_key(), ca_key, x509.BasicConstraints(ca=True, path_length=0))
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in NAMES]
    names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAMES[0])])
    leaf = _certificate(subject, issuer, key.public_key(), ca_key, x509.SubjectAlternativeName(names))
    ca_file, chain = folder / "ca.pem", folder / "server.pem"
    ca_file.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    chain.write_bytes(private + leaf.public_bytes(serialization.Encoding.PEM))
    return ca_file, chain


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    signer: ec.EllipticCurvePrivateKey,
    extension: x509.ExtensionType,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(extension, critical=True)
        .sign(signer, hashes.SHA256())
    )
