from tests.e2e.automation_wake import wake


async def test_runs_that_wait_while_everything_is_killed_wake_once(empty_database_url: str) -> None:
    rounds = [woken async for woken in wake(empty_database_url, runs=20, processes=1, latency=False)]
    assert [woken.violations for woken in rounds] == [[]]
