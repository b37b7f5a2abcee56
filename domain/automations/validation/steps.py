"""The steps of a definition, followed on every path that a run may take, with the names known at each."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from pydantic.alias_generators import to_camel

from domain.automations.actions.registry import ActionType
from domain.automations.conditions.model import Condition
from domain.automations.definitions.definition import (
    Action,
    ActionNode,
    ChooseNode,
    ConditionNode,
    Definition,
    DelayNode,
    IfNode,
    ParallelNode,
    RepeatNode,
    SequenceNode,
    StepNode,
    StopNode,
    VariablesNode,
    WaitForTriggerNode,
    WaitUntilNode,
    walk,
)
from domain.automations.validation.catalog import Catalog
from domain.automations.validation.configs import action_config_problems
from domain.automations.validation.places import Facts, Place, merge
from domain.automations.validation.problems import Problem
from domain.automations.validation.proofs import proven
from domain.automations.validation.texts import Texts
from domain.automations.validation.triggers import is_of_entity, unknown_event


def artifact_types(definition: Definition, catalog: Catalog) -> dict[str, str | None]:
    """Return the type of artifact that each step produces, by id; None for nothing."""
    types: dict[str, str | None] = {}
    for _, node in walk(definition.actions):
        action = catalog.actions.get(node.action) if isinstance(node, ActionNode) else None
        if node.id is not None:
            types[node.id] = types.get(node.id) or (action.produces if action is not None else None)
    return types


def id_problems(definition: Definition) -> Iterator[Problem]:
    """Yield a problem for each id that several steps have."""
    taken: dict[str, str] = {}
    for path, node in walk(definition.actions):
        if node.id is None:
            continue
        if node.id in taken:
            yield Problem(path=f"{path}.id", message=f"The id {node.id!r} is that of {taken[node.id]} already.")
        taken.setdefault(node.id, path)


class Steps:
    """A walk over the steps of one definition.

    Loops of no round, branches not taken and ends of branches count: a name is known if every path sets it. An artifact
    whose step failed under `continue_on_error` counts as known, since the run then reports what is missing.

    An action that consumes an artifact, and names no target itself, is valid if any step of the definition produces
    such an artifact: at run time that of an earlier run with the same context key serves, too, such as an incident that
    one trigger opens and another resolves.
    """

    def __init__(self, definition: Definition, catalog: Catalog, texts: Texts) -> None:
        self._catalog = catalog
        self._texts = texts
        self._definition = definition
        self._produced = {
            action.produces
            for _, node in walk(definition.actions)
            if isinstance(node, ActionNode) and (action := catalog.actions.get(node.action)) is not None
        }
        self._found: list[Problem] = []
        #: For each branch of a parallel around the present step, the facts where it ended early.
        self._ends: list[list[Facts]] = []

    def problems(self) -> list[Problem]:
        """Return the problems of the steps."""
        self._walk(self._definition.actions, "actions", Facts())
        return self._found

    def _walk(self, nodes: Sequence[StepNode], path: str, facts: Facts) -> Facts:
        for index, node in enumerate(nodes):
            facts = self._visit(node, f"{path}[{index}]", facts)
        return facts

    def _visit(self, node: StepNode, path: str, facts: Facts) -> Facts:
        if not node.enabled:
            # The names that it uses may exist once it is enabled.
            self._do(node, path, replace(facts, unreachable=True))
            return facts
        after = self._do(node, path, facts)
        if after.unreachable and node.continue_on_error:
            return facts
        return after.left(node.id, before=facts, may_fail=node.continue_on_error)

    def _do(self, node: StepNode, path: str, facts: Facts) -> Facts:
        match node:
            case ActionNode():
                facts = self._action(node, path, facts)
            case VariablesNode():
                self._found += self._texts.values(f"{path}.variables", node.variables, facts)
                facts = replace(facts, variables=facts.variables.union(node.variables))
            case ConditionNode():
                self._condition(f"{path}.condition", node.condition, facts)
                self._end(facts)
                facts = facts.granted(proven(node.condition))
            case StopNode():
                self._end(facts)
                facts = replace(facts, unreachable=True)
            case WaitUntilNode() | WaitForTriggerNode() | DelayNode():
                facts = self._wait(node, path, facts)
            case _:
                facts = self._contain(node, path, facts)
        return facts

    def _contain(self, node: StepNode, path: str, facts: Facts) -> Facts:
        match node:
            case ChooseNode():
                return self._choose(node, path, facts)
            case IfNode():
                return self._if(node, path, facts)
            case ParallelNode():
                return self._parallel(node, path, facts)
            case RepeatNode():
                return self._repeat(node, path, facts)
            case SequenceNode():
                return self._walk(node.sequence, f"{path}.sequence", facts)
        return facts

    def _action(self, node: ActionNode, path: str, facts: Facts) -> Facts:
        self._found += self._texts.values(f"{path}.config", node.config, facts)
        action = self._catalog.actions.get(node.action)
        if action is None:
            known = ", ".join(one.id for one in self._catalog.actions.all())
            self._report(f"{path}.action", f"There is no action {node.action!r}; there are {known}.")
            return facts
        self._found += action_config_problems(f"{path}.config", action, node.config)
        self._target(node, action, path)
        if action.produces is None:
            return facts
        if node.id is None:
            self._report(f"{path}.id", f"{action.id} produces an artifact, so that it needs an id.")
            return facts
        return facts.produced(node.id)

    def _target(self, node: ActionNode, action: ActionType, path: str) -> None:
        for type_ in action.consumes:
            artifact = self._catalog.actions.artifact(type_)
            assert artifact is not None, "actions are registered with types that are known"
            name = f"{artifact.local_name}_id"
            if type_ not in self._produced and not any(
                _is_given(node.config.get(key)) for key in (name, to_camel(name))
            ):
                message = f"No {to_camel(name)} was given, and no step produces one that this could work on."
                self._report(f"{path}.config", message)

    def _wait(self, node: WaitUntilNode | WaitForTriggerNode | DelayNode, path: str, facts: Facts) -> Facts:
        match node:
            case WaitUntilNode():
                self._condition(f"{path}.wait_until.condition", node.wait_until.condition, facts)
            case DelayNode():
                if node.delay.template is not None:
                    self._template(f"{path}.delay.template", node.delay.template, facts)
            case _:
                facts = self._wait_for_trigger(node, path, facts)
        return facts if isinstance(node, DelayNode) else replace(facts, wait=True)

    def _wait_for_trigger(self, node: WaitForTriggerNode, path: str, facts: Facts) -> Facts:
        wait, path = node.wait_for_trigger, f"{path}.wait_for_trigger"
        trigger = self._catalog.triggers.get(wait.event)
        if trigger is None:
            self._report(f"{path}.event", unknown_event(wait.event, self._catalog))
        elif not is_of_entity(trigger):
            self._report(f"{path}.event", f"{wait.event} cannot be waited for; a delay waits for a time.")
        if wait.filter is not None:
            self._expression(f"{path}.filter", wait.filter, replace(facts, event=wait.event))
        if wait.context_key is not None:
            self._template(f"{path}.context_key", wait.context_key, facts)
        return replace(facts, resume=True)

    def _choose(self, node: ChooseNode, path: str, facts: Facts) -> Facts:
        paths: list[Facts] = []
        for index, branch in enumerate(node.choose):
            place = f"{path}.choose[{index}]"
            self._condition(f"{place}.when", branch.when, facts)
            inside = facts.granted(proven(branch.when))
            paths.append(self._walk(branch.sequence, f"{place}.sequence", inside))
        paths.append(self._walk(node.else_ or [], f"{path}.else", facts))
        return merge(*paths)

    def _if(self, node: IfNode, path: str, facts: Facts) -> Facts:
        held = facts
        for place, condition in _each_condition(f"{path}.if", node.if_):
            self._condition(place, condition, held)
            # The next one is evaluated only where this one holds.
            held = held.granted(proven(condition))
        then = self._walk(node.then, f"{path}.then", held)
        return merge(then, self._walk(node.else_ or [], f"{path}.else", facts))

    def _parallel(self, node: ParallelNode, path: str, facts: Facts) -> Facts:
        after = facts
        for index, branch in enumerate(node.parallel):
            end = self._branch(branch, f"{path}.parallel[{index}]", facts)
            after = replace(
                after.may_have(end),
                artifacts=after.artifacts | end.artifacts,
                over=after.over | end.over,
                succeeded=after.succeeded | end.succeeded,
                # These are known in the branch that waited alone.
                resume=facts.resume,
                wait=facts.wait,
            )
        return after

    def _branch(self, node: Action, path: str, facts: Facts) -> Facts:
        """Return the facts at the end of a branch, also if a stop or a condition ended it."""
        self._ends.append([])
        end = self._visit(node, path, facts)
        return replace(merge(end, *self._ends.pop()), unreachable=False)

    def _repeat(self, node: RepeatNode, path: str, facts: Facts) -> Facts:
        repeat, path = node.repeat, f"{path}.repeat"
        if isinstance(repeat.for_each, list):
            self._found += self._texts.values(f"{path}.for_each", repeat.for_each, facts)
        elif repeat.for_each is not None:
            self._expression(f"{path}.for_each", repeat.for_each, facts)
        start = replace(facts, repeat=True)
        if repeat.count != 1:
            start = start.may_have(self._whatever_of(repeat.sequence))
        if repeat.while_ is not None:
            self._condition(f"{path}.while", repeat.while_, start)
            start = start.granted(proven(repeat.while_))
        end = self._walk(repeat.sequence, f"{path}.sequence", start)
        if repeat.until is not None:
            self._condition(f"{path}.until", repeat.until, end)
        if repeat.count is None and repeat.until is None and not isinstance(repeat.for_each, list):
            # Perhaps there is no round at all.
            end = merge(facts, end)
        return replace(end, repeat=facts.repeat)

    def _whatever_of(self, nodes: Sequence[StepNode]) -> Facts:
        """Return the facts that these steps may leave for their next round."""
        facts = Facts()
        for _, node in walk(nodes):
            if not node.enabled:
                continue
            if node.id is not None:
                facts = replace(facts, perhaps_over=facts.perhaps_over | {node.id})
            if isinstance(node, VariablesNode):
                facts = replace(facts, variables=facts.variables.union(node.variables))
            elif isinstance(node, WaitForTriggerNode):
                facts = replace(facts, resume=True, wait=True)
            elif isinstance(node, WaitUntilNode):
                facts = replace(facts, wait=True)
            elif isinstance(node, ActionNode) and node.id is not None:
                facts = replace(facts, possible=facts.possible | {node.id})
        return facts

    def _end(self, facts: Facts) -> None:
        if self._ends:
            self._ends[-1].append(facts)

    def _condition(self, path: str, condition: Any, facts: Facts) -> None:
        self._found += self._texts.condition(path, condition, Place.CONDITION, facts)

    def _expression(self, path: str, text: str, facts: Facts) -> None:
        self._found += self._texts.expression(path, text, Place.PLAIN, facts)

    def _template(self, path: str, text: str, facts: Facts) -> None:
        self._found += self._texts.template(path, text, Place.PLAIN, facts)

    def _report(self, path: str, message: str) -> None:
        self._found.append(Problem(path=path, message=message))


def _each_condition(path: str, given: Condition | list[Condition]) -> Iterator[tuple[str, Condition]]:
    """Yield the conditions of a step with their paths."""
    if isinstance(given, list):
        yield from ((f"{path}[{index}]", condition) for index, condition in enumerate(given))
    else:
        yield path, given


def _is_given(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())
