"""Nodes of n8n, as steps here."""

from collections.abc import Mapping
from typing import Any

from domain.automations.validation.dialects.home_assistant import ELSEWHERE, deeply
from domain.automations.validation.dialects.texts import step_name

_UNITS = {"seconds": "s", "minutes": "m", "hours": "h", "days": "d"}


def step_here(part: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return a node as a step; None if it is none of n8n's."""
    if not isinstance(part.get("parameters"), Mapping) or not isinstance(part.get("type"), str):
        return None
    given, kind = part["parameters"], part["type"].rpartition(".")[2]
    if kind == "wait":
        return {"delay": f"{given.get('amount', 1)}{_UNITS.get(str(given.get('unit', 'seconds')), 's')}"}
    config: dict[str, Any] = {"method": "POST", "url": ELSEWHERE, "json": deeply(dict(given))}
    if kind == "httpRequest":
        config = {"method": given.get("method", "GET"), "url": deeply(given.get("url", ELSEWHERE))}
    name = {"id": step_name(part["name"])} if isinstance(part.get("name"), str) else {}
    return {**name, "action": "http.request", "config": config}


def triggers_here(nodes: Any) -> list[Mapping[str, Any]]:
    """Return what starts a workflow: by hand, since its triggers are of other products."""
    return [{"event": "manual"}] if nodes else []


def steps_here(nodes: Any) -> list[Any]:
    """Return the nodes that are no triggers as steps, in their order."""
    found = [node for node in nodes if isinstance(node, Mapping)] if isinstance(nodes, list) else []
    steps = [step_here(node) for node in found if not _is_trigger(node)]
    return [step for step in steps if step is not None]


def _is_trigger(node: Mapping[str, Any]) -> bool:
    kind = str(node.get("type")).lower()
    return kind.endswith(("trigger", "webhook"))
