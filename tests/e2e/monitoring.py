"""A demo server watched by a real Prometheus: does each query of the dashboard and of the alerts find something?

    python -m tests.e2e.monitoring --seconds 40

It needs Debian's `prometheus`, and has promtool check the metrics, the rules, their tests and the example as well.
"""

import argparse
import asyncio
import json
import math
import re
import shutil
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import yaml

from tests.domain.webhooks.receiver import receiving
from tests.e2e.alertmanager import Program, free_port
from tests.e2e.databases import fresh_database
from tests.e2e.server import TOKEN, Server, running_server
from tests.factories import DEFINITION
from tests.gql.web.monitoring import FOLDER, Query, alert_queries, panel_queries

SECRET_KEY = "dGhlIGtleSB0aGF0IGlzIHVzZWQgaW4gb3VyIHRlc3Q="
#: The end of an alert: what is compared with which bound.
_BOUND = re.compile(r"\s*(==|>|<)\s*[\d.]+\s*$")
_CREATE = "mutation Open($input: CreateIncidentInput!) { createIncident(input: $input) { incident { id } } }"
_MOVE = """mutation Move($id: ID!) {
  acknowledgeIncident(input: {id: $id}) { userErrors { code } }
  addIncidentUpdate(input: {incidentId: $id, message: "Found", statusChange: IDENTIFIED}) { userErrors { code } }
  resolveIncident(input: {id: $id, message: "Mended"}) { userErrors { code } }
}"""


class Visitor:
    """Somebody who does a little of everything."""

    def __init__(self, http: httpx.AsyncClient, server: Server) -> None:
        self._http = http
        self._server = server

    async def run(self, query: str, **variables: Any) -> Any:
        """Return the data of an operation, which may fail."""
        answer = await self._http.post(self._server.graphql_url, json={"query": query, "variables": variables})
        return answer.json().get("data") or {}

    async def set_up(self, hook: str) -> str:
        """Make what reacts to incidents, and return the token of a monitor."""
        await self.run(
            "mutation ($input: CreateSystemInput!) { createSystem(input: $input) { cursor } }",
            input={"key": "shop", "name": "Shop"},
        )
        for mutation, given in {
            "createWebhook": {"url": hook, "audience": "PUBLIC"},
            "createAutomation": {"name": "noter of the check", "definition": DEFINITION},
            "createChannel": {"name": "on call", "url": hook.replace("http://", "json://")},
        }.items():
            kind = f"{mutation[0].upper()}{mutation[1:]}Input"
            text = f"mutation ($input: {kind}!) {{ {mutation}(input: $input) {{ userErrors {{ message }} }} }}"
            found = (await self.run(text, input=given))[mutation]
            assert not found["userErrors"], found
        made = await self.run(
            "mutation ($input: CreateIntegrationInput!) { createIntegration(input: $input) { token } }",
            input={"type": "ALERTMANAGER", "name": "monitors"},
        )
        return str(made["createIntegration"]["token"])

    async def act(self, token: str) -> None:
        """Do each thing once."""
        given = {"title": "Checkout fails", "severity": "MAJOR", "systemIds": ["shop"]}
        opened = (await self.run(_CREATE, input=given))["createIncident"]["incident"]["id"]
        await self.run(_MOVE, id=opened)
        for query in ("{ incidents { nodes { title } } }", "{ nothing }", "{ viewer { role } }"):
            await self.run(query)
        await self.run('mutation { resolveIncident(input: {id: "inc_none"}) { userErrors { code } } }')
        alert = {
            "status": "firing",
            "labels": {"alertname": "Slow", "system": "shop"},
            "annotations": {},
            "startsAt": "2026-03-01T08:00:00Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "fingerprint": opened[-16:],
        }
        body = {"version": "4", "groupKey": "{}", "status": "firing", "receiver": "incidentql", "alerts": [alert]}
        await self._http.post(
            f"{self._server.url}/integrations/alertmanager", json=body, headers={"authorization": f"Bearer {token}"}
        )
        await self._http.get(f"{self._server.url}/status")


