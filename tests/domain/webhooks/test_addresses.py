"""Addresses that lead inside the network, when a webhook is saved and when it is called."""

from collections.abc import Sequence
from datetime import UTC, datetime
from ipaddress import ip_address

import pytest
from cryptography.fernet import Fernet

from domain.clock import Clock
from domain.errors import AddressRefusedError
from domain.outbound.addresses import Address, AddressRules
from domain.outbound.caller import HttpCaller
from domain.persistence.webhooks import Sealed
from domain.services.secret_keys import SecretKeys
from domain.webhooks.bodies import Body
from domain.webhooks.rules import Answer
from domain.webhooks.sending import Message, Secrets, Sender
from domain.webhooks.signing import fresh_secret
from tests.domain.webhooks.receiver import Reply, receiving


class Names:
    """A resolver whose answers change with each question."""

    def __init__(self, *answers: str) -> None:
        self._answers = list(answers)

    async def resolve(self, _host: str, _port: int) -> Sequence[Address]:
        """Return the next answer; the last one stays."""
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if not answer:
            raise OSError("not a host name")
        return [ip_address(answer)]


def sender_of(names: Names, *, allowed: Sequence[str] = ()) -> Sender:
    """Return a sender that knows these names."""
    caller = HttpCaller(rules=AddressRules.of(allowed), clock=Clock(), resolve=names.resolve)
    return Sender(caller=caller, secrets=Secrets(SecretKeys.of(Fernet.generate_key().decode(), None)), clock=Clock())


async def sent(sender: Sender, url: str) -> Answer:
    """Return the answer to a message to that address."""
    message = Message(
        webhook_id="whk_1",
        id="whd_1",
        url=url,
        body=Body(content=b"{}", content_type="application/json"),
        traceparent="00-1-1-01",
        sealed=Sealed(secret=await sender.secrets.seal("whk_1", fresh_secret()), former=None),
        signs_twice=False,
    )
    return await sender.send(message)


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
