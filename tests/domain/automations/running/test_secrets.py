"""Secrets of runs: they reach the server that they are meant for, and nothing else."""

import asyncio
import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from domain.model.actor import SYSTEM
from domain.model.automation import AutomationVersion, RunStatus
from domain.persistence.unit_of_work import ReadSession, UnitOfWork
from domain.settings import Settings
from tests.domain.automations.actions.servers import Answer, answer, serving
from tests.domain.automations.world import World
from tests.domain.dialects import on_one_database
from tests.domain.messaging.changes import until
from tests.factories import make_secret, make_system
from tests.inside import inside

SECRET = "correct-horse-battery"
KEY = "${{ secrets.API_KEY }}"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, http_allow=("127.0.0.1",))


def request(url: str, **more: Any) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {KEY}"}
    return {"id": "call", "action": "http.request", "config": {"url": url, "headers": headers, "retries": 0}, **more}


def echo() -> Answer:
    body = json.dumps({"you": {"sent": f"Bearer {SECRET}", SECRET: [SECRET]}}).encode()
    return answer(200, body, content_type="application/json")


def files(settings: Settings) -> list[tuple[str, bytes]]:
    """Return the content of the database's files on SQLite."""
    file = Path(settings.database_url.removeprefix("sqlite:///"))
    return [(path.name, path.read_bytes()) for path in file.parent.glob(f"{file.name}*")] if file.exists() else []


async def everything(world: World) -> str:
    """Return all that the database holds, with the engine's tables."""

    async def read(session: ReadSession) -> str:
        def dump(connection: sa.Connection) -> str:
            inspector = sa.inspect(connection)
            schemas = [None] if connection.dialect.name == "sqlite" else ["public", "dbos"]
            tables = [(schema, name) for schema in schemas for name in inspector.get_table_names(schema=schema)]
            quoted = [".".join(f'"{part}"' for part in place if part) for place in tables]
            return "".join(str(connection.execute(sa.text(f"SELECT * FROM {place}")).all()) for place in quoted)

        return await session.connection.run_sync(dump)

    return await inside(world.domain).database.read(read)


