"""The use cases of integrations: who manages them, and whose deliveries they are."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from domain.alerts.applying import Services
from domain.alerts.definition import checked_mapping, checked_severity_mapping, checked_system_mapping
from domain.alerts.receiving import Receiver
from domain.clock import Clock
from domain.errors import InvalidInputError, NotFoundError
from domain.ids import is_id, new_id
from domain.model.audit import AuditAction, AuditKind, hidden
from domain.model.commands import KEEP, Keep, given
from domain.model.integration import DeliveryFilter, Integration, IntegrationDelivery, IntegrationType
from domain.model.paging import Page, PageRequest
from domain.model.texts import checked_name
from domain.model.viewer import Viewer
from domain.persistence.database import Database
from domain.persistence.tokens import token_digest
from domain.persistence.unit_of_work import UnitOfWork
from domain.services.auditing import audit
from domain.services.writing import Outcome, Writer

#: How long an integration is cached, as tokens are: a changed one is in use that long in other processes.
_KEPT = timedelta(seconds=2)
_MOST_KEPT = 1000
_LONGEST_TOKEN = 200
_MOST_FIELDS, _FIELD_LENGTH = 50, 100


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteIntegration:
    """A command to create or change an integration; what is KEEP stays, or has its default."""

    name: str | Keep = KEEP
    enabled: bool | Keep = KEEP
    system_mapping: Mapping[str, Any] | Keep = KEEP
    severity_mapping: Mapping[str, Any] | Keep = KEEP
    mapping: Mapping[str, Any] | Keep = KEEP
    keep_bodies: bool | Keep = KEEP
    masked_fields: Sequence[str] | Keep = KEEP


@dataclass(frozen=True, slots=True)
class _Known:
    integration: Integration
    since: datetime


class IntegrationService:
    """The use cases of integrations. Like tokens, they are not in the log; what they write is."""

    def __init__(self, *, database: Database, clock: Clock, writer: Writer, services: Services) -> None:
        self._database = database
        self._clock = clock
        self._writer = writer
        self._known: dict[str, _Known] = {}
        self.receiver = Receiver(database=database, writer=writer, clock=clock, services=services)

    async def create(
        self, viewer: Viewer, kind: IntegrationType, command: WriteIntegration
    ) -> Outcome[tuple[Integration, str]]:
        """Create an integration and return it with its token, which is not stored.

        Raises:
            InvalidInputError: a name, or a part of a mapping, cannot be accepted.
        """
        token = _fresh_token(kind)
        draft = _changed(_blank(kind, viewer, self._clock.now()), command)

        async def work(unit: UnitOfWork) -> tuple[Integration, str]:
            now = unit.moment()
            integration = replace(draft, created_at=now, updated_at=now, token_created_at=now)
            await unit.integrations.insert(integration, token_digest(token))
            await audit(unit, viewer, AuditKind.INTEGRATION, AuditAction.CREATED, after=integration)
            await unit.people.note_user(viewer.actor, at=now)
            return integration, token

        return await self._writer.run(work)

    async def update(self, viewer: Viewer, integration_id: str, command: WriteIntegration) -> Outcome[Integration]:
        """Change an integration.

        Raises:
            NotFoundError: there is none of that id.
            InvalidInputError: a name, or a part of a mapping, cannot be accepted.
        """

        async def work(unit: UnitOfWork) -> Integration:
            before = await _locked(unit, integration_id)
            after = _changed(before, command)
            if after == before:
                return before
            after = replace(after, updated_at=unit.moment())
            await unit.integrations.save(after)
            await audit(unit, viewer, AuditKind.INTEGRATION, AuditAction.UPDATED, before=before, after=after)
            return after

        outcome = await self._writer.run(work)
        self._forget(integration_id)
        return outcome

    async def rotate(self, viewer: Viewer, integration_id: str) -> Outcome[tuple[Integration, str]]:
        """Replace the token of an integration and return it with the new one; the former one is not valid any more.

        Raises:
            NotFoundError: there is none of that id.
        """

        async def work(unit: UnitOfWork) -> tuple[Integration, str]:
            before = await _locked(unit, integration_id)
            token = _fresh_token(before.type)
            await unit.integrations.rotate(integration_id, token_digest(token), at=unit.moment())
            changes = hidden("token")
            await audit(
                unit, viewer, AuditKind.INTEGRATION, AuditAction.ROTATED, before=before, after=before, changes=changes
            )
            return replace(before, token_created_at=unit.moment(), updated_at=unit.moment()), token

        outcome = await self._writer.run(work)
        self._forget(integration_id)
        return outcome

    async def delete(self, viewer: Viewer, integration_id: str) -> Outcome[str]:
        """Delete an integration with its deliveries; what it wrote stays.

        Raises:
            NotFoundError: there is none of that id.
        """

        async def work(unit: UnitOfWork) -> str:
            known = await _locked(unit, integration_id)
            if not await unit.integrations.delete(integration_id):
                raise NotFoundError("Integration", integration_id)
            await audit(unit, viewer, AuditKind.INTEGRATION, AuditAction.DELETED, before=known)
            return integration_id

        outcome = await self._writer.run(work)
        self._forget(integration_id)
        return outcome

    async def with_token(self, token: str) -> Integration | None:
        """Return the integration of a token, at most two seconds old; None where there is none."""
        if not token or len(token) > _LONGEST_TOKEN:
            return None
        digest, now = token_digest(token), self._clock.now()
        known = self._known.get(digest)
        # Not before it was read either: a clock that was set back must not prolong the cache.
        if known is not None and known.since <= now <= known.since + _KEPT:
            return known.integration
        integration = await self._database.read(lambda session: session.integrations.find(digest))
        self._known.pop(digest, None)
        if integration is not None:
            if len(self._known) >= _MOST_KEPT:
                del self._known[next(iter(self._known))]
            self._known[digest] = _Known(integration, now)
        return integration

    async def get_many(self, ids: Sequence[str]) -> dict[str, Integration]:
        """Return the integrations of these ids; unknown ones are left out."""
        return await self._database.read(lambda session: session.integrations.get_many(ids))

    async def page(self, page: PageRequest) -> Page[Integration]:
        """Return one page of all integrations, newest first."""
        return await self._database.read(lambda session: session.integrations.page(page))

    async def count(self) -> int:
        """Return the number of integrations."""
        return await self._database.read(lambda session: session.integrations.count())

    async def deliveries(self, ids: Sequence[str]) -> dict[str, IntegrationDelivery]:
        """Return the deliveries of these ids; unknown ones are left out."""
        return await self._database.read(lambda session: session.deliveries.get_many(ids))

    async def delivery_page(self, page: PageRequest, wanted: DeliveryFilter) -> Page[IntegrationDelivery]:
        """Return one page of the deliveries that match, newest first."""
        return await self._database.read(lambda session: session.deliveries.page(page, wanted))

    async def delivery_count(self, wanted: DeliveryFilter) -> int:
        """Return the number of deliveries that match."""
        return await self._database.read(lambda session: session.deliveries.count(wanted))

    def _forget(self, integration_id: str) -> None:
        """Read the integration again when its token comes next."""
        self._known = {digest: known for digest, known in self._known.items() if known.integration.id != integration_id}


async def _locked(unit: UnitOfWork, integration_id: str) -> Integration:
    found = await unit.integrations.lock(integration_id) if is_id(integration_id, "int") else None
    if found is None:
        raise NotFoundError("Integration", integration_id)
    return found


def _fresh_token(kind: IntegrationType) -> str:
    # PagerDuty's have 32 letters and digits, and some of its clients refuse others.
    return secrets.token_hex(16) if kind is IntegrationType.PAGERDUTY else f"iqi_{secrets.token_urlsafe(32)}"


def _blank(kind: IntegrationType, viewer: Viewer, now: datetime) -> Integration:
    return Integration(
        id=new_id("int"),
        type=kind,
        name="",
        enabled=True,
        system_mapping={},
        severity_mapping={},
        mapping={},
        keep_bodies=True,
        masked_fields=(),
        created_at=now,
        updated_at=now,
        created_by=viewer.actor,
        token_created_at=now,
    )


def _changed(before: Integration, command: WriteIntegration) -> Integration:
    systems, severities, mapping = command.system_mapping, command.severity_mapping, command.mapping
    return replace(
        before,
        name=before.name if isinstance(command.name, Keep) else checked_name(command.name),
        enabled=given(command.enabled, before.enabled),
        system_mapping=before.system_mapping if isinstance(systems, Keep) else checked_system_mapping(systems),
        severity_mapping=(
            before.severity_mapping if isinstance(severities, Keep) else checked_severity_mapping(severities)
        ),
        mapping=checked_mapping(before.mapping if isinstance(mapping, Keep) else mapping, before.type),
        keep_bodies=given(command.keep_bodies, before.keep_bodies),
        masked_fields=(
            before.masked_fields if isinstance(command.masked_fields, Keep) else _checked_fields(command.masked_fields)
        ),
    )


def _checked_fields(names: Sequence[str]) -> tuple[str, ...]:
    if len(names) > _MOST_FIELDS or any(not 1 <= len(name) <= _FIELD_LENGTH or "\0" in name for name in names):
        raise InvalidInputError(
            f"Name at most {_MOST_FIELDS} fields, each with 1 to {_FIELD_LENGTH} characters.", field=["maskedFields"]
        )
    return tuple(dict.fromkeys(names))
