"""The filter of systems, compared with one in Python, on both databases."""

from itertools import product
from random import Random

import pytest
from graphql import get_operation_ast, parse

from domain.bootstrap import Domain
from domain.model.commands import UpdateSystem
from domain.model.incident import Health, HealthOverride
from domain.model.words import words_of
from domain.persistence.database import Database
from tests.client import Api, Json
from tests.conftest import CountStatements
from tests.factories import ADMIN, make_incident, make_system, report_health
from tests.gql.compiled.documents import Document, reason
from tests.gql.dialects import on_both_databases

LIST = """
query Q($filter: SystemCatalogFilter, $first: Int, $after: String, $last: Int, $before: String, $order: SystemOrder) {
  systems(filter: $filter, first: $first, after: $after, last: $last, before: $before, orderBy: $order) {
    totalCount
    nodes { key name description health { status } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}
"""
NAMES = {
    "api": ("Öffentliche API", "Für Kunden: 100% öffentlich"),
    "api-2": ("API", None),
    "payments": ("Payments", "Card payments_and refunds"),
    "search": ("検索サービス", "日本の検索 🔥"),
    "web": ("Web", "The shop's pages"),
    "web.old": ("Web", "Nobody looks at it"),
}
TEXTS = {
    "oeffentlich": [],
    "offentlich": ["api"],
    "ÖFFENTLICH": ["api"],
    "offentliche kund": ["api"],
    "offentlic api": [],
    "api offentlic": ["api"],
    "api": ["api", "api-2"],
    "2": ["api-2"],
    "ments": [],
    "payments refund": ["payments"],
    "payments_": ["payments"],
    "%": [],
    "_": [],
    "100%": ["api"],
    "検索": ["search"],
    "本": ["search"],
    "索検": [],
    "🔥": ["search"],
    "old": ["web.old"],
    "": [],
    "web pages": ["web"],
}


@pytest.fixture
async def catalog(domain: Domain) -> None:
    """Six systems, with health of every origin, and some whose health or name was another one before."""
    for key, (name, description) in NAMES.items():
        await make_system(domain, key, name="Before", description="Formerly")
        await domain.systems.update(ADMIN, UpdateSystem(system=key, name=name, description=description))
    await report_health(domain, "api", Health.DEGRADED)
    await report_health(domain, "web", Health.UNHEALTHY)
    await report_health(domain, "web", Health.HEALTHY)
    await report_health(domain, "search", Health.DEGRADED)
    await make_incident(domain, "search", "payments", health_override=HealthOverride.UNHEALTHY)
    over = await make_incident(domain, "web.old", health_override=HealthOverride.DEGRADED)
    await domain.incidents.resolve(ADMIN, over.id)


@on_both_databases
@pytest.mark.usefixtures("catalog")
@pytest.mark.parametrize("generic", [False, True], ids=["compiled", "generic"])
async def test_a_filter_of_systems_finds_what_one_in_python_finds(
    api: Api, monkeypatch: pytest.MonkeyPatch, *, generic: bool
) -> None:
    if generic:
        monkeypatch.setattr(Database, "can_project", False)
    every = (await api.anonymous.read(LIST))["systems"]["nodes"]
    assert {system["key"]: system["health"]["status"] for system in every} == {
        "api": "DEGRADED",
        "api-2": "HEALTHY",
        "payments": "UNHEALTHY",
        "search": "UNHEALTHY",
        "web": "HEALTHY",
        "web.old": "HEALTHY",
    }
    for text, keys in TEXTS.items():
        found = (await api.anonymous.read(LIST, filter={"text": text}))["systems"]
        assert (text, sorted(system["key"] for system in found["nodes"])) == (text, keys)
        assert found["totalCount"] == len(keys)
    random = Random(12)
    for given in random.sample(list(product(KEYS, NAMED, HEALTH, WORDS)), 40):
        wanted = {name: value for part in given for name, value in part.items()}
        descending = random.random() < 0.5
        order = {"field": "NAME", "direction": "DESC" if descending else "ASC"}
        expected = [system["key"] for system in every if _matches(system, wanted)]
        asked = {"filter": wanted, "order": order}
        pages = await _walked(api, asked, len(expected), backward=random.random() < 0.5)
        assert (wanted, pages) == (wanted, expected[::-1] if descending else expected)


