"""Channels: the roles that manage them, and URLs that cannot be read."""

import logging

import pytest

from domain.bootstrap import Domain
from domain.model.viewer import Role
from tests.client import Api, Caller
from tests.factories import make_channel, make_system, make_token
from tests.gql.dialects import on_both_databases
from tests.receiver import closed_url, receiver_url

CHANNEL = "channel { id name service address createdAt updatedAt createdBy { name } }"
LIST = "{ channels(first: 1) { totalCount nodes { id name } } }"


@on_both_databases
async def test_an_admin_creates_renames_and_deletes_a_channel(api: Api, domain: Domain) -> None:
    made = (await api.admin.do("createChannel", {"name": "chat", "url": receiver_url()}, CHANNEL))["channel"]
    assert (made["name"], made["service"], made["createdBy"]["name"]) == ("chat", "JSON", "admin")
    after = (await api.admin.do("updateChannel", {"id": made["id"], "name": "room"}, CHANNEL))["channel"]
    assert after == made | {"name": "room", "updatedAt": after["updatedAt"]}
    assert (await api.admin.read(f'{{ channel(id: "{made["id"]}") {{ name }} }}'))["channel"] == {"name": "room"}
    await api.admin.do("deleteChannel", {"id": made["id"]})
    assert (await api.admin.read(LIST))["channels"]["totalCount"] == 0


@on_both_databases
async def test_a_name_is_taken_once(api: Api, domain: Domain) -> None:
    first, second = [await make_channel(domain, name) for name in ("one", "two")]
    for name, input in (
        ("createChannel", {"name": "one", "url": receiver_url()}),
        (
            "updateChannel",
            {"id": second.id, "name": "one", "url": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"},
        ),
    ):
        [error] = (await api.admin.do(name, input))["userErrors"]
        assert (error["code"], error["field"]) == ("ALREADY_EXISTS", ["name"])
    assert await domain.channels.get_many([first.id, second.id]) == {first.id: first, second.id: second}


async def test_another_url_is_sent_to_from_then_on(api: Api, domain: Domain) -> None:
    channel = await make_channel(domain, url=closed_url())
    [error] = (await api.admin.do("testChannel", {"id": channel.id}))["userErrors"]
    assert error["code"] == "NOT_SENT"
    await api.admin.do("updateChannel", {"id": channel.id, "url": receiver_url()})
    sent = await api.admin.do("testChannel", {"id": channel.id}, "channel { name }")
    assert (sent["userErrors"], sent["channel"]) == ([], {"name": channel.name})


async def test_a_url_shows_nowhere(api: Api, domain: Domain, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secret, url = "correct-horse", closed_url()
    answers = [await api.admin.do("createChannel", {"name": "chat", "url": url}, CHANNEL)]
    identifier = answers[0]["channel"]["id"]
    for name, input in (
        ("createChannel", {"name": "chat", "url": url}),
        ("createChannel", {"name": "other", "url": f"nothing://{secret}"}),
        ("createChannel", {"name": "other", "url": f"json://10.0.0.1/{secret}"}),
        ("updateChannel", {"id": identifier, "url": f"jsons://{secret}:\n"}),
        ("testChannel", {"id": identifier}),
    ):
        answers.append(await api.admin.do(name, input))
        assert len(answers[-1]["userErrors"]) == 1
    refused = [
        await api.admin.try_to("createChannel", {"name": "other", "url": [f"json://{secret}"]}),
        await api.admin.try_to("updateChannel", {"id": identifier, "url": {"of": f"json://{secret}"}}),
    ]
    assert {answer["errors"][0]["extensions"]["code"] for answer in refused} == {"GRAPHQL_VALIDATION_FAILED"}
    answers += refused
    assert secret not in f"{answers} {caplog.text} {await api.admin.read(LIST)}"


@pytest.mark.parametrize(
    ("role", "code"), [("anonymous", "UNAUTHENTICATED"), ("viewer", "FORBIDDEN"), ("responder", "FORBIDDEN")]
)
async def test_only_admins_see_channels(api: Api, domain: Domain, role: str, code: str) -> None:
    caller: Caller = getattr(api, role)
    channel = await make_channel(domain)
    assert (await caller.error(LIST))["code"] == code
    assert (await caller.error(f'{{ channel(id: "{channel.id}") {{ name }} }}'))["code"] == code
    assert (await caller.read(f'{{ node(id: "{channel.id}") {{ id }} }}'))["node"] is None


async def test_a_limited_admin_sees_channels_and_sends_nothing(api: Api, domain: Domain) -> None:
    await make_system(domain)
    channel = await make_channel(domain)
    _, token = await make_token(domain, role=Role.ADMIN, systems=["payments"])
    limited = Caller(http=api.admin.http, token=token)
    assert (await limited.read(LIST))["channels"]["totalCount"] == 1
    [error] = (await limited.do("testChannel", {"id": channel.id}))["userErrors"]
    assert error["code"] == "FORBIDDEN"
