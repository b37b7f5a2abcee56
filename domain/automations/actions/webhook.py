"""The action `webhook.send`: a CloudEvent, signed by Standard Webhooks."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from domain.automations.actions.http import RETRY_ON
from domain.automations.actions.settings import Text
from domain.automations.expressions.durations import Seconds
from domain.clock import Clock
from domain.errors import InvalidInputError
from domain.model.moment import iso
from domain.outbound.caller import CallRules, HttpCaller, HttpResult
from domain.outbound.requests import OutgoingRequest, checked_headers, checked_url, json_bytes

_PREFIX = "whsec_"
_MOST_KEYS = 2
#: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md, "Signature scheme".
_SHORTEST_KEY_BYTES = 24
_LONGEST_KEY_BYTES = 64


class WebhookSendConfig(BaseModel):
    """The settings of `webhook.send`."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: Text = Field(
        min_length=1,
        max_length=8_000,
        repr=False,
        description="The receiver's address, http or https. Redirects are not followed.",
    )
    secret: Text = Field(
        min_length=1,
        max_length=1_000,
        repr=False,
        description="What the receiver checks the signature with, as `${{ secrets.NAME }}`: `whsec_` and 24 to 64 "
        "bytes in base64; two of them, with a space between, while the receiver changes from one to the other.",
    )
    type: Text = Field(
        min_length=1, max_length=200, description="What happened, such as `dev.incidentql.incident.resolved.v1`."
    )
    data: JsonValue = Field(default=None, repr=False, description="The event's data.")
    subject: Text | None = Field(
        default=None, min_length=1, max_length=200, description="What it happened to, such as `incident/inc_...`."
    )
    source: Text = Field(
        default="/incidentql", min_length=1, max_length=500, description="The sender, as a URI reference."
    )
    timeout_seconds: Seconds = Field(default=15.0, gt=0, le=60, description="How long one attempt may take.")
    retries: int = Field(
        default=3, ge=0, le=5, description="How often to try again when there is no answer, or 429, 502, 503 or 504."
    )

    @property
    def rules(self) -> CallRules:
        """The timeout and retries of the call."""
        return CallRules(timeout_seconds=self.timeout_seconds, retries=self.retries, retry_on=frozenset(RETRY_ON))


class WebhookSender:
    """A sender for the action `webhook.send`."""

    def __init__(self, caller: HttpCaller, clock: Clock) -> None:
        self._caller = caller
        self._clock = clock

    async def send(self, config: WebhookSendConfig, *, idempotency_key: str, occurred_at: datetime) -> HttpResult:
        """Send the event, and return the answer; idempotent: the same key and moment make the same event.

        Raises:
            RequestFailedError: the receiver did not take it.
            AddressRefusedError: the receiver is an internal server.
            InvalidInputError: the address or the secret is none.
        """
        keys = _keys(config.secret)
        url = checked_url(config.url)
        # A full stop separates what is signed, so an id must have none; keys of runs do.
        message_id = f"msg_{hashlib.sha256(idempotency_key.encode()).hexdigest()[:32]}"
        event = _event(config, message_id, occurred_at)

        def prepare() -> OutgoingRequest:
            timestamp = int(self._clock.now().timestamp())
            signed = {
                "webhook-id": message_id,
                "webhook-timestamp": str(timestamp),
                "webhook-signature": signature(keys, message_id=message_id, timestamp=timestamp, body=event),
            }
            headers = checked_headers(
                signed, idempotency_key=idempotency_key, content_type="application/cloudevents+json; charset=utf-8"
            )
            return OutgoingRequest(method="POST", url=url, headers=headers, content=event)

        return await self._caller.call(prepare, config.rules)


def signature(keys: Sequence[bytes], *, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of `webhook-signature`: one signature for each key."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    digests = (hmac.new(key, signed, hashlib.sha256).digest() for key in keys)
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)


def _keys(secret: str) -> list[bytes]:
    texts = secret.split()
    keys = [_key(text) for text in texts]
    if not 1 <= len(texts) <= _MOST_KEYS or not all(
        _SHORTEST_KEY_BYTES <= len(key) <= _LONGEST_KEY_BYTES for key in keys
    ):
        raise InvalidInputError(
            f"Secret must be `{_PREFIX}` and {_SHORTEST_KEY_BYTES} to {_LONGEST_KEY_BYTES} bytes in base64.",
            field=["secret"],
        )
    return keys


def _key(text: str) -> bytes:
    if not text.startswith(_PREFIX):
        return b""
    try:
        return base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _event(config: WebhookSendConfig, message_id: str, occurred_at: datetime) -> bytes:
    event = {
        "specversion": "1.0",
        "id": message_id,
        "source": config.source,
        "type": config.type,
        "subject": config.subject,
        "time": iso(occurred_at),
        "datacontenttype": "application/json",
        "data": config.data,
    }
    # An attribute without a value is left out (CloudEvents 1.0, "null"); data may well be null.
    return json_bytes(
        {name: value for name, value in event.items() if name == "data" or value is not None}, field="data"
    )
