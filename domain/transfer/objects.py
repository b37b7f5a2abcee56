"""The objects that an export's lines stand for, checked as the API checks what callers write."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from enum import StrEnum
from functools import partial
from typing import Any, TypeVar

from domain.errors import InvalidInputError
from domain.ids import is_id
from domain.model.actor import Actor
from domain.model.change import Transition
from domain.model.health import SystemHealth, checked_health_message
from domain.model.health_history import FAR, HealthSpan
from domain.model.histories import History, IncidentHistory, PersonHistory, RelationHistory, SystemHealthHistory
from domain.model.incident import (
    SYSTEMS_PER_INCIDENT,
    Health,
    Incident,
    IncidentLink,
    IncidentUpdate,
    IncidentUpdateVersion,
    Severity,
    Status,
    canonical_systems,
)
from domain.model.labels import relabelled
from domain.model.person import Person
from domain.model.relation import IncidentRelation
from domain.model.system import System, checked_key
from domain.model.texts import (
    checked_dedupe_key,
    checked_description,
    checked_label,
    checked_message,
    checked_name,
    checked_title,
    checked_url,
)
from domain.model.timeline import Mark, settled
from domain.services.responders import ASSIGNEES
from domain.transfer.documents import recorded_at
from domain.transfer.shapes import (
    ActorShape,
    HealthShape,
    IncidentShape,
    IncidentSpanShape,
    LinkShape,
    MaintenanceShape,
    PersonShape,
    RelationShape,
    SpanShape,
    StepShape,
    SystemShape,
    UpdateShape,
    VersionShape,
)
from domain.transfer.windows import window_of

S = TypeVar("S")
T = TypeVar("T")
_VALUES: dict[tuple[str, str], type[StrEnum]] = {
    ("incident", "status"): Status,
    ("incident", "severity"): Severity,
    ("health", "status"): Health,
}
#: What follows from a timeline, and has to be the same in its incident.
_FOLLOWING = ("status", "identified_at", "fixing_at", "monitoring_at", "resolved_at")


def object_of(
    shape: SystemShape | PersonShape | HealthShape | IncidentShape | RelationShape | MaintenanceShape,
) -> History:
    """Return the object of a line.

    Raises:
        InvalidInputError: a value cannot be accepted, or two of them contradict each other.
    """
    make: Callable[[Any], History] = _MAKERS[type(shape)]
    return make(shape)


def settled_history(history: IncidentHistory) -> IncidentHistory:
    """Return the history with the status and times that follow from the timeline, and its comments marked as such."""
    named = [update for update in history.updates if update.names is not None]
    marks = [
        Mark(
            id=update.id,
            at=update.created_at,
            status=update.names or history.incident.status,
            visibility=update.visibility,
            is_opening=update.is_opening,
        )
        for update in named
    ]
    incident, read = settled(history.incident, marks)
    comments = {mark.id for mark in read if mark.is_comment}
    updates = [_marked(update, is_comment=update.id in comments) for update in history.updates]
    return replace(history, incident=incident, updates=updates)


def _marked(update: IncidentUpdate, *, is_comment: bool) -> IncidentUpdate:
    named = update.names
    return replace(update, status_change=None if is_comment else named, comment_status=named if is_comment else None)


def _system(shape: SystemShape) -> System:
    return System(
        id=shape.id,
        key=checked_key(shape.key),
        name=checked_name(shape.name),
        description=checked_description(shape.description),
        created_at=shape.created_at,
        updated_at=shape.updated_at,
    )


def _person(shape: PersonShape) -> PersonHistory:
    return PersonHistory(person=Person(id=shape.id, actor=shape.actor.actor), created_at=shape.created_at)


def _health(shape: HealthShape) -> SystemHealthHistory:
    health = SystemHealth(
        system_id=shape.system,
        # The system's own, once it is known which one it is here.
        system_key="",
        system_name="",
        status=shape.status,
        message=checked_health_message(shape.message),
        observed_at=shape.observed_at,
        reported_at=shape.reported_at,
        version=1,
    )
    return SystemHealthHistory(
        health=health,
        transitions=_transitions("health", shape.system, shape.transitions),
        spans=[_span(span, shape.system) for span in shape.spans],
    )


def _relation(shape: RelationShape) -> RelationHistory:
    if shape.incident == shape.other:
        raise InvalidInputError("An incident cannot be related to itself.", field=["other"])
    if shape.id == shape.other_id:
        raise InvalidInputError("Both incidents have the relation under an id of their own.", field=["otherId"])
    one = IncidentRelation(
        id=shape.id,
        incident_id=shape.incident,
        type=shape.relation,
        related_id=shape.other,
        is_inverse=False,
        created_at=shape.created_at,
        created_by=shape.created_by.actor,
    )
    other = replace(
        one,
        id=shape.other_id,
        incident_id=shape.other,
        related_id=shape.incident,
        is_inverse=not shape.relation.is_mutual,
    )
    return RelationHistory(one=one, other=other)


def _incident(shape: IncidentShape) -> IncidentHistory:
    incident = _header(shape)
    history = IncidentHistory(
        incident=incident,
        updates=_each("updates", shape.updates, partial(_update, incident)),
        versions=[
            version
            for place, update in enumerate(shape.updates)
            for version in _each(f"updates.{place}.versions", update.versions, partial(_version, update.id))
        ],
        links=_each("links", shape.links, partial(_link, shape.id)),
        transitions=_transitions("incident", shape.id, shape.transitions),
        spans=[_span(span, span.system, shape.id) for span in shape.spans],
    )
    _check_whole(history)
    following = settled_history(history)
    for name in _FOLLOWING:
        if getattr(following.incident, name) != getattr(incident, name):
            raise InvalidInputError("It does not follow from the timeline.", field=[_camel(name)])
    return following


def _each(field: str, shapes: Sequence[S], make: Callable[[S], T]) -> list[T]:
    """Return what each of these becomes; an error says which one it is about."""
    made = []
    for place, shape in enumerate(shapes):
        try:
            made.append(make(shape))
        except InvalidInputError as error:
            path = [*field.split("."), str(place), *(error.field or ())]
            raise InvalidInputError(error.message, field=path) from error
    return made


def _header(shape: IncidentShape) -> Incident:
    if len(shape.systems) > SYSTEMS_PER_INCIDENT:
        raise InvalidInputError(f"An incident affects at most {SYSTEMS_PER_INCIDENT} systems.", field=["systems"])
    if len(shape.assignees) > ASSIGNEES:
        raise InvalidInputError(f"At most {ASSIGNEES} people are assigned to an incident.", field=["assignees"])
    if (shape.acknowledged_at is None) is not (shape.acknowledged_by is None):
        raise InvalidInputError("An acknowledgement has a time and an actor.", field=["acknowledgedBy"])
    return Incident(
        id=shape.id,
        number=shape.number,
        title=checked_title(shape.title),
        description=checked_description(shape.description),
        status=shape.status,
        severity=shape.severity,
        suppress_notifications=shape.suppress_notifications,
        health_override=shape.health_override,
        dedupe_key=checked_dedupe_key(shape.dedupe_key),
        system_ids=canonical_systems(shape.systems),
        version=1,
        opened_by=shape.opened_by.actor,
        occurred_at=shape.occurred_at,
        created_at=shape.created_at,
        updated_at=shape.updated_at,
        identified_at=shape.identified_at,
        fixing_at=shape.fixing_at,
        monitoring_at=shape.monitoring_at,
        resolved_at=shape.resolved_at,
        labels=relabelled((), shape.labels.items()),
        acknowledged_at=shape.acknowledged_at,
        acknowledged_by=_actor(shape.acknowledged_by),
        snoozed_until=shape.snoozed_until,
        lead=_actor(shape.lead),
        assignees=tuple(sorted((person.actor for person in shape.assignees), key=lambda person: person.id)),
    )


def _actor(shape: ActorShape | None) -> Actor | None:
    return None if shape is None else shape.actor


def _update(incident: Incident, shape: UpdateShape) -> IncidentUpdate:
    if shape.recorded_at != recorded_at(shape.id):
        raise InvalidInputError("The entry's id has another time in it.", field=["recordedAt"])
    if shape.is_opening and shape.at != incident.occurred_at:
        raise InvalidInputError("The opening entry is dated as the incident's beginning.", field=["at"])
    return IncidentUpdate(
        id=shape.id,
        incident_id=incident.id,
        message=checked_message(shape.message),
        status_change=shape.status,
        visibility=shape.visibility,
        created_at=shape.at,
        created_by=shape.by.actor,
        edited_at=shape.edited_at,
        is_opening=shape.is_opening,
    )


def _version(update_id: str, shape: VersionShape) -> IncidentUpdateVersion:
    return IncidentUpdateVersion(
        id=shape.id,
        update_id=update_id,
        message=checked_message(shape.message),
        status_change=shape.status,
        visibility=shape.visibility,
        created_at=shape.at,
        replaced_at=shape.replaced_at,
        replaced_by=shape.replaced_by.actor,
    )


def _link(incident_id: str, shape: LinkShape) -> IncidentLink:
    return IncidentLink(
        id=shape.id,
        incident_id=incident_id,
        label=checked_label(shape.label),
        url=checked_url(shape.url),
        visibility=shape.visibility,
        created_at=shape.created_at,
    )


def _transitions(kind: str, entity_id: str, steps: Sequence[StepShape]) -> list[Transition]:
    for place, step in enumerate(steps):
        for name, value in (("from", step.from_), ("to", step.to)):
            if value is not None and not _is_value(kind, step.field, value):
                message = "It is no value of this field as the history has it."
                raise InvalidInputError(message, field=["transitions", str(place), name])
    return [
        Transition(
            id=0,
            change_id="",
            kind=kind,
            entity_id=entity_id,
            field=step.field,
            from_value=step.from_,
            to_value=step.to,
            occurred_at=step.at,
        )
        for step in steps
    ]


def _is_value(kind: str, name: str, text: str) -> bool:
    if (kind, name) != ("incident", "system_ids"):
        return text in set(_VALUES.get((kind, name), ()))
    try:
        listed = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(listed, list) and all(isinstance(each, str) and is_id(each, "sys") for each in listed)


def _span(shape: SpanShape | IncidentSpanShape, system_id: str, incident_id: str | None = None) -> HealthSpan:
    return HealthSpan(
        system_id=system_id,
        status=shape.status,
        incident_id=incident_id,
        began_at=shape.began_at,
        ended_at=shape.ended_at or FAR,
        set_at=shape.set_at,
        unset_at=shape.unset_at,
    )


def _check_whole(history: IncidentHistory) -> None:
    """Check that each part is there once."""
    if sum(update.is_opening for update in history.updates) > 1:
        raise InvalidInputError("A timeline has one opening entry at most.", field=["updates"])
    _check_once((link.url for link in history.links), "links", "url")
    _check_once((person.id for person in history.incident.assignees), "assignees", "id")


def _check_once(values: Iterable[str], *field: str) -> None:
    seen: set[str] = set()
    for place, value in enumerate(values):
        if value in seen:
            raise InvalidInputError("It is there twice.", field=[field[0], str(place), *field[1:]])
        seen.add(value)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


_MAKERS: dict[type, Callable[[Any], History]] = {
    SystemShape: _system,
    PersonShape: _person,
    HealthShape: _health,
    IncidentShape: _incident,
    RelationShape: _relation,
    MaintenanceShape: window_of,
}
