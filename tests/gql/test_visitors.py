"""Subscriptions of visitors as admins see them: masked, counted and removed."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from domain.bootstrap import Domain
from domain.model.viewer import Role
from domain.settings import Settings
from tests.client import Api, Caller
from tests.domain.visitors.mailbox import Mailbox, mailbox
from tests.domain.visitors.making import ANN, ask, join
from tests.factories import make_system, make_token
from tests.gql.dialects import on_both_databases

LIST = "{ visitorSubscriptions(first: 1) { totalCount nodes { id kind address state systemIds confirmedAt } } }"


@pytest.fixture
async def box() -> AsyncIterator[Mailbox]:
    """Yield a mail server."""
    async with mailbox() as running:
        yield running


@pytest.fixture
def settings(settings: Settings, box: Mailbox) -> Settings:
    """Return settings with which visitors can subscribe by mail."""
    url = f"smtp://127.0.0.1:{box.port}"
    return replace(settings, public_url="https://status.example.com", mail_url=url, mail_from="status@example.com")


@on_both_databases
async def test_an_admin_sees_who_subscribed_and_no_address(api: Api, domain: Domain, box: Mailbox) -> None:
    system = await make_system(domain)
    await join(domain, box, ANN, "payments")
    await ask(domain, "ben@example.org")
    found = (await api.admin.read(LIST))["visitorSubscriptions"]
    [ben] = found["nodes"]
    assert (found["totalCount"], ben["address"], ben["state"]) == (2, "b***@example.org", "PENDING")
    rest = "{ visitorSubscriptions(last: 1) { nodes { id kind address state systemIds confirmedAt } } }"
    [ann] = (await api.admin.read(rest))["visitorSubscriptions"]["nodes"]
    assert (ann["kind"], ann["address"], ann["state"]) == ("MAIL", "a***@example.org", "CONFIRMED")
    assert (ann["systemIds"], ann["confirmedAt"] is not None) == ([system.id], True)
    node = await api.admin.read(f'{{ node(id: "{ann["id"]}") {{ ... on VisitorSubscription {{ address }} }} }}')
    assert node["node"] == {"address": "a***@example.org"}


@on_both_databases
async def test_an_admin_removes_a_subscription_by_its_id_or_its_address(api: Api, domain: Domain, box: Mailbox) -> None:
    await join(domain, box)
    await ask(domain, "ben@example.org")
    [ben] = (await api.admin.read(LIST))["visitorSubscriptions"]["nodes"]
    gone = await api.admin.do("deleteVisitorSubscription", {"id": ben["id"]}, "deletedVisitorSubscriptionId")
    assert gone["deletedVisitorSubscriptionId"] == ben["id"]
    await api.admin.do("deleteVisitorSubscription", {"address": "Ann@example.org"})
    assert (await api.admin.read(LIST))["visitorSubscriptions"]["totalCount"] == 0


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({}, "BAD_USER_INPUT", ["id"]),
        ({"id": "vis_1", "address": ANN}, "BAD_USER_INPUT", ["id"]),
        ({"id": "nowhere"}, "NOT_FOUND", ["id"]),
        ({"address": ANN}, "NOT_FOUND", ["address"]),
        ({"address": "ann"}, "BAD_USER_INPUT", ["address"]),
    ],
)
async def test_what_is_not_there_is_not_removed(api: Api, given: dict[str, str], code: str, field: list[str]) -> None:
    [error] = (await api.admin.do("deleteVisitorSubscription", given))["userErrors"]
    assert (error["code"], error["field"]) == (code, field)
    assert ANN not in error["message"]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.RESPONDER])
async def test_others_see_and_remove_nothing(api: Api, domain: Domain, box: Mailbox, role: Role) -> None:
    await join(domain, box)
    [ann] = (await api.admin.read(LIST))["visitorSubscriptions"]["nodes"]
    _, token = await make_token(domain, role=role)
    other = Caller(http=api.admin.http, token=token)
    assert (await other.error(LIST))["code"] == "FORBIDDEN"
    node = await other.read(f'{{ node(id: "{ann["id"]}") {{ id }} }}')
    assert node["node"] is None
    assert (await other.refusal("deleteVisitorSubscription", {"id": ann["id"]}))["code"] == "FORBIDDEN"
    assert (await api.admin.read(LIST))["visitorSubscriptions"]["totalCount"] == 1
