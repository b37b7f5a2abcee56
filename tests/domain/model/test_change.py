"""The parts of a change that each audience may see."""

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
def test_a_change_of_one_part_concerns_audiences_that_see_the_part(
    visibility: Visibility, concerned: set[Audience]
) -> None:
    change = replace(COMMENT, touched=(_part(visibility),))

    assert {audience for audience in Audience if change.concerns(audience)} == concerned


@pytest.mark.parametrize("audience", list(Audience))
def test_a_change_of_the_incident_itself_concerns_every_audience(audience: Audience) -> None:
    hidden = replace(COMMENT, touched=(_part(Visibility.INTERNAL),))

    assert replace(hidden, changed_fields=("severity",)).concerns(audience)
    assert replace(hidden, described_fields=("title",)).concerns(audience)


@pytest.mark.parametrize("audience", list(Audience))
def test_an_empty_change_concerns_no_audience(audience: Audience) -> None:
    assert not COMMENT.concerns(audience)


def test_hidden_parts_are_not_among_those_touched() -> None:
    change = replace(COMMENT, touched=tuple(_part(visibility) for visibility in Visibility))

    assert {audience: len(change.touched_for(audience)) for audience in Audience} == {
        Audience.PUBLIC: 1,
        Audience.AUTHENTICATED: 2,
        Audience.MANAGER: 3,
    }


def test_the_fields_of_a_change_do_not_reveal_hidden_parts() -> None:
    link = replace(_part(Visibility.LOGGED_IN), part="links")
    change = _changed(touched=(_part(Visibility.INTERNAL), link))

    assert change.visible_fields(Audience.PUBLIC) == ("severity", "title")
    assert change.visible_fields(Audience.AUTHENTICATED) == ("links", "severity", "title")
    assert change.visible_fields(Audience.MANAGER) == ("links", "severity", "title", "updates")


def test_several_parts_of_one_sort_are_one_field() -> None:
    change = _changed(touched=(_part(Visibility.PUBLIC), _part(Visibility.PUBLIC)))

    assert change.visible_fields(Audience.PUBLIC) == ("severity", "title", "updates")


def test_a_change_of_no_reactive_field_is_comment_only() -> None:
    assert not _changed(touched=()).is_comment_only
    assert replace(COMMENT, described_fields=("title",), touched=(_part(Visibility.PUBLIC),)).is_comment_only


#: Visibility before and after, and the kind of change for the public, the signed-in and managers.
SEEN: list[tuple[Visibility | None, Visibility | None, list[str | None]]] = [
    (None, Visibility.PUBLIC, ["added", "added", "added"]),
    (None, Visibility.LOGGED_IN, [None, "added", "added"]),
    (None, Visibility.INTERNAL, [None, None, "added"]),
    (Visibility.PUBLIC, None, ["removed", "removed", "removed"]),
    (Visibility.LOGGED_IN, None, [None, "removed", "removed"]),
    (Visibility.INTERNAL, None, [None, None, "removed"]),
    (Visibility.PUBLIC, Visibility.PUBLIC, ["edited", "edited", "edited"]),
    (Visibility.PUBLIC, Visibility.LOGGED_IN, ["removed", "edited", "edited"]),
    (Visibility.PUBLIC, Visibility.INTERNAL, ["removed", "removed", "edited"]),
    (Visibility.LOGGED_IN, Visibility.PUBLIC, ["added", "edited", "edited"]),
    (Visibility.LOGGED_IN, Visibility.LOGGED_IN, [None, "edited", "edited"]),
    (Visibility.LOGGED_IN, Visibility.INTERNAL, [None, "removed", "edited"]),
    (Visibility.INTERNAL, Visibility.PUBLIC, ["added", "added", "edited"]),
    (Visibility.INTERNAL, Visibility.LOGGED_IN, [None, "added", "edited"]),
    (Visibility.INTERNAL, Visibility.INTERNAL, [None, None, "edited"]),
]


@pytest.mark.parametrize(("before", "after", "kinds"), SEEN)
def test_a_touched_part_has_one_kind_per_audience(
    before: Visibility | None, after: Visibility | None, kinds: list[str | None]
) -> None:
    part = Touched(part="updates", id="upd_1", before=before, after=after)
    change = replace(COMMENT, touched=(part,))

    assert [_kind(part.seen_by(audience)) for audience in Audience] == kinds
    assert [change.concerns(audience) for audience in Audience] == [kind is not None for kind in kinds]
    assert Touched.from_json(part.as_json()) == part


@pytest.mark.parametrize("kind", list(TouchKind))
def test_parts_logged_with_one_visibility_are_still_read(kind: TouchKind) -> None:
    old = {"part": "links", "id": "lnk_1", "kind": kind.value, "visibility": "logged_in"}

    part = Touched.from_json(old)

    assert [_kind(part.seen_by(audience)) for audience in Audience] == [None, kind, kind]
    assert part.as_json() == old


def test_an_operator_sees_all_of_a_change_as_json() -> None:
    change = _changed(touched=(_part(Visibility.INTERNAL),))

    seen = json.loads(json.dumps(change.as_json()))

    assert (seen["entityId"], seen["changedFields"], seen["describedFields"]) == (
        change.entity_id,
        ["severity"],
        ["title"],
    )
    assert (seen["touched"][0]["visibility"], seen["occurredAt"]) == ("internal", "2026-03-01T12:00:00.000Z")


def _kind(part: Touched | None) -> TouchKind | None:
    return part.kind if part else None


def _part(visibility: Visibility) -> Touched:
    return Touched(part="updates", id="upd_1", after=visibility)


def _changed(*, touched: tuple[Touched, ...]) -> Change:
    return replace(COMMENT, changed_fields=("severity",), described_fields=("title",), touched=touched)
