"""Answers in the place of problems, where the document has what another product writes there."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from domain.automations.conditions.model import Condition
from domain.automations.definitions.definition import Action, TriggerPart
from domain.automations.validation.dialects import github_actions, home_assistant, n8n
from domain.automations.validation.dialects.lines import Answer, Line, Nothing
from domain.automations.validation.dialects.texts import GITHUB, HOME_ASSISTANT, N8N, text_here
from domain.automations.validation.problems import Problem, below

#: So many problems are looked at; fewer are shown.
_MOST = 300
_STEPS = {"actions", "sequence", "then", "else", "default", "parallel", "action"}
_CONDITIONS = {"conditions", "condition", "if", "and", "or", "not", "when", "until", "while"}
_EXPRESSIONS = {*_CONDITIONS, "filter", "for_each", "once_for", "partition_by"}
_OF_A_STEP: TypeAdapter[Any] = TypeAdapter(Action)
_OF_A_CONDITION: TypeAdapter[Any] = TypeAdapter(Condition)
_LEFT_OUT = {
    **dict.fromkeys(("jobs.runs-on", "runs-on", "permissions", "defaults", "run-name"), GITHUB),
    **dict.fromkeys(("connections", "settings", "pinData", "staticData", "meta", "versionId", "active", "tags"), N8N),
    **dict.fromkeys(("max_exceeded", "trace", "use_blueprint", "trigger_variables"), HOME_ASSISTANT),
}


@dataclass(frozen=True, slots=True)
class _At:
    """A value of the document, with its key and the path of what it is in."""

    value: Any
    key: str | int
    outside: str
    #: The nearest key that is no index: what kind of part it is.
    kind: str


def answered(document: Mapping[str, Any], problems: Sequence[Problem]) -> list[Problem]:
    """Return the problems, with the line that would work in place of those that another product's words caused."""
    if not any(problem.is_error for problem in problems):
        return list(problems)
    places = _places(document)
    answers: dict[str, Problem] = {}
    rest: list[Problem] = []
    for problem in problems:
        found = _answer_to(problem, places) if problem.is_error and len(rest) + len(answers) < _MOST else None
        if found is None:
            rest.append(problem)
        else:
            answers.setdefault(found.path, found)
    replaced = _replaced_keys(document, answers)
    return [*answers.values(), *(one for one in rest if not _is_covered(one.path, answers, replaced))]


def _replaced_keys(document: Mapping[str, Any], answers: Mapping[str, Problem]) -> set[str]:
    """Return the keys of a definition that are missing since another one, which is answered, stands for them."""
    return {key for key, others in _TOP.items() if key not in document and not answers.keys().isdisjoint(others)}


#: The keys of other products for those of a definition.
_TOP = {"triggers": ("trigger", "on", "nodes"), "conditions": ("condition",), "actions": ("action", "jobs", "nodes")}


def _is_covered(path: str, answers: Mapping[str, Problem], missing: set[str]) -> bool:
    return path in missing or any(
        path == answer or (path.startswith(answer) and path[len(answer) :][:1] in {".", "["}) for answer in answers
    )


def _places(document: Mapping[str, Any]) -> dict[str, _At]:
    found: dict[str, _At] = {}
    waiting: list[tuple[str, Any, str]] = [("", document, "")]
    while waiting:
        path, part, kind = waiting.pop()
        for key, value in _members(part):
            place, own = below(path, key), key if isinstance(key, str) else kind
            found[place] = _At(value, key, path, own)
            waiting.append((place, value, own))
    return found


