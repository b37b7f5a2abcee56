"""Chromium without internet, and its processes."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, async_playwright, expect

from tests.requirements_gate import chromium_path

#: How long whatever a test waits for on a page may take: it ends what hangs, on a machine that is as busy as it likes.
PATIENCE_MILLIS = 60_000
# Without these Chromium wants a sandbox that root has not, calls home, and asks for names.
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A second host of this machine, for pages of another site.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE 127.0.0.2",
]


@asynccontextmanager
async def running_browser() -> AsyncIterator[Browser]:
    """Start the system's Chromium and close it at the end."""
    expect.set_options(timeout=PATIENCE_MILLIS)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path(), args=_ARGUMENTS)
        yield browser
        await browser.close()


@asynccontextmanager
async def suspended(browser: Browser) -> AsyncIterator[None]:
    """Stop all processes of the browser, its clock and its sockets included, while the block runs."""
    session = await browser.new_browser_cdp_session()
    found = await session.send("SystemInfo.getProcessInfo")
    processes = [int(process["id"]) for process in found["processInfo"]]
    await session.detach()
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)
        await asyncio.sleep(0)
