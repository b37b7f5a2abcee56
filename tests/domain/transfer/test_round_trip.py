"""Exports, imported into another database."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from domain.bootstrap import Domain, running_domain
from domain.model.change import Change
from domain.model.erasure import FORGOTTEN_NAME
from domain.model.incident import Health
from domain.services.health_history import Asked
from domain.settings import Settings
from tests.conftest import SECRET_KEY, SteppingClock
from tests.domain.dialects import on_one_database
from tests.domain.transfer.world import AMINA, exported, imported, lively
from tests.factories import ADMIN, make_incident, make_system


@pytest.fixture
async def other(own_database_url: str, clock: SteppingClock) -> AsyncIterator[Domain]:
    """Yield a domain on another empty database."""
    settings = Settings(database_url=own_database_url, automations=False, secret_key=SECRET_KEY)
    async with running_domain(settings, clock=clock, live=False) as running:
        yield running


async def log_of(domain: Domain) -> list[Change]:
    return [change for change in await domain.events.raw(0, limit=1000)]


async def test_an_import_is_exported_again_byte_for_byte_and_repeated_changes_nothing(
    domain: Domain, other: Domain, clock: SteppingClock, tmp_path: Path
) -> None:
    await lively(domain, clock)
    data = await exported(domain)
    tally, heard = await imported(other, tmp_path / "history", data)
    assert heard.refusals == []
    assert tally.taken == {"system": 2, "person": 1, "health": 1, "incident": 3, "relation": 3}
    assert await exported(other) == data
    before = await log_of(other)
    again, _ = await imported(other, tmp_path / "history", data)
    assert (sum(again.taken.values()), sum(again.present.values())) == (0, 10)
    assert await log_of(other) == before


@on_one_database
async def test_an_import_fires_no_trigger_and_is_logged_as_of_now(
    domain: Domain, other: Domain, clock: SteppingClock, tmp_path: Path
) -> None:
    await lively(domain, clock)
    began = clock.now()
    await imported(other, tmp_path / "history", await exported(domain))
    log = await log_of(other)
    assert {change.kind for change in log} == {"system", "health", "incident"}
    assert [change for change in log if change.events or change.payload] == []
    # Retention prunes what lies before the last change that is too old.
    assert all(change.occurred_at > began for change in log)
    assert {change.actor.id for change in log} == {"import"}


async def test_imported_incidents_are_found_claimed_and_count_for_health(
    domain: Domain, other: Domain, clock: SteppingClock, tmp_path: Path
) -> None:
    await lively(domain, clock)
    await imported(other, tmp_path / "history", await exported(domain))
    ids = await other.reads.system_ids(["payments", "checkout"])
    asked = Asked(since=clock.moment - timedelta(days=1), until=clock.moment)
    periods = [await each.health_history.of(list(ids.values()), asked) for each in (domain, other)]
    assert periods[0] == periods[1]
    assert any(period.override for periods in periods[1].values() for period in periods)
    reported = await other.reads.health_of([ids["checkout"]])
    assert reported[ids["checkout"]].status is Health.DEGRADED
    again = await make_incident(other, "checkout", dedupe_key="slow", dedupe_open_for_system=True)
    assert again.reference == "INC-2"
    new = await make_incident(other, "payments")
    assert new.reference == "INC-4"


@on_one_database
async def test_numbers_that_are_taken_are_given_anew_and_reported(
    domain: Domain, other: Domain, clock: SteppingClock, tmp_path: Path
) -> None:
    await lively(domain, clock)
    await make_incident(other, title="Ours")
    tally, heard = await imported(other, tmp_path / "history", await exported(domain))
    assert tally.taken["incident"] == 3
    assert [(each.code, each.message) for each in heard.notes] == [("RENUMBERED", "INC-1 is INC-4 here.")]


@on_one_database
async def test_a_system_whose_key_is_taken_is_the_one_that_has_it(
    domain: Domain, other: Domain, clock: SteppingClock, tmp_path: Path
) -> None:
    await lively(domain, clock)
    ours = await make_system(other, "payments", name="Ours")
    tally, heard = await imported(other, tmp_path / "history", await exported(domain))
    assert (heard.refusals, tally.taken["system"], tally.present["system"]) == ([], 1, 1)
    again = (await exported(other)).decode()
    theirs = (await domain.reads.system_ids(["payments"]))["payments"]
    assert ours.id in again
    assert theirs not in again


@on_one_database
async def test_people_who_were_forgotten_here_come_back_under_their_pseudonyms(
    domain: Domain, other: Domain, clock: SteppingClock, tmp_path: Path
) -> None:
    await lively(domain, clock)
    data = await exported(domain)
    await make_incident(other, title="Ours")
    await other.responders.acknowledge(AMINA, (await make_incident(other)).id)
    await other.forgetting.forget(ADMIN, AMINA.actor.id)
    await imported(other, tmp_path / "history", data)
    again = (await exported(other)).decode().splitlines()
    taken = [line for line in again if '"Zahlungen' in line]
    assert len(taken) == 1
    assert AMINA.actor.id not in taken[0]
    assert FORGOTTEN_NAME in taken[0]


@on_one_database
async def test_a_dry_run_counts_and_writes_nothing(
    domain: Domain, other: Domain, clock: SteppingClock, tmp_path: Path
) -> None:
    await lively(domain, clock)
    data, empty = await exported(domain), await exported(other)
    tally, heard = await imported(other, tmp_path / "history", data, is_dry=True)
    assert tally.taken == {"system": 2, "person": 1, "health": 1, "incident": 3, "relation": 3}
    assert (heard.refusals, await exported(other)) == ([], empty)


async def test_two_imports_at_once_take_everything_once(
    domain: Domain, other: Domain, clock: SteppingClock, own_database_url: str, tmp_path: Path
) -> None:
    await lively(domain, clock)
    data = await exported(domain)
    settings = Settings(database_url=own_database_url, automations=False, secret_key=SECRET_KEY)
    async with running_domain(settings, clock=clock, live=False) as rival:
        imports = [imported(each, tmp_path / f"{place}", data) for place, each in enumerate((other, rival))]
        (one, heard), (two, heard_too) = await asyncio.gather(*imports)
    assert (heard.refusals, heard_too.refusals) == ([], [])
    taken = {kind: one.taken[kind] + two.taken[kind] for kind in one.taken if kind != "person"}
    assert taken == {"system": 2, "health": 1, "incident": 3, "relation": 3}
    assert await exported(other) == data
