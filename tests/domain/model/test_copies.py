"""Copies of frozen data with other values."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from domain.model.actor import Actor, ActorType
from domain.model.copies import changed
from domain.model.incident import IncidentUpdate
from domain.model.viewer import Visibility

_UPDATE = IncidentUpdate(
    id="upd_1",
    incident_id="inc_1",
    message="Looking",
    status_change=None,
    visibility=Visibility.PUBLIC,
    created_at=datetime(2026, 3, 1, tzinfo=UTC),
    created_by=Actor(type=ActorType.USER, id="usr_1", name="Rita"),
)


@dataclass(frozen=True, slots=True)
class _Checked:
    number: int

    def __post_init__(self) -> None:
        assert self.number


def test_a_copy_is_what_replace_makes_and_leaves_the_original() -> None:
    copy = changed(_UPDATE, message="Fixed", is_opening=True)
    assert copy == replace(_UPDATE, message="Fixed", is_opening=True)
    assert hash(copy) != hash(_UPDATE)
    assert _UPDATE.message == "Looking"


def test_a_name_that_is_no_field_is_refused() -> None:
    with pytest.raises(TypeError, match="IncidentUpdate has no mesage"):
        changed(_UPDATE, mesage="Fixed")


def test_a_class_that_checks_its_values_is_refused() -> None:
    with pytest.raises(TypeError, match="_Checked"):
        changed(_Checked(1), number=0)
