"""The histories of pages at Statuspage, from the files of its public API.

Everything has an id that follows from its id there, so that an import can be repeated.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from domain.entities.canonical import value_text
from domain.entities.incident import INCIDENT
from domain.errors import DomainError, InvalidInputError
from domain.ids import derived_id
from domain.model.actor import Actor, ActorType
from domain.model.change import Transition
from domain.model.histories import IncidentHistory
from domain.model.incident import (
    OPENING,
    RESOLVED_MESSAGE,
    SYSTEMS_PER_INCIDENT,
    Incident,
    IncidentLink,
    IncidentUpdate,
    Severity,
    Status,
    canonical_systems,
)
from domain.model.system import System
from domain.model.texts import (
    DESCRIPTION_LENGTH,
    MESSAGE_LENGTH,
    NAME_LENGTH,
    TITLE_LENGTH,
    checked_url,
    fitted_line,
    fitted_text,
)
from domain.model.viewer import Visibility
from domain.transfer.objects import settled_history
from domain.transfer.statuspage_shapes import ComponentShape, IncidentShape, UpdateShape

_STATUSPAGE = Actor(type=ActorType.APPLICATION, id="statuspage", name="Statuspage")
_STATUSES = {
    "investigating": Status.INVESTIGATING,
    "identified": Status.IDENTIFIED,
    "monitoring": Status.MONITORING,
    "resolved": Status.RESOLVED,
    # It is written once all is over.
    "postmortem": Status.RESOLVED,
}
_SEVERITIES = {
    "none": Severity.MINOR,
    "minor": Severity.MINOR,
    "major": Severity.MAJOR,
    "critical": Severity.CRITICAL,
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOT_IN_KEY = re.compile(r"[^a-z0-9]+")
_KEY_LENGTH = 80


@dataclass(slots=True, kw_only=True)
class Translator:
    """A translator of one page's components and incidents."""

    page: str
    #: The systems by the components' ids.
    systems: dict[str, System] = field(default_factory=dict)
    _keys: set[str] = field(default_factory=set)

    def system(self, component: ComponentShape, *, since: datetime) -> System:
        """Return the system that a component is; `since` is its beginning where it names none."""
        name = fitted_line(component.name, longest=NAME_LENGTH) or component.id
        created_at = component.created_at or since
        system = System(
            id=self._id("sys", component.id, at=_EPOCH),
            key=self._key(name, component.id),
            name=name,
            description=fitted_text(component.description or "", longest=DESCRIPTION_LENGTH),
            created_at=created_at,
            updated_at=created_at,
        )
        self.systems[component.id] = system
        return system

    def incident(self, shape: IncidentShape, components: Sequence[str]) -> IncidentHistory:
        """Return an incident with its timeline; `components` are the ids of those that it affected.

        Raises:
            InvalidInputError: it is none, or one that cannot be taken as it is.
        """
        severity, status = _SEVERITIES.get(shape.impact or "none"), _STATUSES.get(shape.status)
        if severity is None or status is None:
            raise InvalidInputError(f"An incident is not {shape.impact} and {shape.status}.", field=["status"])
        system_ids = canonical_systems(self.systems[each].id for each in components if each in self.systems)
        if len(system_ids) > SYSTEMS_PER_INCIDENT:
            raise InvalidInputError(
                f"An incident affects at most {SYSTEMS_PER_INCIDENT} systems.", field=["components"]
            )
        identifier = self._id("inc", shape.id, at=shape.created_at)
        began = min([shape.started_at or shape.created_at, *map(_happened, shape.incident_updates)])
        incident = Incident(
            id=identifier,
            number=0,
            title=fitted_line(shape.name, longest=TITLE_LENGTH) or shape.id,
            description=None,
            status=OPENING,
            severity=severity,
            suppress_notifications=False,
            health_override=None,
            dedupe_key="",
            system_ids=system_ids,
            version=1,
            opened_by=_STATUSPAGE,
            occurred_at=began,
            created_at=shape.created_at,
            updated_at=shape.updated_at or shape.created_at,
        )
        updates = self._updates(shape, incident)
        history = IncidentHistory(incident=incident, updates=updates, links=self._links(shape, incident))
        history = settled_history(history)
        if history.incident.status is not status:
            # The page says so, and no entry does.
            history = settled_history(_ended(history, shape, status, self._id("upd", shape.id, at=_said(shape))))
        return _with_transitions(history)

    def _updates(self, shape: IncidentShape, incident: Incident) -> list[IncidentUpdate]:
        updates = [self._update(each, incident) for each in shape.incident_updates]
        updates.sort(key=lambda update: (update.created_at, update.id))
        first = next((each for each in updates if each.status_change is OPENING), None)
        # The opening entry is dated as the incident's beginning.
        if first is not None and first.created_at == incident.occurred_at:
            updates[updates.index(first)] = replace(first, is_opening=True)
        return updates

    def _update(self, shape: UpdateShape, incident: Incident) -> IncidentUpdate:
        status = _STATUSES.get(shape.status)
        if status is None:
            raise InvalidInputError(f"No entry of an incident says {shape.status}.", field=["incident_updates"])
        return IncidentUpdate(
            id=self._id("upd", shape.id, at=shape.created_at),
            incident_id=incident.id,
            message=fitted_text(shape.body or "", longest=MESSAGE_LENGTH) or shape.status.capitalize(),
            status_change=status,
            visibility=Visibility.PUBLIC,
            created_at=_happened(shape),
            created_by=_STATUSPAGE,
        )

    def _links(self, shape: IncidentShape, incident: Incident) -> list[IncidentLink]:
        try:
            url = checked_url(shape.shortlink or "")
        except DomainError:
            return []
        link = IncidentLink(
            id=self._id("lnk", shape.id, at=shape.created_at),
            incident_id=incident.id,
            label="Statuspage",
            url=url,
            visibility=Visibility.PUBLIC,
            created_at=shape.created_at,
        )
        return [link]

    def _key(self, name: str, identifier: str) -> str:
        plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
        key = _NOT_IN_KEY.sub("-", plain)[:_KEY_LENGTH].strip("-")
        if not key or key in self._keys:
            key = _NOT_IN_KEY.sub("-", f"{key}-{identifier.lower()}"[:_KEY_LENGTH]).strip("-")
        self._keys.add(key)
        return key

    def _id(self, prefix: str, identifier: str, *, at: datetime) -> str:
        millis = (at - _EPOCH) // timedelta(milliseconds=1)
        return derived_id(prefix, "statuspage", self.page, identifier, millis=max(0, millis))


