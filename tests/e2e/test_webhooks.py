"""Webhooks of real servers that are killed, and the official verifiers on what is sent."""

import json

import pytest
from standardwebhooks import Webhook as Verifier

from domain.webhooks.signing import fresh_secret
from tests.domain.dialects import on_one_database
from tests.domain.webhooks.receiver import receiving
from tests.domain.webhooks.sending import Names, sender_of, sent
from tests.e2e.clients import node_output
from tests.e2e.webhooks import crash


@on_one_database
async def test_a_server_that_is_killed_while_it_delivers_loses_and_invents_nothing(database_url: str) -> None:
    result = await crash(database_url, kills=1, seed=1, servers=1, fails=0.0, waits=False)
    assert result.violations == {}
    assert result.is_quiet
    assert result.count > 0


@pytest.mark.node
async def test_the_official_verifiers_accept_what_is_sent() -> None:
    secret = fresh_secret()
    async with receiving() as receiver:
        answer = await sent(sender_of(Names("127.0.0.1"), allowed=["127.0.0.1"]), receiver.url, secret=secret)
        [received] = receiver.received
    assert answer.is_success
    given = json.dumps([secret, received.body.decode(), dict(received.headers)])
    module = f"""
    import {{ Webhook }} from "standardwebhooks";
    const [secret, body, headers] = {given};
    console.log(JSON.stringify(new Webhook(secret).verify(body, headers)));
    """
    assert json.loads(await node_output(module)) == received.json
    assert Verifier(secret).verify(received.body, dict(received.headers)) == received.json
