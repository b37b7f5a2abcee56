"""The code of the commands that call a server: open, resolve, acknowledge and watch incidents."""

import asyncio
import random
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import orjson

from domain.errors import InvalidInputError
from domain.ids import new_id
from gql.cli.calling import Api, AwayError, RefusedError, calling
from gql.cli.profiles import Target

_FIELDS = "id reference title status severity systems { key }"
_FIND = """query ($id: ID, $number: Int) {
  incident(id: $id, number: $number) { id reference status version acknowledgedAt }
}"""
_OPEN = f"""mutation ($input: CreateIncidentInput!) {{
  createIncident(input: $input) {{ incident {{ {_FIELDS} }} reused cursor userErrors {{ code message }} }}
}}"""
_CHANGE = """mutation ($input: %sInput!) {
  %s(input: $input) { incident { %s version } cursor userErrors { code message } }
}"""
_EVENTS = f"""subscription ($filter: IncidentEventFilter, $after: String) {{
  incidentEvents(filter: $filter, after: $after) {{
    cursor type occurredAt actor {{ type name }} changedFields incidentId incident {{ {_FIELDS} }}
  }}
}}"""
_CHANGES = f"""subscription ($filter: IncidentEventFilter, $after: String) {{
  incidentChanges(filter: $filter, after: $after) {{
    cursor action occurredAt actor {{ type name }} changedFields incidentId incident {{ {_FIELDS} }}
  }}
}}"""
#: The largest number that incidents can have.
_LARGEST = 2**31 - 1
_NUMBER = re.compile(r"(?:[A-Za-z]+-)?(\d+)")
_RETRY_SECONDS, _LONGEST_RETRY_SECONDS = 0.5, 15.0


async def create(target: Target, *, key: str | None, is_json: bool, **fields: Any) -> None:
    """Open an incident and print it."""
    input = {name: value for name, value in fields.items() if value is not None}
    async with calling(target) as api:
        input["idempotencyKey"] = key or new_id("cli")
        payload = (await api.run(_OPEN, repeats=True, input=input))["createIncident"]
    _print(payload["incident"], cursor=payload["cursor"], is_json=is_json, reused=payload["reused"])


async def change(target: Target, mutation: str, incident: str, *, is_json: bool, message: str | None = None) -> None:
    """Resolve or acknowledge an incident, named by id, reference or number, and print it."""
    document = _CHANGE % (mutation[0].upper() + mutation[1:], mutation, _FIELDS)
    async with calling(target) as api:
        found = await _find(api, incident)
        input = {"id": found["id"], **({"message": message} if message else {})}
        payload = (await api.run(document, input=input))[mutation]
    shown = dict(payload["incident"])
    if shown.pop("version") == found["version"]:
        _say(_nothing_done(found))
    _print(shown, cursor=payload["cursor"], is_json=is_json)


async def watch(
    target: Target,
    *,
    systems: Sequence[str],
    is_every_change: bool,
    after: str | None,
    cursor_file: Path | None,
    is_json: bool,
) -> None:
    """Print events of incidents as they come, for ever; resume where the connection or the command ended."""
    document, name = (_CHANGES, "incidentChanges") if is_every_change else (_EVENTS, "incidentEvents")
    filter = {"system": {"in": list(systems)}} if systems else None
    async with calling(target) as api:
        # At once, so that a wrong token or address ends the command before it waits for anything.
        present = (await api.run("{ cursor }"))["cursor"]
        cursor = after or _kept(cursor_file) or present
        # Also where nothing comes until the next start, and so that a file that cannot be written is no surprise later.
        _keep(cursor_file, cursor)
        failures = 0
        while True:
            try:
                async with aclosing(api.follow(document, after=cursor, filter=filter)) as events:
                    async for place, data in events:
                        failures = _note_live(failures)
                        if data:
                            _show(data[name], is_json=is_json)
                        cursor = place or cursor
                        _keep(cursor_file, cursor)
            except AwayError as error:
                failures = _note_lost(failures, error.message)
            await asyncio.sleep(_pause(failures))


def _pause(failures: int) -> float:
    # At random, so that the clients of a server that restarts come one by one.
    return random.uniform(0, min(_LONGEST_RETRY_SECONDS, _RETRY_SECONDS * 2.0**failures))  # noqa: S311 - only spreads them


def _note_live(failures: int) -> int:
    if failures:
        _say("The connection is back.")
    return 0


def _note_lost(failures: int, message: str) -> int:
    if not failures:
        _say(f"{message} Trying again.")
    return failures + 1


def _say(message: str) -> None:
    print(f"incidentql: {message}", file=sys.stderr, flush=True)  # noqa: T201 - standard output has the events alone


def _kept(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        return file.read_text().strip() or None
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{file} cannot be read: {error}.") from error


def _keep(file: Path | None, cursor: str) -> None:
    """Keep the cursor over a crash at any moment: the file has the old one or the new one."""
    if file is None:
        return
    beside = file.with_name(f"{file.name}.new")
    try:
        beside.write_text(f"{cursor}\n")
        beside.replace(file)
    except OSError as error:
        raise InvalidInputError(f"{file} cannot be written: {error}.") from error


async def _find(api: Api, incident: str) -> Mapping[str, Any]:
    number = _NUMBER.fullmatch(incident)
    digits = number[1].lstrip("0") if number else ""
    found: Mapping[str, Any] | None = None
    if number is None:
        found = (await api.run(_FIND, id=incident))["incident"]
    elif len(digits) <= len(str(_LARGEST)) and int(digits or 0) <= _LARGEST:
        found = (await api.run(_FIND, number=int(digits or 0)))["incident"]
    if found is None:
        raise RefusedError(f"There is no incident {incident[:80]}.")
    return found


def _nothing_done(found: Mapping[str, Any]) -> str:
    """Return why an incident stayed as it was found."""
    if found["status"] == "RESOLVED":
        return f"{found['reference']} is resolved already; nothing was done."
    if found["acknowledgedAt"] is not None:
        return f"{found['reference']} has been acknowledged since {found['acknowledgedAt']}; nothing was done."
    return f"{found['reference']} stayed as it was; nothing was done."


def _print(incident: Mapping[str, Any], *, cursor: str, is_json: bool, **more: Any) -> None:
    if is_json:
        _write(orjson.dumps({"incident": incident, **more, "cursor": cursor}))
        return
    _write(_line(incident).encode())


def _show(event: Mapping[str, Any], *, is_json: bool) -> None:
    if is_json:
        _write(orjson.dumps(event))
        return
    incident = event["incident"]
    what = _line(incident) if incident else event["incidentId"]
    _write(f"{event['occurredAt']}  {event.get('type') or event['action']:<8}  {what}".encode())


def _line(incident: Mapping[str, Any]) -> str:
    systems = ", ".join(system["key"] for system in incident["systems"])
    words = [incident["reference"], incident["severity"], incident["status"], incident["title"]]
    return "  ".join([*words, *([f"({systems})"] if systems else [])])


def _write(line: bytes) -> None:
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()
