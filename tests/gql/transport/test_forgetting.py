"""A person who is forgotten while clients follow incidents: all of them show the pseudonym, and nothing is lost."""

from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

from domain.bootstrap import Domain
from domain.model.actor import Actor, ActorType
from domain.model.change import Change
from domain.model.commands import AddIncidentUpdate, AssignIncident, CreateIncident, EditIncidentUpdate
from domain.model.erasure import FORGOTTEN_NAME
from domain.model.incident import Incident, Severity
from domain.model.viewer import Role, Viewer
from domain.services.forgetting.work import GRACE
from tests.client import Json, calling
from tests.conftest import SteppingClock
from tests.factories import ADMIN, make_incident
from tests.gql.dialects import on_both_databases
from tests.gql.subscriptions.watching import now
from tests.gql.transport.sockets import Raw, Running
from tests.inside import inside

ID, NAME = "ann@example.com", "Ann Lee"
ANN = Viewer(actor=Actor(type=ActorType.USER, id=ID, name=NAME), role=Role.RESPONDER)
WHO = "{ type id name }"
PEOPLE = f"""version openedBy {WHO} acknowledgedBy {WHO} lead {WHO} assignees {WHO}
  updates {{ nodes {{ createdBy {WHO} editHistory {{ replacedBy {WHO} }} }} }}"""
INCIDENT = f"subscription {{ incident(id: $id) {{ {PEOPLE} }} }}"
CHANGES = f"""subscription ($after: String) {{ incidentChanges(after: $after) {{
  cursor version action changedFields actor {WHO} incident {{ {PEOPLE} }}
}} }}"""
LIST = f"""subscription ($after: String, $f: IncidentFilter) {{ incidentList(after: $after, filter: $f) {{
  cursor startsOver totalCount changes {{ action incidentId incident {{ {PEOPLE} }} }}
}} }}"""
PAST = f"""query ($id: ID!, $cursor: String) {{ incident(id: $id, atCursor: $cursor) {{ {PEOPLE}
  timeline(first: 50) {{ nodes {{ at change {{ actor {WHO} delta }} }} }} }} }}"""
COUNTS = """subscription ($f: IncidentFilter) {
  incidentCounts(filter: $f, groupBy: OPENED_BY) { openedBy { name } count }
}"""
LED = {"lead": {"in": [ID]}}


@on_both_databases
async def test_open_clients_of_both_audiences_see_the_pseudonym(served: Running, domain: Domain) -> None:
    incident = await involving_ann(domain)
    for role in (Role.ANONYMOUS, Role.RESPONDER):
        async with served.socket(role) as raw:
            await raw.subscribe(INCIDENT.replace("$id", f'"{incident.id}"'))
            [first] = await raw.data()
            assert NAME in str(first)
            await forget(domain)
            [shown] = await raw.data()
        assert FORGOTTEN_NAME in str(shown)
        assert not names(shown)
        assert shown["version"] == first["version"] + 1
        await domain.responders.assign(ANN, AssignIncident(id=incident.id, lead=ID))


@on_both_databases
async def test_a_client_that_resumes_over_it_gets_every_change_once_without_the_person(
    served: Running, domain: Domain
) -> None:
    start = await now(domain)
    incident = await involving_ann(domain)
    before = await log(domain)
    async with served.socket(Role.RESPONDER) as raw:
        await raw.subscribe(CHANGES, after=start)
        old = await raw.data(len(before))
    assert names(old)
    await forget(domain)

    changes = await log(domain)
    assert [(change.seq, change.version) for change in changes[: len(before)]] == [
        (change.seq, change.version) for change in before
    ]
    for role in (Role.ANONYMOUS, Role.RESPONDER):
        for after, missing in ((start, 0), (old[1]["cursor"], 2)):
            async with served.socket(role) as raw:
                await raw.subscribe(CHANGES, after=after)
                resumed = await raw.data(len(changes) - missing)
            assert not names(resumed)
            assert [each["version"] for each in resumed] == [each.version for each in changes[missing:]]
            assert [each["cursor"] for each in resumed[: len(old) - missing]] == [
                each["cursor"] for each in old[missing:]
            ]
    for cursor in (old[1]["cursor"], old[-1]["cursor"]):
        past = await read(domain, PAST, id=incident.id, cursor=cursor)
        assert FORGOTTEN_NAME in str(past)
        assert not names(past)


@on_both_databases
async def test_live_lists_and_counts_by_a_person_lose_what_named_them(served: Running, domain: Domain) -> None:
    incident = await involving_ann(domain)
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(served.socket(Role.RESPONDER)) for _ in range(3)]
        by_person, whole, counts = sockets
        await counts.subscribe(COUNTS)
        [counted] = await counts.data()
        await by_person.subscribe(LIST, f=LED)
        await whole.subscribe(LIST)
        [led], [_] = await by_person.data(), await whole.data()
        assert [change["incidentId"] for change in led["changes"]] == [incident.id]
        await forget(domain)
        [recounted] = await counts.data()
        gone, renamed = await without_ann(by_person), await without_ann(whole)
    assert (names(counted), names(recounted), FORGOTTEN_NAME in str(recounted)) == (True, False, True)
    assert (gone["startsOver"], gone["totalCount"], gone["changes"]) == (True, 0, [])
    assert FORGOTTEN_NAME in str(renamed)

    async with served.socket(Role.RESPONDER) as raw:
        await raw.subscribe(LIST, f=LED, after=led["cursor"])
        [resumed] = await raw.data()
    assert (resumed["startsOver"], resumed["totalCount"], resumed["changes"]) == (True, 0, [])


