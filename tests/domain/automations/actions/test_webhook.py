"""The action webhook.send, seen by a receiver that follows the standards."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from domain.automations.actions.webhook import WebhookSendConfig, WebhookSender, signature
from domain.errors import InvalidInputError, RequestFailedError
from domain.outbound.caller import HttpResult
from tests.conftest import SteppingClock
from tests.domain.automations.actions.calling import make_caller
from tests.domain.automations.actions.servers import Received, Server, answer, serving

KEYS = [bytes(range(number, number + 32)) for number in (1, 2)]
SECRETS = [f"whsec_{base64.b64encode(key).decode()}" for key in KEYS]
MOMENT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


async def send(server: Server, **config: Any) -> HttpResult:
    """Return the result of sending one event."""
    clock = SteppingClock()
    sender = WebhookSender(make_caller(clock=clock), clock)
    values = {"url": f"{server.url}/hook", "secret": SECRETS[0], "type": "dev.incidentql.incident.resolved.v1"}
    return await sender.send(
        WebhookSendConfig.model_validate(values | config), idempotency_key="run_1:a.2.c1.0", occurred_at=MOMENT
    )


def verified(request: Received, key: bytes) -> bool:
    """Return whether a signature of the request holds, by the reference libraries' rule."""
    signed = ".".join([request.headers["webhook-id"], request.headers["webhook-timestamp"], request.body.decode()])
    wanted = base64.b64encode(hmac.new(key, signed.encode(), hashlib.sha256).digest()).decode()
    offered = [part.split(",") for part in request.headers["webhook-signature"].split(" ")]
    return ["v1", wanted] in offered


def test_the_signature_is_that_of_the_reference_libraries() -> None:
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = signature(
        [key], message_id="msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp=1614265330, body=b'{"test": 2432232314}'
    )
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_an_event_is_a_cloud_event_with_a_signature_that_holds() -> None:
    async with serving(answer(204)) as server:
        await send(server, subject="incident/inc_1", data={"title": "Größe", "n": None})
    [request] = server.received
    event = json.loads(request.body)
    assert event == {
        "specversion": "1.0",
        "id": request.headers["webhook-id"],
        "source": "/incidentql",
        "type": "dev.incidentql.incident.resolved.v1",
        "subject": "incident/inc_1",
        "time": "2026-03-01T09:30:00.000Z",
        "datacontenttype": "application/json",
        "data": {"title": "Größe", "n": None},
    }
    assert (request.method, request.target) == ("POST", "/hook")
    assert request.headers["content-type"].startswith("application/cloudevents+json")
    assert request.headers["idempotency-key"] == "run_1:a.2.c1.0"
    assert verified(request, KEYS[0])
    assert not verified(request, KEYS[1])


async def test_a_repeat_has_the_same_id_and_body_and_a_time_and_signature_of_its_own() -> None:
    async with serving(answer(503), answer(503), answer(200)) as server:
        result = await send(server)
        await send(server)
    assert (result.attempts, len(server.received)) == (3, 4)
    assert len({(request.headers["webhook-id"], request.body) for request in server.received}) == 1
    times = [int(request.headers["webhook-timestamp"]) for request in server.received[:3]]
    assert times == sorted(set(times))
    assert all(verified(request, KEYS[0]) for request in server.received)
    assert "." not in server.received[0].headers["webhook-id"]


async def test_unset_attributes_are_left_out_and_null_data_is_sent() -> None:
    async with serving(answer()) as server:
        await send(server)
    event = json.loads(server.received[0].body)
    assert "subject" not in event
    assert event["data"] is None


async def test_a_receiver_that_changes_its_secret_gets_a_signature_for_each() -> None:
    async with serving(answer()) as server:
        await send(server, secret=" ".join(SECRETS))
    assert all(verified(server.received[0], key) for key in KEYS)


@pytest.mark.parametrize("status", [302, 308, 400, 410, 500])
async def test_only_2xx_is_a_success_and_redirects_are_not_followed(status: int) -> None:
    async with serving(answer(status, location="/there")) as server:
        with pytest.raises(RequestFailedError, match=f"answered {status}"):
            await send(server)
    assert len(server.received) == 1


@pytest.mark.parametrize(
    "secret",
    [
        *(" ", "hush-hush", "whsec_", "whsec_hush", "whsec_" + "A" * 28, "whsec_" + "A" * 120, "whsec_hüsh"),
        *(SECRETS[0].removeprefix("whsec_"), f"{SECRETS[0]} hush-hush", " ".join([SECRETS[0]] * 3)),
    ],
)
async def test_a_secret_of_another_form_is_refused_without_being_quoted(secret: str) -> None:
    async with serving(answer()) as server:
        with pytest.raises(InvalidInputError) as caught:
            await send(server, secret=secret)
    assert (caught.value.field, server.received) == (["secret"], [])
    assert "hush" not in caught.value.message


def test_neither_errors_nor_representations_show_the_secret() -> None:
    values = {"url": "http://x.test/hush", "secret": "hush", "type": "t", "data": "hush"}
    assert "hush" not in repr(WebhookSendConfig.model_validate(values))
    with pytest.raises(ValidationError) as caught:
        WebhookSendConfig.model_validate(values | {"retries": "hush", "secrets": "hush"})
    assert "hush" not in str(caught.value)
