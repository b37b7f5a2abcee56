"""A mail server for visitors, and settings that lead to it."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from domain.settings import Settings
from tests.domain.visitors.mailbox import Mailbox, mailbox


@pytest.fixture
async def box() -> AsyncIterator[Mailbox]:
    """Yield a mail server."""
    async with mailbox() as running:
        yield running


@pytest.fixture
def settings(settings: Settings, box: Mailbox) -> Settings:
    """Return settings with which visitors can subscribe."""
    return replace(
        settings,
        public_url="https://status.example.com/base",
        public_name="Acme",
        mail_url=f"smtp://127.0.0.1:{box.port}",
        mail_from="Acme Status <status@example.com>",
        visitor_http_allow=("127.0.0.1",),
    )
