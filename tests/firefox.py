"""A real Firefox, driven by WebDriver BiDi over its own websocket: no driver, no further package.

https://www.w3.org/TR/webdriver-bidi/ (tornado, which brings the websocket, comes with Jupyter)
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tornado.websocket import websocket_connect

NAMES = ("firefox-esr", "firefox")
# Nothing leaves the machine: no update, no telemetry, no page of its own, every name unknown.
PREFERENCES = {
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.dns.disablePrefetch": True,
    "network.dns.localDomains": "localhost",
    "network.proxy.type": 1,  # a proxy that refuses, but for this machine
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "network.proxy.no_proxies_on": "127.0.0.1",
    "toolkit.telemetry.enabled": False,
}
KEYS = {"ArrowRight": "\ue014", "Enter": "\ue007", "Home": "\ue011", "Space": " ", "Tab": "\ue004"}


def path() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


class Firefox:
    """One browser with one tab. `events` keeps what the subscribed modules reported."""

    def __init__(self, binary: str):
        self.events: list[dict[str, Any]] = []
        self._number = 0
        self._loop = asyncio.new_event_loop()
        self._profile = tempfile.TemporaryDirectory()
        text = "".join(f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in PREFERENCES.items())
        Path(self._profile.name, "user.js").write_text(text, encoding="utf-8")
        self._said = tempfile.TemporaryFile("w+")
        command = [binary, "--headless", "--no-remote", "--remote-debugging-port", "0"]
        self._process = subprocess.Popen(
            [*command, "--profile", self._profile.name, "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=self._said,
        )
        try:
            address = self._address() + "/session"
            self._socket = self._wait(lambda: websocket_connect(address), 60)
            self.send("session.new", capabilities={})
            self.send(
                "session.subscribe",
                events=["log.entryAdded", "network.fetchError", "network.responseCompleted"],
            )
            # A tab of our own gets the keys; the one that it starts with never has the focus.
            self.tab = self.send("browsingContext.create", type="tab")["context"]
        except BaseException:
            self.close()
            raise

    def _address(self, seconds: float = 120) -> str:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._said.seek(0)
            said = self._said.read()
            if found := re.search(r"WebDriver BiDi listening on (ws://\S+)", said):
                return found[1]
            if self._process.poll() is not None:
                raise RuntimeError(f"Firefox ended: {said[-2000:]}")
            time.sleep(0.1)
        raise TimeoutError("Firefox did not open its websocket")

    def _wait(self, call: Callable[[], Any], seconds: float) -> Any:
        async def waiting() -> Any:
            return await asyncio.wait_for(call(), seconds)

        asyncio.set_event_loop(self._loop)
        try:
            return self._loop.run_until_complete(waiting())
        finally:
            asyncio.set_event_loop(None)

    def send(self, method: str, *, seconds: float = 120, **parameters: Any) -> dict[str, Any]:
        """A command's result; events that come meanwhile are kept."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        self._wait(lambda: self._socket.write_message(json.dumps(message)), seconds)
        while True:
            raw = self._wait(self._socket.read_message, seconds)
            if raw is None:
                raise ConnectionError(f"Firefox closed the websocket at {method}")
            answer = json.loads(raw)
            if answer.get("id") == self._number:
                if answer["type"] == "error":
                    raise RuntimeError(f"{method}: {answer['error']}: {answer['message']}")
                return answer["result"]
            if answer["type"] == "event":
                self.events.append(answer)

    def size(self, width: int, height: int = 900) -> None:
        viewport = {"width": width, "height": height}
        self.send("browsingContext.setViewport", context=self.tab, viewport=viewport)

    def open(self, address: str) -> None:
        """Away from the page that is open, so that an address with a hash loads, too."""
        for one in ("about:blank", address):
            self.send("browsingContext.navigate", context=self.tab, url=one, wait="complete")
            self.until(f"location.href === {json.dumps(one)} && document.readyState === 'complete'")
            if one == "about:blank":
                self.events.clear()

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, awaited, as JSON carries it."""
        done = self.send(
            "script.evaluate",
            expression=f"(async () => JSON.stringify(await ({expression})))()",
            target={"context": self.tab},
            awaitPromise=True,
            userActivation=True,
        )
        if done["type"] == "exception":
            raise RuntimeError(done["exceptionDetails"]["text"])
        return json.loads(done["result"]["value"]) if "value" in done["result"] else None

    def until(self, expression: str, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not self.evaluate(expression):
            if time.monotonic() > end:
                raise TimeoutError(f"after {seconds} s still not: {expression}")
            time.sleep(0.05)

    def press(self, *keys: str) -> None:
        actions = [
            {"type": kind, "value": KEYS.get(key, key)} for key in keys for kind in ("keyDown", "keyUp")
        ]
        device = {"type": "key", "id": "keyboard", "actions": actions}
        self.send("input.performActions", context=self.tab, actions=[device])

    def click(self, selector: str) -> None:
        """By mouse, in the middle of the first element that fits, brought into view."""
        x, y = self.evaluate(
            f"(e => {{ e.scrollIntoView({{block: 'center', behavior: 'instant'}});"
            " const b = e.getBoundingClientRect();"
            " return [Math.round(b.x + b.width / 2), Math.round(b.y + b.height / 2)]; })"
            f"(document.querySelector({json.dumps(selector)}))"
        )
        actions = [
            {"type": "pointerMove", "x": x, "y": y},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        device = {"type": "pointer", "id": "mouse", "actions": actions}
        self.send("input.performActions", context=self.tab, actions=[device])

    def problems(self) -> list[str]:
        """Errors and warnings of scripts, failed requests, since the last `open`."""
        self.evaluate("new Promise(done => setTimeout(done, 0))")  # what was on its way is here
        found = []
        for event in self.events:
            about = event["params"]
            if event["method"] == "log.entryAdded":
                if about["level"] in ("error", "warn"):
                    found.append(f"{about['level']}: {about['text'][:200]}")
            elif event["method"] == "network.fetchError":
                found.append(f"{about['errorText']}: {about['request']['url'][:200]}")
            elif about["response"]["status"] >= 400:
                found.append(f"{about['response']['status']}: {about['response']['url'][:200]}")
        return found

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._said.close()
        self._loop.close()
        shutil.rmtree(self._profile.name, ignore_errors=True)