def _members(part: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(part, Mapping):
        yield from part.items()
    elif isinstance(part, list):
        yield from enumerate(part)


def _answer_to(problem: Problem, places: Mapping[str, _At]) -> Problem | None:
    """Return the problem with an answer, at the innermost part that another product writes so."""
    path = problem.path
    while path:
        at = places.get(path)
        answer = None if at is None else _answer(at, direct=path == problem.path)
        message = None if answer is None else answer.message
        if message is not None:
            return replace(problem, path=path, message=message)
        path = at.outside if at is not None else _outside(path)
    return None


def _outside(path: str) -> str:
    """Return the path of what a part is in that the document has not."""
    return path[: max(path.rfind("."), path.rfind("["), 0)]


def _answer(at: _At, *, direct: bool) -> Answer | None:
    if isinstance(at.value, str) and direct:
        return _of_text(at) or _of_key(at)
    if at.outside == "" and isinstance(at.key, str):
        return _of_top(at.key, at.value)
    if not isinstance(at.value, Mapping):
        return None
    if at.kind in {"triggers", "trigger"} and at.outside == "triggers":
        return _of_trigger(at)
    if at.kind in _CONDITIONS and (found := _valid(home_assistant.condition_here(at.value), _OF_A_CONDITION)):
        return Line(product=HOME_ASSISTANT, key=_key(at), value=found)
    return _of_step(at) if at.kind in _STEPS and isinstance(at.key, int) else None


def _of_text(at: _At) -> Answer | None:
    found = text_here(at.value, bare=at.kind in _EXPRESSIONS)
    return None if found is None else Line(product=found[1], key=_key(at), value=found[0])


def _of_key(at: _At) -> Answer | None:
    return _of_top(str(at.key), at.value) if at.outside == "" else None


def _of_trigger(at: _At) -> Answer | None:
    made = home_assistant.trigger_here(at.value)
    if made is None:
        return None
    try:
        TriggerPart.model_validate(made)
    except ValidationError:
        return None
    return Line(product=HOME_ASSISTANT, value=made)


def _of_step(at: _At) -> Answer | None:
    for product, make in (
        (N8N, n8n.step_here),
        (HOME_ASSISTANT, home_assistant.step_here),
        (GITHUB, github_actions.step_here),
    ):
        found = _valid(make(at.value), _OF_A_STEP)
        if found is not None:
            return Line(product=product, value=found)
    return None


def _of_top(key: str, value: Any) -> Answer | None:
    """Return the answer to a key of the definition itself."""
    if key in _LEFT_OUT:
        return Nothing(product=_LEFT_OUT[key], because="it has no counterpart.")
    make = _TOPS.get(key)
    return None if make is None else make(value)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _triggers(value: Any) -> Line:
    made = [(home_assistant.trigger_here(one) or one) if isinstance(one, Mapping) else one for one in _listed(value)]
    return Line(product=HOME_ASSISTANT, key="triggers", value=made)


def _conditions(value: Any) -> Line:
    made = [home_assistant.condition_here(one) or one for one in _listed(value)]
    return Line(product=HOME_ASSISTANT, key="conditions", value=made)


def _concurrency(value: Any) -> Line:
    cancels = isinstance(value, Mapping) and value.get("cancel-in-progress") is True
    return Line(product=GITHUB, key="mode", value="restart" if cancels else "queued")


_TOPS: Mapping[str, Callable[[Any], Line]] = {
    "trigger": _triggers,
    "condition": _conditions,
    "action": lambda value: Line(product=HOME_ASSISTANT, key="actions", value=home_assistant.steps_here(value)),
    "alias": lambda value: Line(product=HOME_ASSISTANT, key="name", value=value),
    "max": lambda value: Line(product=HOME_ASSISTANT, key="max_runs", value=value),
    "initial_state": lambda value: Line(product=HOME_ASSISTANT, key="enabled", value=value),
    "on": lambda value: Line(product=GITHUB, key="triggers", value=github_actions.triggers_here(value)),
    "jobs": lambda value: Line(product=GITHUB, key="actions", value=github_actions.jobs_here(value)),
    "concurrency": _concurrency,
    "nodes": lambda value: Line(product=N8N, key="actions", value=n8n.steps_here(value)),
}


def _valid(made: Any, form: TypeAdapter[Any]) -> Any:
    """Return what was made if it has the right form; None otherwise."""
    try:
        return made if made is not None and form.validate_python(made) is not None else None
    except ValidationError:
        return None


def _key(at: _At) -> str | None:
    return at.key if isinstance(at.key, str) else None
