"""Subscribers of a server whose database was promoted without the last changes that they received."""

import pytest

from domain.bootstrap import Domain
from tests.domain.persistence.losing import lose_changes
from tests.factories import make_incident
from tests.gql.transport.sockets import serving, until
from tests.inside import inside

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.parametrize("dialect", [pytest.param("postgresql", marks=pytest.mark.postgres)]),
]
EVENTS = "subscription Events($after: String) { incidentChanges(after: $after) { incident { title } } }"


async def test_subscriptions_that_received_what_was_lost_end_as_expired_and_others_resume(domain: Domain) -> None:
    async with serving(domain) as running, running.socket() as socket, running.stream(query=EVENTS) as stream:
        await socket.subscribe(EVENTS)
        await until(lambda: running.members == 2)
        for title in ("Kept", "Lost"):
            await make_incident(domain, title=title)
        kept, lost = [await socket.next() for _ in range(2)]
        assert await stream.data(2) == [message["payload"]["data"]["incidentChanges"] for message in (kept, lost)]
        cursors = [message["payload"]["extensions"]["cursor"] for message in (kept, lost)]
        await lose_changes(domain, after=inside(domain).cursors.read_position(cursors[0]))
        await make_incident(domain, title="After")

        ended = await socket.next()
        assert (ended["type"], ended["id"]) == ("error", "1")
        assert [error["extensions"]["code"] for error in ended["payload"]] == ["CURSOR_EXPIRED"]
        event = await stream.next()
        assert event is not None
        assert event["data"]["errors"][0]["extensions"]["code"] == "CURSOR_EXPIRED"

        # The same socket begins again: from what was lost never, from what was kept without a gap.
        await socket.subscribe(EVENTS, id="2", after=cursors[1])
        refused = await socket.next()
        await socket.subscribe(EVENTS, id="3", after=cursors[0])
        resumed = await socket.next()
        assert [error["extensions"]["code"] for error in refused["payload"]] == ["CURSOR_EXPIRED"]
        assert resumed["payload"]["data"]["incidentChanges"] == {"incident": {"title": "After"}}
