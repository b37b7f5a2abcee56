"""Pages and spans that cannot be had are refused before a mutation writes, wherever in its payload they stand."""

from collections.abc import Iterator
from typing import Any

import pytest
from graphql import GraphQLObjectType, get_named_type, is_object_type

from domain.bootstrap import Domain
from gql.compiled.declarations import Kind
from gql.compiled.plan import check_of, declaration_of
from gql.schema import schema
from tests.client import Api, Json, Stored
from tests.factories import make_incident, make_system
from tests.gql.mutations.table import MUTATIONS, make_world

#: Arguments of a page, and the one that the refusal names.
REFUSED = {
    "first: -1": "first",
    "first: 101": "first",
    "last: 0": "last",
    "first: 1, last: 1": "first",
    'after: "of no list"': "after",
    'before: "of no list"': "before",
}
CREATE = """mutation Create($input: CreateSystemInput!, $first: Int, $after: String, $skipped: Boolean! = false) {
  createSystem(input: $input) { system { ...Shown } cursor }
}
fragment Shown on System { key incidents(first: $first, after: $after) @skip(if: $skipped) { totalCount } }"""
TWO = """mutation Two($a: CreateSystemInput!, $b: CreateSystemInput!) {
  a: createSystem(input: $a) { userErrors { code } }
  b: createSystem(input: $b) { system { all: incidents(last: 500) { totalCount } } }
}"""
ADD = """mutation Add($input: AddIncidentUpdateInput!, $last: Int) {
  __typename
  addIncidentUpdate(input: $input) { incident { version updates(last: $last) { nodes { id } } } }
}"""


