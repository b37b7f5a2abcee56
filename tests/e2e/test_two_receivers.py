"""Two servers of one database, which receive the same alert at the same time."""

import asyncio
from datetime import UTC, datetime

import httpx
import pytest

from tests.domain.alerts.payloads import alertmanager, prometheus_alert
from tests.e2e.server import api_of, running_server

_CREATE = """
mutation ($input: CreateIntegrationInput!) {
  createIntegration(input: $input) { token integration { path } userErrors { code message } }
}
"""
_FOUND = "{ incidents { totalCount nodes { title } } }"


@pytest.mark.parametrize("dialect", [pytest.param("postgresql", marks=pytest.mark.postgres)])
async def test_an_alert_that_two_servers_receive_at_once_opens_one_incident(database_url: str) -> None:
    alert = alertmanager(prometheus_alert("HighErrors", datetime(2026, 3, 1, 8, 0, tzinfo=UTC)))
    async with running_server(database_url) as one, running_server(database_url) as two, api_of(one) as api:
        given = {"type": "ALERTMANAGER", "name": "Monitor"}
        made = (await api.run(_CREATE, input=given))["createIntegration"]
        headers = {"authorization": f"Bearer {made['token']}"}
        async with httpx.AsyncClient(headers=headers, timeout=60, verify=False) as monitor:
            addresses = [f"{server.url}{made['integration']['path']}" for server in (one, two)]
            answers = await asyncio.gather(*(monitor.post(address, json=alert) for address in addresses * 5))
        assert [answer.status_code for answer in answers] == [200] * 10
        assert sum(answer.json()["opened"] for answer in answers) == 1
        assert (await api.run(_FOUND))["incidents"]["totalCount"] == 1
