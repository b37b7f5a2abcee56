from tests.e2e.crash import crash


async def test_a_server_that_is_killed_loses_doubles_and_halves_nothing(empty_database_url: str) -> None:
    result = await crash(empty_database_url, kills=3, seed=1, longest_pause=0.4)
    assert result.violations == []
    assert result.resumes >= 1
    assert result.acknowledged.total() > 0