def _happened(update: UpdateShape) -> datetime:
    return update.display_at or update.created_at


def _said(shape: IncidentShape) -> datetime:
    """Return when the page's last status began, as far as it says so."""
    at = {"monitoring": shape.monitoring_at, "resolved": shape.resolved_at, "postmortem": shape.resolved_at}
    return at.get(shape.status) or shape.updated_at or shape.created_at


def _ended(history: IncidentHistory, shape: IncidentShape, status: Status, identifier: str) -> IncidentHistory:
    incident = history.incident
    entry = IncidentUpdate(
        id=identifier,
        incident_id=incident.id,
        message=RESOLVED_MESSAGE if status is Status.RESOLVED else status.value.capitalize(),
        status_change=status,
        visibility=Visibility.PUBLIC,
        created_at=max([_said(shape), incident.occurred_at, *(each.created_at for each in history.updates)]),
        created_by=_STATUSPAGE,
    )
    return replace(history, updates=[*history.updates, entry])


def _with_transitions(history: IncidentHistory) -> IncidentHistory:
    """Return the history with the transitions that its timeline is, each as of when it happened."""
    incident = history.incident
    began = incident.occurred_at
    steps = [
        _step(incident, "severity", None, incident.severity.value, began),
        _step(incident, "status", None, OPENING.value, began),
        _step(incident, "system_ids", None, value_text(list(incident.system_ids)), began),
    ]
    former = OPENING
    for update in sorted(history.updates, key=lambda each: (each.created_at, not each.is_opening, each.id)):
        if update.status_change is not None and update.status_change is not former:
            steps.append(_step(incident, "status", former.value, update.status_change, update.created_at))
            former = update.status_change
    return replace(history, transitions=steps)


def _step(incident: Incident, name: str, before: str | None, after: str, at: datetime) -> Transition:
    return Transition(
        id=0,
        change_id="",
        kind=INCIDENT.name,
        entity_id=incident.id,
        field=name,
        from_value=before,
        to_value=after,
        occurred_at=at,
    )
