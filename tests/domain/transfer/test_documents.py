"""The fields of exports beside those of the models: what is added to one is missing in no file."""

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.bootstrap import Domain
from domain.model.health import SystemHealth
from domain.model.health_history import HealthSpan
from domain.model.histories import IncidentHistory
from domain.model.incident import Incident, IncidentLink, IncidentUpdate, IncidentUpdateVersion
from domain.model.maintenance import Maintenance, MaintenanceInstance, MaintenanceUpdate
from domain.model.relation import IncidentRelation
from domain.model.system import System
from domain.transfer import shapes
from tests.conftest import SteppingClock
from tests.domain.dialects import on_one_database
from tests.domain.transfer.world import exported, lively

#: The fields of each model that stand in a file under another name, or follow from others.
KNOWN: dict[type, tuple[type, set[str]]] = {
    System: (shapes.SystemShape, {"version"}),
    # The systems are `systems`, and the rest of an incident stands beside it.
    Incident: (shapes.IncidentShape, {"version", "system_ids"}),
    IncidentUpdate: (
        shapes.UpdateShape,
        {"incident_id", "created_at", "created_by", "status_change", "comment_status"},
    ),
    IncidentUpdateVersion: (shapes.VersionShape, {"update_id", "created_at", "status_change"}),
    IncidentLink: (shapes.LinkShape, {"incident_id"}),
    IncidentRelation: (shapes.RelationShape, {"incident_id", "related_id", "type", "is_inverse"}),
    # Whether it is under maintenance follows from the windows that are active.
    SystemHealth: (
        shapes.HealthShape,
        {"system_id", "system_key", "system_name", "version", "under_maintenance"},
    ),
    # Its systems are `systems`; the instances that are active follow from all of them.
    Maintenance: (shapes.MaintenanceShape, {"version", "system_ids", "active"}),
    MaintenanceInstance: (shapes.MaintenanceInstanceShape, {"maintenance_id", "visibility"}),
    MaintenanceUpdate: (shapes.MaintenanceUpdateShape, {"maintenance_id", "visibility"}),
    HealthSpan: (shapes.SpanShape, {"system_id", "incident_id", "occurred_at"}),
}


@pytest.mark.parametrize("model", KNOWN, ids=lambda model: model.__name__)
def test_every_field_of_a_model_is_in_the_shape_of_its_line(model: type) -> None:
    shape, otherwise = KNOWN[model]
    named: Any = shape
    missing = {field.name for field in fields(model)} - set(named.model_fields) - otherwise
    assert missing == set(), "add it to domain/transfer: documents.py, shapes.py and objects.py"


@on_one_database
async def test_every_line_of_an_export_has_its_shape(domain: Domain, clock: SteppingClock) -> None:
    await lively(domain, clock)
    lines = (await exported(domain)).splitlines()
    adapter = shapes.SHAPES
    kinds = {adapter.validate_json(line, context=datetime(2027, 1, 1, tzinfo=UTC)).type for line in lines}
    assert kinds == {"incidentql", "system", "person", "health", "incident", "relation", "end"}
    assert {field.name for field in fields(IncidentHistory)} == {
        "incident",
        "updates",
        "versions",
        "links",
        "transitions",
        "spans",
    }
