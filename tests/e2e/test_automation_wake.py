from tests.e2e.automation_wake import wake


async def test_waiting_runs_wake_once_after_all_processes_are_killed(database_url: str) -> None:
    rounds = [woken async for woken in wake(database_url, runs=10, processes=1, latency=False)]
    assert [woken.violations for woken in rounds] == [[]]
