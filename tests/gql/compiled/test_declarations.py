"""Each field of the schema is compiled, or named here as one that only the generic path resolves."""

from collections.abc import Iterable

from graphql import GraphQLObjectType, get_named_type, is_object_type
from pydantic.alias_generators import to_snake

from domain.model.selection import Shape
from domain.persistence.views import VIEWS
from domain.services.reads import Reads
from gql.compiled.callers import CALLER_SHAPE
from gql.compiled.declarations import Kind
from gql.compiled.plan import ENDS, FACTS, declaration_of, python_name
from gql.schema import schema

_SCHEMA = schema._schema
_OF_PAGES = {"nodes", "edges", "pageInfo", "totalCount", "node", "cursor", *FACTS, *ENDS}

#: Fields that only the generic path resolves, of types of which others are compiled.
_ONLY_GENERIC = {
    "Automation.yaml",
    "AutomationVersion.yaml",
    "System.healthHistory",
    "System.uptime",
    "Viewer.person",
    "Viewer.systems",
}


def _compiled_types() -> list[GraphQLObjectType]:
    """Return the objects that a compiled answer may hold: from the roots on, through whatever is compiled itself."""
    assert _SCHEMA.query_type is not None
    found: list[GraphQLObjectType] = []
    pending = [get_named_type(field.type) for field in _SCHEMA.query_type.fields.values() if declaration_of(field)]
    while pending:
        on = pending.pop()
        if is_object_type(on) and on not in found:
            found.append(on)
            pending += [get_named_type(field.type) for name, field in on.fields.items() if _is_compiled(on, name)]
    return found


def _is_compiled(on: GraphQLObjectType, name: str) -> bool:
    field = on.fields[name]
    if on.name.endswith(("Connection", "Edge")) or on.name == "PageInfo":
        return name in _OF_PAGES
    declaration = declaration_of(field)
    if declaration is None:
        return False
    known = {**Reads.shapes(), "viewer": CALLER_SHAPE}
    shape = known.get(to_snake(on.name))
    shapes = [shape] if shape is not None else _parts(known.values())
    name, is_shown = python_name(field), declaration.kind is Kind.SHOWN
    if declaration.variant is not None:
        return any(field.startswith(name) for each in shapes for field in each.fields)
    if declaration.kind is Kind.PLACE or declaration.made is not None:
        return True
    return any(name in (*each.lists, *(each.fields if is_shown else ()), *each.parts) for each in shapes)


def _parts(shapes: Iterable[Shape]) -> list[Shape]:
    found = [part for shape in shapes for part in shape.parts.values()]
    return found + _parts(found) if found else []


def test_each_field_of_a_compiled_type_is_compiled_or_named_as_generic() -> None:
    types = _compiled_types()

    generic = {f"{on.name}.{name}" for on in types for name in on.fields if not _is_compiled(on, name)}

    assert {"Incident", "IncidentUpdate", "IncidentLink", "System", "Actor"} <= {on.name for on in types}
    assert generic == _ONLY_GENERIC


def test_the_roots_that_read_rows_are_compiled() -> None:
    assert _SCHEMA.query_type is not None
    generic = {name for name, field in _SCHEMA.query_type.fields.items() if declaration_of(field) is None}

    catalogs = {"actions", "artifactTypes", "automationSchema", "automationTemplates", "triggers"}
    computed = {
        "activeHealthOverrides",
        "auditLog",
        "dryRunAutomation",
        "erasure",
        "explain",
        "incidentCounts",
        "incidentMetrics",
        "maintenanceTimes",
        "markdown",
        "people",
        "rateLimit",
        "validateAutomation",
        "visitorSubscriptions",
    }
    assert generic == catalogs | computed


def test_what_a_view_declares_is_a_field_of_its_type() -> None:
    for on in _compiled_types():
        view = VIEWS.get(to_snake(on.name))
        if view is not None:
            shown = {python_name(field) for field in on.fields.values()}
            lists = {name for name in view.lists if not name.startswith(tuple(f"{part}_" for part in view.parts))}
            assert {*view.fields, *view.parts, *lists} <= shown, on.name
