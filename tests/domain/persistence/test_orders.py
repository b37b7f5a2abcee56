"""Orders of incidents: the databases and live lists agree on who comes first."""

import random
from datetime import timedelta

import pytest

from domain.bootstrap import Domain
from domain.model.filters import EVERYTHING, Field, Filter, Operator, Term
from domain.model.incident import Severity, Status
from domain.model.incident_listing import IncidentListing
from domain.model.paging import Order, PageRequest
from domain.model.viewer import Audience
from domain.persistence.database import Database
from domain.persistence.engines import create_engines, database_url
from domain.persistence.systems import BY_CODE_POINTS
from domain.services.list_readers import facts_of
from gql.types.enums import IncidentOrderField
from tests.addresses import postgres_url
from tests.conftest import SteppingClock
from tests.factories import make_incident, make_system, set_status
from tests.gql.dialects import on_both_databases
from tests.inside import inside
from tests.templates import fresh_name, on_server, url_of

RESOLVED = Term(Field.STATUS, Operator.EQ, Status.RESOLVED)
FIELDS = [field.value for field in IncidentOrderField]


@on_both_databases
async def test_lists_come_in_the_order_that_live_lists_have(domain: Domain, clock: SteppingClock) -> None:
    chance = random.Random(1)
    await make_system(domain, "payments")
    for _ in range(16):
        began = clock.moment - timedelta(minutes=chance.randrange(4))
        incident = await make_incident(domain, "payments", severity=chance.choice(list(Severity)), occurred_at=began)
        if chance.random() < 0.8:
            await set_status(domain, incident, chance.choice(list(Status)))
        clock.advance(milliseconds=chance.randrange(2))
    for number in range(80):
        order: Order | None = None
        for field in chance.sample(FIELDS, chance.randint(1, 3)):
            order = Order(field=field, descending=chance.random() < 0.5, then=order)
        assert order is not None
        tree: Filter = EVERYTHING if chance.random() < 0.5 else RESOLVED
        found = (await domain.reads.incident_page(tree, order, PageRequest(size=100), Audience.PUBLIC)).items
        listing = IncidentListing(tree=tree, order=order, size=100)
        places = [listing.place(each.id, facts_of(each)) for each in found]
        assert places == sorted(places), f"{number}: {order.name}"


@on_both_databases
async def test_the_databases_of_tests_order_names_as_memory_does(domain: Domain) -> None:
    assert await inside(domain).database.glance(BY_CODE_POINTS)


@pytest.mark.postgres
async def test_a_database_with_the_collation_of_a_language_is_known_to_order_names_otherwise() -> None:
    name = fresh_name()
    await on_server(
        postgres_url(),
        f"CREATE DATABASE \"{name}\" TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'",
    )
    engines = create_engines(database_url(url_of(name)))
    try:
        assert await Database(engines).glance(BY_CODE_POINTS) == 0
    finally:
        await engines.dispose()
        await on_server(postgres_url(), f'DROP DATABASE "{name}" WITH (FORCE)')
