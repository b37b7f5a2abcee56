"""Permissions of roles, and of every mutation and subscription."""

import pytest
from strawberry.types.base import get_object_definition
from strawberry.types.field import StrawberryField

from domain.bootstrap import Domain
from domain.entities.kinds import KINDS
from domain.model.viewer import ANONYMOUS, Role
from gql.kinds import PUSHED
from gql.permissions import (
    MayForgetPeople,
    MayManageAutomations,
    MayManageChannels,
    MayManageIncidents,
    MayManageIntegrations,
    MayManageMaintenance,
    MayManageSecrets,
    MayManageSystems,
    MayManageTokens,
    MayManageVisitors,
    MayManageWebhooks,
    MayRead,
    MaySeeAutomations,
)
from gql.schema import Mutation, Query, Subscription
from gql.transport.sharing import SHARED_FIELDS
from tests.client import Api, Caller, Stored
from tests.gql.mutations.table import IN_A_FRESH_WORLD, MUTATIONS, make_world

AUTOMATIONS = {
    "createAutomation",
    "installAutomation",
    "updateAutomation",
    "setAutomationEnabled",
    "deleteAutomation",
    "runAutomation",
    "cancelAutomationRun",
}
INTEGRATIONS = {
    "createIntegration",
    "updateIntegration",
    "rotateIntegrationToken",
    "deleteIntegration",
    "replayDelivery",
}
CHANNELS = {"createChannel", "updateChannel", "testChannel", "deleteChannel"}
WEBHOOKS = {
    "createWebhook",
    "updateWebhook",
    "rotateWebhookSecret",
    "redeliver",
    "redeliverWebhook",
    "testWebhook",
    "deleteWebhook",
}
VISITORS = {"deleteVisitorSubscription"}
MAINTENANCE = {
    "scheduleMaintenance",
    "updateMaintenance",
    "cancelMaintenance",
    "endMaintenance",
    "changeMaintenanceInstance",
    "cancelMaintenanceInstance",
    "addMaintenanceUpdate",
}
PERMISSION = {Role.RESPONDER: MayManageIncidents, Role.ADMIN: MayManageSystems}


def test_every_mutation_has_a_permission() -> None:
    named = {_name(field): field.permission_classes for field in _fields(Mutation)}
    tokens = {name: [MayManageTokens] for name in ("createToken", "revokeToken")}
    secrets = {name: [MayManageSecrets] for name in ("createSecret", "updateSecret", "deleteSecret")}
    automations = {name: [MayManageAutomations] for name in AUTOMATIONS}
    integrations = {name: [MayManageIntegrations] for name in INTEGRATIONS}
    channels = {name: [MayManageChannels] for name in CHANNELS}
    webhooks = {name: [MayManageWebhooks] for name in WEBHOOKS}
    by_role = {name: [PERMISSION[row.needs]] for name, row in MUTATIONS.items()}
    forgetting = {"forgetPerson": [MayForgetPeople]}
    visitors = {name: [MayManageVisitors] for name in VISITORS}
    maintenance = {name: [MayManageMaintenance] for name in MAINTENANCE}
    others = tokens | secrets | automations | integrations | channels | webhooks | maintenance
    assert named == by_role | others | forgetting | visitors


def test_every_subscription_has_a_permission() -> None:
    assert {_name(field): field.permission_classes for field in _fields(Subscription)} == {
        "incident": [MayRead],
        "incidentChanges": [MayRead],
        "incidentCounts": [MayRead],
        "incidentEvents": [MayRead],
        "incidentList": [MayRead],
        "systemHealth": [MayRead],
        "systemList": [MayRead],
        "automationRun": [MaySeeAutomations],
        "automationRuns": [MaySeeAutomations],
    }


def test_no_query_writes() -> None:
    assert {_name(field) for field in _fields(Query)}.isdisjoint(MUTATIONS)


def test_a_shared_subscription_admits_the_roles_of_the_permission() -> None:
    needed = {_name(field): vars(field.permission_classes[0])["role"] for field in _fields(Subscription)}
    assert needed == SHARED_FIELDS


def test_every_kind_of_entity_has_subscription_fields() -> None:
    assert set(PUSHED) == {kind.name for kind in KINDS}


async def test_a_caller_without_a_token_writes_nothing(api: Api, domain: Domain, stored: Stored) -> None:
    assert await _codes(api.anonymous, domain, stored) == dict.fromkeys(MUTATIONS, "UNAUTHENTICATED")


async def test_a_viewer_writes_nothing(api: Api, domain: Domain, stored: Stored) -> None:
    assert await _codes(api.viewer, domain, stored) == dict.fromkeys(MUTATIONS, "FORBIDDEN")


async def test_a_responder_writes_no_systems_tokens_secrets_automations_or_integrations(
    api: Api, domain: Domain, stored: Stored
) -> None:
    beyond = {name for name, row in MUTATIONS.items() if row.needs is Role.ADMIN}
    systems, secrets = [{f"{verb}{noun}" for verb in ("create", "update", "delete")} for noun in ("System", "Secret")]
    tokens = {"createToken", "revokeToken", "forgetPerson"}
    assert beyond == {*systems, *secrets, *AUTOMATIONS, *INTEGRATIONS, *CHANNELS, *WEBHOOKS, *VISITORS, *tokens}
    assert await _codes(api.responder, domain, stored, *beyond) == dict.fromkeys(beyond, "FORBIDDEN")


async def test_a_responder_manages_incidents(api: Api, domain: Domain) -> None:
    world = await make_world(domain)
    for name, row in MUTATIONS.items():
        if row.needs is Role.RESPONDER:
            label, effect = next(iter(row.effects.items()))
            if (name, label) in IN_A_FRESH_WORLD:
                world = await make_world(domain)
            payload = await api.responder.do(name, effect.input(world), row.selection)
            assert (name, payload["userErrors"]) == (name, [])


async def test_a_refusal_names_the_needed_role(api: Api, domain: Domain) -> None:
    world = await make_world(domain)
    forbidden = await api.viewer.refusal("deleteIncident", {"id": world.incident.id})
    assert forbidden["message"] == "This needs the role RESPONDER; yours is VIEWER."
    unauthenticated = await api.anonymous.refusal("deleteIncident", {"id": world.incident.id})
    assert "Authorization: Bearer" in unauthenticated["message"]


async def test_a_change_has_the_writing_token_as_actor(api: Api, domain: Domain) -> None:
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
async def test_a_caller_can_query_their_identity(api: Api, caller: str, role: str, visibilities: list[str]) -> None:
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
    """Return the code of each mutation called with an effect, after checking that nothing was written."""
    world = await make_world(domain)
    before = await stored()
    codes = {}
    for name in names or MUTATIONS:
        row = MUTATIONS[name]
        refusal = await caller.refusal(name, next(iter(row.effects.values())).input(world), row.selection)
        codes[name] = refusal["code"]
    assert await stored() == before
    return codes
