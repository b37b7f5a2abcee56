"""The model of definitions: triggers, conditions and actions, validated for their form."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property, lru_cache
from typing import Annotated, Any

import orjson
from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    Tag,
    model_validator,
)
from pydantic_core import PydanticCustomError

from domain.automations.conditions.duration import Delay, Duration
from domain.automations.conditions.model import TAG, All, Condition
from domain.automations.definitions.parts import FiringWindow, Part, RateLimit, Retry
from domain.automations.expressions.durations import IN_SECONDS, Forms, Minutes
from domain.automations.expressions.fields import ExpressionText, TemplateText
from domain.automations.expressions.secret_references import secret_names
from domain.model.automation import ConcurrencyScope, Mode

#: The longest time that a wait may last: 30 days.
LONGEST_WAIT_SECONDS = 2_592_000
# The most definitions in a process's cache; long ones take some 100 kB each.
_KEPT = 256
_IDENTIFIER = r"^[A-Za-z_][A-Za-z0-9_]{0,63}$"
_TRIGGER_ID = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$"
_ACTION = r"^[A-Za-z][A-Za-z0-9_-]*(\.[A-Za-z][A-Za-z0-9_-]*)?$"

Timeout = Annotated[float, Field(gt=0, le=LONGEST_WAIT_SECONDS), IN_SECONDS, Forms()]


class TriggerPart(Part):
    """A trigger that starts the automation."""

    id: str | None = Field(default=None, pattern=_TRIGGER_ID, description="Its name in traces; else made of the event.")
    event: str = Field(min_length=1, max_length=100, description="The trigger, such as incident.created.")
    filter: ExpressionText | None = Field(default=None, description="Only firings for which this expression holds.")
    config: dict[str, Any] | None = Field(default=None, description="Settings, for triggers that have some.")
    for_: Duration | None = Field(default=None, alias="for", description="How long what fired it has to hold.")
    window: FiringWindow | None = Field(default=None, description="How often it has to fire.")

    @property
    def name(self) -> str:
        """The trigger's id, or its event with everything but letters and digits as underscores."""
        return self.id or re.sub(r"[^a-z0-9]+", "_", self.event.lower())


class StepNode(Part):
    """The fields that all steps share."""

    id: str | None = Field(default=None, pattern=_IDENTIFIER, description="Its name, unique in the definition.")
    description: str | None = Field(default=None, max_length=1000, description="For people.")
    enabled: bool = Field(default=True, description="Whether it is done at all.")
    continue_on_error: bool = Field(default=False, description="Whether a failure lets the run go on.")


class ActionNode(StepNode):
    """A step that performs an action of the catalog."""

    action: str = Field(pattern=_ACTION, max_length=100, description="The action, such as incident.create.")
    config: dict[str, Any] = Field(default_factory=dict, description="Its settings; texts are templates.")
    retry: Retry | None = Field(default=None, description="How a failure is retried.")
    timeout_seconds: Annotated[float, Field(gt=0, le=3600), IN_SECONDS, Forms()] | None = Field(
        default=None, description="How long one attempt may take."
    )


class Branch(Part):
    """One branch of a choice."""

    when: Condition = Field(description="When it is taken.")
    sequence: "list[Action]" = Field(min_length=1, description="What is done then.")


class ChooseNode(StepNode):
    """A step that takes the first branch whose condition holds."""

    choose: list[Branch] = Field(min_length=1, description="The branches, in order.")
    else_: "list[Action] | None" = Field(default=None, alias="else", description="What is done when none holds.")


_OneOrMore = Annotated[
    Annotated[Condition, Tag("kind:condition")]
    | Annotated[list[Condition], Field(min_length=1, max_length=50), Tag("kind:conditions")],
    Discriminator(lambda value: f"{TAG}{'conditions' if isinstance(value, list) else 'condition'}"),
]


class IfNode(StepNode):
    """A step that does one thing if a condition holds, and another one or nothing otherwise."""

    if_: _OneOrMore = Field(alias="if", description="What has to hold: a condition, or several, all of them.")
    then: "list[Action]" = Field(min_length=1, description="What is done if it holds.")
    else_: "list[Action] | None" = Field(default=None, alias="else", description="What is done otherwise.")

    @cached_property
    def condition(self) -> Condition:
        """The one condition that decides."""
        return All(**{"and": self.if_}) if isinstance(self.if_, list) else self.if_


class ParallelNode(StepNode):
    """A step that runs its branches at the same time."""

    parallel: "list[Action]" = Field(min_length=1, max_length=100, description="The steps.")


class DelayNode(StepNode):
    """A step that waits for a time."""

    delay: Delay = Field(description="For how long.")


