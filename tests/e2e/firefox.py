"""Debian's Firefox over WebDriver BiDi, the protocol that it speaks by itself: a page, its requests and its complaints.

Playwright drives stock Firefox only in versions that are newer than Debian's, and puppeteer brings 79 packages.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect

from tests.requirements_gate import firefox_path

_SECONDS = 60
_LISTENING = re.compile(rb"WebDriver BiDi listening on (ws://\S+)")
#: No host is found but this machine, nothing is fetched at the start, and a profile is not asked about.
_PREFERENCES = {
    "network.dns.disabled": True,
    "network.proxy.type": 0,
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "remote.active-protocols": 1,
    "security.csp.reporting.enabled": False,
    "toolkit.startup.max_resumed_crashes": -1,
}
#: Firefox tells of what the policy refuses in the console of its developers' tools alone, which is not sent.
_REPORT_VIOLATIONS = """() => document.addEventListener("securitypolicyviolation", (event) =>
  console.error("refused by the policy:", event.violatedDirective, event.blockedURI))"""
#: The keys of WebDriver that stand for no character.
ENTER = "\ue007"
_CONTROL = "\ue009"


class Firefox:
    """A page of a running Firefox."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._context = ""
        #: The addresses that the page asked for, and what the browser said against it.
        self.requests: list[str] = []
        self.complaints: list[str] = []

    async def begin(self) -> Self:
        """Open a session and take the first tab."""
        await self.send("session.new", capabilities={})
        events = ["log.entryAdded", "network.beforeRequestSent"]
        await self.send("session.subscribe", events=events)
        tree = await self.send("browsingContext.getTree")
        self._context = tree["contexts"][0]["context"]
        await self.send("script.addPreloadScript", functionDeclaration=_REPORT_VIOLATIONS)
        return self

    async def send(self, method: str, **parameters: Any) -> Any:
        """Return the result of a command."""
        number = len(self._answers)
        self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        async with asyncio.timeout(_SECONDS):
            return await self._answers[number]

    async def open(self, url: str) -> None:
        """Go to an address and wait until it is loaded."""
        await self.send("browsingContext.navigate", context=self._context, url=url, wait="complete")

    async def evaluate(self, expression: str) -> Any:
        """Return the value of an expression, which is JSON."""
        answer = await self._run(f"Promise.resolve({expression}).then(JSON.stringify)")
        return json.loads(answer["result"].get("value", "null"))

    async def click(self, element: str) -> None:
        """Click on the middle of an element, once the expression finds it and it stands still."""
        await self.wait_for(f"(({element})?.getAnimations({{ subtree: true }}).length === 0)")
        found = (await self._run(f"({element}).scrollIntoView({{ block: 'nearest' }}), {element}"))["result"]
        origin = {"type": "element", "element": {"sharedId": found["sharedId"]}}
        actions: list[Any] = [{"type": "pointerMove", "x": 0, "y": 0, "origin": origin}]
        actions += [{"type": kind, "button": 0} for kind in ("pointerDown", "pointerUp")]
        await self._perform([{"type": "pointer", "id": "mouse", "actions": actions}])

    async def wait_for(self, expression: str) -> None:
        """Wait until an expression is true, as of the page's next frames."""
        wait = (
            f"new Promise((done) => {{ const look = () => {expression} ? done(true) : setTimeout(look, 50); look(); }})"
        )
        async with asyncio.timeout(_SECONDS):
            await self._run(wait)

    async def _run(self, expression: str) -> Any:
        target = {"context": self._context}
        answer = await self.send("script.evaluate", target=target, expression=expression, awaitPromise=True)
        assert answer["type"] == "success", answer
        return answer

    async def press(self, *keys: str) -> None:
        """Press keys one after the other, as a keyboard does."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        await self._perform([{"type": "key", "id": "keyboard", "actions": actions}])

    async def send_form(self) -> None:
        """Press Ctrl+Enter."""
        strokes = [("keyDown", _CONTROL), ("keyDown", ENTER), ("keyUp", ENTER), ("keyUp", _CONTROL)]
        actions = [{"type": kind, "value": key} for kind, key in strokes]
        await self._perform([{"type": "key", "id": "keyboard", "actions": actions}])

    async def _perform(self, sources: list[Any]) -> None:
        await self.send("input.performActions", context=self._context, actions=sources)

    async def read(self) -> None:
        """Take what the browser sends until it is closed."""
        async for text in self._socket:
            message = json.loads(text)
            if message["type"] == "event":
                self._note(message["method"], message["params"])
            elif message["type"] == "success":
                self._answers[message["id"]].set_result(message["result"])
            else:
                self._answers[message["id"]].set_exception(RuntimeError(message["message"]))

    def _note(self, event: str, said: Mapping[str, Any]) -> None:
        if event == "network.beforeRequestSent":
            self.requests.append(said["request"]["url"])
        elif said["level"] in {"error", "warn"}:
            self.complaints.append(said["text"])


@asynccontextmanager
async def running_firefox() -> AsyncIterator[Firefox]:
    """Start Firefox with a profile of its own, and end it afterwards."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in _PREFERENCES.items()]
        (Path(profile) / "user.js").write_text("\n".join(lines))
        process = await asyncio.create_subprocess_exec(
            *(firefox_path(), "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0"),
            stderr=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
        )
        try:
            address = await _address_of(process)
            async with connect(f"{address}/session", max_size=None) as socket:
                firefox = Firefox(socket)
                reading = asyncio.create_task(firefox.read())
                yield await firefox.begin()
            await reading
        finally:
            process.kill()
            await process.wait()


async def _address_of(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    async with asyncio.timeout(_SECONDS):
        async for line in process.stderr:
            if found := _LISTENING.search(line):
                return found[1].decode()
    raise AssertionError("Firefox ended before it listened.")
