from tests.e2e.crash import crash


async def test_a_killed_server_loses_doubles_and_tears_no_write(database_url: str) -> None:
    result = await crash(database_url, kills=3, seed=1, longest_pause=0.4)
    assert result.violations == []
    assert result.resumes >= 1
    assert result.acknowledged.total() > 0
