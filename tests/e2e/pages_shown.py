"""The contents of the pages, read from their elements, and those that they have to show, asked of the server."""

import re
from typing import Any

from playwright.async_api import Page

from tests.e2e.api import Api

SEVERITIES = ("CRITICAL", "MAJOR", "MINOR")
_RANKS = {"UNHEALTHY": 0, "DEGRADED": 1, "HEALTHY": 2}
_WORST = 3
_TEXTS = """const text = (found) => (found?.textContent ?? "").trim();
const texts = (selector, within = document) => [...within.querySelectorAll(selector)].map(text);"""
_READ = {
    "board": """({
      sentence: text(document.querySelector("h1")),
      rows: [...document.querySelectorAll(".open-row")].map((row) => [".incident-facts > .digits", ".incident-title",
        ".mark", ".incident-status", ".incident-last bdi"].map((part) => text(row.querySelector(part)))),
      groups: texts(".group h2 .digits").map(Number),
      sick: [...document.querySelectorAll(".unwell > .system-list > li")].map((row) =>
        [text(row.querySelector("a")), text(row.querySelector(".mark"))]),
      happened: [...document.querySelectorAll(".news")].map((line) => text(line.querySelector("a"))),
    })""",
    "incident": """({
      title: text(document.querySelector("h1")),
      severity: document.querySelector("[aria-label=Severity]").value,
      status: document.querySelector("[aria-label=Status]").value,
      updates: texts(".entry.update .prose"),
      links: texts(".quiet-line a[target=_blank]"),
    })""",
    "systems": """({
      rows: [...document.querySelectorAll(".system-row")].map((row) => [".system-name", ".system-key", ".mark",
        ".system-count"].map((part) => text(row.querySelector(part)))),
    })""",
    "wall": """({
      open: Number(text(document.querySelector(".wall-digits"))),
      numbers: texts(".wall-number").map(Number),
      worst: [...document.querySelectorAll(".wall-incident")].map((each) =>
        [text(each.querySelector(".mark")), text(each.querySelector(".wall-title"))]),
      sick: [...document.querySelectorAll(".wall-sick > li")].map((each) =>
        [text(each.querySelector("bdi")), text(each.querySelector(".mark"))]),
    })""",
}
_TRUTH = """query Truth($id: ID!) {
  incidents(filter: {open: true}, first: 100,
      orderBy: {field: SEVERITY, direction: DESC, thenBy: {field: NUMBER, direction: DESC}}) {
    totalCount
    nodes { reference title severity status updates(first: 1) { nodes { message } } }
  }
  incidentCounts(filter: {open: true}, groupBy: [SEVERITY]) { severity count }
  bySystem: incidentCounts(filter: {open: true}, groupBy: [SYSTEM]) { count system { id } }
  systems(first: 100) { nodes { id key name health { status } } }
  byName: systems(first: 100, orderBy: {field: NAME}) { nodes { name health { status } } }
  incidentChanges(last: 30) { nodes { incident { reference } } }
  incident(id: $id) {
    title severity status
    timeline(last: 50) { nodes { update { message } link { url label } } }
  }
}"""
#: What a reader sees, without what only time changes, ages and sums of days, and what pages ask for each minute.
_WHOLE = """(() => {
  const copy = document.querySelector("main")?.cloneNode(true);
  if (!copy) return "";
  const others = ["time, .wall-heard, .wall-controls, .wall-trend, .uptime-bars, .figures, .system-history",
    ".system-planned, svg, select"];
  copy.querySelectorAll(others.join()).forEach((each) => each.remove());
  return copy.textContent.replace(/\\s+/g, " ");
})()"""


async def shown(name: str, page: Page) -> Any:
    """Return what a page shows, or why it cannot be read."""
    return await page.evaluate(
        f"(() => {{ {_TEXTS} try {{ return {_READ[name]}; }} catch (e) {{ return String(e); }} }})()"
    )


async def whole(page: Page) -> str:
    """Return all words of a page but its ages."""
    return str(await page.evaluate(_WHOLE))


async def truth(api: Api, incident: str) -> dict[str, Any]:
    """Return what each page has to show, by its name."""
    found = await api.run(_TRUTH, id=incident)
    counts = {group["severity"]: group["count"] for group in found["incidentCounts"]}
    numbers = [counts.get(severity, 0) for severity in SEVERITIES]
    rows = [_row(node) for node in found["incidents"]["nodes"]]
    return {
        "board": {
            "sentence": numbers,
            "rows": rows,
            "groups": [number for number in numbers if number],
            "sick": _sick(found["byName"]["nodes"]),
            "happened": [_reference(change) for change in reversed(found["incidentChanges"]["nodes"])],
        },
        "incident": _incident(found["incident"]),
        "systems": {"rows": _systems(found)},
        "wall": {
            "open": sum(numbers),
            "numbers": numbers,
            "worst": [[row[2], row[1]] for row in rows[:_WORST]],
            "sick": _sick(found["systems"]["nodes"]),
        },
    }


def differences(name: str, seen: Any, expected: Any) -> list[str]:
    """Return in what a page differs from what it has to show."""
    if isinstance(seen, str):
        return [f"{name}: {seen}"]
    if name == "board":
        seen["sentence"] = _numbers(seen["sentence"])
    if name in {"board", "wall"}:
        seen["sick"], expected = sorted(seen["sick"]), expected | {"sick": sorted(expected["sick"])}
    return [
        f"{name}: {part} is {seen[part]!r}, not {expected[part]!r}" for part in expected if seen[part] != expected[part]
    ]


def _row(node: dict[str, Any]) -> list[str]:
    last = node["updates"]["nodes"]
    words = [node["severity"].capitalize(), node["status"].capitalize()]
    return [node["reference"], node["title"], *words, last[0]["message"] if last else ""]


def _sick(systems: list[dict[str, Any]]) -> list[list[str]]:
    found = [(system["name"], system["health"]["status"]) for system in systems]
    return [[name, status.capitalize()] for name, status in found if status != "HEALTHY"]


def _systems(found: dict[str, Any]) -> list[list[str]]:
    counts = {group["system"]["id"]: group["count"] for group in found["bySystem"] if group["system"]}
    ordered = sorted(found["systems"]["nodes"], key=lambda system: _RANKS[system["health"]["status"]])
    return [
        [system["name"], system["key"], system["health"]["status"].capitalize(), _counted(counts.get(system["id"], 0))]
        for system in ordered
    ]


def _counted(count: int) -> str:
    return f"{count} open {'incident' if count == 1 else 'incidents'}" if count else ""


def _incident(found: dict[str, Any]) -> dict[str, Any]:
    newest_first = found["timeline"]["nodes"][::-1]
    return {
        "title": found["title"],
        "severity": found["severity"],
        "status": found["status"],
        "updates": [item["update"]["message"] for item in newest_first if item["update"]],
        "links": [item["link"]["label"] or item["link"]["url"] for item in newest_first if item["link"]],
    }


def _reference(change: dict[str, Any]) -> str:
    return change["incident"]["reference"] if change["incident"] else ""


def _numbers(sentence: str) -> list[int]:
    found = {word: int(number) for number, word in re.findall(r"(\d+) (critical|major|minor)", sentence)}
    return [found.get(severity.lower(), 0) for severity in SEVERITIES]
