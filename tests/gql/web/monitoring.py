"""The files for Prometheus and Grafana, and what their queries name."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from tests.docs.blocks import ROOT

FOLDER = ROOT / "deploy" / "observability"
_NAME = re.compile(r"\b((?:incidentql|process)_[a-z_]+)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)(=~|!~|!=|=)"([^"]*)"')
_BY = re.compile(r"\bby \(([^)]*)\)")
#: Set by Prometheus itself, or by the panels.
OF_PROMETHEUS = {"instance", "job", "le"}


@dataclass(frozen=True, slots=True)
class Query:
    """A query, with the place that it stands at."""

    place: str
    text: str

    def selected(self) -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
        """Yield the names of series with what is asked of their labels."""
        for name, matchers in _NAME.findall(self.text):
            yield name, [found for found in _MATCHER.findall(matchers) if found[0] not in OF_PROMETHEUS]

    def grouped(self) -> set[str]:
        """Return the labels that it groups by."""
        return {label.strip() for labels in _BY.findall(self.text) for label in labels.split(",")} - OF_PROMETHEUS

    def filled(self, *, interval: str) -> str:
        """Return it as Grafana sends it, for all processes."""
        return self.text.replace("$__rate_interval", interval).replace("$instance", ".*")


def panel_queries() -> list[Query]:
    """Return the queries of all panels."""
    dashboard = json.loads((FOLDER / "dashboard.json").read_text())
    return [
        Query(f"{panel['title']} {target['refId']}", target["expr"])
        for panel in dashboard["panels"]
        for target in panel.get("targets", ())
    ]


def alert_queries() -> list[Query]:
    """Return the queries of all alerts."""
    groups = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    return [Query(rule["alert"], rule["expr"]) for group in groups for rule in group["rules"]]
