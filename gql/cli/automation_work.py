"""The code of the commands on automations: apply them from files, list them, and show their runs."""

import difflib
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer
import yaml
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table
from rich.tree import Tree

from domain.automations.definitions.documents import load_document
from domain.automations.services.automations import WriteAutomation
from domain.automations.validation import InvalidDefinitionError, Problem
from domain.bootstrap import Domain, running_domain
from domain.errors import InvalidInputError, NotFoundError
from domain.model.automation import Automation, AutomationRun, RunStatus, RunStep
from domain.model.paging import PageRequest
from domain.model.texts import checked_description
from domain.model.viewer import SYSTEM_VIEWER
from domain.settings import Settings

#: The members of an automation in a file beside its definition.
_HEADER = ("name", "description", "group", "enabled")
_PAGE = 100
_COLOURS = {
    "success": "green",
    "failed": "red",
    "cancelled": "yellow",
    "skipped": "bright_black",
    "waiting": "cyan",
    "running": "blue",
    "pending": "blue",
}


async def apply(settings: Settings, file: Path, *, dry: bool) -> None:
    """Create or update the automations of a file by their names, and show the changes."""
    documents = _documents(file)
    async with running_domain(settings, live=False) as domain:
        for document in documents:
            await _apply(domain, document, managed_by=f"file:{file.name}", dry=dry)


async def print_all(settings: Settings) -> None:
    """Print all automations as a table."""
    table = Table("Name", "Triggers", "On", "Version", Column("Id", no_wrap=True))
    async with running_domain(settings, live=False) as domain:
        async for automation in _all(domain):
            table.add_row(*_row(automation))
    Console().print(table)


async def print_runs(settings: Settings, *, automation: str | None, skipped: bool, last: int) -> None:
    """Print the newest runs as a table, of one automation or of all."""
    table = Table("Automation", "Status", "Began", "Took", "Why", Column("Run", no_wrap=True))
    async with running_domain(settings, live=False) as domain:
        only = None if automation is None else await _found(domain, automation)
        statuses = None if skipped else [status for status in RunStatus if status is not RunStatus.SKIPPED]
        request = PageRequest(size=last)
        page = await domain.automations.reads.run_page(request, automation_id=only, statuses=statuses)
        names = await _names(domain, page.items)
        for found in page.items:
            table.add_row(*_run_row(found, names))
    Console().print(table)


async def print_trace(settings: Settings, run_id: str) -> None:
    """Print a run as a tree of its steps."""
    async with running_domain(settings, live=False) as domain:
        reads = domain.automations.reads
        found = (await reads.runs([run_id])).get(run_id)
        if found is None:
            raise NotFoundError("Run", run_id)
        steps = await reads.all_steps(run_id)
        Console().print(_tree(found, steps, await _names(domain, [found])))


