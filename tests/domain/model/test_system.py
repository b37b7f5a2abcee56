"""The rules of systems that depend on nothing else."""

import pytest

from domain.errors import InvalidInputError
from domain.model.incident import Health, HealthOverride
from domain.model.system import ActiveHealthOverride, checked_key, worst_health


@pytest.mark.parametrize("key", ["a", "0", "payments-api", "eu.payments_2", "x" * 100])
def test_a_key_is_lower_case_letters_digits_dots_dashes_and_underscores(key: str) -> None:
    assert checked_key(key) == key


@pytest.mark.parametrize(
    "key", ["", " ", "Payments", "-a", "a-", ".a", "a b", "ä", "a/b", "a\n", "a\0", "x" * 101, "sys_payments"]
)
def test_a_key_of_another_form_is_refused(key: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        checked_key(key)
    assert caught.value.field == ["key"]


def _override(status: HealthOverride) -> ActiveHealthOverride:
    return ActiveHealthOverride(system_id="sys_1", status=status, incident_id="inc_1", incident_title="Down")


WORST = {
    "nothing says otherwise": (Health.HEALTHY, [], Health.HEALTHY),
    "an override is worse": (Health.HEALTHY, [HealthOverride.DEGRADED], Health.DEGRADED),
    "the report is worse": (Health.UNHEALTHY, [HealthOverride.DEGRADED], Health.UNHEALTHY),
    "the worst of several": (
        Health.DEGRADED,
        [HealthOverride.DEGRADED, HealthOverride.UNHEALTHY],
        Health.UNHEALTHY,
    ),
}


@pytest.mark.parametrize(("reported", "overrides", "expected"), WORST.values(), ids=WORST.keys())
def test_the_worst_health_wins(reported: Health, overrides: list[HealthOverride], expected: Health) -> None:
    assert worst_health(reported, [_override(status) for status in overrides]) is expected
