"""The code of the commands of operators."""

import orjson
import typer

from domain.operating.findings import Finding
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


def _summary(report: Report) -> str:
    looked_at = ", ".join(f"{count:,} {name}" for name, count in report.counted.items()) or "nothing"
    if report.is_sound:
        return f"The database is sound. Looked at: {looked_at}."
    found = ", ".join(f"{count:,} of {damage}" for damage, count in report.found.most_common())
    return f"The database is damaged: {found}. Looked at: {looked_at}."


def _summary_as_json(report: Report) -> dict[str, object]:
    damages = {damage.value: count for damage, count in report.found.items()}
    return {"sound": report.is_sound, "damages": damages, "looked_at": dict(report.counted)}
