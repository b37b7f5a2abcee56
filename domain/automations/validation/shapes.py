"""Shapes of the names in expressions: their fields and values, by the catalog."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, get_args

from jinja2 import nodes
from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from domain.automations.conditions.scope import HEALTH_FIELDS, TRIGGER_FIELDS
from domain.automations.definitions.definition import (
    ActionNode,
    ChooseNode,
    ConditionNode,
    DelayNode,
    IfNode,
    ParallelNode,
    RepeatNode,
    StepNode,
    VariablesNode,
    WaitForTriggerNode,
    WaitUntilNode,
)
from domain.automations.expressions.language import Expression
from domain.automations.expressions.references import Reference, tree_references
from domain.automations.validation.catalog import Catalog
from domain.entities.incident import INCIDENT
from domain.model.automation import StepStatus
from domain.model.incident import Health, Incident, Severity, Status

_EQUALITIES = {"eq", "ne"}
_MEMBERSHIPS = {"in", "notin"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The shape of a name; without fields, anything may be below it; without values, it may have any."""

    fields: Mapping[str, "Shape"] | None = None
    #: The shape of each thing below it, if their names are not known, such as ids.
    each: "Shape | None" = None
    values: tuple[str, ...] | None = None


_ANY = Shape()


def _of_enum(values: type[StrEnum]) -> Shape:
    return Shape(values=tuple(member.value for member in values))


def _named(names: Iterable[str], **others: Shape) -> Shape:
    return Shape(fields={**dict.fromkeys(names, _ANY), **others})


