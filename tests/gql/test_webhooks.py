"""Webhooks in the schema: who manages them, their documents, and what is refused."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from domain.bootstrap import Domain
from domain.settings import Settings
from tests.client import Api, Json
from tests.domain.webhooks.making import deliver
from tests.domain.webhooks.receiver import Receiver, is_signed, receiving
from tests.factories import make_incident, make_system
from tests.gql.dialects import on_both_databases

SHOWN = "id name url enabled audience document variables disabledReason failingSince gapSince formerSecretUntil"
EVENTS = """
subscription Events($systems: [String!]!) {
  incidentEvents(types: [CREATED, RESOLVED], filter: { system: { in: $systems } }) {
    type
    incident { title updates { nodes { message } } }
  }
}
"""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Return settings by which receivers on this machine may be called."""
    return replace(settings, http_allow=("127.0.0.1",))


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Yield a receiver."""
    async with receiving() as running:
        yield running


async def create(api: Api, domain: Domain, url: str, **input: Any) -> tuple[Json, str]:
    """Create a webhook, and return it with its secret."""
    await domain.webhooks.changes.register()
    payload = await api.admin.do("createWebhook", {"url": url, **input}, f"secret webhook {{ {SHOWN} }}")
    assert payload["userErrors"] == []
    return payload["webhook"], payload["secret"]


async def refused(api: Api, **input: Any) -> tuple[str, list[str], str]:
    """Return the code, the field and the message of a webhook that cannot be created; nothing of it is written."""
    payload = await api.admin.do("createWebhook", {"url": "http://127.0.0.1:9/", **input}, "webhook { id }")
    assert (await api.admin.read("{ webhooks { totalCount } }"))["webhooks"]["totalCount"] == 0
    [error] = payload["userErrors"]
    return error["code"], error["field"], error["message"]


@on_both_databases
async def test_the_body_is_the_answer_to_the_document_and_its_filter_selects(
    api: Api, domain: Domain, receiver: Receiver
) -> None:
    system, other = await make_system(domain, "api"), await make_system(domain, "db")
    webhook, secret = await create(api, domain, receiver.url, document=EVENTS, variables={"systems": ["api"]})
    assert (webhook["name"], webhook["audience"]) == ("127.0.0.1", "PUBLIC")
    incident = await make_incident(domain, system.id, title="Slow", initial_message="Looking")
    await make_incident(domain, other.id)
    await deliver(domain)
    [received] = receiver.received
    assert is_signed(received, secret)
    event = received.json["data"]["incidentEvents"]
    assert (event["type"], event["incident"]["title"]) == ("CREATED", incident.title)
    assert received.json["extensions"]["cursor"]
    shown = await api.admin.read("{ webhookDeliveries { totalCount nodes { status incidentId event bodyBytes } } }")
    [delivery] = shown["webhookDeliveries"]["nodes"]
    assert delivery == {
        "status": "DELIVERED",
        "incidentId": incident.id,
        "event": "incident.created",
        "bodyBytes": len(received.body),
    }


async def test_an_internal_update_reaches_responders_webhooks_alone(api: Api, domain: Domain) -> None:
    document = "subscription { incidentChanges { action incident { updates { nodes { message } } } } }"
    async with receiving() as public, receiving() as internal:
        await create(api, domain, public.url, document=document)
        await create(api, domain, internal.url, document=document, audience="RESPONDERS")
        incident = await make_incident(domain)
        update = {"incidentId": incident.id, "message": "It was the cat", "visibility": "INTERNAL"}
        await api.admin.do("addIncidentUpdate", update)
        await deliver(domain)
    assert len(public.received) == 1
    assert [b"the cat" in each.body for each in internal.received] == [True, True]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("{ viewer { role } }", "must be one subscription to incidentEvents or incidentChanges"),
        ("subscription { incidentEvents { nothing } }", "not valid"),
        ("subscription {", "not valid"),
        ('subscription { incidentEvents(after: "x") { type } }', "must not have `after`"),
        ("subscription A { incidentEvents { type } } subscription B { incidentEvents { type } }", "must be one"),
        ("subscription { a: incidentEvents { type } b: incidentEvents { type } }", "not valid|must be one"),
    ],
)
async def test_a_document_that_no_webhook_can_have_is_refused(api: Api, document: str, said: str) -> None:
    code, field, message = await refused(api, document=document)
    assert (code, field) == ("BAD_USER_INPUT", ["document"])
    assert any(part in message for part in said.split("|")), message


async def test_a_document_that_costs_too_much_is_refused_with_the_cost(domain: Domain, api: Api) -> None:
    many = " ".join(f"a{number}: updates(first: 100) {{ nodes {{ id message }} }}" for number in range(99))
    code, field, message = await refused(api, document=f"subscription {{ incidentEvents {{ incident {{ {many} }} }} }}")
    assert (code, field) == ("BAD_USER_INPUT", ["document"])
    assert "points for each change, and 10000 points are the most" in message


@pytest.mark.parametrize(
    ("input", "code", "field"),
    [
        ({"url": "http://169.254.169.254/latest"}, "ADDRESS_REFUSED", ["url"]),
        ({"url": "http://127.0.0.2/"}, "ADDRESS_REFUSED", ["url"]),
        ({"url": "http://[::1]/"}, "ADDRESS_REFUSED", ["url"]),
        ({"url": "http://0x7f.1/"}, "ADDRESS_REFUSED", ["url"]),
        ({"url": "http://10.0.0.1/"}, "ADDRESS_REFUSED", ["url"]),
        ({"url": "ftp://hooks.invalid/"}, "BAD_USER_INPUT", ["url"]),
        ({"url": "/hook"}, "BAD_USER_INPUT", ["url"]),
        ({"url": "http://hooks.invalid/#a"}, "BAD_USER_INPUT", ["url"]),
        ({"url": f"http://hooks.invalid/{'a' * 2000}"}, "BAD_USER_INPUT", ["url"]),
        ({"name": " "}, "BAD_USER_INPUT", ["name"]),
        ({"variables": {"a": 1}}, "BAD_USER_INPUT", ["variables"]),
        ({"variables": [1]}, "BAD_USER_INPUT", ["variables"]),
        ({"document": EVENTS, "variables": {"sytems": []}}, "BAD_USER_INPUT", ["variables", "sytems"]),
        ({"document": EVENTS, "variables": {"systems": 1.5}}, "BAD_USER_INPUT", ["variables"]),
        ({"document": EVENTS, "variables": {"systems": ["nowhere"]}}, "BAD_USER_INPUT", ["document"]),
    ],
)
async def test_bad_input_is_refused_with_a_code_and_the_field(
    api: Api, input: Json, code: str, field: list[str]
) -> None:
    assert (await refused(api, **input))[:2] == (code, field)


async def test_a_number_that_json_cannot_hold_is_refused(api: Api) -> None:
    document = "subscription S($a: Int) { incidentEvents { type incident(id: $a) { id } } }"
    given = f'{{url: "http://127.0.0.1:9/", document: "{document}", variables: {{a: {2**70}}}}}'
    payload = (await api.admin.read(f"mutation {{ createWebhook(input: {given}) {{ userErrors {{ code field }} }} }}"))[
        "createWebhook"
    ]
    assert payload["userErrors"] == [{"code": "BAD_USER_INPUT", "field": ["variables"]}]


@on_both_databases
async def test_a_webhook_without_a_name_has_the_beginning_of_a_long_host(api: Api, domain: Domain) -> None:
    host = ".".join(["a" * 60] * 4)
    webhook, _ = await create(api, domain, f"https://{host}.invalid/")
    assert webhook["name"] == f"{host}.invalid"[:200]


@pytest.mark.parametrize("caller", ["anonymous", "viewer", "responder"])
async def test_webhooks_are_for_admins(api: Api, domain: Domain, caller: str) -> None:
    await create(api, domain, "http://127.0.0.1:9/")
    client = getattr(api, caller)
    answer = await client.send(
        '{ webhooks { totalCount } webhookDeliveries { totalCount } webhook(id: "whk_1") { id } }'
    )
    assert {error["extensions"]["code"] for error in answer["errors"]} <= {"FORBIDDEN", "UNAUTHENTICATED"}
    assert answer["data"] == {"webhooks": None, "webhookDeliveries": None, "webhook": None}


async def test_a_test_says_what_the_receiver_answered(api: Api, domain: Domain, receiver: Receiver) -> None:
    webhook, secret = await create(api, domain, receiver.url)
    receiver.answers(418)
    shown = "accepted responseStatus reason"
    tested = await api.admin.do("testWebhook", {"id": webhook["id"]}, shown)
    assert (tested["accepted"], tested["responseStatus"], tested["reason"]) == (False, 418, "answered 418")
    receiver.answers(200)
    assert (await api.admin.do("testWebhook", {"id": webhook["id"]}, shown))["accepted"] is True
    assert [each.json["type"] for each in receiver.received] == ["dev.incidentql.webhook.test.v1"] * 2
    assert is_signed(receiver.received[-1], secret)


async def test_the_secret_is_in_no_answer_after_the_first(api: Api, domain: Domain) -> None:
    webhook, secret = await create(api, domain, "http://127.0.0.1:9/")
    data = await api.admin.read(f"query Q($id: ID!) {{ webhook(id: $id) {{ {SHOWN} }} }}", id=webhook["id"])
    assert data["webhook"] == webhook
    assert secret.removeprefix("whsec_") not in str(data)


async def test_a_webhook_is_changed_and_deleted(api: Api, domain: Domain, receiver: Receiver) -> None:
    webhook, _ = await create(api, domain, "http://127.0.0.1:9/", document="subscription { incidentEvents { type } }")
    changes = {"id": webhook["id"], "url": receiver.url, "document": None, "name": "Mine"}
    payload = await api.admin.do("updateWebhook", changes, f"webhook {{ {SHOWN} }}")
    assert payload["webhook"] == webhook | {"url": receiver.url, "document": None, "name": "Mine"}
    await make_incident(domain)
    await deliver(domain)
    assert len(receiver.received) == 1
    gone = await api.admin.do("deleteWebhook", {"id": webhook["id"]}, "deletedWebhookId")
    assert gone["deletedWebhookId"] == webhook["id"]
    assert (await api.admin.read("{ webhookDeliveries { totalCount } }"))["webhookDeliveries"]["totalCount"] == 0
