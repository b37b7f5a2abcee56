"""Who may do what, and that every mutation and subscription asks."""

import pytest
from strawberry.types.base import get_object_definition
from strawberry.types.field import StrawberryField

from domain.bootstrap import Domain
from domain.entities.kinds import KINDS
from domain.model.viewer import ANONYMOUS, Role
from gql.kinds import PUSHED
from gql.permissions import (
    MayManageAutomations,
    MayManageIncidents,
    MayManageSecrets,
    MayManageSystems,
    MayManageTokens,
    MayRead,
    MaySeeAutomations,
)
from gql.schema import Mutation, Query, Subscription
from gql.transport.sharing import SHARED_FIELDS
from tests.client import Api, Caller, Stored
from tests.gql.mutations.table import MUTATIONS, make_world

AUTOMATIONS = {
    "createAutomation",
    "installAutomation",
    "updateAutomation",
    "setAutomationEnabled",
    "deleteAutomation",
    "runAutomation",
    "cancelAutomationRun",
}
PERMISSION = {Role.RESPONDER: MayManageIncidents, Role.ADMIN: MayManageSystems}


def test_every_mutation_names_the_role_that_it_needs() -> None:
    named = {_name(field): field.permission_classes for field in _fields(Mutation)}
    tokens = {name: [MayManageTokens] for name in ("createToken", "revokeToken")}
    secrets = {name: [MayManageSecrets] for name in ("createSecret", "updateSecret", "deleteSecret")}
    automations = {name: [MayManageAutomations] for name in AUTOMATIONS}
    by_role = {name: [PERMISSION[row.needs]] for name, row in MUTATIONS.items()}
    assert named == by_role | tokens | secrets | automations


def test_every_subscription_asks_whether_the_caller_may_read_what_it_tells() -> None:
    assert {_name(field): field.permission_classes for field in _fields(Subscription)} == {
        "incident": [MayRead],
        "incidentChanges": [MayRead],
        "incidentEvents": [MayRead],
        "automationRun": [MaySeeAutomations],
        "automationRuns": [MaySeeAutomations],
    }


def test_no_query_writes() -> None:
    assert {_name(field) for field in _fields(Query)}.isdisjoint(MUTATIONS)


def test_a_shared_subscription_lets_in_whom_its_permission_lets_in() -> None:
    needed = {_name(field): vars(field.permission_classes[0])["role"] for field in _fields(Subscription)}
    assert needed == SHARED_FIELDS


def test_every_kind_of_entity_says_how_it_is_pushed() -> None:
    assert set(PUSHED) == {kind.name for kind in KINDS}


async def test_nobody_writes_without_a_token(api: Api, domain: Domain, stored: Stored) -> None:
    assert await _codes(api.anonymous, domain, stored) == dict.fromkeys(MUTATIONS, "UNAUTHENTICATED")


async def test_a_viewer_writes_nothing(api: Api, domain: Domain, stored: Stored) -> None:
    assert await _codes(api.viewer, domain, stored) == dict.fromkeys(MUTATIONS, "FORBIDDEN")


async def test_a_responder_writes_neither_systems_nor_tokens_nor_secrets_nor_automations(
    api: Api, domain: Domain, stored: Stored
) -> None:
    beyond = {name for name, row in MUTATIONS.items() if row.needs is Role.ADMIN}
    systems, secrets = [{f"{verb}{noun}" for verb in ("create", "update", "delete")} for noun in ("System", "Secret")]
    assert beyond == {*systems, *secrets, *AUTOMATIONS, "createToken", "revokeToken"}
    assert await _codes(api.responder, domain, stored, *beyond) == dict.fromkeys(beyond, "FORBIDDEN")


async def test_a_responder_manages_incidents(api: Api, domain: Domain) -> None:
    for name, row in MUTATIONS.items():
        if row.needs is Role.RESPONDER:
            world = await make_world(domain)
            payload = await api.responder.do(name, next(iter(row.effects.values())).input(world), row.selection)
            assert (name, payload["userErrors"]) == (name, [])


async def test_a_refusal_says_which_role_is_needed(api: Api, domain: Domain) -> None:
    world = await make_world(domain)
    forbidden = await api.viewer.refusal("deleteIncident", {"id": world.incident.id})
    assert forbidden["message"] == "This needs the role RESPONDER; yours is VIEWER."
    unauthenticated = await api.anonymous.refusal("deleteIncident", {"id": world.incident.id})
    assert "Authorization: Bearer" in unauthenticated["message"]


async def test_a_change_is_put_down_to_the_token_that_made_it(api: Api, domain: Domain) -> None:
    world = await make_world(domain)
    created = MUTATIONS["createIncident"].effects["plain"].input(world)
    payload = await api.responder.do("createIncident", created, "incident { openedBy { type name } }")
    assert payload["incident"]["openedBy"] == {"type": "APPLICATION", "name": "responder"}


@pytest.mark.parametrize(
    ("caller", "role", "visibilities"),
    [
        ("anonymous", "ANONYMOUS", ["PUBLIC"]),
        ("viewer", "VIEWER", ["PUBLIC", "LOGGED_IN"]),
        ("responder", "RESPONDER", ["PUBLIC", "LOGGED_IN", "INTERNAL"]),
        ("admin", "ADMIN", ["PUBLIC", "LOGGED_IN", "INTERNAL"]),
    ],
)
async def test_a_caller_can_ask_who_they_are(api: Api, caller: str, role: str, visibilities: list[str]) -> None:
    data = await getattr(api, caller).read("{ viewer { role visibilities actor { id name } } }")
    name = caller if caller != "anonymous" else ANONYMOUS.actor.name
    assert data["viewer"] | {"actor": data["viewer"]["actor"]["name"]} == {
        "role": role,
        "visibilities": visibilities,
        "actor": name,
    }


def _fields(root: type) -> list[StrawberryField]:
    return get_object_definition(root, strict=True).fields


def _name(field: StrawberryField) -> str:
    head, *rest = field.python_name.split("_")
    return head + "".join(word.title() for word in rest)


async def _codes(caller: Caller, domain: Domain, stored: Stored, *names: str) -> dict[str, str]:
    """The code of each mutation called with what would have an effect; and nothing was written."""
    world = await make_world(domain)
    before = await stored()
    codes = {}
    for name in names or MUTATIONS:
        row = MUTATIONS[name]
        refusal = await caller.refusal(name, next(iter(row.effects.values())).input(world), row.selection)
        codes[name] = refusal["code"]
    assert await stored() == before
    return codes
