"""Maintenance windows in exports and imports."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.bootstrap import Domain, running_domain
from domain.model.maintenance import Maintenance
from domain.model.viewer import Visibility
from domain.services.maintenance.commands import AddMaintenanceUpdate, ChangeMaintenanceInstance
from domain.settings import Settings
from tests.conftest import SECRET_KEY, SteppingClock
from tests.domain.dialects import on_one_database
from tests.domain.transfer.world import AMINA, exported, imported
from tests.factories import ADMIN, make_maintenance, make_system

Line = dict[str, Any]


@pytest.fixture
async def other(own_database_url: str, clock: SteppingClock) -> AsyncIterator[Domain]:
    """Yield a domain on another empty database."""
    settings = Settings(database_url=own_database_url, automations=False, secret_key=SECRET_KEY)
    async with running_domain(settings, clock=clock, live=False) as running:
        yield running


async def windows(domain: Domain) -> list[Maintenance]:
    """Schedule windows of all statuses, one of them again and again, and return them."""
    await make_system(domain, "payments")
    await make_system(domain, "search")
    weekly = await make_maintenance(
        domain, "payments", "search", recurrence="FREQ=WEEKLY;COUNT=6", time_zone="Europe/Berlin", description="By hand"
    )
    active = await make_maintenance(domain, begins=-1, hours=3, visibility=Visibility.INTERNAL)
    over, ended = await make_maintenance(domain, title="Not needed"), await make_maintenance(domain, begins=-1)
    await domain.maintenance.cancel(ADMIN, over.id)
    await domain.maintenance.end(ADMIN, ended.id)
    for message in ("It begins soon", "It is late"):
        await domain.maintenance.add_update(AMINA, AddMaintenanceUpdate(id=weekly.id, message=message))
    moved = weekly.starts_at + timedelta(days=1)
    await domain.maintenance.change_instance(
        ADMIN,
        ChangeMaintenanceInstance(
            id=weekly.id,
            original_start=weekly.starts_at,
            starts_at=moved,
            ends_at=moved + timedelta(hours=1),
            title="Later",
        ),
    )
    return [weekly, active, over, ended]


async def test_windows_are_exported_again_byte_for_byte_and_quietly(
    domain: Domain, other: Domain, clock: SteppingClock, tmp_path: Path
) -> None:
    made = await windows(domain)
    data = await exported(domain)
    dry, _ = await imported(other, tmp_path / "file", data, is_dry=True)
    assert dry.taken["maintenance"] == 4
    tally, heard = await imported(other, tmp_path / "file", data)
    assert (heard.refusals, heard.notes, tally.taken["maintenance"]) == ([], [], 4)
    assert await exported(other) == data
    log = [change for change in await other.events.raw(0, limit=1000) if change.kind == "maintenance"]
    assert [(change.events, change.actor.name) for change in log] == [((), "Import")] * 4
    again, heard = await imported(other, tmp_path / "file", data)
    assert (again.taken["maintenance"], again.present["maintenance"], heard.notes) == (0, 4, [])
    # They go on here: at the end of the active one, and at the next time of the one that takes place again.
    clock.advance(days=2)
    await other.maintenance.timer.run_once()
    found = await other.maintenance.reads.get_many([each.id for each in made], ADMIN.audience)
    assert [found[each.id].status for each in made] == ["scheduled", "ended", "cancelled", "ended"]


async def test_two_imports_at_once_take_each_window_once(
    domain: Domain, other: Domain, own_database_url: str, clock: SteppingClock, tmp_path: Path
) -> None:
    await windows(domain)
    data = await exported(domain)
    settings = Settings(database_url=own_database_url, automations=False, secret_key=SECRET_KEY)
    async with running_domain(settings, clock=clock, live=False) as rival:
        both = await asyncio.gather(
            imported(other, tmp_path / "one", data), imported(rival, tmp_path / "another", data)
        )
    assert sum(tally.taken["maintenance"] for tally, _ in both) == 4
    assert [heard.refusals for _, heard in both] == [[], []]
    assert await exported(other) == data


def _first(change: Callable[[Line], object]) -> Callable[[list[Line]], object]:
    return lambda lines: change(next(line for line in lines if line["type"] == "maintenance"))


@on_one_database
@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda line: line.update(status="ended"), "status"),
        (lambda line: line.update(endsAt=line["startsAt"]), "endsAt"),
        # Beyond the last year by the clocks of some zone.
        (lambda line: line.update(startsAt="9999-12-30T23:00:00Z", endsAt="9999-12-31T23:00:00Z"), "startsAt"),
        (lambda line: line.update(endsAt="9000-01-01T00:00:00Z"), "endsAt"),
        (lambda line: line["instances"][0].update(endsAt="9000-01-01T00:00:00Z"), "instances.0.endsAt"),
        (lambda line: line.update(timeZone="Mars/Olympus"), "timeZone"),
        (lambda line: line.update(recurrence="FREQ=HOURLY"), "recurrence"),
        (lambda line: line["instances"][0].update(endsAt=line["instances"][0]["startsAt"]), "instances.0.endsAt"),
        (lambda line: line["instances"].insert(1, line["instances"][0]), "instances.1.originalStart"),
        (lambda line: line["instances"].reverse(), "instances"),
        (lambda line: line["transitions"][0].update(field="active", to="[7]"), "transitions.0.to"),
        (lambda line: line["transitions"][0].update(field="severity", to="major"), "transitions.0.to"),
        (lambda line: line.update(systems=["sys_01kgc8k9e0f9f824pa3eywnyp2"]), "systems"),
        (lambda line: line["instances"][1].update(id=line["instances"][0]["id"]), ""),
    ],
)
async def test_a_window_that_contradicts_itself_is_refused_alone(
    domain: Domain, other: Domain, tmp_path: Path, change: Callable[[Line], object], field: str
) -> None:
    await windows(domain)
    lines = [json.loads(line) for line in (await exported(domain)).splitlines()]
    _first(change)(lines)
    data = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
    tally, heard = await imported(other, tmp_path / "file", data)
    assert ([".".join(refusal.field) for refusal in heard.refusals], tally.taken["maintenance"]) == ([field], 3)


@on_one_database
async def test_a_window_gets_the_system_that_has_its_key_here(domain: Domain, other: Domain, tmp_path: Path) -> None:
    made = await windows(domain)
    here = await make_system(other, "payments")
    await imported(other, tmp_path / "file", await exported(domain))
    found = await other.maintenance.reads.get_many([made[0].id], ADMIN.audience)
    assert here.id in found[made[0].id].system_ids