_Items = Annotated[
    Annotated[ExpressionText, Tag("kind:expression")]
    | Annotated[list[Any], Field(min_length=1, max_length=1000), Tag("kind:list")],
    Discriminator(lambda value: f"{TAG}{'list' if isinstance(value, list) else 'expression'}"),
]


class Repeat(Part):
    """The rounds of a loop: exactly one of count, for_each, while and until."""

    count: int | None = Field(default=None, ge=1, le=10_000, description="So many times.")
    for_each: _Items | None = Field(
        default=None, description="Once for each item: of the list that an expression gives, or of one written out."
    )
    while_: ExpressionText | None = Field(default=None, alias="while", description="As long as this holds before.")
    until: ExpressionText | None = Field(default=None, description="Until this holds afterwards.")
    max_iterations: int = Field(default=1000, ge=1, le=10_000, description="The bound of while and until.")
    sequence: "list[Action]" = Field(min_length=1, description="What is done each time.")

    @model_validator(mode="after")
    def _one(self) -> "Repeat":
        if sum(bound is not None for bound in (self.count, self.for_each, self.while_, self.until)) != 1:
            raise PydanticCustomError("repeat", "Give exactly one of count, for_each, while and until.")
        return self


class RepeatNode(StepNode):
    """A step that runs its steps several times."""

    repeat: Repeat = Field(description="What, and how often.")


class VariablesNode(StepNode):
    """A step that keeps values under names."""

    variables: dict[Annotated[str, Field(pattern=_IDENTIFIER)], Any] = Field(
        min_length=1, max_length=100, description="The values by their names; texts are templates."
    )


class ConditionNode(StepNode):
    """A step that lets the run go on only if a condition holds."""

    condition: Condition = Field(description="What has to hold.")


class Stop(Part):
    """The reason for the end of a run, and its outcome."""

    reason: str | None = Field(default=None, max_length=1000, description="Why, for people.")
    error: bool = Field(default=False, description="Whether the run counts as failed.")


class StopNode(StepNode):
    """A step that ends the run."""

    stop: Stop = Field(description="Why, and how.")


class WaitForTrigger(Part):
    """The event that a step waits for."""

    event: str = Field(min_length=1, max_length=100, description="The trigger, such as incident.resolved.")
    filter: ExpressionText | None = Field(default=None, description="Only events for which this expression holds.")
    timeout_seconds: Timeout | None = Field(default=None, description="How long at most.")
    context_key: TemplateText | None = Field(
        default=None, description="A template: what it must be about; else what the run is."
    )
    continue_on_timeout: bool = Field(default=False, description="Whether the run goes on when it takes too long.")


class WaitForTriggerNode(StepNode):
    """A step that waits for an event."""

    wait_for_trigger: WaitForTrigger = Field(description="For which event, and how long.")


class WaitUntil(Part):
    """The condition that a step waits for."""

    condition: Condition = Field(description="What has to hold.")
    timeout_seconds: Timeout | None = Field(default=None, description="How long at most.")
    continue_on_timeout: bool = Field(default=True, description="Whether the run goes on when it takes too long.")


class WaitUntilNode(StepNode):
    """A step that waits until a condition holds."""

    wait_until: WaitUntil = Field(description="For which condition, and how long.")


class SequenceNode(StepNode):
    """A step that groups steps."""

    sequence: "list[Action]" = Field(min_length=1, description="The steps, in order.")


#: The kinds of steps by their key.
STEPS: Mapping[str, type[StepNode]] = {
    "action": ActionNode,
    "choose": ChooseNode,
    "if": IfNode,
    "parallel": ParallelNode,
    "delay": DelayNode,
    "repeat": RepeatNode,
    "variables": VariablesNode,
    "condition": ConditionNode,
    "stop": StopNode,
    "wait_for_trigger": WaitForTriggerNode,
    "wait_until": WaitUntilNode,
    "sequence": SequenceNode,
}


def kind_of(node: Any) -> str | None:
    """Return the kind of a step by the key that it has; None if it has none."""
    present: Sequence[str]
    if isinstance(node, Mapping):
        present = [kind for kind in STEPS if kind in node]
        return present[0] if len(present) == 1 else None
    return next((kind for kind, model in STEPS.items() if isinstance(node, model)), None)


def _tag_of(node: Any) -> str | None:
    kind = kind_of(node)
    return None if kind is None else f"{TAG}{kind}"


