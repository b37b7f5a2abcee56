"""The waits that a change wakes."""

from dataclasses import replace

from domain.automations.engine.wakes import WakeIndex
from domain.bootstrap import Domain
from tests.domain.messaging.changes import a_change
from tests.inside import inside


async def test_a_wait_is_found_by_its_references_and_their_kind(domain: Domain) -> None:
    index = WakeIndex(inside(domain).tail)
    with (
        index.watching(["health:sys_1", "incident:inc_1"], run_id="a") as one,
        index.watching(["health:*"], run_id="b") as every,
    ):
        assert index.owners("health", "sys_1") == {one, every}
        assert index.owners("health", "sys_2") == {every}
        assert index.owners("incident", "inc_1") == {one}
        assert index.owners("incident", "sys_1") == set()
        assert index.owners("automation_run", "a") == {one}
    assert index.owners("health", "sys_1") == set()
    assert index._waiting == {}


async def test_a_double_registration_stays_until_the_last_one_ends(domain: Domain) -> None:
    index = WakeIndex(inside(domain).tail)
    with index.watching(["health:sys_1", "health:sys_1"], run_id="a") as first:
        with index.watching(["health:sys_1"], run_id="a") as second:
            assert index.owners("health", "sys_1") == {first, second}
        assert index.owners("health", "sys_1") == {first}


async def test_an_event_wakes_its_waits_and_lost_changes_wake_all(domain: Domain) -> None:
    index = WakeIndex(inside(domain).tail)
    change = replace(a_change(domain), events=("incident.resolved",))
    with index.watching(["event:incident.resolved"], run_id="a") as waiting, index.watching([], run_id="b") as other:
        index.wake(change)
        assert (waiting.is_set(), other.is_set()) == (True, False)
        waiting.clear()
        index.wake_all()
        assert waiting.is_set()
        assert other.is_set()