KEYS: list[Json] = [{}, {"key": {"eq": "web"}}, {"key": {"in": ["web", "web.old", "api", "search", "none"]}}]
NAMED: list[Json] = [
    {},
    {"name": {"eq": "Web"}},
    {"name": {"in": ["Web", "API", "検索サービス"], "eq": "Web"}},
    {"name": {}},
]
HEALTH: list[Json] = [
    {},
    {"health": {"eq": "HEALTHY"}},
    {"health": {"in": ["DEGRADED", "UNHEALTHY"]}},
    {"health": {"notIn": ["HEALTHY"], "in": ["HEALTHY", "UNHEALTHY"]}},
    {"health": {"notIn": ["UNHEALTHY"]}},
    {"health": {"eq": "DEGRADED", "notIn": ["DEGRADED"]}},
]
WORDS: list[Json] = [{}, {}, {"text": "web"}, {"text": "a"}]


def _matches(system: Json, wanted: Json) -> bool:
    words = words_of(f"{system['key']} {system['name']} {system['description']}")
    values = {"key": system["key"], "name": system["name"], "health": system["health"]["status"]}
    holds = [
        value == operand if how == "eq" else (value in operand) is (how == "in")
        for field, value in values.items()
        for how, operand in wanted.get(field, {}).items()
    ]
    return all(holds) and any(word.startswith(wanted.get("text", "")) for word in words)


async def _walked(api: Api, asked: Json, total: int, *, backward: bool) -> list[str]:
    """Return the keys of all pages of two, from the front or from the back, in the order of the list."""
    size, place, more, edge = (
        ("last", "before", "hasPreviousPage", "startCursor")
        if backward
        else ("first", "after", "hasNextPage", "endCursor")
    )
    found: list[str] = []
    cursor = None
    while True:
        page = (await api.anonymous.read(LIST, **asked, **{size: 2, place: cursor}))["systems"]
        assert page["totalCount"] == total
        keys = [system["key"] for system in page["nodes"]]
        found = keys + found if backward else found + keys
        if not page["pageInfo"][more]:
            return found
        cursor = page["pageInfo"][edge]


@on_both_databases
async def test_a_filter_in_a_variable_is_compiled(domain: Domain) -> None:
    await make_system(domain)
    given: Json = {"health": {"notIn": ["UNHEALTHY"]}, "name": {"in": ["Payments", "b"]}, "text": "pay"}
    operation = get_operation_ast(parse(LIST))
    assert operation is not None
    document = Document(place="here", text=LIST, operation=operation)
    assert await reason(domain, document, {"filter": given, "first": 2}) is None


@on_both_databases
async def test_a_filter_costs_the_same_statements_for_any_number_of_systems(
    api: Api, domain: Domain, count_statements: CountStatements
) -> None:
    costs = []
    document = "query Q($t: String) { systems(filter: {text: $t, health: {eq: HEALTHY}}) { totalCount nodes { id } } }"
    for number in range(6):
        await make_system(domain, f"sys-{number}")
        with count_statements() as sent:
            found = (await api.anonymous.read(document, t="sys"))["systems"]
        assert found["totalCount"] == len(found["nodes"]) == number + 1
        costs.append(len([each for each in sent if "systems" in each]))
    assert set(costs) == {2}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"key": {"in": []}}, ["filter", "key"]),
        ({"name": {"in": ["a"] * 101}}, ["filter", "name"]),
        ({"health": {"notIn": []}}, ["filter", "health"]),
        ({"text": "a" * 1001}, ["filter", "text"]),
        ({"text": " ".join(f"w{number}" for number in range(33))}, ["filter", "text"]),
    ],
    ids=["an empty list", "a long list", "no health", "a long text", "many words"],
)
async def test_a_filter_that_is_none_is_refused_with_its_field(api: Api, given: Json, field: list[str]) -> None:
    error = await api.anonymous.error(LIST, filter=given)
    assert (error["code"], error["field"]) == ("BAD_USER_INPUT", field)
    assert error["message"]
