"""One server of several processes: every one serves every client, a dead one is replaced, and all end together."""

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from tests.e2e.databases import fresh_database
from tests.e2e.processes import Command, is_running, run_command
from tests.e2e.server import api_of, free_port, running_server
from tests.e2e.subscriber import Subscriber
from tests.gql.transport.sockets import until

_SUBSCRIBERS = 8
_LONGEST_SECONDS = 60
_AUTOMATION = {
    "name": "Open",
    "definition": {
        "triggers": [{"event": "system.degraded"}],
        "actions": [
            {
                "id": "opened",
                "action": "incident.create",
                "config": {"title": "Slow", "severity": "major", "systemIds": ["{{ trigger.payload.systemId }}"]},
            }
        ],
    },
}
_CREATE = """mutation ($input: CreateAutomationInput!) { createAutomation(input: $input) {
  automation { id } userErrors { code message field } } }"""
_TITLES = "{ incidents { nodes { title } } }"


async def test_workers_push_each_others_writes_and_a_killed_one_is_replaced(dialect: str) -> None:
    async with fresh_database(dialect) as url, AsyncExitStack() as stack:
        # By the poll alone nothing would arrive before the deadline.
        server = await stack.enter_async_context(running_server(url, options=("--workers", "2"), poll_seconds="600"))
        await server.workers_serve(2)
        first, second = server.workers
        # A connection each, so that the kernel spreads them.
        apis = [await stack.enter_async_context(api_of(server)) for _ in range(_SUBSCRIBERS)]
        await apis[0].create_system()
        start = (await apis[0].run("{ cursor }"))["cursor"]
        subscribers = [Subscriber(server, after=start) for _ in apis]
        tasks = [asyncio.create_task(subscriber.run()) for subscriber in subscribers]
        stack.callback(lambda: [task.cancel() for task in tasks])
        await until(lambda: all(each.connections for each in subscribers), seconds=_LONGEST_SECONDS)
        before = await asyncio.gather(*(api.create_incident(f"Before {nth}") for nth, api in enumerate(apis)))

        os.kill(second, signal.SIGKILL)
        await until(lambda: len(set(server.workers) - {first, second}) == 1, seconds=_LONGEST_SECONDS)
        async with api_of(server) as api:
            after = await api.create_incident("After")
            nodes = await api.run("{ incidentChanges(last: 1) { nodes { id } } incidents { nodes { id } } }")
        assert {node["id"] for node in nodes["incidents"]["nodes"]} == {*before, after}
        last = nodes["incidentChanges"]["nodes"][0]["id"]
        assert all([await each.until(last, seconds=_LONGEST_SECONDS) for each in subscribers])
        assert {tuple(each.seen) for each in subscribers} == {tuple(subscribers[0].seen)}
        assert len(set(subscribers[0].seen)) == len(before) + 1

        processes = server.workers
        for task in tasks:
            task.cancel()
        server.terminate()
        assert await server.ended() == 0
        assert not any(map(is_running, processes))
        assert server.stderr.count("ended by itself (code 137)") == 1


async def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    async with running_server(f"sqlite:///{tmp_path}/a.db", options=("--workers", "2")) as server:
        await server.workers_serve(2)
        processes = server.workers
        await server.kill()
        await until(lambda: not any(map(is_running, processes)), seconds=_LONGEST_SECONDS)
        with pytest.raises(httpx.ConnectError):
            await asyncio.to_thread(httpx.get, f"{server.url}/livez", verify=False)


async def test_workers_refuse_a_port_that_others_share(tmp_path: Path) -> None:
    async with running_server(f"sqlite:///{tmp_path}/a.db", options=("--workers", "2")) as server:
        port = server.url.rpartition(":")[2]
        address = ("--port", port, "--database-url", f"sqlite:///{tmp_path}/b.db")
        code, _, stderr = await run_command("serve", "--workers", "2", *address, folder=tmp_path)
        assert code == 2
        assert f"Port {port} on 127.0.0.1 is taken" in stderr


async def test_workers_that_cannot_start_say_why_once(tmp_path: Path) -> None:
    arguments = ("serve", "--workers", "3", "--port", "0", "--database-url", f"sqlite:///{tmp_path}/none/a.db")
    code, stdout, stderr = await run_command(*arguments, folder=tmp_path)
    assert (code, stdout, len(stderr.splitlines())) == (2, "", 1)


async def test_each_worker_answers_its_own_metrics_and_probes(tmp_path: Path) -> None:
    port = free_port()
    options = ("--workers", "2")
    async with running_server(f"sqlite:///{tmp_path}/a.db", options=options, metrics_port=str(port)) as server:
        await server.workers_serve(2)
        began: set[str] = set()
        async with httpx.AsyncClient(verify=False, transport=httpx.AsyncHTTPTransport(retries=8)) as client:
            for each in (port, port + 1):
                address = f"http://127.0.0.1:{each}"
                ready = await client.get(f"{address}/readyz")
                assert ready.status_code == httpx.codes.OK
                assert "server" not in ready.headers
                lines = (await client.get(f"{address}/metrics")).text.splitlines()
                began |= {line for line in lines if line.startswith("process_start_time_seconds")}
                assert (await client.get(f"{address}/graphql")).status_code == httpx.codes.NOT_FOUND
            assert "server" not in (await client.get(f"{server.url}/livez")).headers
        assert len(began) == 2


async def test_work_runs_what_servers_without_automations_leave(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    async with running_server(url, automations="false", webhooks="false") as server, api_of(server) as api:
        command = Command("work", "--database-url", url, folder=tmp_path)
        try:
            await until(lambda: "without HTTP" in command.stdout, seconds=_LONGEST_SECONDS)
            assert (await api.run(_CREATE, input=_AUTOMATION))["createAutomation"]["userErrors"] == []
            await api.create_system()
            await api.write("reportSystemHealth", system="payments", status="DEGRADED")
            async with asyncio.timeout(_LONGEST_SECONDS):
                while not (await api.run(_TITLES))["incidents"]["nodes"]:  # noqa: ASYNC110 - the answer is the event
                    await asyncio.sleep(0)
            command.terminate()
            assert await command.ended() == 0
        finally:
            await command.close()
