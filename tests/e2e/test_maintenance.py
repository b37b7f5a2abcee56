"""Maintenance that servers catch up with, of which one is killed: the short form of a command."""

from tests.domain.dialects import on_one_database
from tests.e2e.maintenance import crash


@on_one_database
async def test_each_instance_begins_and_ends_once_though_a_server_is_killed(database_url: str) -> None:
    result = await crash(database_url, count=3, kills=1, seed=1)
    assert result.violations == []
    assert len(result.windows) == 3
