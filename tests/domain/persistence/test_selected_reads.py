"""Statements of selections: each field is paid for where it is selected, and nowhere else."""

import re

import pytest
from sqlalchemy.dialects import postgresql, sqlite

from domain.model.filters import EVERYTHING
from domain.model.paging import Order, PageRequest
from domain.model.selection import AllOf, Listed, Logged, Paged, Root, Selection, Wanted
from domain.model.viewer import Audience
from domain.persistence.projections import Projection
from domain.persistence.tables import metadata
from domain.persistence.views import VIEWS

_DIALECTS = {"sqlite": sqlite.dialect, "postgresql": postgresql.dialect}
_PLAIN = PageRequest(size=1)
#: The tables that a field of incidents is read from besides their own; any other field is in their row.
_MORE = {
    "in_state_since_status": {"entity_transitions"},
    "in_state_since_severity": {"entity_transitions"},
    "systems": {"incident_systems", "systems"},
    "assignees": {"incident_assignees"},
    "labels": {"incident_labels"},
    "updates": {"incident_updates"},
    "links": {"incident_links"},
    "relations": {"incident_relations"},
    "timeline": {
        *("incident_updates", "incident_links", "incident_relations", "changes", "entity_transitions"),
        *("automation_runs", "automation_steps"),
    },
    "history": {"entity_transitions"},
    "automation_run": {"automation_runs", "changes"},
}
_on_both = pytest.mark.parametrize("dialect", _DIALECTS, ids=str)


def _text(dialect: str, selection: Selection, *, logged: bool = False) -> str:
    root = Root(selection=selection, page=Paged(place=0))
    field = "seq" if logged else "created_at"
    rows = AllOf(order=Order(field=field), tree=EVERYTHING, logged=Logged() if logged else None)
    projection = Projection([root], Audience.MANAGER, _DIALECTS[dialect]())
    return projection.statement(Wanted(rows=[rows], pages=[_PLAIN, _PLAIN]))[0].text


def _tables(text: str) -> set[str]:
    return {name for name in metadata.tables if re.search(rf"(FROM|JOIN) {name}\b", text)}


def _selecting(name: str) -> Selection:
    view = VIEWS["incident"]
    if name in view.lists:
        of = view.lists[name].view
        column = next(iter(VIEWS[of].table.c.keys()))
        listed = Listed(name=name, selection=Selection(view=of, columns=(column,)))
        return Selection(view="incident", columns=("id",), lists=(listed,))
    return Selection(view="incident", columns=("id", name))


@_on_both
def test_a_field_of_an_incident_names_no_table_of_another(dialect: str) -> None:
    view = VIEWS["incident"]
    names = [*view.table.c.keys(), *view.found, *view.lists]
    read = {name: _tables(_text(dialect, _selecting(name))) - {"incidents"} for name in names}
    assert {name: tables for name, tables in read.items() if tables} == _MORE


@_on_both
def test_a_page_of_ids_and_titles_reads_nothing_else_of_its_incidents(dialect: str) -> None:
    text = _text(dialect, Selection(view="incident", columns=("id", "title")))
    [picked] = re.findall(r"\(SELECT ([^()]*?) *\nFROM incidents", text)
    assert picked.split(", ") == ["incidents.id AS id", "incidents.title AS title"]
    assert text.count("SELECT") == 3  # the row of roots, the list, and the page that it is made of


def test_sqlite_takes_stored_json_of_the_log_as_it_stands() -> None:
    text = _text("sqlite", Selection(view="incident_event", columns=("id", "events", "payload")), logged=True)
    assert "json(" not in text
    assert "coalesce(root_0.payload, 'null')" in text
