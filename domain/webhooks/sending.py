"""The sending of one body: signed, to a checked address, without redirects."""

import asyncio
from dataclasses import dataclass

import httpx

from domain.clock import Clock
from domain.errors import AddressRefusedError, InvalidInputError, RequestFailedError, UnsupportedError
from domain.outbound.caller import CallRules, HttpCaller, HttpResult, retry_after_seconds
from domain.outbound.requests import OutgoingRequest, checked_headers, checked_url
from domain.persistence.webhooks import Sealed
from domain.services.ciphers import SecretCipher
from domain.services.secret_keys import SecretKeys
from domain.webhooks.bodies import Body
from domain.webhooks.rules import Answer
from domain.webhooks.signing import signatures

#: The time that a receiver has for its answer (Standard Webhooks: 15 to 30 s).
TIMEOUT_SECONDS = 15.0
_LONGEST_URL = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message for a receiver; its id is the same for every attempt."""

    webhook_id: str
    id: str
    url: str
    body: Body
    traceparent: str
    sealed: Sealed
    #: Whether the former secret is still in use.
    signs_twice: bool


class Secrets:
    """The signing secrets of webhooks, encrypted under the server's key and bound to their webhook."""

    def __init__(self, keys: SecretKeys) -> None:
        self._keys = keys

    async def seal(self, webhook_id: str, secret: str) -> str:
        """Return the form of a secret that is stored.

        Raises:
            UnsupportedError: the server has no key to encrypt with.
        """
        cipher = await asyncio.to_thread(self._keys.to_write)
        return cipher.encrypt(_name(webhook_id), secret)

    async def open(self, message: Message) -> list[str]:
        """Return the secrets to sign a message with, the present one first.

        Raises:
            UnsupportedError: the server lacks the key that they were encrypted with.
        """
        cipher = await asyncio.to_thread(self._keys.to_read)
        sealed = [message.sealed.secret]
        if message.signs_twice and message.sealed.former is not None:
            sealed.append(message.sealed.former)
        return [_opened(cipher, message.webhook_id, each) for each in sealed]


class Sender:
    """The client of all receivers. Each attempt has a connection of its own, to an address that is checked then."""

    def __init__(self, *, caller: HttpCaller, secrets: Secrets, clock: Clock) -> None:
        self._caller = caller
        self.secrets = secrets
        self._clock = clock

    async def check(self, url: str) -> str:
        """Return an address that may be saved; a name that cannot be resolved at present is accepted.

        Raises:
            InvalidInputError: it is no web address, or too long.
            AddressRefusedError: it is inside the network, or leads there.
        """
        if len(url) > _LONGEST_URL:
            raise InvalidInputError(f"URL must have at most {_LONGEST_URL} characters.", field=["url"])
        address = checked_url(url)
        if address.fragment:
            raise InvalidInputError("URL must have no fragment: it would not be sent.", field=["url"])
        await self._caller.check(address)
        return str(address)

    async def send(self, message: Message) -> Answer:
        """Send a message once and return the answer; a failure is an answer, too."""
        rules = CallRules(timeout_seconds=TIMEOUT_SECONDS, retries=0, retry_on=frozenset())
        size = len(message.body.content)
        try:
            request = await self._request(message)
            result: HttpResult = await self._caller.call(lambda: request, rules)
        except RequestFailedError as error:
            return self._failed(error, size)
        except AddressRefusedError:
            return Answer(reason="its address is inside the network, or leads there", body_bytes=size)
        except (InvalidInputError, UnsupportedError) as error:
            return Answer(reason=error.message, body_bytes=size)
        return Answer(status=result.status, seconds=result.duration_seconds, body_bytes=size)

    def _failed(self, error: RequestFailedError, size: int) -> Answer:
        answer: HttpResult | None = error.answer
        if answer is None:
            return Answer(reason=error.message, body_bytes=size)
        return Answer(
            status=answer.status,
            reason=f"answered {answer.status}",
            retry_after=retry_after_seconds(answer.headers.get("retry-after", ""), now=self._clock.now()),
            seconds=answer.duration_seconds,
            body_bytes=size,
        )

    async def _request(self, message: Message) -> OutgoingRequest:
        timestamp = int(self._clock.now().timestamp())
        signature = signatures(
            await self.secrets.open(message),
            message_id=message.id,
            timestamp=timestamp,
            body=message.body.content,
        )
        headers = checked_headers(
            {
                "content-type": message.body.content_type,
                "webhook-id": message.id,
                "webhook-timestamp": str(timestamp),
                "webhook-signature": signature,
                "traceparent": message.traceparent,
            }
        )
        return OutgoingRequest(method="POST", url=httpx.URL(message.url), headers=headers, content=message.body.content)


def _opened(cipher: SecretCipher, webhook_id: str, sealed: str) -> str:
    try:
        return cipher.decrypt(_name(webhook_id), sealed)
    except UnsupportedError:
        raise UnsupportedError("the server does not have the key of its signing secret; rotate the secret") from None


def _name(webhook_id: str) -> str:
    return f"webhook {webhook_id}"
