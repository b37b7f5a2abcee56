"""Many subscriptions of one caller do not block the event loop."""

import pytest

from domain.bootstrap import Domain
from domain.model.commands import AddIncidentUpdate
from domain.model.viewer import Role
from tests.factories import ADMIN, make_incident
from tests.gql.test_limits_timing import LONGEST_TURN_SECONDS
from tests.gql.transport.serving import ticking
from tests.gql.transport.sockets import Running, until
from tests.gql.transport.test_claims import begin

pytestmark = pytest.mark.timing


async def test_a_hundred_different_subscriptions_yield_to_the_event_loop(served: Running, domain: Domain) -> None:
    incident = await make_incident(domain)
    document = "subscription S# { incidentChanges { incident { title status updates { nodes { message } } } } }"
    async with served.socket(Role.RESPONDER) as raw:
        await begin(raw, document, 90)
        await until(lambda: len(served.endpoint.groups) == 90)
        async with ticking() as ticker:
            await domain.timeline.add(ADMIN, AddIncidentUpdate(incident_id=incident.id, message="m"))
            assert len(await raw.data(90)) == 90
    assert ticker.longest_seconds < LONGEST_TURN_SECONDS
