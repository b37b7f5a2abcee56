"""The catalog of triggers."""

import pytest
from pydantic import BaseModel

from domain.entities.incident import INCIDENT, CreatedPayload, ResolvedPayload, UpdatedPayload
from domain.entities.triggers import TriggerRegistry


@pytest.fixture
def catalog() -> TriggerRegistry:
    """Return the triggers of incidents."""
    registry = TriggerRegistry()
    for trigger in INCIDENT.triggers:
        registry.register(trigger)
    return registry


def test_incidents_have_three_triggers(catalog: TriggerRegistry) -> None:
    assert [(trigger.id, trigger.display_name, trigger.icon) for trigger in catalog.all()] == [
        ("incident.created", "Incident Created", "CircleAlert"),
        ("incident.updated", "Incident Updated", "CircleAlert"),
        ("incident.resolved", "Incident Resolved", "CircleCheck"),
    ]
    assert {(trigger.category, trigger.context_key) for trigger in catalog.all()} == {("Incidents", "incidentId")}


@pytest.mark.parametrize(
    ("trigger_id", "payload"),
    [
        ("incident.created", CreatedPayload),
        ("incident.updated", UpdatedPayload),
        ("incident.resolved", ResolvedPayload),
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
