"""A sender of messages on its own, with names that lead where tests say."""

from collections.abc import Sequence
from ipaddress import ip_address

from cryptography.fernet import Fernet

from domain.clock import Clock
from domain.outbound.addresses import Address, AddressRules
from domain.outbound.caller import HttpCaller
from domain.persistence.webhooks import Sealed
from domain.services.secret_keys import SecretKeys
from domain.webhooks.bodies import Body
from domain.webhooks.rules import Answer
from domain.webhooks.sending import Message, Secrets, Sender
from domain.webhooks.signing import fresh_secret


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


async def sent(sender: Sender, url: str, *, secret: str | None = None) -> Answer:
    """Return the answer to a message to that address."""
    message = Message(
        webhook_id="whk_1",
        id="whd_1",
        url=url,
        body=Body(content='{"für": ["alle"]}'.encode(), content_type="application/json"),
        traceparent="00-1-1-01",
        sealed=Sealed(secret=await sender.secrets.seal("whk_1", secret or fresh_secret()), former=None),
        signs_twice=False,
    )
    return await sender.send(message)
