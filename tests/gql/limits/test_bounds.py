"""The bounds of an operation: what the operator set, each in its place."""

from types import SimpleNamespace

from domain.settings import Settings
from gql.limits.bounds import Bounds

SETTINGS = Settings(
    max_cost=11,
    max_depth=12,
    max_aliases=13,
    max_directives=14,
    max_tokens=15,
    introspection=False,
    execution_seconds=16.0,
)
SET = Bounds(cost=11, depth=12, aliases=13, directives=14, tokens=15, introspection=False, execution_seconds=16.0)


def test_each_bound_is_the_setting_of_the_same_name() -> None:
    assert Bounds.of(SETTINGS) == SET


def test_an_operation_has_the_bounds_of_the_domain_or_else_the_defaults() -> None:
    assert Bounds.around(SimpleNamespace(domain=SimpleNamespace(settings=SETTINGS))) == SET
    assert Bounds.around(SimpleNamespace(domain=None)) == Bounds.of(Settings())
    assert Bounds.around(None) == Bounds.of(Settings())
