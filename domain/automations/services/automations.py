"""Writes of automations: created, updated, switched, deleted, run by hand, and their runs cancelled."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from domain.automations.definitions.definition import Definition
from domain.automations.definitions.storable import storable
from domain.automations.routing.admission import Admission
from domain.automations.running.journal import Journal
from domain.automations.triggers.schedule import MANUAL, next_firing
from domain.automations.validation import InvalidDefinitionError, Problem, checked
from domain.automations.validation.catalog import Catalog
from domain.automations.validation.lookups import Lookups
from domain.automations.validation.problems import bounded
from domain.clock import Clock
from domain.entities.origin import Origin
from domain.errors import AlreadyExistsError, InvalidInputError, NotFoundError, VersionConflictError
from domain.ids import is_id, new_id
from domain.model.audit import AuditAction, AuditKind
from domain.model.automation import (
    GROUP_LENGTH,
    Automation,
    AutomationRun,
    AutomationVersion,
    Firing,
)
from domain.model.commands import KEEP, Keep, given
from domain.model.texts import checked_callers_key, checked_description, checked_line, checked_name
from domain.model.viewer import Viewer
from domain.persistence.unit_of_work import UnitOfWork
from domain.services.auditing import audit
from domain.services.writing import Idempotency, Outcome, Writer, recalled

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteAutomation:
    """The fields of an automation to write; on an update, a field that is KEEP stays."""

    name: str | Keep = KEEP
    description: str | Keep | None = KEEP
    group: str | Keep | None = KEEP
    enabled: bool | Keep = KEEP
    definition: Mapping[str, Any] | Keep = KEEP
    managed_by: str | Keep | None = KEEP


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved(Outcome[T]):
    """The result of a write of an automation, with the warnings about its definition."""

    warnings: Sequence[Problem] = ()


class AutomationService:
    """The use cases that write automations; each call is one transaction, and automations have no events."""

    def __init__(
        self,
        *,
        writer: Writer,
        clock: Clock,
        catalog: Catalog,
        journal: Journal,
        admission: Admission,
        on_schedule: Callable[[], None],
        lookups: Lookups | None,
    ) -> None:
        self._writer = writer
        self._clock = clock
        self._catalog = catalog
        self._journal = journal
        self._admission = admission
        #: Is called once an automation with other triggers is committed.
        self._on_schedule = on_schedule
        #: None where names outside of the catalog cannot be looked up, as in a dry run.
        self._lookups = lookups

    async def create(
        self,
        viewer: Viewer,
        command: WriteAutomation,
        *,
        idempotency_key: str | None = None,
        mutation: str = "createAutomation",
    ) -> Saved[Automation]:
        """Add an automation.

        Raises:
            InvalidDefinitionError: the definition has problems, all of which it lists.
            AlreadyExistsError: the name is taken.
            NotFoundError: the call, of the same mutation, is repeated, and the automation was deleted since.
            InvalidInputError, ConflictError
        """
        automation = _new(command, self._clock.now())
        warnings = await self._checked(storable(automation.definition, "definition"))

        async def work(unit: UnitOfWork) -> Automation:
            if not await unit.automations.insert(automation, _version(automation, viewer, automation.created_at)):
                raise _taken(automation.name)
            await audit(unit, viewer, AuditKind.AUTOMATION, AuditAction.CREATED, after=automation)
            await unit.people.note_user(viewer.actor, at=unit.moment())
            await self._listen(unit, automation)
            return automation

        once = Idempotency(
            mutation=mutation,
            key=idempotency_key,
            command=command,
            to_answer=lambda _: {"id": automation.id},
            from_answer=_recalled,
        )
        return _saved(await self._writer.run_once(viewer, work, once), warnings)

    async def update(
        self, viewer: Viewer, automation_id: str, command: WriteAutomation, *, expected_version: int | None = None
    ) -> Saved[Automation]:
        """Change an automation; another definition is a new version, and active runs keep theirs.

        Raises:
            NotFoundError, VersionConflictError, InvalidDefinitionError, AlreadyExistsError, InvalidInputError
        """
        warnings: Sequence[Problem] = ()
        if not isinstance(command.definition, Keep):
            warnings = await self._checked(storable(command.definition, "definition"))

        async def work(unit: UnitOfWork) -> Automation:
            before = await _locked(unit, automation_id, expected_version)
            after = _merged(before, command)
            if after == before:
                return before
            renewed = after.definition != before.definition
            after = replace(after, number=before.number + renewed, updated_at=unit.moment())
            rival = await unit.automations.named(after.name)
            if rival is not None and rival.id != after.id:
                raise _taken(after.name)
            # Another transaction may be taking the name at this moment.
            if not await unit.automations.save(after, _version(after, viewer, unit.moment()) if renewed else None):
                raise _taken(after.name)
            if renewed or after.enabled is not before.enabled:
                await self._listen(unit, after)
            if renewed:
                await self._renew(unit, viewer, after)
            await audit(unit, viewer, AuditKind.AUTOMATION, AuditAction.UPDATED, before=before, after=after)
            return after

        return _saved(await self._writer.run(work), warnings)

    async def _renew(self, unit: UnitOfWork, viewer: Viewer, automation: Automation) -> None:
        """Start what another mode lets run, and know who gave the automation its new version."""
        await unit.people.note_user(viewer.actor, at=unit.moment())
        await self._admission.release(unit, automation.id)

    async def _listen(self, unit: UnitOfWork, automation: Automation) -> None:
        """Register the triggers of an automation with routing and schedule; if it is disabled, remove them."""
        triggers: list[tuple[str, str, datetime | None]] = []
        if automation.enabled:
            definition = Definition.model_validate(automation.definition)
            triggers = [
                (trigger.name, trigger.event, next_firing(trigger, after=unit.moment()))
                for trigger in definition.triggers
            ]
        await unit.automations.set_triggers(automation.id, triggers, head=await unit.changes.head())
        unit.when_committed(self._on_schedule)

    async def problems(self, document: Any) -> list[Problem]:
        """Return all problems that saving a definition would find."""
        # In a thread: parsing many long expressions takes seconds, which would block the event loop.
        found = await asyncio.to_thread(checked, document, self._catalog)
        named = await self._lookups.problems(document, found) if self._lookups is not None else []
        return bounded([*found.problems, *named])

    async def _checked(self, document: Mapping[str, Any]) -> Sequence[Problem]:
        """Return the warnings about a definition that can be saved.

        Raises:
            InvalidDefinitionError: it cannot.
        """
        problems = await self.problems(document)
        if any(problem.is_error for problem in problems):
            raise InvalidDefinitionError(problems)
        return problems

    async def delete(self, viewer: Viewer, automation_id: str, *, expected_version: int | None = None) -> Outcome[str]:
        """Remove an automation and cancel its active runs; its runs can be read until retention ends.

        Raises:
            NotFoundError, VersionConflictError
        """
        origin = Origin(actor=viewer.actor)

        async def work(unit: UnitOfWork) -> str:
            automation = await _locked(unit, automation_id, expected_version)
            for run in await unit.runs.active(automation.id):
                await self._journal.cancel(unit, run.id, message="The automation was deleted.", origin=origin)
            await unit.automations.delete(automation.id, at=unit.moment())
            await audit(unit, viewer, AuditKind.AUTOMATION, AuditAction.DELETED, before=automation)
            return automation.id

        return await self._writer.run(work)

    async def run_by_hand(
        self,
        viewer: Viewer,
        automation_id: str,
        *,
        trigger_id: str | None = None,
        payload: Mapping[str, Any] | None = None,
        context_key: str | None = None,
        idempotency_key: str | None = None,
    ) -> Outcome[AutomationRun | None]:
        """Start a run now, past all gates, even if the automation is disabled.

        Raises:
            NotFoundError: there is no such automation, or the call is repeated, and the run was deleted since.
            InvalidInputError: it has no trigger of that id, or what is handed to it cannot be kept.
            ConflictError
        """
        command = _RunByHand(
            automation_id=automation_id,
            trigger_id=trigger_id,
            payload=storable(payload or {}, "payload"),
            context_key=_checked_context_key(context_key),
        )
        once: Idempotency[AutomationRun | None] = Idempotency(
            mutation="runAutomation",
            key=idempotency_key,
            command=command,
            to_answer=lambda run: {"id": run.id if run is not None else ""},
            from_answer=_recalled_run,
        )
        return await self._writer.run_once(viewer, partial(self._start, viewer, command), once)

    async def _start(self, viewer: Viewer, command: "_RunByHand", unit: UnitOfWork) -> AutomationRun | None:
        automation = await _locked(unit, command.automation_id)
        definition = Definition.model_validate(automation.definition)
        wanted = command.trigger_id
        trigger = definition.triggers[0] if wanted is None else definition.trigger(wanted)
        if trigger is None:
            raise InvalidInputError(f"The automation has no trigger {wanted!r:.80}.", field=["trigger"])
        firing = Firing(
            event=MANUAL,
            key=f"hand:{new_id('key')}",
            payload=command.payload,
            actor=viewer.actor,
            context_key=command.context_key,
            occurred_at=unit.moment(),
        )
        await unit.people.note_user(viewer.actor, at=unit.moment())
        admitted = await self._admission.admit(unit, automation, definition, trigger.name, firing, by_hand=True)
        return admitted.run

    async def cancel_run(self, viewer: Viewer, run_id: str) -> Outcome[AutomationRun]:
        """Cancel a run; if it is over, it stays as it is. A step under way is finished, and none follows it.

        Raises:
            NotFoundError
        """

        async def work(unit: UnitOfWork) -> AutomationRun:
            found = (await unit.runs.get_many([run_id])).get(run_id) if is_id(run_id, "run") else None
            if found is None:
                raise NotFoundError("Run", run_id)
            await unit.automations.lock([found.automation_id])
            origin = Origin(actor=viewer.actor)
            run = await self._journal.cancel(unit, run_id, message="Cancelled by hand.", origin=origin)
            await self._admission.proceed(unit, run)
            return run

        return await self._writer.run(work)


@dataclass(frozen=True, slots=True, kw_only=True)
class _RunByHand:
    automation_id: str
    trigger_id: str | None
    payload: Mapping[str, Any]
    context_key: str | None


def _saved(outcome: Outcome[T], warnings: Sequence[Problem]) -> Saved[T]:
    return Saved(outcome.value, outcome.seq, warnings=warnings)


async def _locked(unit: UnitOfWork, automation_id: str, expected_version: int | None = None) -> Automation:
    found = await unit.automations.lock([automation_id]) if is_id(automation_id, "aut") else {}
    if automation_id not in found:
        raise NotFoundError("Automation", automation_id)
    automation = found[automation_id]
    if expected_version is not None and expected_version != automation.number:
        raise VersionConflictError(
            "The automation", expected=expected_version, current=automation, version=automation.number
        )
    return automation


def _new(command: WriteAutomation, now: datetime) -> Automation:
    return Automation(
        id=new_id("aut"),
        name=checked_name(given(command.name, "")),
        description=_described(command, None),
        group=_checked_group(given(command.group, None)),
        enabled=given(command.enabled, True),  # noqa: FBT003 - the default of a field
        number=1,
        definition=given(command.definition, {}),
        managed_by=given(command.managed_by, None),
        created_at=now,
        updated_at=now,
    )


def _merged(before: Automation, command: WriteAutomation) -> Automation:
    return replace(
        before,
        name=before.name if isinstance(command.name, Keep) else checked_name(command.name),
        description=_described(command, before.description),
        group=before.group if isinstance(command.group, Keep) else _checked_group(command.group),
        enabled=given(command.enabled, before.enabled),
        definition=given(command.definition, before.definition),
        managed_by=given(command.managed_by, before.managed_by),
    )


async def _recalled(unit: UnitOfWork, answer: Mapping[str, Any]) -> Automation:
    return recalled(await unit.automations.get_many([answer["id"]]), answer["id"], noun="Automation")


async def _recalled_run(unit: UnitOfWork, answer: Mapping[str, Any]) -> AutomationRun | None:
    return recalled(await unit.runs.get_many([answer["id"]]), answer["id"], noun="Run")


def _version(automation: Automation, viewer: Viewer, now: datetime) -> AutomationVersion:
    return AutomationVersion(
        automation_id=automation.id,
        number=automation.number,
        definition=automation.definition,
        created_at=now,
        created_by=viewer.actor,
    )


def _taken(name: str) -> AlreadyExistsError:
    return AlreadyExistsError(f"There is an automation with the name {name!r} already.", field=["name"])


def _described(command: WriteAutomation, before: str | None) -> str | None:
    return before if isinstance(command.description, Keep) else checked_description(command.description)


def _checked_group(group: str | None) -> str | None:
    return None if group is None else checked_line(group, field="group", noun="Group", longest=GROUP_LENGTH)


def _checked_context_key(key: str | None) -> str | None:
    return None if key is None else checked_callers_key(key, field="contextKey", noun="Context key")
