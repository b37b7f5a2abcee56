"""Visitors of real servers that are killed while they send."""

from tests.domain.dialects import on_one_database
from tests.e2e.visitors import crash


@on_one_database
async def test_a_server_that_is_killed_while_it_sends_loses_and_invents_nothing(database_url: str) -> None:
    result = await crash(database_url, kills=1, visitors=3, seed=1, servers=1, fails=0.0, waits=False)
    assert result.violations == {}
    assert result.is_quiet
    assert result.mails
