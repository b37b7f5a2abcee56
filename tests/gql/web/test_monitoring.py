"""The dashboard and the alerts ask for metrics, labels and values that there are."""

import json
import re

import pytest

from domain.bootstrap import Domain
from tests.gql.web.metrics import scraping
from tests.gql.web.monitoring import FOLDER, Query, alert_queries, panel_queries

Series = dict[str, list[dict[str, str]]]
_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})?$")
_LABEL = re.compile(r'(\w+)="([^"]*)"')


@pytest.fixture(autouse=True)
def _readers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a reader of the log, which this domain does not run."""
    monkeypatch.setattr("domain.services.measures.Measures.behind", lambda _: {"webhooks": 0})


async def series_of(domain: Domain) -> Series:
    """Return the labels of all samples of a process that has done nothing yet, by name."""
    found: Series = {}
    async with scraping(domain) as scraper:
        for sample in await scraper.samples():
            matched = _SAMPLE.fullmatch(sample)
            assert matched is not None
            found.setdefault(matched[1], []).append(dict(_LABEL.findall(matched[2] or "")))
    return found


def faults(query: Query, series: Series) -> list[str]:
    """Return what a query names that is not there."""
    found = []
    labels: set[str] = set()
    for name, matchers in query.selected():
        if name not in series:
            found.append(f"{query.place}: there is no {name}")
            continue
        labels |= {label for each in series[name] for label in each}
        for label, operator, value in matchers:
            pattern = value if operator in {"=~", "!~"} else re.escape(value)
            wanted = [one for one in pattern.split("|") if one] if operator in {"=~", "!~"} else [pattern]
            values = {each.get(label, "") for each in series[name]}
            found += [
                f"{query.place}: no {name} has {label}={one}"
                for one in wanted
                if not any(re.fullmatch(one, given) for given in values)
            ]
    return found + [f"{query.place}: nothing has {label}" for label in query.grouped() - labels]


async def test_every_query_asks_for_what_there_is(domain: Domain) -> None:
    queries, series = [*panel_queries(), *alert_queries()], await series_of(domain)
    assert len(queries) > 50
    assert [fault for query in queries for fault in faults(query, series)] == []


async def test_a_query_for_what_there_is_not_is_found(domain: Domain) -> None:
    series = await series_of(domain)
    wrong = Query(
        "Wrong", 'sum by (colour) (incidentql_database_errors_total{reason="rain"}) / incidentql_nothing_total'
    )
    assert faults(wrong, series) == [
        "Wrong: no incidentql_database_errors_total has reason=rain",
        "Wrong: there is no incidentql_nothing_total",
        "Wrong: nothing has colour",
    ]


async def test_every_metric_is_on_the_dashboard(domain: Domain) -> None:
    shown = {re.sub(r"_(bucket|sum|count)$", "", name) for query in panel_queries() for name, _ in query.selected()}
    known = {re.sub(r"_(bucket|sum|count)$", "", name) for name in await series_of(domain)}
    assert {name for name in known - shown if name.startswith("incidentql_")} == set()


def test_panels_lie_beside_each_other_and_have_a_place_for_the_data_source() -> None:
    panels = json.loads((FOLDER / "dashboard.json").read_text())["panels"]
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not taken & cells, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    assert {panel["datasource"]["uid"] for panel in panels if panel["type"] != "row"} == {"${datasource}"}
    assert len({panel["id"] for panel in panels}) == len(panels)