async def test_a_live_list_shows_the_pseudonym_of_whoever_opened_what_is_over(served: Running, domain: Domain) -> None:
    incident = await opened_by_ann(domain)
    await domain.incidents.resolve(ADMIN, incident.id)
    everything = {"includeResolved": True}
    async with served.socket(Role.RESPONDER) as raw:
        await raw.subscribe(LIST, f=everything)
        [before] = await raw.data()
        assert names(before)
        await forget(domain)
        after = await without_ann(raw)
    async with served.socket(Role.RESPONDER) as raw:
        await raw.subscribe(LIST, f=everything, after=before["cursor"])
        [resumed] = await raw.data()
    assert (resumed["startsOver"], resumed["totalCount"]) == (True, before["totalCount"])
    assert FORGOTTEN_NAME in str(after)
    assert not names(resumed)


@on_both_databases
async def test_clients_of_an_incident_that_is_over_see_the_pseudonym_at_once_and_when_they_resume(
    served: Running, domain: Domain
) -> None:
    incident = await opened_by_ann(domain)
    await domain.incidents.resolve(ADMIN, incident.id)
    document = f'subscription ($after: String) {{ incident(id: "{incident.id}", after: $after) {{ {PEOPLE} }} }}'
    async with served.socket(Role.RESPONDER) as raw:
        await raw.subscribe(document)
        [first] = await raw.data()
        assert names(first)
        before = await now(domain)
        await forget(domain)
        [shown] = await raw.data()
    async with served.socket(Role.RESPONDER) as raw:
        await raw.subscribe(document, after=before)
        [resumed] = await raw.data()
    assert shown == resumed
    assert (shown["version"], shown["openedBy"]["name"], names(shown)) == (first["version"], FORGOTTEN_NAME, False)


async def test_no_automation_is_triggered_by_it(domain: Domain) -> None:
    await involving_ann(domain)
    head = await domain.events.head()
    await forget(domain)
    changes = await domain.events.raw(head, limit=100)
    assert [(change.kind, change.events) for change in changes] == [
        ("erasure", ()),
        ("incident", ()),
        ("erasure", ()),
    ]
    assert changes[1].described_fields == ("acknowledged_by", "assignees", "lead", "opened_by")
    assert not names([change.as_json() for change in changes])


async def test_a_resolved_incident_that_somebody_only_opened_is_renamed_without_a_change(domain: Domain) -> None:
    incident = await opened_by_ann(domain)
    await domain.incidents.resolve(ADMIN, incident.id)
    head = await domain.events.head()
    await forget(domain)
    assert [change.kind for change in await domain.events.raw(head, limit=100)] == ["erasure", "erasure"]
    found = (await domain.reads.incidents([incident.id]))[incident.id]
    assert found.opened_by.name == FORGOTTEN_NAME


async def test_the_streams_of_a_forgotten_user_end(domain: Domain) -> None:
    await involving_ann(domain)
    reasons: list[str] = []
    held = [domain.sessions.hold(replace(ANN, actor=replace(ANN.actor, id=each)), reasons.append) for each in (ID, "x")]
    await domain.forgetting.forget(ADMIN, ID)
    assert reasons == ["Token revoked"]
    for each in held:
        each.release()


async def opened_by_ann(domain: Domain) -> Incident:
    """Open an incident as the person."""
    await make_incident(domain)
    command = CreateIncident(title="Hers", severity=Severity.MAJOR, systems=("payments",))
    return (await domain.incidents.create(ANN, command)).value.incident


async def involving_ann(domain: Domain) -> Incident:
    """Return an incident that a person opened, leads, is assigned to, has seen and wrote of."""
    incident = await opened_by_ann(domain)
    entry = (await domain.timeline.add(ANN, AddIncidentUpdate(incident_id=incident.id, message="Hm"))).value.update
    assert entry is not None
    await domain.timeline.edit(ANN, EditIncidentUpdate(incident_id=incident.id, id=entry.id, message="Ah"))
    await domain.responders.acknowledge(ANN, incident.id)
    await domain.responders.assign(ANN, AssignIncident(id=incident.id, lead=ID, assignees=(ID,)))
    return incident


async def forget(domain: Domain) -> None:
    """Forget the person, and work through that to its end."""
    await domain.forgetting.forget(ADMIN, ID)
    await domain.forgetting.work.run_pending()
    clock = domain.clock
    assert isinstance(clock, SteppingClock)
    clock.advance(seconds=GRACE.total_seconds())
    await domain.forgetting.work.run_pending()
    await inside(domain).tail.read_now()


async def log(domain: Domain) -> list[Change]:
    """Return the changes of incidents in the log."""
    return [change for change in await domain.events.raw(0, limit=100) if change.kind == "incident"]


async def read(domain: Domain, document: str, **variables: Any) -> Json:
    """Return the data of a query by a responder."""
    async with calling(domain) as api:
        return await api.responder.read(document, **variables)


def names(shown: Any) -> bool:
    """Return whether that shows the person."""
    return any(text in str(shown) for text in (ID, NAME))


async def without_ann(raw: Raw) -> Json:
    """Return the first of the next updates that shows nothing of her: a list starts over at both ends of an erasure."""
    while True:
        [update] = await raw.data()
        # A list that is filtered by her loses her incident before it starts over.
        if update["startsOver"] and not names(update):
            found: Json = update
            return found
