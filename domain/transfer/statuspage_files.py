"""The files of a page at Statuspage: one document of its public API, or a folder of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from domain.errors import DomainError, StartupError
from domain.model.histories import Refusal
from domain.transfer.reading import Item, refusal_of
from domain.transfer.statuspage import Translator
from domain.transfer.statuspage_shapes import AffectedShape, ComponentShape, IncidentShape, PageShape

#: The largest file, and the most files: they are sorted by time in memory, for the API lists the newest first.
LARGEST_FILE = 64 * 1024 * 1024
MOST_FILES = 1_000
_MAINTENANCE = "A maintenance is no incident, and is not taken."
S = TypeVar("S", bound=BaseModel)


@dataclass(slots=True)
class _Found:
    """Incidents and components of one page, collected from its files, once each."""

    page: str | None = None
    components: dict[str, ComponentShape] = field(default_factory=dict)
    #: With the place in its file.
    incidents: dict[str, tuple[str, IncidentShape]] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)
    read: int = 0


def read_statuspage(path: Path, *, now: datetime) -> Iterator[Item]:
    """Yield the systems and incidents of a page, oldest first.

    Raises:
        StartupError: a file cannot be read, or is no document of Statuspage's.
    """
    found = _Found()
    for file in _files(path):
        _collect(found, file, now)
    for refusal in found.refusals:
        yield refusal, refusal.place, found.read
    incidents = sorted(found.incidents.values(), key=lambda each: (each[1].created_at, each[1].id))
    translator = Translator(page=found.page or "")
    since = incidents[0][1].created_at if incidents else now
    for component in sorted(found.components.values(), key=lambda each: each.id):
        yield translator.system(component, since=since), f"component {component.id}", found.read
    for place, shape in incidents:
        try:
            yield translator.incident(shape, _affected(shape)), place, found.read
        except DomainError as error:
            yield (
                Refusal(place=place, code=error.code, message=error.message, field=error.field or ()),
                place,
                found.read,
            )


def _files(path: Path) -> Sequence[Path]:
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not files:
        raise StartupError(f"{path} has no *.json in it.")
    if len(files) > MOST_FILES:
        raise StartupError(f"{path} has more than {MOST_FILES:,} files: import it in parts.")
    return files


def _collect(found: _Found, file: Path, now: datetime) -> None:
    document = _document(file)
    found.read += file.stat().st_size
    page = _checked(PageShape, document.get("page"), now, file.name, found)
    if page is not None:
        if found.page not in {None, page.id}:
            raise StartupError(f"{file} is of another page than the files before it.")
        found.page = page.id
    for value in _listed(document, "components"):
        _note(found, _checked(ComponentShape, value, now, f"{file.name}, components", found))
    for place, value in enumerate(_listed(document, "incidents")):
        _collect_incident(found, value, now, f"{file.name}, incidents.{place}")
    for place, _ in enumerate(_listed(document, "scheduled_maintenances")):
        where = f"{file.name}, scheduled_maintenances.{place}"
        found.refusals.append(Refusal(place=where, code="UNSUPPORTED", message=_MAINTENANCE))


def _collect_incident(found: _Found, value: Any, now: datetime, place: str) -> None:
    shape = _checked(IncidentShape, value, now, place, found)
    if shape is None:
        return
    if shape.impact == "maintenance":
        found.refusals.append(Refusal(place=place, code="UNSUPPORTED", message=_MAINTENANCE))
        return
    for component in shape.components or ():
        _note(found, component)
    for each in _named(shape):
        found.components.setdefault(each.code, ComponentShape(id=each.code, name=each.name))
    known = found.incidents.get(shape.id)
    # Of one that is on several pages of the list, the latest state counts.
    if known is None or _moved(known[1]) < _moved(shape):
        found.incidents[shape.id] = (place, shape)


def _document(file: Path) -> dict[str, Any]:
    try:
        if file.stat().st_size > LARGEST_FILE:
            raise StartupError(f"{file} has more than {LARGEST_FILE:,} bytes.")
        document = orjson.loads(file.read_bytes())
    except OSError as error:
        raise StartupError(f"{file} cannot be read: {error.strerror}.") from error
    except orjson.JSONDecodeError as error:
        raise StartupError(f"{file} is no JSON: {error}.") from error
    if not isinstance(document, dict) or not isinstance(document.get("page"), dict):
        raise StartupError(f"{file} is no document of Statuspage's API: it names no page.")
    return document


def _listed(document: dict[str, Any], name: str) -> list[Any]:
    value = document.get(name)
    return value if isinstance(value, list) else []


def _checked(shape: type[S], value: Any, now: datetime, place: str, found: _Found) -> S | None:
    try:
        return shape.model_validate(value, context=now)
    except ValidationError as error:
        found.refusals.append(refusal_of(error, place))
        return None


def _note(found: _Found, component: ComponentShape | None) -> None:
    if component is not None and not component.group:
        found.components[component.id] = component


def _named(shape: IncidentShape) -> Iterator[AffectedShape]:
    for update in shape.incident_updates:
        yield from update.affected_components or ()


def _affected(shape: IncidentShape) -> list[str]:
    return [*(each.id for each in shape.components or ()), *(each.code for each in _named(shape))]


def _moved(shape: IncidentShape) -> datetime:
    return shape.updated_at or shape.created_at
