"""The compiled path and the generic one give the same answers."""

import pytest

from domain.bootstrap import Domain
from tests.examples import share
from tests.gql.compiled.differential import compare
from tests.gql.compiled.events import compare_events
from tests.gql.dialects import on_both_databases
from tests.inside import inside


@on_both_databases
@pytest.mark.timeout(60)
async def test_random_queries_have_the_same_answers_on_both_paths(domain: Domain) -> None:
    tally = await compare(domain, count=share(75), seed=13 if inside(domain).database.is_sqlite else 14, incidents=10)

    assert tally.differences == []
    assert tally.compared > 2
    unexpected = {"a fault", "the database"} if inside(domain).database.is_sqlite else {"a fault"}
    assert not unexpected & tally.reasons.keys()


@on_both_databases
@pytest.mark.timeout(60)
async def test_random_subscriptions_send_the_same_events_on_both_paths(domain: Domain) -> None:
    tally = await compare_events(domain, count=share(45), seed=5 if inside(domain).database.is_sqlite else 6)

    assert tally.differences == []
    assert tally.compared > 7
