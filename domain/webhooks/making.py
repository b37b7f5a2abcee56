"""The webhooks of a process, put together from its settings."""

from domain.clock import Clock
from domain.messaging.tail import LogTail
from domain.model.cursor import CursorCodec
from domain.outbound.addresses import AddressRules
from domain.outbound.caller import HttpCaller
from domain.outbound.lookups import resolve_apart
from domain.persistence.database import Database
from domain.services.secret_keys import SecretKeys
from domain.services.writing import Writer
from domain.settings import Settings
from domain.webhooks.system import WebhookSystem


def webhook_system(
    settings: Settings,
    *,
    database: Database,
    clock: Clock,
    writer: Writer,
    tail: LogTail,
    cursors: CursorCodec,
    keys: SecretKeys,
) -> WebhookSystem:
    """Return the webhooks, which may call what the settings allow."""
    caller = HttpCaller(rules=AddressRules.of(settings.http_allow), clock=clock, resolve=resolve_apart)
    return WebhookSystem(
        database=database, clock=clock, writer=writer, tail=tail, cursors=cursors, caller=caller, keys=keys
    )
