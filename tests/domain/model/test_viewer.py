"""Callers' roles, and what audiences see."""

import pytest

from domain.errors import DomainError, ForbiddenError, UnauthenticatedError
from domain.model.actor import SYSTEM, Actor, ActorType, Cause
from domain.model.viewer import ANONYMOUS, SYSTEM_VIEWER, Audience, Role, Viewer, Visibility


def _viewer(role: Role, kind: ActorType = ActorType.USER) -> Viewer:
    return Viewer(actor=Actor(type=kind, id="usr_1"), role=role)


@pytest.mark.parametrize(
    ("visibility", "audience", "seen"),
    [
        (Visibility.PUBLIC, Audience.PUBLIC, True),
        (Visibility.LOGGED_IN, Audience.PUBLIC, False),
        (Visibility.INTERNAL, Audience.PUBLIC, False),
        (Visibility.PUBLIC, Audience.AUTHENTICATED, True),
        (Visibility.LOGGED_IN, Audience.AUTHENTICATED, True),
        (Visibility.INTERNAL, Audience.AUTHENTICATED, False),
        (Visibility.PUBLIC, Audience.MANAGER, True),
        (Visibility.LOGGED_IN, Audience.MANAGER, True),
        (Visibility.INTERNAL, Audience.MANAGER, True),
    ],
)
def test_an_audience_sees_up_to_its_visibility(visibility: Visibility, audience: Audience, seen: bool) -> None:
    assert audience.sees(visibility) is seen
    assert (visibility in audience.visibilities) is seen


def test_an_anonymous_caller_is_the_public() -> None:
    assert ANONYMOUS.audience is Audience.PUBLIC


@pytest.mark.parametrize("role", Role)
def test_a_service_is_a_manager(role: Role) -> None:
    assert _viewer(role, ActorType.SERVICE).audience is Audience.MANAGER


def test_any_other_signed_in_caller_is_authenticated() -> None:
    assert _viewer(Role.VIEWER).audience is Audience.AUTHENTICATED


@pytest.mark.parametrize("role", [Role.RESPONDER, Role.ADMIN])
def test_a_caller_who_may_write_is_a_manager(role: Role) -> None:
    assert _viewer(role).audience is Audience.MANAGER


def test_only_managers_see_the_edit_history() -> None:
    assert [audience for audience in Audience if audience.sees_edit_history] == [Audience.MANAGER]


def test_each_role_includes_the_lower_ones() -> None:
    included = {role: [other for other in Role if role.includes(other)] for role in Role}
    assert [len(roles) for roles in included.values()] == [1, 2, 3, 4]


def test_a_sufficient_role_is_accepted() -> None:
    refused = []
    for viewer, role in ((SYSTEM_VIEWER, Role.ADMIN), (_viewer(Role.RESPONDER), Role.RESPONDER)):
        try:
            viewer.require(role)
        except DomainError as error:
            refused.append(error)
    assert refused == []


def test_an_anonymous_caller_is_asked_for_a_token() -> None:
    with pytest.raises(UnauthenticatedError):
        ANONYMOUS.require(Role.VIEWER)


def test_a_forbidden_error_names_the_needed_role_and_the_callers() -> None:
    with pytest.raises(ForbiddenError, match=r"ADMIN.*VIEWER"):
        _viewer(Role.VIEWER).require(Role.ADMIN)


def test_actors_and_causes_come_back_from_json_as_they_were() -> None:
    cause = Cause(change_id="chg_1", run_id="run_1", depth=3)
    assert Actor.from_json(SYSTEM.as_json()) == SYSTEM
    assert Cause.from_json(cause.as_json()) == cause
    assert Cause.from_json({}) == Cause()
