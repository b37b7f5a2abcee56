"""The receiving of deliveries: each is understood, applied and kept with its outcome."""

import hashlib
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

import orjson

from domain.alerts.applying import Applied, Applier, Services
from domain.alerts.errors import UnusableDeliveryError
from domain.alerts.interpreting import Interpreted, masked, signals_in
from domain.alerts.signals import AlertSignal
from domain.clock import Clock
from domain.counting import counted_from_zero
from domain.errors import ConflictError, DomainError, NotFoundError, UnauthenticatedError
from domain.ids import is_id, new_id
from domain.model.integration import DeliveryOutcome, Integration, IntegrationDelivery, IntegrationType
from domain.persistence.database import Database
from domain.persistence.unit_of_work import ReadSession, UnitOfWork
from domain.services.writing import Outcome, Writer

#: How many alerts are written in one transaction, which other writes wait for.
_BATCH = 100
_MOST_REASONS = 20
_MOST_INCIDENTS = 100
_REASON_LENGTH = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A delivery as it was kept, with the signals in it."""

    delivery: IntegrationDelivery
    signals: Sequence[AlertSignal] = ()
    #: Why it, or each of its alerts, was refused.
    error: UnusableDeliveryError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """A delivery as it came, masked."""

    body: str | None
    digest: str
    replay_of: str | None


class Receiver:
    """The receiver of deliveries of all integrations."""

    def __init__(self, *, database: Database, writer: Writer, clock: Clock, services: Services) -> None:
        self._database = database
        self._writer = writer
        self._clock = clock
        self._services = services
        #: Deliveries by format and outcome, and the alerts in them by format.
        self.deliveries = counted_from_zero((kind, outcome) for kind in IntegrationType for outcome in DeliveryOutcome)
        self.alerts = counted_from_zero(IntegrationType)

    async def receive(self, integration: Integration, body: Any) -> Received:
        """Apply a delivery, and keep it with its outcome. One that came before changes nothing.

        Up to 100 alerts are one transaction; after a crash between two of them, the sender's retry does the rest.

        Raises:
            UnauthenticatedError: the integration was deleted meanwhile.
            UnavailableError: the database is away; the sender has to retry.
        """
        received = (await self._unless_deleted(integration, self._receive(integration, body, replay_of=None))).value
        return self._counted(integration, received)

    async def refuse(self, integration: Integration, reason: str, *, text: str | None) -> Received:
        """Keep a delivery that cannot be read at all; without its text where that is not there, or not to be kept.

        Raises:
            UnauthenticatedError: the integration was deleted meanwhile.
        """
        given = _Given(body=_kept_text(integration, text), digest="", replay_of=None)
        refusal = self._refuse(integration, given, UnusableDeliveryError(reason))
        return self._counted(integration, (await self._unless_deleted(integration, refusal)).value)

    async def replay(self, delivery_id: str) -> Outcome[IntegrationDelivery]:
        """Apply a delivery once more, as its integration is set up now; that is a delivery of its own.

        Raises:
            NotFoundError: there is no such delivery, or not any more.
            ConflictError: its body was not kept.
        """
        integration, kept = await self._database.read(lambda session: _found(session, delivery_id))
        try:
            body = orjson.loads(kept.body or "")
        except orjson.JSONDecodeError as error:
            raise ConflictError("Its body was not kept, or is no JSON.", field=["id"]) from error
        try:
            received = await self._unless_deleted(integration, self._receive(integration, body, replay_of=delivery_id))
        except UnauthenticatedError as error:
            raise NotFoundError("Delivery", delivery_id) from error
        return Outcome(received.value.delivery, received.seq)

    def _counted(self, integration: Integration, received: Received) -> Received:
        self.deliveries[integration.type, received.delivery.outcome] += 1
        self.alerts[integration.type] += received.delivery.alerts
        return received

    async def _unless_deleted(
        self, integration: Integration, writing: Awaitable[Outcome[Received]]
    ) -> Outcome[Received]:
        """Return what was received for an integration, which another process may know for a while after its end."""
        try:
            return await writing
        except DomainError:
            raise
        except Exception as error:
            # A constraint lets nobody write for an integration that is gone.
            if not await self._database.read(lambda session: session.integrations.get_many([integration.id])):
                raise UnauthenticatedError("This token is not valid any more.") from error
            raise

    async def _receive(self, integration: Integration, body: Any, *, replay_of: str | None) -> Outcome[Received]:
        now = self._clock.now()
        given = _Given(body=None, digest="", replay_of=replay_of)
        try:
            shown = masked(body, frozenset(name.lower() for name in integration.masked_fields))
            given = _given(integration, shown, replay_of)
            found = _found_in(integration, shown, now)
        except UnusableDeliveryError as error:
            return await self._refuse(integration, given, error)
        outcome = await self._applied(integration, found, given, now)
        delivery = outcome.value
        refused = delivery.outcome is DeliveryOutcome.REFUSED
        failure = UnusableDeliveryError(delivery.reason or "") if refused else None
        return Outcome(Received(delivery=delivery, signals=found.signals, error=failure), outcome.seq)

    async def _applied(
        self, integration: Integration, found: Interpreted, given: _Given, now: datetime
    ) -> Outcome[IntegrationDelivery]:
        applier, signals = Applier(self._services, integration), found.signals
        total = Applied(alerts=len(found.refusals), refusals=list(found.refusals))
        batches = [signals[start : start + _BATCH] for start in range(0, len(signals), _BATCH)] or [()]
        for batch in batches[:-1]:
            # Not through the writer: of a replay, what is shown is read where its outcome is written.
            done = await self._database.write(partial(applier.apply, signals=batch, now=now), joins=True)
            total.add(done.value)

        async def last(unit: UnitOfWork) -> IntegrationDelivery:
            # Of its own for each attempt: a transaction may run more than once.
            whole = Applied()
            whole.add(total)
            if batches[-1]:
                whole.add(await applier.apply(unit, batches[-1], now=now))
            return await _keep(unit, _delivery(integration, given, whole, now), given)

        return await self._writer.run(last)

    async def _refuse(self, integration: Integration, given: _Given, error: UnusableDeliveryError) -> Outcome[Received]:
        delivery = _delivery(integration, given, Applied(), self._clock.now())
        delivery = _with_reason(delivery, DeliveryOutcome.REFUSED, error.message)
        outcome = await self._writer.run(lambda unit: _keep(unit, delivery, given))
        return Outcome(Received(delivery=outcome.value, error=error), outcome.seq)


def _found_in(integration: Integration, shown: Any, now: datetime) -> Interpreted:
    if not integration.enabled:
        raise UnusableDeliveryError("This integration is disabled.")
    return signals_in(integration, shown, now=now)


async def _keep(unit: UnitOfWork, delivery: IntegrationDelivery, given: _Given) -> IntegrationDelivery:
    """Write a delivery; equal ones that change nothing are one row with a count."""
    is_repeat = delivery.outcome is DeliveryOutcome.UNCHANGED and given.replay_of is None
    kept = await unit.deliveries.keep(delivery, repeat_key=given.digest if is_repeat else None)
    if kept == delivery.id:
        return delivery
    return replace(delivery, id=kept)


async def _found(session: ReadSession, delivery_id: str) -> tuple[Integration, IntegrationDelivery]:
    known = await session.deliveries.get_many([delivery_id] if is_id(delivery_id, "dlv") else [])
    if delivery_id not in known:
        raise NotFoundError("Delivery", delivery_id)
    delivery = known[delivery_id]
    return (await session.integrations.get_many([delivery.integration_id]))[delivery.integration_id], delivery


def _given(integration: Integration, shown: Any, replay_of: str | None) -> _Given:
    text = orjson.dumps(shown)
    return _Given(
        body=text.decode() if integration.keep_bodies else None,
        digest=hashlib.sha256(text).hexdigest(),
        replay_of=replay_of,
    )


def _kept_text(integration: Integration, text: str | None) -> str | None:
    """Return a text that is no JSON as it is kept: not at all where something in it would have to be masked."""
    if text is None or not integration.keep_bodies or integration.masked_fields:
        return None
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _delivery(integration: Integration, given: _Given, applied: Applied, now: datetime) -> IntegrationDelivery:
    delivery = IntegrationDelivery(
        id=new_id("dlv"),
        integration_id=integration.id,
        outcome=DeliveryOutcome.APPLIED if applied.has_written else DeliveryOutcome.UNCHANGED,
        received_at=now,
        last_received_at=now,
        alerts=applied.alerts,
        opened=applied.opened,
        resolved=applied.resolved,
        acknowledged=applied.acknowledged,
        refused=len(applied.refusals),
        incident_ids=tuple(applied.incident_ids[:_MOST_INCIDENTS]),
        body=given.body,
        replay_of=given.replay_of,
    )
    if not applied.refusals:
        return delivery
    outcome = DeliveryOutcome.REFUSED if len(applied.refusals) == applied.alerts else DeliveryOutcome.PARTIAL
    return _with_reason(delivery, outcome, "\n".join(applied.refusals[:_MOST_REASONS]))


def _with_reason(delivery: IntegrationDelivery, outcome: DeliveryOutcome, reason: str) -> IntegrationDelivery:
    return replace(delivery, outcome=outcome, reason=reason[:_REASON_LENGTH])
