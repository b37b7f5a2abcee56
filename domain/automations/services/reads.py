"""Reads of automations and their runs; every method is one short read, batched where lists need it."""

from collections.abc import Sequence

from domain.entities.incident import INCIDENT
from domain.model.automation import (
    Artifact,
    Automation,
    AutomationRun,
    AutomationVersion,
    RunStatus,
    RunStep,
)
from domain.model.change import Change
from domain.model.paging import Page, PageRequest
from domain.persistence.database import Database
from domain.persistence.unit_of_work import ReadSession


class AutomationReads:
    """Queries over automations, for viewers who may read them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def automations(self, ids: Sequence[str]) -> dict[str, Automation]:
        """Return the automations of these ids; unknown ids are left out."""
        return await self._database.read(lambda session: session.automations.get_many(ids))

    async def named(self, name: str) -> Automation | None:
        """Return the automation of that name."""
        return await self._database.read(lambda session: session.automations.named(name))

    async def automation_page(
        self, page: PageRequest, *, group: str | None = None, enabled: bool | None = None
    ) -> Page[Automation]:
        """Return one page of the automations, oldest first."""
        return await self._database.read(lambda session: session.automations.page(page, group=group, enabled=enabled))

    async def automation_count(self, *, group: str | None = None, enabled: bool | None = None) -> int:
        """Return the number of automations."""
        return await self._database.read(lambda session: session.automations.count(group=group, enabled=enabled))

    async def versions(self, keys: Sequence[tuple[str, int]]) -> dict[tuple[str, int], AutomationVersion]:
        """Return the versions of these automations and numbers; unknown ones are left out."""
        return await self._database.read(lambda session: session.automations.get_versions(keys))

    async def version_pages(self, ids: Sequence[str], page: PageRequest) -> dict[str, Page[AutomationVersion]]:
        """Return the page of each of these automations' versions, newest first."""
        return await self._database.read(lambda session: session.automations.version_pages(ids, page))

    async def version_counts(self, ids: Sequence[str]) -> dict[str, int]:
        """Return the number of versions of each of these automations."""
        return await self._database.read(lambda session: session.automations.version_counts(ids))

    async def runs(self, ids: Sequence[str]) -> dict[str, AutomationRun]:
        """Return the runs of these ids; unknown ids are left out."""
        return await self._database.read(lambda session: session.runs.get_many(ids))

    async def run_page(
        self, page: PageRequest, *, automation_id: str | None, statuses: Sequence[RunStatus] | None
    ) -> Page[AutomationRun]:
        """Return one page of the runs of one automation or of all, newest first."""
        return await self._database.read(
            lambda session: session.runs.page(page, automation_id=automation_id, statuses=statuses)
        )

    async def run_count(self, *, automation_id: str | None, statuses: Sequence[RunStatus]) -> int:
        """Return the number of runs of one automation or of all."""
        return await self._database.read(
            lambda session: session.runs.count(automation_id=automation_id, statuses=statuses)
        )

    async def run_pages(
        self, automation_ids: Sequence[str], page: PageRequest, statuses: Sequence[RunStatus]
    ) -> dict[str, Page[AutomationRun]]:
        """Return the page of each of these automations' runs, newest first."""
        return await self._database.read(lambda session: session.runs.pages(automation_ids, page, statuses=statuses))

    async def run_counts(self, automation_ids: Sequence[str], statuses: Sequence[RunStatus]) -> dict[str, int]:
        """Return the number of runs of each of these automations."""
        return await self._database.read(lambda session: session.runs.counts(automation_ids, statuses=statuses))

    async def all_steps(self, run_id: str) -> list[RunStep]:
        """Return every step of a run, in the order in which the run came to them."""
        return (await self._database.read(lambda session: session.runs.steps([run_id])))[run_id]

    async def step_pages(self, run_ids: Sequence[str], page: PageRequest) -> dict[str, Page[RunStep]]:
        """Return the page of each of these runs' steps, in the order in which the runs came to them."""
        return await self._database.read(lambda session: session.runs.step_pages(run_ids, page))

    async def step_counts(self, run_ids: Sequence[str]) -> dict[str, int]:
        """Return the number of steps of each of these runs so far."""
        return await self._database.read(lambda session: session.runs.step_counts(run_ids))

    async def steps(self, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], RunStep]:
        """Return the steps of these runs and paths; unknown ones are left out."""
        return await self._database.read(lambda session: session.runs.get_steps(keys))

    async def artifacts(self, ids: Sequence[str]) -> dict[str, Artifact]:
        """Return the artifacts of these ids; unknown ids are left out."""
        return await self._database.read(lambda session: session.artifacts.get_many(ids))

    async def artifact_pages(self, run_ids: Sequence[str], page: PageRequest) -> dict[str, Page[Artifact]]:
        """Return the page of each of these runs' artifacts, oldest first."""
        return await self._database.read(lambda session: session.artifacts.pages(run_ids, page))

    async def artifact_counts(self, run_ids: Sequence[str]) -> dict[str, int]:
        """Return the number of artifacts that each of these runs produced."""
        return await self._database.read(lambda session: session.artifacts.counts(run_ids))

    async def change_pages(self, run_ids: Sequence[str], page: PageRequest) -> dict[str, Page[Change]]:
        """Return the page of each of these runs' changes to incidents, oldest first."""
        return await self._database.read(
            lambda session: session.changes.pages_of_runs(run_ids, page, kind=INCIDENT.name)
        )

    async def change_counts(self, run_ids: Sequence[str]) -> dict[str, int]:
        """Return the number of changes that each of these runs made to incidents."""
        return await self._database.read(lambda session: session.changes.counts_of_runs(run_ids, kind=INCIDENT.name))

    async def runs_that_opened(self, incident_ids: Sequence[str]) -> dict[str, AutomationRun]:
        """Return the run that opened each of these incidents, as far as the log and the run are kept."""

        async def read(session: ReadSession) -> dict[str, AutomationRun]:
            opened = await session.changes.runs_that_created(INCIDENT.name, incident_ids)
            runs = await session.runs.get_many(sorted(set(opened.values()))) if opened else {}
            return {incident_id: runs[run_id] for incident_id, run_id in opened.items() if run_id in runs}

        return await self._database.read(read)
