"""Definitions to validate, and the catalog that they are validated against."""

from typing import Any

from domain.automations.actions.builtin import register_builtin_actions
from domain.automations.actions.incidents import IncidentActions
from domain.automations.actions.outbound import OutboundActions
from domain.automations.actions.registry import ActionRegistry
from domain.automations.actions.responders import ResponderActions
from domain.automations.triggers.builtin import builtin_triggers
from domain.automations.validation import problems_of
from domain.automations.validation.catalog import Catalog
from domain.entities.kinds import KINDS
from domain.outbound.addresses import AddressRules
from domain.outbound.caller import HttpCaller
from tests.conftest import SteppingClock


def _catalog() -> Catalog:
    actions, clock, unused = ActionRegistry(), SteppingClock(), Any
    # What they work on is needed when they are done only, which no definition is here.
    IncidentActions(unused, unused).register(actions)  # type: ignore[arg-type] # see above
    ResponderActions(unused, unused).register(actions)  # type: ignore[arg-type] # see above
    OutboundActions(HttpCaller(rules=AddressRules.of(()), clock=clock), clock).register(actions)
    register_builtin_actions(actions)
    return Catalog(triggers=builtin_triggers(KINDS), actions=actions, kinds=KINDS)


CATALOG = _catalog()

DEDUPED: dict[str, Any] = {"title": "Down", "severity": "major", "systemIds": ["api"], "dedupeOpenForSystem": True}
OPEN: dict[str, Any] = {"id": "open", "action": "incident.create", "config": DEDUPED}
RESOLVE: dict[str, Any] = {"action": "incident.resolve"}
STOP: dict[str, Any] = {"stop": {}}


def make_definition(*actions: Any, **parts: Any) -> dict[str, Any]:
    return {"triggers": [{"event": "system.degraded"}], "actions": list(actions), **parts}


def log(message: Any, **parts: Any) -> dict[str, Any]:
    return {"action": "log", "config": {"message": message}, **parts}


def messages_of(*actions: Any, **parts: Any) -> dict[str, str]:
    """Return the messages about a definition by their paths."""
    return {problem.path: problem.message for problem in problems_of(make_definition(*actions, **parts), CATALOG)}


def choose(*branches: tuple[Any, list[Any]], otherwise: list[Any] | None = None) -> dict[str, Any]:
    step: dict[str, Any] = {"choose": [{"when": when, "sequence": steps} for when, steps in branches]}
    return step if otherwise is None else {**step, "else": otherwise}


def repeat(*steps: Any, **how: Any) -> dict[str, Any]:
    return {"repeat": {**how, "sequence": list(steps)}}
