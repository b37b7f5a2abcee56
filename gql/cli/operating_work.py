"""The code of the commands of operators."""

import logging
from collections.abc import Mapping
from pathlib import Path

import orjson
import typer

from domain.clock import Clock
from domain.operating.backing_up import back_up
from domain.operating.examining.all import examine
from domain.operating.examining.results import Verdict
from domain.operating.findings import Finding
from domain.operating.restoring import restore_backup
from domain.operating.verifying import Report, verify
from domain.settings import Settings

_DAMAGED = 1


async def print_findings(settings: Settings, *, as_json: bool) -> None:
    """Print each damage of a database as a line, and a summary; exit with code 1 where there is any."""

    def tell(finding: Finding) -> None:
        typer.echo(orjson.dumps(finding.as_json()).decode() if as_json else str(finding))

    report = await verify(settings, tell)
    typer.echo(orjson.dumps(_summary_as_json(report)).decode() if as_json else _summary(report))
    if not report.is_sound:
        raise typer.Exit(_DAMAGED)


async def back_up_to(settings: Settings, file: Path, *, force: bool) -> None:
    """Write a backup."""
    made = await back_up(settings, file, force=force, now=Clock().now())
    typer.echo(f"{file}: {made.size_bytes:,} bytes, schema {made.revision}.")
    typer.echo("Keep the key of secrets as well: without it, what is encrypted cannot be read.")


async def restore_from(settings: Settings, file: Path, *, force: bool) -> None:
    """Restore a backup."""
    label = await restore_backup(settings, file, force=force, now=Clock().now())
    made = f" by incidentql {label.program}" if label.program else ""
    taken = f", taken {label.taken_at}" if label.taken_at else ""
    typer.echo(f"Restored: schema {label.revision}{made}{taken}.")
    typer.echo("Secrets need the key that they were encrypted with. `incidentql verify` checks the rest.")


async def print_examination(overrides: Mapping[str, str | None], *, as_json: bool) -> None:
    """Print a line for each part of an installation; exit with code 1 where one has a problem."""
    # What the parts would log is in the lines.
    logging.disable(logging.CRITICAL)
    try:
        results = [result async for result in examine(overrides)]
    finally:
        logging.disable(logging.NOTSET)
    for result in results:
        typer.echo(orjson.dumps(result.as_json()).decode() if as_json else str(result))
    if any(result.verdict is Verdict.PROBLEM for result in results):
        raise typer.Exit(_DAMAGED)


def _summary(report: Report) -> str:
    looked_at = ", ".join(f"{count:,} {name}" for name, count in report.counted.items()) or "nothing"
    if report.is_sound:
        return f"The database is sound. Looked at: {looked_at}."
    found = ", ".join(f"{count:,} of {damage}" for damage, count in report.found.most_common())
    return f"The database is damaged: {found}. Looked at: {looked_at}."


def _summary_as_json(report: Report) -> dict[str, object]:
    damages = {damage.value: count for damage, count in report.found.items()}
    return {"sound": report.is_sound, "damages": damages, "looked_at": dict(report.counted)}
