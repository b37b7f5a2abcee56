"""Validation of the settings of triggers and actions, as far as possible before rendering."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from domain.automations.actions.registry import ActionType
from domain.automations.definitions.faults import explained
from domain.automations.validation.problems import Problem, below


def action_config_problems(path: str, action: ActionType, config: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the problems of an action's settings, which are stored at its first version."""
    try:
        migrated = action.config.migrated(config)
    except (LookupError, TypeError, ValueError, AttributeError):
        # A migration gets settings that nothing has validated yet.
        message = f"These are no settings of {action.id} that can be brought to version {action.config.version}."
        yield Problem(path=path, message=message)
        return
    yield from config_problems(path, action.config.model, migrated, templates=True)
    for name, fault_of in action.faults.items():
        fault = fault_of(migrated[name]) if name in migrated else None
        if fault is not None:
            yield Problem(path=below(path, name), message=fault)


def config_problems(
    path: str, model: type[BaseModel], config: Mapping[str, Any], *, templates: bool
) -> Iterator[Problem]:
    """Yield the problems of settings; a field with a template is only validated once rendered."""
    try:
        model.model_validate(config, extra="forbid")
    except ValidationError as error:
        for fault in error.errors(include_url=False):
            if not (templates and _is_template(fault)):
                yield _problem(path, model, fault)


def _is_template(fault: ErrorDetails) -> bool:
    return isinstance(fault["input"], str) and "{{" in fault["input"]


def _problem(path: str, model: type[BaseModel], fault: ErrorDetails) -> Problem:
    return Problem(path=below(path, *fault["loc"]), message=explained(model, fault))
