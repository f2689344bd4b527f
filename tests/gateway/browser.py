"""A headless Chromium for tests: the few W3C WebDriver calls that a journey needs, and nothing to install from PyPI."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from tests.serving import free_port
from tests.tools import missing

SECONDS = 60.0
"""How long a journey waits for anything; generous, because two cores may be busy with other tests."""


class Browser:
    """One window. Raises AssertionError with the driver's words when a call fails."""

    def __init__(self, client: httpx.Client, session: str) -> None:
        """`session` is the driver's name for the window."""
        self._client = client
        self._session = session

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = self._client.request(method, f"/session/{self._session}{path}", json=body)
        value = answer.json()["value"]
        assert answer.status_code == 200, f"{method} {path}: {value}"
        return value

    def open(self, url: str) -> None:
        """Go to `url` and wait until it is loaded."""
        self._call("POST", "/url", {"url": url})

    def script(self, source: str, *arguments: Any) -> Any:
        """Run `source` as the body of a function and return what it returns."""
        return self._call("POST", "/execute/sync", {"script": source, "args": list(arguments)})

    def wait(self, condition: str, *arguments: Any) -> Any:
        """Return the first true value of the JavaScript expression `condition`."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            value = self.script(f"return {condition}", *arguments)
            if value:
                return value
            time.sleep(0.05)
        raise AssertionError(f"the page never came to: {condition}")

    def element(self, css: str) -> str:
        """Return the driver's name for the first element that `css` selects."""
        found: dict[str, str] = self._call("POST", "/element", {"using": "css selector", "value": css})
        return next(iter(found.values()))

    def type(self, css: str, text: str) -> None:
        """Type as a person would; into a file field, `text` is the path of the file."""
        self._call("POST", f"/element/{self.element(css)}/value", {"text": text})

    def press(self, keys: str) -> None:
        """Press keys on whatever has the focus."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self._call("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def fill(self, css: str, text: str) -> None:
        """Replace what stands in a field."""
        self._call("POST", f"/element/{self.element(css)}/clear", {})
        self.type(css, text)

    def click(self, css: str) -> None:
        """Click where it is visible; raises when something lies above it."""
        self._call("POST", f"/element/{self.element(css)}/click", {})

    def accessible_names(self, css: str) -> dict[str, str]:
        """Return what a screen reader says for each element, by its HTML."""
        found: list[dict[str, str]] = self._call("POST", "/elements", {"using": "css selector", "value": css})
        names = {}
        for element in found:
            reference = next(iter(element.values()))
            html = self.script("return arguments[0].outerHTML.slice(0, 120)", element)
            names[html] = self._call("GET", f"/element/{reference}/computedlabel")
        return names

    def console(self) -> list[str]:
        """Return what was written to the console as an error since the last call."""
        lines: list[dict[str, Any]] = self._call("POST", "/se/log", {"type": "browser"})
        return [line["message"] for line in lines if line["level"] == "SEVERE"]

    def device(self, width: int, height: int, *, dark: bool = False, phone: bool = False) -> None:
        """Be a screen of this many CSS pixels, with a light or dark preference."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone}
        self._devtools("Emulation.setDeviceMetricsOverride", metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}  # a page that glides under the mouse is missed
        self._devtools("Emulation.setEmulatedMedia", {"features": [scheme, still]})

    def _devtools(self, command: str, parameters: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self._call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})
        return answer


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start a browser for the block; skip where none is installed, but fail under CI."""
    driver, browser = shutil.which("chromedriver"), shutil.which("chromium") or shutil.which("google-chrome")
    if driver is None or browser is None:
        missing("no headless Chromium here (apt-get install chromium chromium-driver)")
    port = free_port()
    process = subprocess.Popen([driver, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=90, trust_env=False)
    try:
        window = _session(client, browser)
        try:
            yield Browser(client, window)
        finally:
            client.delete(f"/session/{window}")  # ends the browser; the driver's own end would leave it behind
    finally:
        process.terminate()
        process.wait()
        client.close()


def _session(client: httpx.Client, browser: str) -> str:
    # No sandbox: tests run as root in containers, and the browser meets only our own page.
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]
    flags += ["--no-proxy-server", "--disable-background-networking", "--disable-component-update"]
    wanted = {
        "goog:chromeOptions": {"binary": browser, "args": flags},
        "goog:loggingPrefs": {"browser": "ALL"},
    }
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            answer = client.post("/session", json={"capabilities": {"alwaysMatch": wanted}})
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
            continue
        assert answer.status_code == 200, answer.text
        session: str = answer.json()["value"]["sessionId"]
        return session
