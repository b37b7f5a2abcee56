"""The bodies of deliveries, made from the log whenever they are sent.

They are not kept: what is in the log already is stored once, people who are forgotten there are forgotten in retries,
and no copy of an internal text lies in a second place.
"""

from dataclasses import dataclass

import orjson

from domain.errors import InvalidInputError, UnsupportedError
from domain.model.change import Change
from domain.model.cursor import CursorCodec
from domain.model.webhook import Webhook
from domain.webhooks.cloudevents import CONTENT_TYPE, event_of
from domain.webhooks.documents import DocumentPort

#: Receivers of Standard Webhooks expect far less; the cost of documents bounds it, too.
_MOST_BYTES = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A body with its type."""

    content: bytes
    content_type: str


class Bodies:
    """The maker of bodies."""

    def __init__(self, port: DocumentPort, cursors: CursorCodec) -> None:
        self._port = port
        self._cursors = cursors

    async def make(self, webhook: Webhook, change: Change) -> Body | None:
        """Return the body for a change; None where the webhook does not want it.

        Raises:
            InvalidInputError: the document of the webhook cannot be answered any more, or answers with too much.
            UnavailableError: the database is away.
        """
        audience = webhook.audience.audience
        if webhook.document is None:
            if not change.events:
                return None
            event = event_of(change, audience, cursor=self._cursors.position(change.seq))
            return Body(content=orjson.dumps(event), content_type=CONTENT_TYPE)
        try:
            content = await self._port.use().answer(webhook.document, webhook.variables, audience, change)
        except UnsupportedError as error:
            raise InvalidInputError(error.message) from error
        if content is None:
            return None
        if len(content) > _MOST_BYTES:
            raise InvalidInputError(f"the answer to its document is longer than {_MOST_BYTES} bytes")
        return Body(content=content, content_type="application/json")
