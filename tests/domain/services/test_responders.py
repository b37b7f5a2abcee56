"""Responders: acknowledging once until a reopening, people on incidents, and reminders that are silenced."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.bootstrap import Domain
from domain.errors import (
    DomainError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    UnknownPersonError,
    VersionConflictError,
)
from domain.model.actor import Actor, ActorType
from domain.model.commands import AssignIncident, EditIncidentUpdate, UpdateIncident
from domain.model.incident import Incident, Status
from domain.model.paging import PageRequest
from domain.model.viewer import Audience, Role, Viewer
from tests.domain.dialects import on_one_database
from tests.factories import ADMIN, log_of, make_incident, make_system, make_token, set_status
from tests.shared import clock_of

AMINA, BELA = [
    Viewer(actor=Actor(type=ActorType.USER, id=f"usr_{name}", name=name.title()), role=Role.RESPONDER)
    for name in ("amina", "bela")
]


async def acknowledged(domain: Domain, incident: Incident, viewer: Viewer = AMINA) -> Incident:
    """Acknowledge an incident and return it."""
    return (await domain.responders.acknowledge(viewer, incident.id)).value


@on_one_database
async def test_an_acknowledgement_has_its_actor_its_moment_and_the_time_that_it_took(domain: Domain) -> None:
    incident = await make_incident(domain)
    clock_of(domain).advance(seconds=90)
    seen = await acknowledged(domain, incident)
    assert seen.acknowledged_by == AMINA.actor
    assert seen.acknowledged_at is not None
    assert seen.time_to_acknowledge_seconds == (seen.acknowledged_at - incident.occurred_at).total_seconds() >= 90
    change = (await log_of(domain, incident))[-1]
    assert (change.events, change.changed_fields) == (("incident.acknowledged",), ())
    assert change.described_fields == ("acknowledged_at", "acknowledged_by")
    assert change.payload is not None
    assert change.payload["acknowledgedBy"] == {"type": "user", "id": "usr_amina", "name": "Amina"}
    assert "previous" not in change.payload


async def test_of_acknowledgements_at_once_one_counts(domain: Domain) -> None:
    incident = await make_incident(domain)
    both = await asyncio.gather(*(acknowledged(domain, incident, viewer) for viewer in (AMINA, BELA) * 3))
    assert len({(each.acknowledged_by, each.acknowledged_at, each.version) for each in both}) == 1
    assert len(await log_of(domain, incident)) == 2


@on_one_database
async def test_reopening_clears_the_acknowledgement_and_corrections_keep_it(domain: Domain) -> None:
    incident = await make_incident(domain)
    await acknowledged(domain, incident)
    assert (await set_status(domain, incident, Status.RESOLVED)).acknowledged_by == AMINA.actor
    assert (await set_status(domain, incident, Status.FIXING)).acknowledged_at is None
    again = await acknowledged(domain, incident, BELA)
    # The whole timeline counts again, with the resolution and the reopening in it.
    [entry, *_] = (await domain.reads.update_pages([incident.id], PageRequest(), Audience.MANAGER))[incident.id].items
    moved = EditIncidentUpdate(
        id=entry.id, incident_id=incident.id, created_at=entry.created_at - timedelta(milliseconds=1)
    )
    corrected = (await domain.timeline.edit(ADMIN, moved)).value.incident
    assert corrected is not None
    assert (corrected.acknowledged_by, corrected.acknowledged_at) == (BELA.actor, again.acknowledged_at)
    assert corrected.fixing_at != again.fixing_at


@on_one_database
async def test_an_incident_does_not_begin_after_its_acknowledgement(domain: Domain) -> None:
    incident = await acknowledged(domain, await make_incident(domain))
    clock_of(domain).advance(seconds=60)
    later = UpdateIncident(id=incident.id, occurred_at=incident.occurred_at + timedelta(seconds=50))
    with pytest.raises(InvalidInputError, match=r"^It was acknowledged earlier, .*\.$") as refusal:
        await domain.incidents.update(ADMIN, later)
    assert refusal.value.field == ["occurredAt"]


@on_one_database
async def test_an_acknowledgement_is_refused_with_a_reason(domain: Domain) -> None:
    incident, other = await make_incident(domain), await make_system(domain, "other")
    limited = replace(AMINA, systems=frozenset({other.id}))
    with pytest.raises(ForbiddenError):
        await domain.responders.acknowledge(limited, incident.id)
    with pytest.raises(NotFoundError):
        await domain.responders.acknowledge(AMINA, "inc_none")
    with pytest.raises(VersionConflictError):
        await domain.responders.acknowledge(AMINA, incident.id, expected_version=7)
    assert len(await log_of(domain, incident)) == 1


async def assigned(domain: Domain, incident: Incident, viewer: Viewer = AMINA, **people: Any) -> Incident:
    """Name the people on an incident and return it."""
    return (await domain.responders.assign(viewer, AssignIncident(id=incident.id, **people))).value


async def names(domain: Domain, text: str = "") -> list[str | None]:
    """Return the names of the people with that text in them."""
    return [person.actor.name for person in (await domain.reads.people(text, PageRequest())).items]


async def test_people_are_those_with_tokens_and_users_who_acted_or_named_themselves(domain: Domain) -> None:
    incident = await make_incident(domain)
    await make_token(domain, name="Monitor 100%")
    assert await names(domain) == ["Monitor 100%"]
    await acknowledged(domain, incident)
    await acknowledged(domain, incident)
    await assigned(domain, incident, BELA, lead=BELA.actor.id)
    assert await names(domain) == ["Monitor 100%", "Amina", "Bela"]
    assert (await names(domain, "0%"), await names(domain, "ELA"), await names(domain, "_")) == (
        ["Monitor 100%"],
        ["Bela"],
        [],
    )
    assert await domain.reads.people_count("a") == 2
    renamed = replace(AMINA, actor=replace(AMINA.actor, name="Amina B."))
    await assigned(domain, incident, renamed, lead=None)
    assert await names(domain, "amina") == ["Amina B."]


@on_one_database
async def test_people_are_assigned_by_their_ids(domain: Domain) -> None:
    incident = await make_incident(domain)
    token, _ = await make_token(domain)
    first = await assigned(domain, incident, lead=AMINA.actor.id, assignees=[token.id, AMINA.actor.id, token.id])
    assert first.lead is not None
    assert {person.name for person in first.assignees} == {"monitor", "Amina"}
    change = (await log_of(domain, incident))[-1]
    assert (change.events, change.described_fields) == (("incident.assigned",), ("assignees", "lead"))
    assert change.payload is not None
    assert change.payload["lead"] == {"type": "user", "id": "usr_amina", "name": "Amina"}
    again = await assigned(domain, incident, assignees=[person.id for person in first.assignees])
    assert again == first
    assert (await domain.reads.incidents([incident.id]))[incident.id] == first
    fewer = await assigned(domain, incident, assignees=[first.lead.id])
    assert (fewer.assignees, fewer.lead) == ((first.lead,), first.lead)


@on_one_database
async def test_a_person_whose_token_is_revoked_stays_and_is_given_nothing_new(domain: Domain) -> None:
    held, free = await make_incident(domain), await make_incident(domain)
    tokens = [(await make_token(domain, name=name))[0] for name in ("gone", "here")]
    gone, here = (token.id for token in tokens)
    await assigned(domain, held, lead=gone)
    await domain.tokens.revoke(ADMIN, gone)
    for people, field in (({"lead": gone}, ["lead"]), ({"assignees": [here, gone]}, ["assignees", "1"])):
        with pytest.raises(DomainError) as refusal:
            await assigned(domain, free, **people)
        assert (refusal.value.code, refusal.value.field) == ("BAD_USER_INPUT", field)
    assert len(await log_of(domain, free)) == 1
    kept = await assigned(domain, held, lead=here, assignees=[gone, here])
    assert [person.id for person in kept.assignees] == sorted([gone, here])
    back = (await assigned(domain, held, lead=gone)).lead
    assert back is not None
    assert back.id == gone


@on_one_database
async def test_what_a_limited_token_may_not_write_about_tells_it_of_no_person(domain: Domain) -> None:
    for key in ("mine", "payments"):
        await make_system(domain, key)
    incident = await make_incident(domain, "payments")
    token, _ = await make_token(domain, systems=["mine"])
    for people in ({"lead": "nobody"}, {"assignees": [token.id, "nobody"]}, {"assignees": [str(n) for n in range(21)]}):
        with pytest.raises(DomainError) as refusal:
            await assigned(domain, incident, token.viewer, **people)
        assert (refusal.value.code, refusal.value.field) == ("FORBIDDEN", ["id"])


@on_one_database
async def test_an_assignment_is_refused_with_its_field_and_writes_nothing(domain: Domain) -> None:
    incident = await make_incident(domain)
    for people, field in (
        ({"lead": "nobody"}, ["lead"]),
        ({"lead": AMINA.actor.id, "assignees": [AMINA.actor.id, "per_none"]}, ["assignees", "1"]),
    ):
        with pytest.raises(UnknownPersonError) as refusal:
            await assigned(domain, incident, **people)
        assert refusal.value.field == field
    with pytest.raises(InvalidInputError):
        await assigned(domain, incident, assignees=[f"per_{number}" for number in range(21)])
    assert (len(await log_of(domain, incident)), await names(domain)) == (1, [])


@on_one_database
async def test_a_snooze_lasts_until_its_moment_or_a_reopening(domain: Domain) -> None:
    incident, now = await make_incident(domain), domain.clock.now()
    for until in (now - timedelta(seconds=1), now + timedelta(days=31)):
        with pytest.raises(InvalidInputError) as refusal:
            await domain.responders.snooze(AMINA, incident.id, until)
        assert refusal.value.field == ["until"]
    later = now + timedelta(hours=1)
    assert (await domain.responders.snooze(AMINA, incident.id, later)).value.snoozed_until == later
    await set_status(domain, incident, Status.RESOLVED)
    assert (await set_status(domain, incident, Status.FIXING)).snoozed_until is None
