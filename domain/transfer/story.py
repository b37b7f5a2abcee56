"""The story of one incident in Markdown, to be pasted into a post-mortem."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from domain.model.actor import Actor
from domain.model.change import Transition
from domain.model.histories import IncidentHistory
from domain.model.incident import Incident, IncidentUpdate
from domain.model.viewer import Visibility

#: All that could begin markup within a line (CommonMark 0.31, 2.4: each of them may stand behind a backslash).
_MARKUP = re.compile(r"[\\`*_{}\[\]<>#|~!&]")
#: At the beginning of a line: a list, a heading under the line before, a number of a list.
_OPENING = re.compile(r"^(?:[-+=]|\d{1,9}(?=[.)]))")
_Item = tuple[datetime, str, list[str]]


def markdown_of(history: IncidentHistory, names: Mapping[str, str]) -> str:
    """Return the story: a heading, the facts, and the timeline, all times in UTC."""
    incident = history.incident
    parts = [f"# {incident.reference}: {_line(incident.title)}", "\n".join(_facts(incident, names))]
    if incident.description:
        parts.append("\n".join(_lines(incident.description)))
    items = sorted(_items(history), key=lambda item: item[:2])
    timeline = "\n".join(line for _, first, rest in items for line in (first, *rest))
    return "\n\n".join([*parts, "## Timeline", timeline or "Nothing was written down."]) + "\n"


def _facts(incident: Incident, names: Mapping[str, str]) -> Iterator[str]:
    yield f"- Status: {incident.status}"
    yield f"- Severity: {incident.severity}"
    if incident.system_ids:
        affected = sorted(names.get(system_id, system_id) for system_id in incident.system_ids)
        yield f"- Systems: {', '.join(map(_line, affected))}"
    yield f"- Began: {_time(incident.occurred_at)}"
    if incident.acknowledged_at and incident.acknowledged_by:
        after = _duration(incident.acknowledged_at - incident.occurred_at)
        yield f"- Acknowledged: {_time(incident.acknowledged_at)} by {_name(incident.acknowledged_by)}, after {after}"
    if incident.resolved_at:
        after = _duration(incident.resolved_at - incident.occurred_at)
        yield f"- Resolved: {_time(incident.resolved_at)}, after {after}"
    if incident.lead:
        yield f"- Lead: {_name(incident.lead)}"
    if incident.labels:
        yield f"- Labels: {', '.join(_line(f'{key}={value}') for key, value in incident.labels)}"


def _items(history: IncidentHistory) -> Iterator[_Item]:
    for update in history.updates:
        yield update.created_at, *_update(update)
    for link in history.links:
        label = f"{_line(link.label)}: " if link.label else ""
        # An address has no character that would end it here.
        yield (
            link.created_at,
            f"- **{_time(link.created_at)}** Link{_hidden(link.visibility)}",
            [f"  {label}<{link.url}>"],
        )
    for step in history.transitions:
        if step.field == "severity" and step.from_value is not None:
            yield step.occurred_at, _severity(step), []


def _update(update: IncidentUpdate) -> tuple[str, list[str]]:
    status = f" {update.status_change.value.capitalize()}" if update.status_change else ""
    first = f"- **{_time(update.created_at)}**{status} ({_name(update.created_by)}){_hidden(update.visibility)}"
    return first, ["", *(f"  {line}".rstrip() for line in _lines(update.message)), ""]


def _severity(step: Transition) -> str:
    return f"- **{_time(step.occurred_at)}** Severity {_line(step.from_value or '')} → {_line(step.to_value)}"


def _hidden(visibility: Visibility) -> str:
    return "" if visibility is Visibility.PUBLIC else f" *{visibility.value}*"


def _name(actor: Actor) -> str:
    return _line(actor.name or actor.id)


def _line(text: str) -> str:
    return _MARKUP.sub(r"\\\g<0>", text)


def _lines(text: str) -> list[str]:
    """Return the lines of a text as lines of the same paragraphs: a break stays one, and no line begins a list."""
    lines = [_OPENING.sub(_escaped, _line(line.strip())) for line in text.split("\n")]
    return [
        f"{line}\\" if line and following else line for line, following in zip(lines, [*lines[1:], ""], strict=True)
    ]


def _escaped(found: re.Match[str]) -> str:
    opening = found.group()
    # Of a number, what follows it makes the list.
    return f"{opening}\\" if opening.isdigit() else f"\\{opening}"


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _duration(lasted: timedelta) -> str:
    seconds = round(lasted.total_seconds())
    hours, minutes, left = seconds // 3600, seconds // 60 % 60, seconds % 60
    parts = [f"{hours} h"] * (hours > 0) + [f"{minutes} min"] * (minutes > 0) + [f"{left} s"] * (left > 0)
    return " ".join(parts) or "0 s"
