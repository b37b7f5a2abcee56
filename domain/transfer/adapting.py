"""Objects of a file as they are here: on the systems of this database, and without those who were forgotten in it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from domain.entities.canonical import value_text
from domain.model.actor import Actor
from domain.model.change import Transition
from domain.model.health_history import HealthSpan
from domain.model.histories import IncidentHistory, MaintenanceHistory, RelationHistory, SystemHealthHistory
from domain.model.incident import canonical_systems
from domain.persistence.erasures import PersonDigest

_SYSTEMS = "system_ids"


@dataclass(slots=True, kw_only=True)
class Adapter:
    """The names of this database for what a file names otherwise."""

    digests: PersonDigest
    #: Who stands in the place of those who were forgotten, by the digests of their ids.
    forgotten: Mapping[str, Actor] = field(default_factory=dict)
    #: The systems whose key another system has here, by the file's ids.
    systems: dict[str, str] = field(default_factory=dict)

    def system(self, identifier: str) -> str:
        """Return the id that a system has here."""
        return self.systems.get(identifier, identifier)

    def is_forgotten(self, actor: Actor) -> bool:
        """Return whether the actor was forgotten here."""
        return self.actor(actor) is not actor

    def actor(self, actor: Actor) -> Actor:
        """Return the actor, or who stands in their place."""
        return self.forgotten.get(self.digests.of(actor.id), actor) if self.forgotten else actor

    def incident(self, history: IncidentHistory) -> IncidentHistory:
        """Return an incident as it is here."""
        if not self.systems and not self.forgotten:
            return history
        incident = history.incident
        assignees = {person.id: person for person in map(self.actor, incident.assignees)}
        return replace(
            history,
            incident=replace(
                incident,
                system_ids=canonical_systems(map(self.system, incident.system_ids)),
                opened_by=self.actor(incident.opened_by),
                acknowledged_by=incident.acknowledged_by and self.actor(incident.acknowledged_by),
                lead=incident.lead and self.actor(incident.lead),
                assignees=tuple(assignees[identifier] for identifier in sorted(assignees)),
            ),
            updates=[replace(each, created_by=self.actor(each.created_by)) for each in history.updates],
            versions=[replace(each, replaced_by=self.actor(each.replaced_by)) for each in history.versions],
            transitions=[self._transition(each) for each in history.transitions],
            spans=[self._span(each) for each in history.spans],
        )

    def health(self, history: SystemHealthHistory) -> SystemHealthHistory:
        """Return a system's health as it is here."""
        system_id = self.system(history.health.system_id)
        return replace(
            history,
            health=replace(history.health, system_id=system_id),
            transitions=[replace(each, entity_id=system_id) for each in history.transitions],
            spans=[self._span(each) for each in history.spans],
        )

    def relation(self, history: RelationHistory) -> RelationHistory:
        """Return a relation as it is here."""
        by = self.actor(history.one.created_by)
        return RelationHistory(one=replace(history.one, created_by=by), other=replace(history.other, created_by=by))

    def maintenance(self, history: MaintenanceHistory) -> MaintenanceHistory:
        """Return a maintenance window as it is here."""
        window = history.window
        return replace(
            history,
            window=replace(
                window,
                system_ids=canonical_systems(map(self.system, window.system_ids)),
                created_by=self.actor(window.created_by),
            ),
            updates=[replace(each, created_by=self.actor(each.created_by)) for each in history.updates],
            transitions=[self._transition(each) for each in history.transitions],
        )

    def _span(self, span: HealthSpan) -> HealthSpan:
        return replace(span, system_id=self.system(span.system_id))

    def _transition(self, step: Transition) -> Transition:
        if step.field != _SYSTEMS or not self.systems:
            return step
        before = None if step.from_value is None else self._listed(step.from_value)
        return replace(step, from_value=before, to_value=self._listed(step.to_value))

    def _listed(self, text: str) -> str:
        return value_text(list(canonical_systems(map(self.system, json.loads(text)))))