async def test_a_secret_is_in_no_table_no_file_and_no_log(
    world: World, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await make_system(world.domain)
    await make_secret(world.domain, "API_KEY", SECRET)
    opened = {"title": f"Down {KEY}", "description": KEY, "severity": "major", "systemIds": ["payments"]}
    body = "{{ trigger.payload.said }}"
    steps = (
        {"variables": {"said": body}},
        {"id": "open", "action": "incident.create", "config": {**opened, "initialMessage": body, "dedupeKey": KEY}},
        {"action": "incident.add_update", "config": {"message": f"{KEY} and {{{{ variables.said }}}}"}},
        {"action": "log", "config": {"message": f"{body} {KEY}"}},
        {"action": "incident.resolve", "config": {"incidentId": KEY}, "continue_on_error": True},
        {"action": "incident.resolve", "config": {"message": f"Over {KEY}"}},
        {"stop": {"reason": "Over"}},
    )
    async with serving(echo(), answer(500, SECRET.encode())) as server:
        failing = request(f"{server.url}/{KEY}", continue_on_error=True) | {"id": "failing"}
        # The trigger's own text comes from another place, and was there before.
        run = await world.ran(request(server.url), failing, *steps, payload={"said": "nothing"})
    assert (run.status, run.message) == (RunStatus.SUCCESS, "Over")
    assert [received.headers["authorization"] for received in server.received] == [f"Bearer {SECRET}"] * 2
    assert server.received[1].target == f"/{SECRET}"
    assert (await world.step(run, "actions[0]")).output["body"] == {"you": {"sent": "Bearer ****", "****": ["****"]}}
    assert [incident.title for incident in await world.incidents()] == ["Down ****"]
    stored = await everything(world)
    assert "automation_run" in stored
    assert "Down ****" in stored
    assert SECRET not in stored
    assert SECRET not in caplog.text
    assert [name for name, content in files(settings) if SECRET.encode() in content] == []


async def test_an_answer_during_the_stop_of_a_process_is_redacted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_secret(world.domain, "API_KEY", SECRET)
    write, gate = inside(world.domain).database.write, asyncio.Event()
    held: list[Any] = []

    async def held_up(work: Any, **options: Any) -> Any:
        if server.received:
            held.append(work)
            await gate.wait()
        return await write(work, **options)

    async def behind_a_shield(work: Any, **options: Any) -> Any:
        return await asyncio.shield(asyncio.ensure_future(held_up(work, **options)))

    async with serving(echo()) as server:
        monkeypatch.setattr(inside(world.domain).database, "write", behind_a_shield)
        run = await world.begun(request(server.url))
        await until(lambda: bool(held))
        await world.crash()
        gate.set()
        await world.settled_down(run, {"actions[0]": "success"})
    assert SECRET not in await everything(world)


@on_one_database
async def test_a_finished_worker_leaves_redacting_on_for_another(world: World) -> None:
    masker, runner = inside(world.domain).masker, world.domain.automations.runner
    await make_secret(world.domain, "API_KEY", SECRET)
    run = await world.begun({"delay": {"seconds": 60}}, {"action": "log", "config": {"message": KEY}})
    await world.waiting(run, "actions[0]")
    second = asyncio.create_task(runner.execute(run.id))
    await until(lambda: runner._executing[run.id] == 2)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    assert masker.mask(run.id, SECRET) == "****"
    world.clock.advance(seconds=60)
    await world.over(run)
    await world.ended(run)
    assert masker.mask(run.id, SECRET) == SECRET


@on_one_database
async def test_a_missing_secret_fails_the_step_with_its_name(world: World) -> None:
    run = await world.ran(request("http://127.0.0.1:9"))
    assert run.status is RunStatus.FAILED
    assert "API_KEY" in str(run.message)


@on_one_database
async def test_a_reference_to_a_secret_in_data_is_never_filled_in(world: World) -> None:
    await make_secret(world.domain, "API_KEY", SECRET)
    data = {"title": KEY, "half": "secrets.API_KEY }}", "parts": ["${{", "secrets.API_KEY", "}}"]}
    body = {
        "title": "{{ trigger.payload.title }}",
        "variable": "{{ variables.title }}",
        "pieced": "{{ trigger.payload.parts | join(' ') }}",
        "half": "$ { { {{ trigger.payload.half }}",
        "default": "{{ trigger.payload.none | default(trigger.payload.title) }}",
    }
    async with serving(answer(200, b"ok")) as server:
        keep = {"variables": {"title": "{{ trigger.payload.title }}"}}
        call = request(server.url)
        await world.ran(keep, {**call, "config": {**call["config"], "method": "POST", "json": body}}, payload=data)
    [received] = server.received
    assert received.headers["authorization"] == f"Bearer {SECRET}"
    assert json.loads(received.body) == {
        "title": KEY,
        "variable": KEY,
        "pieced": KEY,
        "half": "$ { { secrets.API_KEY }}",
        "default": KEY,
    }


@on_one_database
async def test_a_saved_expression_on_a_secret_sends_nothing(world: World) -> None:
    await make_secret(world.domain, "API_KEY", SECRET)
    async with serving(answer(200, b"ok")) as server:
        automation = await world.automation(request(server.url))
        spoilt = request(server.url)
        spoilt["config"]["headers"] = {"Authorization": f"{{{{ '{KEY}' | upper }}}}"}

        async def save(unit: UnitOfWork) -> None:
            definition = {**automation.definition, "actions": [spoilt]}
            version = AutomationVersion(
                automation_id=automation.id,
                number=2,
                definition=definition,
                created_at=unit.moment(),
                created_by=SYSTEM,
            )
            await unit.automations.save(replace(automation, number=2, definition=definition), version)

        await inside(world.domain).database.write(save)
        run = await world.over(await world.again(automation))
    assert (run.status, server.received) == (RunStatus.FAILED, [])
    assert "A secret stands outside of the `{{ }}`" in str(run.message)
