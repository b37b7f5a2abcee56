"""From signals to writes, within one unit of work: incidents open, are joined, acknowledged and resolved."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from domain.alerts.drafting import AlertDraft, SystemName, draft_of, repeat_seconds_of
from domain.alerts.errors import UnusableDeliveryError
from domain.alerts.rules import Decision, Step, decide
from domain.alerts.signals import AlertSignal
from domain.entities.origin import Origin
from domain.model.commands import KEEP, AddIncidentLink, CreateIncident, CreateSystem, ResolveIncident, UpdateIncident
from domain.model.incident import SYSTEMS_PER_INCIDENT, Incident
from domain.model.integration import AlertState, Integration
from domain.model.texts import KEY_LENGTH, fitted_line
from domain.model.viewer import Visibility
from domain.persistence.unit_of_work import UnitOfWork
from domain.services.incidents import IncidentService
from domain.services.links import LinkService
from domain.services.responders import ResponderService
from domain.services.systems import SystemService
from domain.services.timeline import TimelineService


@dataclass(slots=True, kw_only=True)
class Applied:
    """The sum of what signals led to."""

    alerts: int = 0
    opened: int = 0
    resolved: int = 0
    acknowledged: int = 0
    #: Why alerts were refused, one reason for each.
    refusals: list[str] = field(default_factory=list)
    incident_ids: list[str] = field(default_factory=list)
    has_written: bool = False

    def add(self, other: "Applied") -> None:
        """Add what more signals led to."""
        self.alerts += other.alerts
        self.opened += other.opened
        self.resolved += other.resolved
        self.acknowledged += other.acknowledged
        self.refusals += other.refusals
        self.incident_ids += [found for found in other.incident_ids if found not in self.incident_ids]
        self.has_written = self.has_written or other.has_written


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The services that integrations write through."""

    incidents: IncidentService
    responders: ResponderService
    links: LinkService
    timeline: TimelineService
    systems: SystemService


