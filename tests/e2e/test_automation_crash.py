from tests.e2e.automation_crash import crash


async def test_automations_run_once_when_their_servers_are_killed(database_url: str) -> None:
    result = await crash(database_url, kills=2, seed=1, processes=2, systems=3, longest=0.5)
    assert result.violations == {}
    assert result.quiet_seconds is not None
    assert result.truth.incidents