Action = Annotated[
    Annotated[ActionNode, Tag("kind:action")]
    | Annotated[ChooseNode, Tag("kind:choose")]
    | Annotated[IfNode, Tag("kind:if")]
    | Annotated[ParallelNode, Tag("kind:parallel")]
    | Annotated[DelayNode, Tag("kind:delay")]
    | Annotated[RepeatNode, Tag("kind:repeat")]
    | Annotated[VariablesNode, Tag("kind:variables")]
    | Annotated[ConditionNode, Tag("kind:condition")]
    | Annotated[StopNode, Tag("kind:stop")]
    | Annotated[WaitForTriggerNode, Tag("kind:wait_for_trigger")]
    | Annotated[WaitUntilNode, Tag("kind:wait_until")]
    | Annotated[SequenceNode, Tag("kind:sequence")],
    Discriminator(
        _tag_of,
        custom_error_type="action_kind",
        custom_error_message=f"A step has exactly one of {', '.join(STEPS)}",
    ),
]


def _trigger_names_are_unique(triggers: list[TriggerPart]) -> list[TriggerPart]:
    names = [trigger.name for trigger in triggers]
    if len(set(names)) != len(names):
        raise PydanticCustomError("triggers", "Two triggers have the same id; give them ids of their own.")
    return triggers


class Definition(Part):
    """The definition of an automation."""

    triggers: Annotated[
        list[TriggerPart],
        Field(min_length=1, max_length=50, description="What starts it."),
        AfterValidator(_trigger_names_are_unique),
    ]
    conditions: list[Condition] = Field(default_factory=list, max_length=50, description="All of them must hold.")
    actions: list[Action] = Field(default_factory=list, description="What is done, in order.")
    mode: Mode = Field(default=Mode.SINGLE, strict=False, description="What happens when it fires while it runs.")
    concurrency_scope: ConcurrencyScope = Field(
        default=ConcurrencyScope.AUTOMATION, strict=False, description="Which runs of it count for its mode."
    )
    max_runs: int = Field(default=10, ge=1, le=1000, description="How many may be active, or wait in the queue.")
    rate_limit: RateLimit | None = Field(
        default=None, description="How many runs may be started within a time, of those that its mode counts together."
    )
    once_for: ExpressionText | None = Field(
        default=None, description="An expression; for each of its values the automation runs once and never again."
    )
    uses_state: list[Annotated[str, Field(min_length=1, max_length=200)]] = Field(
        default_factory=list, max_length=50, description="The systems whose health its expressions read."
    )
    state_window_minutes: Minutes = Field(
        default=60.0, gt=0, le=10_080, description="How far back health.*.transitions_in_window counts."
    )
    run_as: str | None = Field(
        default=None, max_length=64, description="The id of the API token whose limits its actions keep."
    )

    def trigger(self, name: str) -> TriggerPart | None:
        """Return the trigger of that id."""
        return next((trigger for trigger in self.triggers if trigger.name == name), None)

    @cached_property
    def secrets(self) -> frozenset[str]:
        """The names of the secrets that it refers to."""
        return frozenset(secret_names(self.model_dump(mode="json")))


for _model in (Branch, ChooseNode, IfNode, ParallelNode, Repeat, RepeatNode, SequenceNode, Definition):
    _model.model_rebuild()


def stored(document: Mapping[str, Any]) -> Definition:
    """Return the definition of a stored document, from a cache if it was read before.

    Raises:
        pydantic.ValidationError: another version of the server stored it.
    """
    return _stored(orjson.dumps(document))


@lru_cache(_KEPT)
def _stored(text: bytes) -> Definition:
    return Definition.model_validate(orjson.loads(text))


@cache
def definition_schema() -> Mapping[str, Any]:
    """Return the JSON Schema of definitions."""
    return Definition.model_json_schema(by_alias=True)


def walk(actions: Sequence[StepNode], path: str = "actions") -> Iterator[tuple[str, StepNode]]:
    """Yield every step at any depth with its path, parents first."""
    for index, node in enumerate(actions):
        place = f"{path}[{index}]"
        yield place, node
        for name, steps in children(node):
            yield from walk(steps, f"{place}.{name}")


def children(node: StepNode) -> Iterator[tuple[str, Sequence[StepNode]]]:
    """Yield the lists of steps inside a step, by their place in it."""
    match node:
        case ChooseNode():
            for index, branch in enumerate(node.choose):
                yield f"choose[{index}].sequence", branch.sequence
            yield "else", node.else_ or []
        case IfNode():
            yield "then", node.then
            yield "else", node.else_ or []
        case ParallelNode():
            yield "parallel", node.parallel
        case RepeatNode():
            yield "repeat.sequence", node.repeat.sequence
        case SequenceNode():
            yield "sequence", node.sequence
        case _:
            return
