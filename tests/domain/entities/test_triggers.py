"""The catalog of triggers."""

from typing import Any

import pytest
from pydantic import BaseModel, Field

from domain.automations.triggers.builtin import builtin_triggers
from domain.entities.incident import INCIDENT, AcknowledgedPayload, CreatedPayload, ResolvedPayload, UpdatedPayload
from domain.entities.kind import EntityKind
from domain.entities.kinds import KINDS
from domain.entities.triggers import Trigger, TriggerRegistry


class Timetable(BaseModel):
    """Settings whose name on the wire is another one."""

    day_of_week: int = Field(alias="dayOfWeek")


@pytest.fixture
def catalog() -> TriggerRegistry:
    """Return the triggers of incidents."""
    registry = TriggerRegistry()
    for trigger in INCIDENT.triggers:
        registry.register(trigger)
    return registry


def test_incidents_have_five_triggers(catalog: TriggerRegistry) -> None:
    assert [(trigger.id, trigger.display_name, trigger.icon) for trigger in catalog.all()] == [
        ("incident.created", "Incident Created", "CircleAlert"),
        ("incident.updated", "Incident Updated", "CircleAlert"),
        ("incident.resolved", "Incident Resolved", "CircleCheck"),
        ("incident.acknowledged", "Incident Acknowledged", "UserCheck"),
        ("incident.assigned", "Incident Assigned", "UserPlus"),
    ]
    assert {(trigger.category, trigger.context_key) for trigger in catalog.all()} == {("Incidents", "incidentId")}


@pytest.mark.parametrize(
    ("trigger_id", "payload"),
    [
        ("incident.created", CreatedPayload),
        ("incident.updated", UpdatedPayload),
        ("incident.resolved", ResolvedPayload),
        ("incident.acknowledged", AcknowledgedPayload),
    ],
)
def test_each_trigger_of_incidents_has_its_own_payload(
    catalog: TriggerRegistry, trigger_id: str, payload: type[BaseModel]
) -> None:
    trigger = catalog.get(trigger_id)
    assert trigger is not None

    assert trigger.payload is payload


@pytest.mark.parametrize(
    ("trigger_id", "required"),
    [
        ("incident.created", {"incidentId", "systemIds", "severity", "status"}),
        ("incident.updated", {"incidentId", "systemIds", "severity", "status"}),
        ("incident.resolved", {"incidentId", "systemIds", "severity"}),
    ],
)
def test_the_payload_schema_requires_the_constant_fields_in_wire_names(
    catalog: TriggerRegistry, trigger_id: str, required: set[str]
) -> None:
    trigger = catalog.get(trigger_id)
    assert trigger is not None

    assert set(trigger.payload_schema["required"]) == required


def test_an_unknown_trigger_is_not_found(catalog: TriggerRegistry) -> None:
    assert catalog.get("incident.exploded") is None


def test_a_trigger_is_registered_once(catalog: TriggerRegistry) -> None:
    with pytest.raises(ValueError, match="registered already"):
        catalog.register(INCIDENT.triggers[0])


def test_the_settings_of_a_trigger_are_described_in_wire_names() -> None:
    schema = a_trigger(config=Timetable).config_schema

    assert schema is not None
    assert list(schema["properties"]) == ["dayOfWeek"]


def test_a_trigger_without_settings_has_no_schema_of_them() -> None:
    trigger = a_trigger()

    assert (trigger.config, trigger.config_schema) == (None, None)


def test_a_kind_without_triggers_adds_none_to_the_catalog() -> None:
    plain = EntityKind(name="plain", state=Timetable, read=INCIDENT.read)

    assert builtin_triggers((plain,)).all() == builtin_triggers(()).all()


def test_every_trigger_is_shown_with_a_name_a_description_a_category_and_an_icon() -> None:
    for trigger in builtin_triggers(KINDS).all():
        assert all((trigger.display_name, trigger.description, trigger.category, trigger.icon)), trigger.id


def a_trigger(**options: Any) -> Trigger:
    return Trigger(
        id="clock.rang",
        display_name="Clock Rang",
        description="A clock rang.",
        category="Time",
        icon="Clock",
        payload=CreatedPayload,
        context_key="incidentId",
        **options,
    )
