"""Labels of incidents: set and removed one by one, and described by the log without an event."""

import asyncio

import pytest

from domain.bootstrap import Domain
from domain.errors import DomainError, VersionConflictError
from domain.model.commands import CreateIncident, SetIncidentLabels
from domain.model.incident import Incident, Severity
from domain.model.labels import LABELS_PER_INCIDENT, relabelled
from tests.domain.dialects import on_one_database
from tests.factories import ADMIN, log_of, make_incident, make_system

MANY = tuple((f"key-{number}", "value") for number in range(LABELS_PER_INCIDENT))


async def _set(
    domain: Domain, incident: Incident, *labels: tuple[str, str | None], version: int | None = None
) -> Incident:
    command = SetIncidentLabels(id=incident.id, labels=labels, expected_version=version)
    return (await domain.labels.set(ADMIN, command)).value


async def test_labels_that_are_not_named_stay_and_one_without_a_value_goes(domain: Domain) -> None:
    incident = await make_incident(domain, labels=(("team", "checkout"), ("tier", "1")))
    assert incident.labels == (("team", "checkout"), ("tier", "1"))

    after = await _set(domain, incident, ("tier", None), ("region", "eu"), ("team", " search "))

    assert after.labels == (("region", "eu"), ("team", "search"))
    assert (await domain.reads.incidents([incident.id]))[incident.id] == after


@on_one_database
async def test_labels_are_one_change_without_an_event_and_the_same_ones_are_none(domain: Domain) -> None:
    incident = await make_incident(domain, labels=(("team", "checkout"),))
    after = await _set(domain, incident, ("tier", "1"))
    assert await _set(domain, incident, ("tier", "1")) == after

    opened, change = await log_of(domain, incident)
    assert (opened.payload or {})["labels"] == {"team": "checkout"}
    assert (change.changed_fields, change.described_fields, change.events) == ((), ("labels",), ())
    assert (change.after or {})["labels"] == {"team": "checkout", "tier": "1"}


async def test_two_writers_at_once_keep_the_labels_of_each_other(domain: Domain) -> None:
    incident = await make_incident(domain)
    await asyncio.gather(*(_set(domain, incident, (f"key-{number}", "value")) for number in range(6)))
    after = (await domain.reads.incidents([incident.id]))[incident.id]
    assert after.labels == tuple((f"key-{number}", "value") for number in range(6))
    assert after.version == len(await log_of(domain, incident)) == 7


@pytest.mark.parametrize(
    ("labels", "code", "place"),
    [
        pytest.param([("tier", None)], "NOT_FOUND", ["1", "key"], id="unknown"),
        pytest.param([("", "value")], "BAD_USER_INPUT", ["1", "key"], id="without a key"),
        pytest.param([("a b", "value")], "BAD_USER_INPUT", ["1", "key"], id="key with a space"),
        pytest.param([("key", "a"), ("other", " ")], "BAD_USER_INPUT", ["2", "value"], id="blank value"),
        pytest.param([("key", "two\nlines")], "BAD_USER_INPUT", ["1", "value"], id="value of two lines"),
        pytest.param([("key", "a"), ("key", "a")], "BAD_USER_INPUT", ["2", "key"], id="key given twice"),
        pytest.param(MANY, "BAD_USER_INPUT", [], id="one too many"),
    ],
)
async def test_labels_that_cannot_be_accepted_write_nothing(
    domain: Domain, labels: list[tuple[str, str | None]], code: str, place: list[str]
) -> None:
    incident = await make_incident(domain, labels=(("team", "checkout"),))
    with pytest.raises(DomainError) as caught:
        await _set(domain, incident, ("fine", "value"), *labels)
    assert (caught.value.code, caught.value.field) == (code, ["labels", *place])
    assert (await domain.reads.incidents([incident.id]))[incident.id] == incident


async def test_labels_expect_a_version(domain: Domain) -> None:
    incident = await make_incident(domain)
    with pytest.raises(VersionConflictError):
        await _set(domain, incident, ("team", "checkout"), version=2)
    assert (await _set(domain, incident, ("team", "checkout"), version=1)).version == 2


@on_one_database
async def test_an_incident_is_not_opened_with_a_label_without_a_value(domain: Domain) -> None:
    system = await make_system(domain)
    command = CreateIncident(
        title="Checkout fails", severity=Severity.MAJOR, systems=[system.id], labels=[("team", None)]
    )
    with pytest.raises(DomainError) as caught:
        await domain.incidents.create(ADMIN, command)
    assert (caught.value.code, caught.value.field) == ("NOT_FOUND", ["labels", "0", "key"])
    assert await log_of(domain) == []


def test_a_full_incident_can_swap_its_labels() -> None:
    assert len(relabelled(relabelled((), MANY), [("key-1", None), ("new", "value")])) == LABELS_PER_INCIDENT
