"""Validation of expressions and templates: their syntax, and the names that they use."""

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

from domain.automations.actions.registry import local_name
from domain.automations.conditions.duration import Duration
from domain.automations.conditions.model import All, AnyOf, Condition, Negation, NumericState, SystemState
from domain.automations.definitions.definition import StepNode
from domain.automations.expressions.analysis import references
from domain.automations.expressions.errors import ExpressionError
from domain.automations.expressions.language import Expression, compile_expression
from domain.automations.expressions.references import Reference
from domain.automations.expressions.secret_references import check_outside, without_references
from domain.automations.expressions.templates import Template, compile_template
from domain.automations.validation.catalog import Catalog
from domain.automations.validation.dialects.texts import text_here
from domain.automations.validation.outcomes import Fault, outcome_fault
from domain.automations.validation.places import Facts, Place
from domain.automations.validation.problems import Problem, ProblemSeverity, below
from domain.automations.validation.proofs import compared_in, proven, tolerated_in
from domain.automations.validation.secrets import MISPLACED
from domain.automations.validation.shapes import Shapes

_LOOP = "`repeat` exists inside of loops only."
_WAIT = "`wait` exists after a wait_until or wait_for_trigger only."
_RESUME = "`resume` exists after a wait_for_trigger only."


class Texts:
    """A validator of one definition's texts, by its steps, their artifacts and the catalog."""

    def __init__(
        self,
        catalog: Catalog,
        events: Sequence[str],
        artifact_types: Mapping[str, str | None],
        steps: Mapping[str, StepNode],
    ) -> None:
        self._kinds = catalog.states
        self._events = events
        self._ids = frozenset(steps)
        self._shapes = Shapes(catalog=catalog, produced=artifact_types, steps=steps)
        #: The local name of the artifact that each step produces, by the step's id.
        self._produced = {step: None if type_ is None else local_name(type_) for step, type_ in artifact_types.items()}
        #: The systems that the definition names, with their paths.
        self.systems: list[tuple[str, str]] = []

    def expression(self, path: str, text: str, place: Place, facts: Facts) -> Iterator[Problem]:
        """Yield the problems of an expression."""
        yield from self._named(path, compile_expression(text), place, facts)

    def template(self, path: str, text: str, place: Place, facts: Facts) -> Iterator[Problem]:
        """Yield the problems of a template."""
        try:
            compiled = compile_template(text)
        except ExpressionError as error:
            yield _problem(path, error.message, error.line, error.column)
            return
        yield from self._named(path, compiled, place, facts)

    def values(self, path: str, value: Any, facts: Facts) -> Iterator[Problem]:
        """Yield the problems of the templates in a JSON value."""
        match value:
            case str():
                try:
                    check_outside(value)
                except ExpressionError as error:
                    yield _problem(path, error.message, error.line, error.column)
                    return
                yield from self.template(path, without_references(value), Place.VALUE, facts)
                yield from _marks(path, value)
            case dict():
                for key, item in value.items():
                    yield from self.values(below(path, key), item, facts)
            case list():
                for index, item in enumerate(value):
                    yield from self.values(below(path, index), item, facts)

    def condition(self, path: str, condition: Condition, place: Place, facts: Facts) -> Iterator[Problem]:
        """Yield the problems of the expressions in a condition."""
        match condition:
            case str():
                yield from self.expression(path, condition, place, facts)
            case All() | AnyOf():
                key = "and" if isinstance(condition, All) else "or"
                facts = facts.granted(proven(condition))
                for index, part in enumerate(condition.conditions):
                    yield from self.condition(f"{path}.{key}[{index}]", part, place, facts)
            case Negation():
                yield from self.condition(f"{path}.not", condition.condition, place, facts)
            case NumericState():
                if isinstance(value := condition.numeric_state.value, str):
                    yield from self.expression(f"{path}.numeric_state.value", value, place, facts)
            case SystemState():
                self.systems.append((f"{path}.state.entity", condition.state.entity))
                yield from self.duration(f"{path}.state.for", condition.state.dwell, place, facts)

    def duration(self, path: str, duration: Duration | None, place: Place, facts: Facts) -> Iterator[Problem]:
        """Yield the problems of a duration's template."""
        if duration is not None and duration.template is not None:
            yield from self.template(f"{path}.template", duration.template, place, facts)

    def _named(self, path: str, compiled: Expression | Template, place: Place, facts: Facts) -> Iterator[Problem]:
        for expression in (compiled,) if isinstance(compiled, Expression) else compiled.expressions:
            tolerated, faults = tolerated_in(expression), 0
            compared = compared_in(expression)
            for reference in references(expression):
                self._note_system(path, reference)
                fault = self._fault(reference, place, facts, tolerated, compared)
                if fault is not None:
                    message, severity = fault
                    faults += severity is ProblemSeverity.ERROR
                    yield _problem(path, message, reference.line, reference.column, severity)
            if not faults:
                events = self._events if facts.event is None else [facts.event]
                for message, line, column in self._shapes.problems(expression, events):
                    yield _problem(path, message, line, column)

    def _note_system(self, path: str, reference: Reference) -> None:
        match (reference.root, *reference.parts[:2]):
            case ("health", "systems", str(name)):
                self.systems.append((path, name))

    def _fault(
        self, reference: Reference, place: Place, facts: Facts, tolerated: Set[str], compared: Set[str]
    ) -> Fault | None:
        if reference.root == "steps" and "steps" in place.value:
            return outcome_fault(reference, place, facts, ids=self._ids, tolerated=tolerated, compared=compared)
        message = self._error(reference, place, facts, tolerated)
        return None if message is None else (message, ProblemSeverity.ERROR)

    def _error(self, reference: Reference, place: Place, facts: Facts, tolerated: Set[str]) -> str | None:
        root = reference.root
        if root not in place.value:
            return MISPLACED if root == "secrets" else f"There is no `{root[:80]}` here; there are {_listed(place)}."
        if root == "artifacts":
            return self._artifact_fault(reference, facts, tolerated)
        return self._state_fault(reference) if root == "state" else _flow_fault(reference, facts)

    def _state_fault(self, reference: Reference) -> str | None:
        kind = reference.parts[0] if reference.parts else None
        if not isinstance(kind, str | int) or str(kind) in self._kinds:
            return None
        return f"There is no state of {str(kind)[:80]!r}; there is that of {', '.join(self._kinds)}."

    def _artifact_fault(self, reference: Reference, facts: Facts, tolerated: Set[str]) -> str | None:
        """Return the problem of `artifacts.<id>.<name>`; names that the expression checks itself may be missing."""
        if not reference.parts or not isinstance(reference.parts[0], str | int):
            return None
        step = str(reference.parts[0])
        name = self._produced.get(step)
        if name is None:
            return f"The step {step!r:.80} produces nothing." if step in self._produced else _no_step(step)
        second = reference.parts[1] if len(reference.parts) > 1 else None
        if isinstance(second, str | int) and str(second) != name:
            return f"The step {step!r} produces `{name}`, not `{second!s:.80}`."
        if facts.unreachable or step in facts.artifacts or (step in tolerated and step in facts.possible):
            return None
        if step in facts.possible:
            return f"The step {step!r} may not have run before this; check `artifacts.{step} is defined` first."
        return f"The step {step!r} does not run before this."


