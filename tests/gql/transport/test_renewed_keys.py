"""A key that a subscription names may be given to a new system: who comes back finds that one."""

from contextlib import AsyncExitStack
from typing import Any

import pytest

from domain.bootstrap import Domain
from domain.model.incident import Health
from tests.client import Json
from tests.factories import ADMIN, make_incident, make_system, report_health
from tests.gql.subscriptions.watching import now, watching
from tests.gql.transport.sockets import Raw, Running, until

FILTER = {"system": {"in": ["web"]}}
LIST = """subscription ($f: IncidentFilter, $after: String) {
  incidentList(filter: $f, first: 10, after: $after) {
    startsOver totalCount changes { at: index incidentId incident { id } }
  }
}"""
COUNTS = "subscription ($f: IncidentFilter) { incidentCounts(filter: $f) { count } }"
EVENTS = """subscription ($f: IncidentEventFilter, $after: String) {
  incidentEvents(filter: $f, after: $after) { incident { id } }
}"""
HEALTH = 'subscription ($after: String) { systemHealth(systems: ["web"], after: $after) { occurredAt } }'
#: Each with whether its first message comes at once.
DOCUMENTS = {"a list": (LIST, True), "counts": (COUNTS, True), "events": (EVENTS, False), "health": (HEALTH, False)}


@pytest.fixture
async def old(domain: Domain) -> str:
    """Return the id of an incident of a system that is going to be deleted."""
    await make_system(domain, "web")
    return (await make_incident(domain, "web")).id


async def renew(domain: Domain) -> str:
    """Delete the system, create another one with its key, and return the id of an incident of that one."""
    await domain.systems.delete(ADMIN, "web")
    await make_system(domain, "web")
    return (await make_incident(domain, "web")).id


async def test_shared_subscriptions_that_name_the_key_are_closed_to_come_back(
    served: Running, domain: Domain, old: str
) -> None:
    async with AsyncExitStack() as stack:
        sockets = {name: await stack.enter_async_context(served.socket()) for name in DOCUMENTS}
        for name, (document, is_begun) in DOCUMENTS.items():
            await sockets[name].subscribe(document, **_variables(document))
            if is_begun:
                await sockets[name].data()
        await until(lambda: served.members == len(DOCUMENTS))
        await renew(domain)
        for name, socket in sockets.items():
            _, code = await socket.rest()
            assert (name, code) == (name, 1013)


async def test_an_equal_list_of_those_who_come_later_has_the_new_system(
    served: Running, domain: Domain, old: str
) -> None:
    async with served.socket() as early:
        await early.subscribe(LIST, f=FILTER)
        assert _ids(await _update(early)) == [old]
        new = await renew(domain)
        async with served.socket() as late:
            await until(lambda: served.members == 0)
            await late.subscribe(LIST, f=FILTER)
            assert _ids(await _update(late)) == [new]


async def test_a_list_of_before_starts_over_when_it_is_resumed(served: Running, domain: Domain, old: str) -> None:
    async with served.socket() as early:
        await early.subscribe(LIST, f=FILTER)
        message = await early.next()
    cursor = message["payload"]["extensions"]["cursor"]
    new = await renew(domain)
    async with served.socket() as late:
        await late.subscribe(LIST, f=FILTER, after=cursor)
        update = await _update(late)
    assert (update["startsOver"], update["totalCount"], _ids(update)) == (True, 1, [new])


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_a_subscription_of_its_own_ends_as_for_an_outage(domain: Domain, old: str, name: str) -> None:
    document, is_begun = DOCUMENTS[name]
    before: dict[str, Any] = {} if is_begun else {"after": await now(domain)}
    await _happen(domain)
    async with watching(domain, document, **_variables(document), **before) as watcher:
        # Once something came, it surely follows.
        await watcher.data(1)
        await renew(domain)
        while "errors" not in (result := await watcher.next()):
            continue
    assert [error["extensions"]["code"] for error in result["errors"]] == ["UNAVAILABLE"]


async def _happen(domain: Domain) -> None:
    await make_incident(domain, "web")
    await report_health(domain, "web", Health.DEGRADED)


def _variables(document: str) -> dict[str, Any]:
    return {} if document == HEALTH else {"f": FILTER}


async def _update(raw: Raw) -> Json:
    [update] = await raw.data()
    found: Json = update
    return found


def _ids(update: Json) -> list[str]:
    return [each["incidentId"] for each in update["changes"]]
