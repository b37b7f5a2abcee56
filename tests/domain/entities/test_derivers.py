"""The derivation of trigger events and payloads from changes."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from domain.entities.derivers import DeriverRegistry
from domain.model.change import Change
from tests.domain.entities.changes import a_change, an_incident


def test_a_change_of_an_unknown_kind_derives_nothing(registry: DeriverRegistry) -> None:
    assert registry.derive(_change()) == ()


def test_a_registered_deriver_is_used(registry: DeriverRegistry) -> None:
    registry.register(kind="incident", derive=_one)

    assert registry.derive(_change()) == ("one",)


def test_only_the_derivers_of_the_changes_kind_run(registry: DeriverRegistry) -> None:
    registry.register(kind="incident", derive=_one)
    registry.register(kind="widget", derive=_two_and_one)

    assert registry.derive(_change()) == ("one",)


def test_events_of_several_derivers_are_each_there_once_in_the_order_first_seen(registry: DeriverRegistry) -> None:
    registry.register(kind="incident", derive=_two_and_one)
    registry.register(kind="incident", derive=_one)

    assert registry.derive(_change()) == ("two", "one")


@pytest.mark.parametrize("failing", ["_raises", "_raises_on_the_way", "_gives_nothing"])
def test_a_deriver_that_fails_does_not_stop_the_others(
    registry: DeriverRegistry, failing: str, caplog: pytest.LogCaptureFixture
) -> None:
    registry.register(kind="incident", derive=globals()[failing])
    registry.register(kind="incident", derive=_one)

    assert registry.derive(_change()) == ("one",)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_a_deriver_registered_twice_runs_once(registry: DeriverRegistry) -> None:
    calls: list[str] = []

    def derive(change: Change) -> Sequence[str]:
        calls.append(change.id)
        return ["one"]

    registry.register(kind="incident", derive=derive)
    registry.register(kind="incident", derive=derive)
    registry.derive(_change())
    assert len(calls) == 1


def test_events_that_are_empty_or_no_strings_do_not_count(registry: DeriverRegistry) -> None:
    registry.register(kind="incident", derive=lambda _: ["", None, 3, "one"])

    assert registry.derive(_change()) == ("one",)


@pytest.mark.parametrize("kind", ["", "  "])
def test_a_deriver_of_a_blank_kind_is_refused(registry: DeriverRegistry, kind: str) -> None:
    with pytest.raises(ValueError, match="non-empty string"):
        registry.register(kind=kind, derive=_one)


def test_the_kinds_with_derivers_are_listed(registry: DeriverRegistry) -> None:
    registry.register(kind="widget", derive=_one)
    registry.register(kind="incident", derive=_one)

    assert registry.kinds() == ["widget", "incident"]


def test_without_a_mapper_there_is_no_payload(registry: DeriverRegistry) -> None:
    registry.register(kind="incident", derive=_one)

    assert registry.payload(_change()) is None


def test_a_mapper_shapes_the_payload(registry: DeriverRegistry) -> None:
    registry.register(kind="incident", derive=_one, to_payload=_payload)

    assert registry.payload(_change()) == {"of": "incident"}


def test_a_mapper_is_for_its_kind_only(registry: DeriverRegistry) -> None:
    registry.register(kind="widget", derive=_one, to_payload=_payload)

    assert registry.payload(_change()) is None


def test_one_call_registers_deriver_and_mapper(registry: DeriverRegistry) -> None:
    registry.register(kind="incident", derive=_one, to_payload=_payload)

    assert (registry.derive(_change()), registry.payload(_change())) == (("one",), {"of": "incident"})


def test_the_same_mapper_again_is_fine(registry: DeriverRegistry) -> None:
    registry.register(kind="incident", derive=_one, to_payload=_payload)
    registry.register(kind="incident", derive=_two_and_one, to_payload=_payload)

    assert registry.payload(_change()) == {"of": "incident"}


def test_a_second_mapper_of_a_kind_is_refused(registry: DeriverRegistry) -> None:
    registry.register(kind="incident", derive=_one, to_payload=_payload)

    with pytest.raises(ValueError, match="another payload mapper"):
        registry.register(kind="incident", derive=_one, to_payload=lambda _: {})


@pytest.fixture
def registry() -> DeriverRegistry:
    """Return an empty registry."""
    return DeriverRegistry()


def _change() -> Change:
    return a_change(prev=None, following=an_incident())


def _one(_: Change) -> Sequence[str]:
    return ["one"]


def _two_and_one(_: Change) -> Sequence[str]:
    return ["two", "one"]


def _payload(change: Change) -> Mapping[str, Any]:
    return {"of": change.kind}


def _raises(_: Change) -> Sequence[str]:
    raise RuntimeError("broken")


def _raises_on_the_way(_: Change) -> Iterator[str]:
    yield "half"
    raise RuntimeError("broken")


def _gives_nothing(_: Change) -> None:
    return None
