"""The messages to visitors of a process, put together from its settings."""

import httpx

from domain.clock import Clock
from domain.errors import StartupError
from domain.messaging.tail import LogTail
from domain.outbound.addresses import AddressRules
from domain.outbound.caller import HttpCaller
from domain.outbound.lookups import resolve_apart
from domain.persistence.database import Database
from domain.services.secret_keys import SecretKeys
from domain.services.writing import Writer
from domain.settings import Settings
from domain.visitors.mailing import Mailer, MailServer
from domain.visitors.messages import Site
from domain.visitors.sealing import Seals
from domain.visitors.sending import VisitorSender
from domain.visitors.system import VisitorSystem
from domain.webhooks.sending import Secrets, Sender


def visitor_system(
    settings: Settings, *, database: Database, clock: Clock, writer: Writer, tail: LogTail, keys: SecretKeys
) -> VisitorSystem:
    """Return the messages to visitors, as far as the settings allow them.

    Raises:
        StartupError: a setting cannot be read, or lacks another one.
    """
    site = None
    if settings.public_url is not None:
        # Never the address of a request: whoever asks for a confirmation would choose where its links lead.
        # As headers of mails can hold it, in ASCII.
        site = Site(name=settings.public_name, url=str(httpx.URL(settings.public_url)).rstrip("/"))
    sender = VisitorSender(
        database=database,
        clock=clock,
        seals=Seals(keys),
        site=site,
        mailer=_mailer(settings, site),
        hooks=_hooks(settings, clock=clock, keys=keys) if settings.visitor_webhooks else None,
    )
    return VisitorSystem(
        database=database,
        clock=clock,
        writer=writer,
        tail=tail,
        sender=sender,
        is_open=settings.anonymous_access,
    )


def _mailer(settings: Settings, site: Site | None) -> Mailer | None:
    if settings.mail_url is None:
        return None
    if site is None:
        raise StartupError("INCIDENTQL_MAIL_URL needs INCIDENTQL_PUBLIC_URL: mails have links.")
    return Mailer(MailServer.of(settings.mail_url, settings.mail_from), name=site.host)


def _hooks(settings: Settings, *, clock: Clock, keys: SecretKeys) -> Sender:
    # Not what admins allow for their own automations and webhooks: anybody may be a visitor.
    rules = AddressRules.of(settings.visitor_http_allow)
    caller = HttpCaller(rules=rules, clock=clock, resolve=resolve_apart)
    return Sender(caller=caller, secrets=Secrets(keys), clock=clock)
