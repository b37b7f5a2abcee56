"""What each audience gets to know of a change."""

import json
from dataclasses import replace

import pytest

from domain.model.change import Change, Touched, TouchKind
from domain.model.viewer import Audience, Visibility
from tests.domain.entities.changes import a_change, an_incident

COMMENT = a_change(prev=an_incident(), following=an_incident())


@pytest.mark.parametrize(
    ("visibility", "concerned"),
    [
        (Visibility.PUBLIC, {Audience.PUBLIC, Audience.AUTHENTICATED, Audience.MANAGER}),
        (Visibility.LOGGED_IN, {Audience.AUTHENTICATED, Audience.MANAGER}),
        (Visibility.INTERNAL, {Audience.MANAGER}),
    ],
)
def test_a_change_of_one_part_concerns_those_who_may_see_it(visibility: Visibility, concerned: set[Audience]) -> None:
    change = replace(COMMENT, touched=(_part(visibility),))

    assert {audience for audience in Audience if change.concerns(audience)} == concerned


@pytest.mark.parametrize("audience", list(Audience))
def test_a_change_of_the_incident_itself_concerns_everybody(audience: Audience) -> None:
    hidden = replace(COMMENT, touched=(_part(Visibility.INTERNAL),))

    assert replace(hidden, changed_fields=("severity",)).concerns(audience)
    assert replace(hidden, described_fields=("title",)).concerns(audience)


@pytest.mark.parametrize("audience", list(Audience))
def test_a_change_of_nothing_concerns_nobody(audience: Audience) -> None:
    assert not COMMENT.concerns(audience)


def test_hidden_parts_are_not_among_those_touched() -> None:
    change = replace(COMMENT, touched=tuple(_part(visibility) for visibility in Visibility))

    assert {audience: len(change.touched_for(audience)) for audience in Audience} == {
        Audience.PUBLIC: 1,
        Audience.AUTHENTICATED: 2,
        Audience.MANAGER: 3,
    }


def test_the_fields_of_a_change_do_not_tell_of_hidden_parts() -> None:
    link = replace(_part(Visibility.LOGGED_IN), part="links")
    change = _changed(touched=(_part(Visibility.INTERNAL), link))

    assert change.visible_fields(Audience.PUBLIC) == ("severity", "title")
    assert change.visible_fields(Audience.AUTHENTICATED) == ("links", "severity", "title")
    assert change.visible_fields(Audience.MANAGER) == ("links", "severity", "title", "updates")


def test_several_parts_of_one_sort_are_one_field() -> None:
    change = _changed(touched=(_part(Visibility.PUBLIC), _part(Visibility.PUBLIC)))

    assert change.visible_fields(Audience.PUBLIC) == ("severity", "title", "updates")


def test_only_a_change_of_reactive_fields_is_reactive() -> None:
    assert _changed(touched=()).reactive
    assert not replace(COMMENT, described_fields=("title",), touched=(_part(Visibility.PUBLIC),)).reactive


def test_a_touched_part_survives_the_log() -> None:
    part = _part(Visibility.LOGGED_IN)

    assert Touched.from_json(part.as_json()) == part


def test_an_operator_sees_all_of_a_change_as_json() -> None:
    change = _changed(touched=(_part(Visibility.INTERNAL),))

    seen = json.loads(json.dumps(change.as_json()))

    assert (seen["entityId"], seen["changedFields"], seen["describedFields"]) == (
        change.entity_id,
        ["severity"],
        ["title"],
    )
    assert (seen["touched"][0]["visibility"], seen["occurredAt"]) == ("internal", "2026-03-01T12:00:00.000Z")


def _part(visibility: Visibility) -> Touched:
    return Touched(part="updates", id="upd_1", kind=TouchKind.ADDED, visibility=visibility)


def _changed(*, touched: tuple[Touched, ...]) -> Change:
    return replace(COMMENT, changed_fields=("severity",), described_fields=("title",), touched=touched)