class Applier:
    """The writer of signals of one integration."""

    def __init__(self, services: Services, integration: Integration) -> None:
        self._services = services
        self._integration = integration
        self._origin = Origin(actor=integration.actor)
        self._repeat_seconds = repeat_seconds_of(integration)

    async def apply(self, unit: UnitOfWork, signals: Sequence[AlertSignal], *, now: datetime) -> Applied:
        """Write what these signals lead to, in their order; an alert that is refused leaves nothing.

        Each alert is locked first: two deliveries of it at once are applied one after the other.
        """
        applied = Applied(alerts=len(signals))
        states = await unit.alerts.hold(self._integration.id, [signal.key for signal in signals], now=now)
        for signal in signals:
            state = states.get(signal.key) or AlertState(key=signal.key)
            decision = decide(state, signal, now=now, repeat_seconds=self._repeat_seconds)
            try:
                after = await self._taken(unit, signal, decision, applied)
            except UnusableDeliveryError as error:
                applied.refusals.append(f"{signal.key}: {error.message}")
                continue
            if after != state:
                await unit.alerts.save(self._integration.id, after, now=unit.moment())
                states[signal.key] = after
                applied.has_written = True
        unknown = {signal.key for signal in signals if not _is_known(states.get(signal.key))}
        if unknown:
            await unit.alerts.drop_unknown(self._integration.id, sorted(unknown))
        return applied

    async def _taken(self, unit: UnitOfWork, signal: AlertSignal, decision: Decision, applied: Applied) -> AlertState:
        """Take the step of a decision, and return the alert's state after it."""
        state = decision.state
        if decision.step is Step.OPEN:
            return await self._opened(unit, signal, state, applied)
        incident_id = state.incident_id
        if incident_id is None or decision.step is Step.NOTHING:
            return state
        if decision.step is Step.ACKNOWLEDGE:
            await self._acknowledge(unit, incident_id, applied)
            return state
        if state.is_open and await self._resolved(unit, state, incident_id):
            applied.resolved += 1
            _note(applied, incident_id)
        return replace(state, is_open=False)

    async def _opened(self, unit: UnitOfWork, signal: AlertSignal, state: AlertState, applied: Applied) -> AlertState:
        draft = draft_of(self._integration, signal, now=unit.moment())
        joined = await self._shared(unit, draft)
        system_id = await self._system_id(unit, draft.system)
        if joined is not None:
            await self._join(unit, joined, draft, system_id)
            incident_id = joined.id
        else:
            incident_id = (await self._create(unit, signal, draft, system_id)).id
            applied.opened += 1
        await self._add_links(unit, incident_id, draft)
        _note(applied, incident_id)
        return replace(state, incident_id=incident_id, group_key=draft.group_key, is_open=True, resolved_at=None)

    async def _shared(self, unit: UnitOfWork, draft: AlertDraft) -> Incident | None:
        """Return the open incident of the alert's group, locked; None where it has to open its own."""
        if draft.group_key is None:
            return None
        # One after another: of two new alerts of a group at once, the second has to see the first one's incident.
        await unit.integrations.lock(self._integration.id)
        since = unit.moment() - timedelta(seconds=draft.group_window_seconds)
        found = await unit.alerts.open_in_group(self._integration.id, draft.group_key, since=since)
        if found is None:
            return None
        await unit.incidents.lock([found])
        incident = (await unit.incidents.get_many([found])).get(found)
        return incident if incident is not None and incident.is_open else None

    async def _create(self, unit: UnitOfWork, signal: AlertSignal, draft: AlertDraft, system_id: str) -> Incident:
        command = CreateIncident(
            title=draft.title,
            description=draft.description,
            severity=draft.severity,
            systems=[system_id],
            labels=draft.labels,
            dedupe_key=fitted_line(signal.key, longest=KEY_LENGTH),
            # Clocks of monitors may be ahead, and none of theirs is a reason to refuse an alert.
            occurred_at=None if signal.starts_at is None else min(signal.starts_at, unit.moment()),
        )
        drafted = self._services.incidents.draft(self._integration.actor, command)
        opened = await self._services.incidents.create_in(unit, drafted, command, origin=self._origin)
        return opened.incident

    async def _join(self, unit: UnitOfWork, incident: Incident, draft: AlertDraft, system_id: str) -> None:
        """Have an incident cover one more alert: its system, its severity, and a word on the timeline."""
        systems = {*incident.system_ids, system_id}
        is_worse = draft.severity.rank > incident.severity.rank
        command = UpdateIncident(
            id=incident.id,
            systems=KEEP if len(systems) > SYSTEMS_PER_INCIDENT else sorted(systems),
            severity=draft.severity if is_worse else KEEP,
        )
        await self._services.incidents.update_in(unit, command, origin=self._origin)
        await self._services.timeline.add_in(
            unit,
            incident.id,
            message=f"Also firing: {draft.title}",
            status_change=None,
            origin=self._origin,
            visibility=Visibility.INTERNAL,
        )

    async def _add_links(self, unit: UnitOfWork, incident_id: str, draft: AlertDraft) -> None:
        links = [
            AddIncidentLink(incident_id=incident_id, label=label, url=url, visibility=Visibility.INTERNAL)
            for label, url in draft.links
        ]
        if links:
            await self._services.links.add_new_in(unit, incident_id, links, origin=self._origin)

    async def _system_id(self, unit: UnitOfWork, name: SystemName) -> str:
        found = await unit.systems.resolve([name.reference, name.key], keep=True)
        known = found.get(name.reference) or found.get(name.key)
        if known is not None:
            return known
        if not name.may_create:
            raise UnusableDeliveryError(f"There is no system with the id or key {name.reference[:80]!r}.")
        command = CreateSystem(key=name.key, name=name.reference)
        return await self._services.systems.ensure_in(unit, command, origin=self._origin)

    async def _acknowledge(self, unit: UnitOfWork, incident_id: str, applied: Applied) -> None:
        await unit.incidents.lock([incident_id])
        before = (await unit.incidents.get_many([incident_id])).get(incident_id)
        if before is None or not before.is_open or before.acknowledged_at is not None:
            return
        await self._services.responders.acknowledge_in(unit, incident_id, origin=self._origin)
        applied.acknowledged += 1
        _note(applied, incident_id)

    async def _resolved(self, unit: UnitOfWork, state: AlertState, incident_id: str) -> bool:
        """Resolve the incident of an alert that has ended, unless another of its alerts still fires."""
        # Locked before the others are counted: of two last alerts that end at once, the second sees the first.
        await unit.incidents.lock([incident_id])
        if await unit.alerts.others_firing(self._integration.id, state.key, incident_id):
            return False
        incident = (await unit.incidents.get_many([incident_id])).get(incident_id)
        if incident is None or not incident.is_open:
            return False
        at = await self._end_of(unit, incident, state.ended_at)
        command = ResolveIncident(id=incident_id, resolved_at=at)
        await self._services.incidents.resolve_in(unit, command, origin=self._origin)
        return True

    async def _end_of(self, unit: UnitOfWork, incident: Incident, ended_at: datetime | None) -> datetime | None:
        """Return when the incident ended by its alert; None for now, where something happened since."""
        if ended_at is None or ended_at >= unit.moment():
            return None
        last = await unit.timeline.last_place(incident.id)
        known = [incident.occurred_at, *([last[0]] if last else []), *filter(None, [incident.acknowledged_at])]
        return ended_at if ended_at > max(known) else None


def _is_known(state: AlertState | None) -> bool:
    return state is not None and (state.fired_at is not None or state.ended_at is not None)


def _note(applied: Applied, incident_id: str) -> None:
    applied.has_written = True
    if incident_id not in applied.incident_ids:
        applied.incident_ids.append(incident_id)