_HEALTH = _named(HEALTH_FIELDS, status=_of_enum(Health))
_STATE = {
    INCIDENT.name: _named(
        (to_camel(each.name) for each in fields(Incident)), status=_of_enum(Status), severity=_of_enum(Severity)
    )
}
_RUN = _named(("id", "automationId", "contextKey"))
_REPEAT = _named(("index", "first", "item"))
_WAIT = Shape(fields={"completed": _ANY, "trigger": _named(("event", "payload", "changeId"))})
_RESUME = _named(("payload", "changeId", "event", "timedOut", "incidentResolved"))
_OUTCOME = Shape(values=(StepStatus.SUCCESS.value, StepStatus.FAILED.value))
#: What the steps record that are no actions.
_OUTPUTS: Mapping[type[StepNode], Sequence[str]] = {
    ChooseNode: ("matchedBranch", "conditions"),
    ConditionNode: ("value", "condition"),
    DelayNode: ("seconds",),
    IfNode: ("value", "condition"),
    ParallelNode: ("branches", "failed"),
    RepeatNode: ("items",),
    WaitForTriggerNode: ("payload", "changeId", "event", "timedOut", "incidentResolved"),
    WaitUntilNode: ("immediate", "condition", "timedOut", "incidentResolved"),
}
_ACTOR = _named(("type", "id", "name"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shapes:
    """The shapes of a definition's scope; `events` are those that may have fired at that place."""

    catalog: Catalog
    #: The type of artifact that each step produces, by the step's id.
    produced: Mapping[str, str | None] = field(default_factory=dict)
    #: Its steps that have an id, by that.
    steps: Mapping[str, StepNode] = field(default_factory=dict)

    def problems(self, expression: Expression, events: Sequence[str]) -> Iterator[tuple[str, int, int]]:
        """Yield the problems of an expression as messages, with line and column."""
        known, tolerated = self._roots(events), _tolerated_in(expression)
        for reference in tree_references(expression.tree, expression.source):
            message = _missing(reference, known) if reference.path not in tolerated else None
            if message is not None:
                yield message, reference.line, reference.column
        for reference, value in _compared(expression):
            shape = _found(reference, known)
            if shape is not None and shape.values is not None and value not in shape.values:
                listed = ", ".join(shape.values)
                message = f"`{reference.path[:80]}` is never {value!r:.80}; it is one of {listed}."
                yield message, reference.line, reference.column

    def _roots(self, events: Sequence[str]) -> Shape:
        payload = _merged([self._payload(event) for event in events])
        trigger = _named(TRIGGER_FIELDS, payload=payload, actor=_ACTOR)
        health = Shape(fields={"system": _HEALTH, "systems": Shape(each=_HEALTH)})
        state = Shape(fields={kind: Shape(each=_STATE.get(kind, _ANY)) for kind in self.catalog.states})
        artifacts = {step: self._artifact(type_) for step, type_ in self.produced.items() if type_ is not None}
        return Shape(
            fields={
                "trigger": trigger,
                "health": health,
                "state": state,
                "artifacts": Shape(fields=artifacts),
                "steps": Shape(fields={step: self._outcome(node) for step, node in self.steps.items()}),
                "wait": _WAIT,
                "run": _RUN,
                "repeat": _REPEAT,
                "resume": _RESUME,
            }
        )

    def _payload(self, event: str) -> Shape:
        trigger = self.catalog.triggers.get(event)
        return _ANY if trigger is None else _of_model(trigger.payload)

    def _artifact(self, type_: str) -> Shape:
        artifact = self.catalog.actions.artifact(type_)
        return _ANY if artifact is None else Shape(fields={artifact.local_name: _of_model(artifact.data)})

    def _outcome(self, node: StepNode) -> Shape:
        """Return the shape of `steps.<id>` of that step; groups have no output."""
        output = self._output(node)
        return Shape(fields={"status": _OUTCOME, "error": _ANY, **({} if output is None else {"output": output})})

    def _output(self, node: StepNode) -> Shape | None:
        match node:
            case ActionNode():
                action = self.catalog.actions.get(node.action)
                return _ANY if action is None or action.output is None else _of_output(action.output)
            case VariablesNode():
                return _named(node.variables)
        names = _OUTPUTS.get(type(node))
        return None if names is None else _named(names)


def _of_output(model: type[BaseModel]) -> Shape:
    """Return the shape of an action's output, which has what its model says, and nothing where that says nothing."""
    return _of_model(model) if model.model_fields else Shape(fields={})


def _of_model(model: type[BaseModel]) -> Shape:
    """Return the shape of a model; a model without fields says nothing about them."""
    if not model.model_fields:
        return _ANY
    return Shape(
        fields={info.alias or name: _of_annotation(info.annotation) for name, info in model.model_fields.items()}
    )


def _of_annotation(annotation: Any) -> Shape:
    options = [option for option in (get_args(annotation) or (annotation,)) if option is not type(None)]
    only = options[0] if len(options) == 1 else None
    return _of_enum(only) if isinstance(only, type) and issubclass(only, StrEnum) else _ANY


def _merged(shapes: Sequence[Shape]) -> Shape:
    """Return the shape of a name that may have any of these."""
    names: dict[str, Shape] = {}
    for shape in shapes:
        if shape.fields is None:
            return _ANY
        for name, part in shape.fields.items():
            both = (names.get(name, part).values, part.values)
            values = None if None in both else tuple(dict.fromkeys(value for each in both for value in each or ()))
            names[name] = Shape(values=values)
    return Shape(fields=names)


def _missing(reference: Reference, known: Shape) -> str | None:
    """Return the problem of a path that is certainly missing; None otherwise."""
    shape = known
    for count, part in enumerate((reference.root, *reference.parts)):
        if shape.each is not None:
            shape = shape.each
            continue
        if shape.fields is None or not isinstance(part, str | int):
            return None
        if str(part) not in shape.fields:
            if count == 0:
                return None
            there = ", ".join(shape.fields) or "nothing in it"
            return f"There is no `{reference.path_to(count)[:120]}`; there is {there}."
        shape = shape.fields[str(part)]
    return None


def _found(reference: Reference, known: Shape) -> Shape | None:
    shape = known
    for part in (reference.root, *reference.parts):
        if shape.each is not None:
            shape = shape.each
        elif shape.fields is not None and isinstance(part, str | int) and str(part) in shape.fields:
            shape = shape.fields[str(part)]
        else:
            return None
    return shape


def _tolerated_in(expression: Expression) -> Set[str]:
    """Return the paths that may be missing: operands of `is defined` and `default`, anywhere in the expression."""
    found: set[str] = set()
    for node in _nodes(expression.tree):
        if isinstance(node, nodes.Test | nodes.Filter) and node.name in {"defined", "default"} and node.node:
            found |= {one.path for one in tree_references(node.node, expression.source)}
    return found


def _compared(expression: Expression) -> Iterator[tuple[Reference, str]]:
    """Yield each path that is compared with a text, and that text."""
    for node in _nodes(expression.tree):
        if isinstance(node, nodes.Compare):
            left = node.expr
            for operand in node.ops:
                yield from _pairs(expression, left, operand.op, operand.expr)
                left = operand.expr
        elif isinstance(node, nodes.Test) and node.name == "in" and node.node is not None:
            yield from _pairs(expression, node.node, "in", node.args[0])


def _pairs(expression: Expression, left: nodes.Expr, op: str, right: nodes.Expr) -> Iterator[tuple[Reference, str]]:
    sides = ((left, right), (right, left)) if op in _EQUALITIES else ((left, right),) if op in _MEMBERSHIPS else ()
    for path, constant in sides:
        if not isinstance(path, nodes.Getattr | nodes.Getitem):
            continue
        listed = constant.items if isinstance(constant, nodes.List | nodes.Tuple) else [constant]
        if op in _MEMBERSHIPS and listed == [constant]:
            continue
        reference = next(iter(tree_references(path, expression.source)), None)
        for each in listed:
            if reference is not None and isinstance(each, nodes.Const) and isinstance(each.value, str):
                yield reference, each.value


def _nodes(tree: nodes.Node) -> Iterator[nodes.Node]:
    waiting: list[nodes.Node] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += node.iter_child_nodes()
