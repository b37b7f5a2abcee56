"""Secrets: the roles that manage them, and values that cannot be read."""

import logging

import pytest
from graphql import GraphQLObjectType

from domain.bootstrap import Domain
from domain.model.viewer import Role
from gql.schema import schema
from tests.client import Api, Caller
from tests.factories import make_secret, make_system, make_token

VALUE = "correct-horse-battery"
SECRET = "secret { id name createdAt updatedAt createdBy { name } }"
LIST = "{ secrets(first: 1) { totalCount nodes { id name } edges { cursor } pageInfo { hasNextPage } } }"
DOCUMENT = "mutation { createSecret(input: %s) { cursor } }"
MALFORMED = [
    f'{{value: "{VALUE}"}}',
    f'{{name: "A", value: ["{VALUE}"]}}',
    f'"{VALUE}"',
    f'{{name: "A" "{VALUE}"}}',
    f'{{name: "A", valeu: "{VALUE}"}}',
]
NODE = "query Q($id: ID!) { node(id: $id) { id ... on Secret { name } } }"


async def test_an_admin_creates_replaces_and_deletes_a_secret(api: Api, domain: Domain) -> None:
    made = await api.admin.do("createSecret", {"name": "API_KEY", "value": VALUE}, SECRET)
    secret = made["secret"]
    assert (secret["name"], secret["createdBy"]["name"]) == ("API_KEY", "admin")
    after = await api.admin.do("updateSecret", {"id": secret["id"], "value": "another-value"}, SECRET)
    assert after["secret"] == secret | {"updatedAt": after["secret"]["updatedAt"]}
    assert after["secret"]["updatedAt"] > secret["updatedAt"]
    assert await domain.secrets.resolve(["API_KEY"]) == {"API_KEY": "another-value"}
    assert (await api.admin.read(NODE, id=secret["id"]))["node"] == {"id": secret["id"], "name": "API_KEY"}
    gone = await api.admin.do("deleteSecret", {"id": secret["id"]}, "deletedSecretId")
    assert gone["deletedSecretId"] == secret["id"]
    assert (await api.admin.read(NODE, id=secret["id"]))["node"] is None


async def test_secrets_are_listed_newest_first(api: Api, domain: Domain) -> None:
    for name in ("OLD", "NEW"):
        await make_secret(domain, name)
    listed = (await api.admin.read(LIST))["secrets"]
    assert (listed["totalCount"], listed["nodes"][0]["name"], listed["pageInfo"]) == (2, "NEW", {"hasNextPage": True})
    behind = f'{{ secrets(after: "{listed["edges"][0]["cursor"]}") {{ nodes {{ name }} }} }}'
    assert (await api.admin.read(behind))["secrets"]["nodes"] == [{"name": "OLD"}]


@pytest.mark.parametrize(
    ("role", "code"), [("anonymous", "UNAUTHENTICATED"), ("viewer", "FORBIDDEN"), ("responder", "FORBIDDEN")]
)
async def test_only_admins_list_secrets(api: Api, domain: Domain, role: str, code: str) -> None:
    caller: Caller = getattr(api, role)
    secret = await make_secret(domain)
    assert (await caller.error(LIST))["code"] == code
    assert (await caller.read(NODE, id=secret.id))["node"] is None


async def test_a_limited_admin_lists_secrets_and_manages_none(api: Api, domain: Domain) -> None:
    await make_system(domain)
    secret = await make_secret(domain)
    _, token = await make_token(domain, role=Role.ADMIN, systems=["payments"])
    limited = Caller(http=api.admin.http, token=token)
    assert (await limited.read(LIST))["secrets"]["totalCount"] == 1
    for mutation, input in (
        ("createSecret", {"name": "MORE", "value": VALUE}),
        ("updateSecret", {"id": secret.id, "value": VALUE}),
        ("deleteSecret", {"id": secret.id}),
    ):
        assert (await limited.refusal(mutation, input))["code"] == "FORBIDDEN"


def test_no_type_has_a_field_for_a_secret_s_value() -> None:
    shown = schema._schema.type_map["Secret"]
    assert isinstance(shown, GraphQLObjectType)
    assert set(shown.fields) == {"id", "name", "createdAt", "updatedAt", "createdBy"}


async def test_no_answer_and_no_log_line_holds_a_secret_s_value(
    api: Api, domain: Domain, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = await make_secret(domain, "HERE")
    said = [
        await api.admin.try_to("createSecret", {"name": "HERE", "value": VALUE}, SECRET),
        await api.admin.try_to("createSecret", {"name": "NEW", "value": VALUE}, SECRET),
        await api.admin.try_to("createSecret", {"name": "no name", "value": VALUE}, SECRET),
        await api.admin.try_to("updateSecret", {"id": secret.id, "value": VALUE}, SECRET),
        await api.admin.try_to("updateSecret", {"id": "sec_x", "value": VALUE}, SECRET),
        await api.viewer.try_to("updateSecret", {"id": secret.id, "value": VALUE}, SECRET),
        await api.admin.try_to("updateSecret", {"id": secret.id, "value": VALUE * 1000}, SECRET),
        await api.admin.try_to("createSecret", {"value": VALUE}, SECRET),
        await api.admin.try_to("createSecret", {"name": "NEW", "value": [VALUE]}, SECRET),
        await api.admin.try_to("updateSecret", {"id": secret.id, "value": VALUE, "more": 1}, SECRET),
        await api.admin.try_to("createSecret", {"name": "NEW", "valeu": VALUE}, SECRET),
        *[await api.admin.send(DOCUMENT % text) for text in MALFORMED],
        await api.admin.read(LIST),
    ]
    assert [answer for answer in said if VALUE in str(answer)] == []
    assert VALUE not in caplog.text
