"""Incidents rebuilt from the pictures that the log keeps of them."""

from dataclasses import MISSING, fields
from datetime import UTC, datetime, timedelta

from domain.entities.incident import INCIDENT, snapshot_of
from domain.model.actor import Actor, ActorType
from domain.model.incident import HealthOverride, Incident, Severity, Status
from domain.model.pictures import incident_of

NINE = datetime(2026, 3, 1, 9, tzinfo=UTC)
WHOLE = Incident(
    id="inc_1",
    number=1,
    title="Checkout fails",
    description="Since the deploy.",
    status=Status.RESOLVED,
    severity=Severity.CRITICAL,
    suppress_notifications=True,
    health_override=HealthOverride.UNHEALTHY,
    dedupe_key="cards",
    system_ids=("sys_1", "sys_2"),
    version=7,
    opened_by=Actor(type=ActorType.USER, id="usr_1", name="Amina"),
    occurred_at=NINE,
    created_at=NINE + timedelta(minutes=1),
    updated_at=NINE + timedelta(minutes=6),
    identified_at=NINE + timedelta(minutes=2),
    fixing_at=NINE + timedelta(minutes=3),
    monitoring_at=NINE + timedelta(minutes=4),
    resolved_at=NINE + timedelta(minutes=5),
    labels=(("team", "checkout"),),
    acknowledged_at=NINE + timedelta(minutes=1, seconds=30),
    acknowledged_by=Actor(type=ActorType.USER, id="usr_2", name="Bela"),
    snoozed_until=NINE + timedelta(hours=1),
    lead=Actor(type=ActorType.USER, id="per_1", name="Bela"),
    assignees=(Actor(type=ActorType.APPLICATION, id="per_2", name="monitor"),),
)


def test_the_example_has_a_value_of_its_own_in_every_field() -> None:
    defaults = {field.name: field.default for field in fields(Incident) if field.default is not MISSING}
    assert [name for name, default in defaults.items() if getattr(WHOLE, name) == default] == []


def test_a_picture_shows_the_whole_incident() -> None:
    picture = INCIDENT.picture(snapshot_of(WHOLE))
    assert incident_of(WHOLE.id, WHOLE.version, picture, dedupe_key=WHOLE.dedupe_key) == WHOLE
