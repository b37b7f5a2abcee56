"""Webhooks as commands want them, with all that is written checked."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import httpx

from domain.errors import InvalidInputError
from domain.model.commands import KEEP, Keep, given
from domain.model.texts import NAME_LENGTH, checked_name, checked_text
from domain.model.webhook import Webhook, WebhookAudience
from domain.outbound.requests import json_bytes
from domain.webhooks.documents import DocumentPort
from domain.webhooks.sending import Sender

_LONGEST_DOCUMENT = 20_000
_LONGEST_VARIABLES = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteWebhook:
    """A command to create or change a webhook; what is KEEP stays, or has its default."""

    url: str | Keep = KEEP
    name: str | Keep = KEEP
    enabled: bool | Keep = KEEP
    audience: WebhookAudience | Keep = KEEP
    document: str | Keep | None = KEEP
    variables: Mapping[str, Any] | Keep = KEEP


class Drafts:
    """The checks of what admins write, some of which ask the network or the executor."""

    def __init__(self, sender: Sender, port: DocumentPort) -> None:
        self._sender = sender
        self._port = port

    async def accepted(self, before: Webhook, command: WriteWebhook) -> Webhook:
        """Return the webhook with what a command sets.

        Raises:
            InvalidInputError: the address, the document, its variables or the name cannot be accepted.
            UnsupportedError: this process cannot check documents.
        """
        name, url, document = command.name, command.url, command.document
        after = replace(
            before,
            url=before.url if isinstance(url, Keep) else await self._sender.check(url),
            name=before.name if isinstance(name, Keep) else checked_name(name),
            enabled=given(command.enabled, before.enabled),
            audience=given(command.audience, before.audience),
            document=_checked_document(document) if isinstance(document, str) else given(document, before.document),
            variables=given(command.variables, before.variables),
        )
        await self._check_answerable(before, after)
        return after if after.name else replace(after, name=httpx.URL(after.url).host[:NAME_LENGTH])

    async def _check_answerable(self, before: Webhook, after: Webhook) -> None:
        if len(json_bytes(dict(after.variables), field="variables")) > _LONGEST_VARIABLES:
            raise InvalidInputError(f"Variables take at most {_LONGEST_VARIABLES} bytes.", field=["variables"])
        if after.document is None:
            if after.variables:
                raise InvalidInputError("Variables need a document that uses them.", field=["variables"])
            return
        asked = after.document, after.variables, after.audience
        if asked != (before.document, before.variables, before.audience):
            await self._port.use().check(after.document, after.variables, after.audience.audience)


def merged(before: Webhook, accepted: Webhook, command: WriteWebhook) -> Webhook:
    """Return the webhook as it is now with what a command set and was accepted."""

    def chosen(name: str) -> Any:
        return getattr(before if isinstance(getattr(command, name), Keep) else accepted, name)

    names = ("url", "name", "enabled", "audience", "document", "variables")
    return replace(before, **{name: chosen(name) for name in names})


def _checked_document(document: str) -> str:
    return checked_text(document, field="document", noun="Document", longest=_LONGEST_DOCUMENT)
