"""The browser that all tests of a worker share, and the marks of those that use it.

Their loop is that of the whole run, because the browser outlives every module.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.e2e.browsers import running_browser

in_chromium = [pytest.mark.chromium, pytest.mark.asyncio(loop_scope="session")]
#: Node has axe, which looks at the pages.
of_pages = [*in_chromium, pytest.mark.node]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Yield a browser, in which each test opens contexts of its own."""
    async with running_browser() as running:
        yield running