def _marks(path: str, text: str) -> Iterator[Problem]:
    """Yield a warning of a mark of other products that would stay in the text."""
    found = text_here(text, bare=False) if ("{{" in text and text.startswith("=")) or "${{" in text else None
    if found is not None:
        message = f"The mark of {found[1]} before {{{{ stays in the text; without it: {found[0]}"
        yield Problem(path=path, message=message, severity=ProblemSeverity.WARNING)


def _flow_fault(reference: Reference, facts: Facts) -> str | None:
    """Return the problem of a name that only some steps have in scope, such as `repeat`."""
    root = reference.root
    if facts.unreachable:
        return None
    if root in {"vars", "variables"}:
        return _variable_fault(reference, facts)
    if root == "repeat" and not facts.repeat:
        return _LOOP
    if root == "wait" and not facts.wait:
        return _WAIT
    return _RESUME if root == "resume" and not facts.resume else None


def _variable_fault(reference: Reference, facts: Facts) -> str | None:
    name = reference.parts[0] if reference.parts else None
    if not isinstance(name, str | int) or str(name) in facts.variables:
        return None
    return f"No step before this sets the variable {name!r:.80}."


def _no_step(step: str) -> str:
    return f"There is no step {step!r:.80} that produces something."


def _listed(place: Place) -> str:
    *names, last = place.value
    return f"{', '.join(names)} and {last}"


def _problem(
    path: str, message: str, line: int, column: int, severity: ProblemSeverity = ProblemSeverity.ERROR
) -> Problem:
    return Problem(path=path, message=f"{message} (line {line}, column {column})", severity=severity)
