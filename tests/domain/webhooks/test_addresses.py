"""Addresses that lead inside the network, when a webhook is saved and when it is called."""

from datetime import UTC, datetime

import pytest

from domain.errors import AddressRefusedError
from tests.domain.webhooks.receiver import Reply, receiving
from tests.domain.webhooks.sending import Names, sender_of, sent


async def test_a_name_that_leads_inside_is_refused_when_it_is_saved() -> None:
    with pytest.raises(AddressRefusedError, match="internal address"):
        await sender_of(Names("169.254.169.254")).check("https://hooks.example.com/")


async def test_a_name_that_cannot_be_resolved_is_accepted() -> None:
    assert await sender_of(Names("")).check("https://hooks.example.com/a") == "https://hooks.example.com/a"


async def test_a_name_that_leads_inside_later_is_refused_when_it_is_called() -> None:
    async with receiving() as receiver:
        port = receiver.url.split(":")[2]
        sender = sender_of(Names("93.184.215.14", "127.0.0.1"))
        url = await sender.check(f"http://hooks.example.com:{port}")
        answer = await sent(sender, url)
    assert (answer.status, answer.reason) == (None, "its address is inside the network, or leads there")
    assert receiver.received == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_to_another_address_is_a_failure_and_not_followed(status: int) -> None:
    async with receiving() as receiver, receiving() as other:
        receiver.reply = lambda _headers, _body: Reply(status=status, headers={"location": other.url})
        answer = await sent(sender_of(Names("127.0.0.1"), allowed=["127.0.0.1"]), receiver.url)
    assert (answer.status, answer.is_success) == (status, False)
    assert other.received == []


async def test_retry_after_is_read_as_seconds_or_as_a_date() -> None:
    async with receiving() as receiver:
        sender = sender_of(Names("127.0.0.1"), allowed=["127.0.0.1"])
        receiver.answers(429, retry_after="120")
        assert (await sent(sender, receiver.url)).retry_after == 120.0
        receiver.answers(503, retry_after=f"{datetime(2999, 1, 1, tzinfo=UTC):%a, %d %b %Y %H:%M:%S} GMT")
        assert (await sent(sender, receiver.url)).retry_after > 3600
