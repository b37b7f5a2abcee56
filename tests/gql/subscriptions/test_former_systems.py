"""The log filtered by the key of a deleted system, or of one whose key another system has now."""

from collections.abc import Sequence

from domain.bootstrap import Domain
from domain.services.upkeep import Upkeep
from tests.client import Api, Json
from tests.conftest import SteppingClock
from tests.factories import ADMIN, make_incident, make_system
from tests.gql.dialects import on_both_databases
from tests.gql.subscriptions.watching import now, watching
from tests.inside import inside

EVENTS = "subscription S($filter: IncidentEventFilter, $after: String) { %s(filter: $filter, after: $after) { %s } }"
LOGS = "query Q($filter: IncidentEventFilter) { %s(filter: $filter) { totalCount nodes { incidentId } } }"
LIST = "query Q($filter: IncidentFilter) { incidents(filter: $filter) { totalCount } }"
BY_KEY = {"system": {"in": ["payments"]}}


async def _used(domain: Domain, key: str = "payments", *, gone: bool = True) -> str:
    """Return the id of an incident on a system of that key, which is deleted afterwards."""
    system = await make_system(domain, key)
    incident = await make_incident(domain, key)
    await domain.incidents.resolve(ADMIN, incident.id)
    if gone:
        await domain.systems.delete(ADMIN, system.id)
    return incident.id


async def _logged(api: Api, filter: Json, field: str = "incidentChanges") -> Sequence[str]:
    found = (await api.anonymous.read(LOGS % field, filter=filter))[field]
    assert found["totalCount"] == len(found["nodes"])
    return [node["incidentId"] for node in found["nodes"]]


async def test_events_of_a_deleted_system_are_replayed_by_key(domain: Domain) -> None:
    start = await now(domain)
    incident = await _used(domain)
    await _used(domain, "search")
    async with watching(domain, EVENTS % ("incidentChanges", "action"), filter=BY_KEY, after=start) as watcher:
        assert [change["action"] for change in await watcher.data(3)] == ["CREATED", "RESOLVED", "UPDATED"]
    document = EVENTS % ("incidentEvents", "type incidentId")
    async with watching(domain, document, filter={"and": [BY_KEY]}, after=start) as watcher:
        received = await watcher.data(3)
    assert [event["type"] for event in received] == ["CREATED", "RESOLVED", "UPDATED"]
    assert {event["incidentId"] for event in received} == {incident}


@on_both_databases
async def test_a_key_stands_for_every_system_that_had_it(api: Api, domain: Domain) -> None:
    incidents = [await _used(domain), await _used(domain), await _used(domain, gone=False)]
    await _used(domain, "search", gone=False)
    for field in ("incidentChanges", "incidentEvents"):
        assert list(dict.fromkeys(await _logged(api, BY_KEY, field))) == incidents
    [present] = (await domain.reads.system_ids(["payments"])).values()
    assert set(await _logged(api, {"system": {"in": [present]}})) == {incidents[-1]}


async def test_a_list_of_incidents_refuses_the_key_of_a_deleted_system(api: Api, domain: Domain) -> None:
    await _used(domain)
    assert (await api.anonymous.error(LIST, filter=BY_KEY))["code"] == "UNKNOWN_SYSTEM"


async def test_a_key_that_no_system_ever_had_is_unknown(api: Api, domain: Domain) -> None:
    await _used(domain)
    error = await api.anonymous.error(LOGS % "incidentEvents", filter={"system": {"in": ["payments", "nowhere"]}})
    assert (error["code"], error["field"]) == ("UNKNOWN_SYSTEM", ["filter", "system", "in"])


@on_both_databases
async def test_a_key_is_pruned_with_the_log_of_the_system(api: Api, domain: Domain, clock: SteppingClock) -> None:
    await _used(domain)
    clock.advance(days=6)
    await Upkeep(database=inside(domain).database, clock=clock, event_retention_days=7).run_once()
    assert len(await _logged(api, BY_KEY)) == 3
    clock.advance(days=2)
    await Upkeep(database=inside(domain).database, clock=clock, event_retention_days=7).run_once()
    assert (await api.anonymous.error(LOGS % "incidentEvents", filter=BY_KEY))["code"] == "UNKNOWN_SYSTEM"
