"""The history of a database as it goes into files and comes out of them: an object with all that belongs to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.model.change import Transition
from domain.model.health import SystemHealth
from domain.model.health_history import HealthSpan
from domain.model.incident import Incident, IncidentLink, IncidentUpdate, IncidentUpdateVersion
from domain.model.maintenance import Maintenance, MaintenanceInstance, MaintenanceUpdate
from domain.model.person import Person
from domain.model.relation import IncidentRelation
from domain.model.system import System


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentHistory:
    """An incident with its timeline, and what it did to the health of systems; without relations."""

    #: The number is 0 where it is to be given one.
    incident: Incident
    updates: Sequence[IncidentUpdate] = ()
    versions: Sequence[IncidentUpdateVersion] = ()
    links: Sequence[IncidentLink] = ()
    transitions: Sequence[Transition] = ()
    spans: Sequence[HealthSpan] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemHealthHistory:
    """The last report of a system's health, with all steps to it."""

    health: SystemHealth
    transitions: Sequence[Transition] = ()
    spans: Sequence[HealthSpan] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonHistory:
    """A person, and since when they are known."""

    person: Person
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationHistory:
    """A relation as each of its incidents has it, beginning with the one of which it says something."""

    one: IncidentRelation
    other: IncidentRelation


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceHistory:
    """A maintenance window with its instances, in the order of their beginnings, and the messages about it."""

    window: Maintenance
    instances: Sequence[MaintenanceInstance] = ()
    updates: Sequence[MaintenanceUpdate] = ()
    transitions: Sequence[Transition] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something to know of a line or object: its place in the file, and a code with a sentence."""

    place: str
    code: str
    message: str
    field: Sequence[str] = ()


class Refusal(Note):
    """The reason for which a line or object is not taken."""


History = System | PersonHistory | SystemHealthHistory | IncidentHistory | RelationHistory | MaintenanceHistory
