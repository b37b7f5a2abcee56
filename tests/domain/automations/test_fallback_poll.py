from domain.bootstrap import Domain
from tests.domain.dialects import on_one_database


@on_one_database
def test_a_thousand_waits_poll_four_times_a_second_at_most(domain: Domain) -> None:
    seconds = domain.automations.runner._tools.fallback_poll_seconds
    assert seconds is not None
    assert 1000 / seconds <= 4