def _documents(file: Path) -> list[Mapping[str, Any]]:
    try:
        document = load_document(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInputError(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"{file} is not text in UTF-8.") from error
    documents = document.get("automations", [document])
    if not isinstance(documents, list) or not all(isinstance(entry, dict) for entry in documents):
        raise InvalidInputError("`automations` must be a list of automations.")
    return documents


async def _apply(domain: Domain, document: Mapping[str, Any], *, managed_by: str, dry: bool) -> None:
    name = document.get("name")
    if not isinstance(name, str):
        meant = f", such as name: {document['alias']}" if isinstance(document.get("alias"), str) else ""
        raise InvalidInputError(f"An automation in a file needs a name{meant}.")
    definition = {key: value for key, value in document.items() if key not in _HEADER}
    command = WriteAutomation(
        name=name,
        description=document.get("description"),
        group=document.get("group"),
        enabled=document.get("enabled", True),
        definition=definition,
        managed_by=managed_by,
    )
    before = await domain.automations.reads.named(name)
    try:
        warnings = await _warnings(domain, definition) if dry else await _write(domain, before, command)
    except InvalidDefinitionError as error:
        lines = [f"  {_told(problem)}" for problem in error.problems]
        raise InvalidInputError("\n".join([f"{name} is not valid:", *lines])) from error
    _show_difference(name, before, document)
    for problem in warnings:
        typer.echo(f"incidentql: {name}: {_told(problem)}", err=True)


async def _write(domain: Domain, before: Automation | None, command: WriteAutomation) -> Sequence[Problem]:
    """Save an automation and return its warnings."""
    if before is None:
        return (await domain.automations.service.create(SYSTEM_VIEWER, command)).warnings
    return (await domain.automations.service.update(SYSTEM_VIEWER, before.id, command)).warnings


async def _warnings(domain: Domain, definition: Mapping[str, Any]) -> Sequence[Problem]:
    """Return the warnings that saving a definition would give.

    Raises:
        InvalidDefinitionError: the definition could not be saved.
    """
    problems = await domain.automations.service.problems(definition)
    if any(problem.is_error for problem in problems):
        raise InvalidDefinitionError(problems)
    return problems


def _told(problem: Problem) -> str:
    prefix = "" if problem.is_error else "warning: "
    return f"{prefix}{problem.path or 'definition'}: {problem.message}"


def _show_difference(name: str, before: Automation | None, document: Mapping[str, Any]) -> None:
    former = "" if before is None else _as_yaml(_as_document(before))
    description = checked_description(document.get("description"))
    present = _as_yaml({"enabled": True, "group": None, **document, "description": description})
    lines = list(difflib.unified_diff(former.splitlines(), present.splitlines(), "before", "after", lineterm=""))
    verb = "created" if before is None else "changed" if lines else "unchanged"
    console = Console()
    console.print(f"[bold]{escape(name)}[/bold]: {verb}")
    for line in lines[2:] if before is not None else ():
        colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
        console.print(escape(line), style=colour, highlight=False)


def _as_document(automation: Automation) -> dict[str, Any]:
    return {
        "name": automation.name,
        "description": automation.description,
        "group": automation.group,
        "enabled": automation.enabled,
        **automation.definition,
    }


def _as_yaml(document: Mapping[str, Any]) -> str:
    return str(yaml.safe_dump(dict(document), sort_keys=True, allow_unicode=True, width=100))


async def _all(domain: Domain) -> AsyncIterator[Automation]:
    """Return all automations, oldest first."""
    request = PageRequest(size=_PAGE)
    while True:
        page = await domain.automations.reads.automation_page(request)
        for automation in page.items:
            yield automation
        if not page.has_next:
            return
        request = PageRequest(size=_PAGE, after=(page.items[-1].id,))


async def _names(domain: Domain, runs: Sequence[AutomationRun]) -> dict[str, str]:
    """Return the names of these runs' automations by id."""
    found = await domain.automations.reads.automations(sorted({run.automation_id for run in runs}))
    return {automation.id: automation.name for automation in found.values()}


async def _found(domain: Domain, wanted: str) -> str:
    reads = domain.automations.reads
    known = await reads.named(wanted) or (await reads.automations([wanted])).get(wanted)
    if known is None:
        raise NotFoundError("Automation", wanted)
    return known.id


def _row(automation: Automation) -> list[str]:
    events = ", ".join(trigger["event"] for trigger in automation.definition["triggers"])
    shown = (automation.name, events, "yes" if automation.enabled else "no", str(automation.number), automation.id)
    return [escape(text) for text in shown]


def _run_row(found: AutomationRun, names: Mapping[str, str]) -> list[str]:
    colour = _COLOURS[found.status]
    took = "" if found.finished_at is None else f"{(found.finished_at - found.created_at).total_seconds():.1f} s"
    return [
        escape(names.get(found.automation_id, found.automation_id)),
        f"[{colour}]{found.status}[/{colour}]",
        f"{found.created_at:%m-%d %H:%M:%S}",
        took,
        escape(found.message or (found.reason or "")),
        found.id,
    ]


def _tree(found: AutomationRun, steps: list[RunStep], names: Mapping[str, str]) -> Tree:
    colour = _COLOURS[found.status]
    name = escape(names.get(found.automation_id, found.automation_id))
    about = f" for {escape(found.firing.context_key)}" if found.firing.context_key else ""
    tree = Tree(f"[bold]{name}[/bold], {escape(found.firing.event)}{about}: [{colour}]{found.status}[/{colour}]")
    if found.message:
        tree.add(escape(found.message))
    for step in steps:
        colour = _COLOURS.get(step.status, "")
        what = escape(step.action or step.kind)
        branch = tree.add(f"{escape(step.path)}  {what}  [{colour}]{step.status}[/{colour}]{_took(step)}")
        for label, value in (("in", step.input), ("out", step.output), ("error", step.error)):
            if value is not None:
                branch.add(f"[bright_black]{label}[/bright_black] {escape(str(value))}")
    return tree


def _took(step: RunStep) -> str:
    if step.finished_at is None:
        return "" if step.due_at is None else f"  until {step.due_at:%Y-%m-%d %H:%M:%S}"
    return f"  {(step.finished_at - step.started_at).total_seconds():.2f} s"