def _ways_to_pages(on: GraphQLObjectType, way: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each connection below a type, by its type and name, with the fields that lead to it."""
    waiting, seen = [(on, way)], {on.name}
    while waiting:
        on, way = waiting.pop(0)
        for name, field in on.fields.items():
            kind: Any = get_named_type(field.type)
            if "after" in field.args:
                yield f"{on.name}.{name}", (*way, name)
            if is_object_type(kind) and kind.name not in seen:
                seen.add(kind.name)
                waiting.append((kind, (*way, name)))


def _selections() -> dict[str, tuple[str, str]]:
    """Return for each connection a mutation that leads to it, and a selection with a place for its arguments."""
    mutations = schema._schema.mutation_type
    assert mutations is not None
    found: dict[str, tuple[str, str]] = {}
    for mutation, field in mutations.fields.items():
        payload: Any = get_named_type(field.type)
        for connection, way in _ways_to_pages(payload):
            outer = " ".join(f"{step} {{" for step in way[:-1])
            shown = f"{outer} {way[-1]}(%s) {{ totalCount }} {'}' * len(way[:-1])}"
            found.setdefault(connection, (mutation, shown))
    return found


async def test_no_list_below_a_payload_is_refused_after_the_write(api: Api, domain: Domain) -> None:
    selections = _selections()
    assert {"Incident.updates", "System.incidents", "Automation.runs", "AutomationRun.steps"} < set(selections)
    world = await make_world(domain)
    for connection, (mutation, selection) in selections.items():
        for arguments, field in REFUSED.items():
            answer = await api.admin.try_to(mutation, MUTATIONS[mutation].refused(world), selection % arguments)
            said = [error["extensions"] for error in answer["errors"]]
            expected = [{"code": "BAD_USER_INPUT", "field": [field]}]
            assert (connection, arguments, said, "data" in answer) == (connection, arguments, expected, False)


@pytest.mark.parametrize("wrong", [{"first": -1}, {"first": 101}, {"after": "of no list"}])
async def test_a_page_by_variables_is_refused_before_the_write_also_where_it_is_compiled(
    api: Api, domain: Domain, stored: Stored, wrong: Json
) -> None:
    for sent in range(4):
        answer = await api.admin.send(CREATE, input={"key": f"right-{sent}", "name": "Right"}, first=1)
        assert answer["data"]["createSystem"]["system"]["incidents"] == {"totalCount": 0}
        before = await stored()
        system = {"key": f"wrong-{sent}", "name": "Wrong"}
        answer = await api.admin.send(CREATE, input=system, **wrong)
        [error] = answer["errors"]
        assert (error["extensions"], "data" in answer) == (
            {"code": "BAD_USER_INPUT", "field": [next(iter(wrong))]},
            False,
        )
        assert error["locations"][0]["line"] == 4
        assert await stored() == before
        # What is not asked for is not wrong.
        skipped = await api.admin.read(CREATE, input=system | {"key": f"skipped-{sent}"}, skipped=True, **wrong)
        assert skipped["createSystem"]["system"] == {"key": f"skipped-{sent}"}


async def test_no_mutation_of_a_document_is_run_whose_neighbour_asks_for_such_a_page(api: Api, stored: Stored) -> None:
    before = await stored()
    answer = await api.admin.send(TWO, a={"key": "a", "name": "A"}, b={"key": "b", "name": "B"})
    assert [error["extensions"] for error in answer["errors"]] == [{"code": "BAD_USER_INPUT", "field": ["last"]}]
    assert await stored() == before


async def test_a_cursor_of_another_list_is_refused_before_the_write(api: Api, domain: Domain, stored: Stored) -> None:
    await make_system(domain)
    await make_incident(domain)
    given = await api.admin.read("{ incidents { pageInfo { endCursor } } }")
    before = await stored()
    cursor = given["incidents"]["pageInfo"]["endCursor"]
    error = await api.admin.error(CREATE, input={"key": "other", "name": "Other"}, after=cursor)
    assert (error["code"], error["field"]) == ("BAD_USER_INPUT", ["after"])
    assert await stored() == before


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ('healthHistory(from: "2030-01-01T00:00:00Z") { status }', "from"),
        ('uptime(from: "2030-01-01T00:00:00Z", to: "2029-01-01T00:00:00Z", bucket: DAY) { uptime }', "from"),
        ('uptime(from: "2000-01-01T00:00:00Z", bucket: HOUR) { uptime }', "bucket"),
    ],
)
async def test_a_span_that_cannot_be_had_is_refused_before_the_write(
    api: Api, stored: Stored, asked: str, field: str
) -> None:
    before = await stored()
    document = f'mutation {{ createSystem(input: {{key: "a", name: "A"}}) {{ system {{ {asked} }} }} }}'
    answer = await api.admin.send(document)
    assert [error["extensions"] for error in answer["errors"]] == [{"code": "BAD_USER_INPUT", "field": [field]}]
    assert "data" not in answer
    assert await stored() == before


def test_every_field_with_arguments_below_a_payload_is_one_that_can_be_refused_before() -> None:
    types = [one for one in schema._schema.type_map.values() if isinstance(one, GraphQLObjectType)]
    roots = {"Query", "Mutation", "Subscription"}
    fields = {
        f"{one.name}.{name}": field
        for one in types
        if one.name not in roots and not one.name.startswith("__")
        for name, field in one.fields.items()
        if field.args
    }
    unchecked = {
        name
        for name, field in fields.items()
        if check_of(field) is None and ((found := declaration_of(field)) is None or found.kind is not Kind.PAGES)
    }
    # Its argument is an enum: no value of it is refused.
    assert unchecked == {"Incident.inStateSince"}


async def test_the_name_of_the_root_beside_a_mutation_does_not_matter(api: Api, domain: Domain, stored: Stored) -> None:
    await make_system(domain)
    incident = await make_incident(domain)
    given = {"incidentId": incident.id, "message": "Seen"}
    for _ in range(3):
        answer = await api.admin.read(ADD, input=given, last=1)
        assert list(answer) == ["__typename", "addIncidentUpdate"]
        before = await stored()
        assert (await api.admin.error(ADD, input=given, last=1000))["field"] == ["last"]
        assert await stored() == before