@asynccontextmanager
async def watching(server: Server, folder: Path) -> AsyncIterator[str]:
    """Yield the address of a Prometheus that scrapes a server each second."""
    port, files = free_port(), yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    files["rule_files"] = [str(FOLDER / "alerts.yml")]
    files["scrape_configs"][0] |= {
        "scrape_interval": "1s",
        "static_configs": [{"targets": [server.url.removeprefix("http://")]}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(files))
    program = Program(
        "prometheus",
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        folder=folder,
    )
    await program.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await program.stop()


async def found(http: httpx.AsyncClient, prometheus: str, text: str) -> int:
    """Return how many series a query finds that have a number.

    Raises:
        AssertionError: Prometheus refuses it.
    """
    answer = (await http.get(f"{prometheus}/api/v1/query", params={"query": text})).json()
    assert answer["status"] == "success", (text, answer)
    result = answer["data"]["result"]
    return sum(not math.isnan(float(each["value"][1])) for each in result)


def asked(query: Query) -> str:
    """Return a query as it is checked: an alert without its bound, which nothing should exceed."""
    return _BOUND.sub("", query.filled(interval="20s")).replace("[5m]", "[20s]").replace("[10m]", "[20s]")


async def empty(prometheus: str) -> list[str]:
    """Return the places of all queries that find nothing."""
    async with httpx.AsyncClient(timeout=30) as http:
        queries = [*panel_queries(), *alert_queries()]
        return [each.place for each in queries if not await found(http, prometheus, asked(each))]


async def promtool(*arguments: str, given: bytes = b"") -> int:
    """Run promtool in the folder of the files; print what it says where it is not content."""
    process = await asyncio.create_subprocess_exec(
        "promtool",
        *arguments,
        cwd=FOLDER,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate(given)
    print(f"promtool {' '.join(arguments)}: {'accepted' if process.returncode == 0 else said.decode()}")
    return process.returncode or 0


async def watched(seconds: float) -> list[str]:
    """Run all of it, and return what is wrong."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="incidentql-monitoring-")))
        url = await stack.enter_async_context(fresh_database("sqlite"))
        hooks = await stack.enter_async_context(receiving())
        settings: Any = {"secret_key": SECRET_KEY, "http_allow": "127.0.0.1"}
        server = await stack.enter_async_context(running_server(url, options=("--demo",), **settings))
        prometheus = await stack.enter_async_context(watching(server, folder))
        headers = {"authorization": f"Bearer {TOKEN}"}
        http = await stack.enter_async_context(httpx.AsyncClient(headers=headers, timeout=60))
        visitor = Visitor(http, server)
        token = await visitor.set_up(hooks.url)
        stream = {"accept": "text/event-stream"}
        query = {"query": "subscription { incidentChanges { cursor } }"}
        await stack.enter_async_context(http.stream("POST", server.graphql_url, json=query, headers=stream))
        loop = asyncio.get_running_loop()
        ends = loop.time() + seconds
        left = ["nothing was asked"]
        while left and loop.time() < ends:
            for _ in range(3):
                await visitor.act(token)
            left = await empty(prometheus)
        metrics = (await http.get(f"{server.url}/metrics")).content
        refused = [
            await promtool("check", "metrics", given=metrics),
            await promtool("check", "rules", "alerts.yml"),
            await promtool("check", "config", "prometheus.yml"),
            await promtool("test", "rules", "alerts_test.yml"),
        ]
    return [*left, *(["promtool"] if any(refused) else [])]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what is empty; fail where something is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0, help="how long a query may stay empty")
    seconds = parser.parse_args(arguments).seconds
    if shutil.which("prometheus") is None:
        sys.exit("prometheus is not installed")
    left = asyncio.run(watched(seconds))
    print(json.dumps({"queries": len(panel_queries()) + len(alert_queries()), "empty": left}))
    sys.exit(bool(left))


if __name__ == "__main__":
    main()
