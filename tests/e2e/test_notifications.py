from tests.domain.dialects import on_one_database
from tests.e2e.notifications import crash


@on_one_database
async def test_no_message_is_lost_or_sent_twice_by_two_servers_of_which_one_is_killed(database_url: str) -> None:
    result = await crash(database_url, count=5, kills=1, seed=1)
    assert result.violations == {}
    assert result.quiet_seconds is not None
    assert len(result.kills) == 1
