"""What an automation is made of, as data: triggers, conditions and actions, checked for their form."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property, lru_cache
from typing import Annotated, Any, Literal

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)
from pydantic_core import PydanticCustomError

from domain.automations.conditions.duration import Delay, Duration
from domain.automations.conditions.model import TAG, Condition
from domain.automations.expressions.durations import IN_SECONDS, Forms, Minutes, Seconds
from domain.automations.expressions.fields import ExpressionText, TemplateText
from domain.automations.expressions.secret_references import secret_names
from domain.model.automation import ConcurrencyScope, Mode

#: The longest time that a wait may last: 30 days.
LONGEST_WAIT_SECONDS = 2_592_000
# What a process keeps ready; some 100 kB each where they are long.
_KEPT = 256
_IDENTIFIER = r"^[A-Za-z_][A-Za-z0-9_]{0,63}$"
_TRIGGER_ID = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$"
_ACTION = r"^[A-Za-z][A-Za-z0-9_-]*(\.[A-Za-z][A-Za-z0-9_-]*)?$"

Timeout = Annotated[float, Field(gt=0, le=LONGEST_WAIT_SECONDS), IN_SECONDS, Forms()]


class Part(BaseModel):
    """A part of a definition; what it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Window(Part):
    """Fires only when the trigger did so often within so many minutes."""

    count: int = Field(ge=1, le=1000, description="How many firings it takes.")
    minutes: Minutes = Field(gt=0, le=1440, description="Within how many minutes.")
    refire: Literal["every", "once"] = Field(
        default="every",
        description="Whether each further firing within the window counts, or only the one that fills it.",
    )
    partition_by: ExpressionText | None = Field(
        default=None, description="What keeps firings apart; by default the thing that the trigger is about."
    )


class TriggerPart(Part):
    """What starts the automation."""

    id: str | None = Field(default=None, pattern=_TRIGGER_ID, description="Its name in traces; else made of the event.")
    event: str = Field(min_length=1, max_length=100, description="The trigger, such as incident.created.")
    filter: ExpressionText | None = Field(default=None, description="Only firings for which this expression holds.")
    config: dict[str, Any] | None = Field(default=None, description="Settings, for triggers that have some.")
    for_: Duration | None = Field(default=None, alias="for", description="How long what fired it has to hold.")
    window: Window | None = Field(default=None, description="How often it has to fire.")

    @property
    def name(self) -> str:
        """Its id, or the event with everything but letters and digits as underscores."""
        return self.id or re.sub(r"[^a-z0-9]+", "_", self.event.lower())


class Retry(Part):
    """How often a step that failed is tried again."""

    attempts: int = Field(default=3, ge=1, le=10, description="How often it is tried in all.")
    delay_seconds: Seconds = Field(
        default=1.0, ge=0, le=3600, description="The first pause; each further one is twice it."
    )


class Node(Part):
    """What all steps share."""

    id: str | None = Field(default=None, pattern=_IDENTIFIER, description="Its name, unique in the definition.")
    description: str | None = Field(default=None, max_length=1000, description="For people.")
    enabled: bool = Field(default=True, description="Whether it is done at all.")
    continue_on_error: bool = Field(default=False, description="Whether a failure lets the run go on.")


class ActionNode(Node):
    """Does something: one of the catalog's actions."""

    action: str = Field(pattern=_ACTION, max_length=100, description="The action, such as incident.create.")
    config: dict[str, Any] = Field(default_factory=dict, description="Its settings; texts are templates.")
    retry: Retry | None = Field(default=None, description="How a failure is retried.")
    timeout_seconds: Annotated[float, Field(gt=0, le=3600), IN_SECONDS, Forms()] | None = Field(
        default=None, description="How long one attempt may take."
    )


class Branch(Part):
    """One way of a choice."""

    when: Condition = Field(description="When it is taken.")
    sequence: "list[Action]" = Field(min_length=1, description="What is done then.")


class ChooseNode(Node):
    """Takes the first way whose condition holds."""

    choose: list[Branch] = Field(min_length=1, description="The ways, in order.")
    else_: "list[Action] | None" = Field(default=None, alias="else", description="What is done when none holds.")


class ParallelNode(Node):
    """Does its steps at the same time."""

    parallel: "list[Action]" = Field(min_length=1, max_length=100, description="The steps.")


class DelayNode(Node):
    """Waits for a time."""

    delay: Delay = Field(description="For how long.")


class Repeat(Part):
    """What is repeated, and how often: exactly one of count, for_each, while and until."""

    count: int | None = Field(default=None, ge=1, le=10_000, description="So many times.")
    for_each: ExpressionText | None = Field(default=None, description="Once for each item of this list.")
    while_: ExpressionText | None = Field(default=None, alias="while", description="As long as this holds before.")
    until: ExpressionText | None = Field(default=None, description="Until this holds afterwards.")
    max_iterations: int = Field(default=1000, ge=1, le=10_000, description="The bound of while and until.")
    sequence: "list[Action]" = Field(min_length=1, description="What is done each time.")

    @model_validator(mode="after")
    def _one(self) -> "Repeat":
        if sum(way is not None for way in (self.count, self.for_each, self.while_, self.until)) != 1:
            raise PydanticCustomError("repeat", "Give exactly one of count, for_each, while and until.")
        return self


class RepeatNode(Node):
    """Does its steps several times."""

    repeat: Repeat = Field(description="What, and how often.")


class VariablesNode(Node):
    """Keeps values under names."""

    variables: dict[Annotated[str, Field(pattern=_IDENTIFIER)], Any] = Field(
        min_length=1, max_length=100, description="The values by their names; texts are templates."
    )


class ConditionNode(Node):
    """Lets the run go on only if a condition holds."""

    condition: Condition = Field(description="What has to hold.")


class Stop(Part):
    """Why and how the run ends."""

    reason: str | None = Field(default=None, max_length=1000, description="Why, for people.")
    error: bool = Field(default=False, description="Whether the run counts as failed.")


class StopNode(Node):
    """Ends the run."""

    stop: Stop = Field(description="Why, and how.")


class WaitForTrigger(Part):
    """Which event is waited for."""

    event: str = Field(min_length=1, max_length=100, description="The trigger, such as incident.resolved.")
    filter: ExpressionText | None = Field(default=None, description="Only events for which this expression holds.")
    timeout_seconds: Timeout | None = Field(default=None, description="How long at most.")
    context_key: TemplateText | None = Field(
        default=None, description="A template: what it must be about; else what the run is."
    )
    continue_on_timeout: bool = Field(default=False, description="Whether the run goes on when it takes too long.")


class WaitForTriggerNode(Node):
    """Waits for an event."""

    wait_for_trigger: WaitForTrigger = Field(description="For which event, and how long.")


class WaitUntil(Part):
    """Which condition is waited for."""

    condition: Condition = Field(description="What has to hold.")
    timeout_seconds: Timeout | None = Field(default=None, description="How long at most.")
    continue_on_timeout: bool = Field(default=True, description="Whether the run goes on when it takes too long.")


class WaitUntilNode(Node):
    """Waits until a condition holds."""

    wait_until: WaitUntil = Field(description="For which condition, and how long.")


class SequenceNode(Node):
    """Groups steps."""

    sequence: "list[Action]" = Field(min_length=1, description="The steps, in order.")


#: The kinds of steps by the key that tells them.
STEPS: Mapping[str, type[Node]] = {
    "action": ActionNode,
    "choose": ChooseNode,
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
    """Which kind of step that is, by the key that is there; None for no kind."""
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
    """An automation's definition."""

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
    once_for: ExpressionText | None = Field(
        default=None, description="An expression; for each of its values the automation runs once and never again."
    )
    uses_state: list[Annotated[str, Field(min_length=1, max_length=200)]] = Field(
        default_factory=list, max_length=50, description="The systems whose health its expressions look at."
    )
    state_window_minutes: Minutes = Field(
        default=60.0, gt=0, le=10_080, description="How far back health.*.transitions_in_window counts."
    )
    run_as: str | None = Field(
        default=None, max_length=64, description="The id of the API token whose limits its actions keep."
    )

    def trigger(self, name: str) -> TriggerPart | None:
        """The trigger of that id."""
        return next((trigger for trigger in self.triggers if trigger.name == name), None)

    @cached_property
    def secrets(self) -> frozenset[str]:
        """The names of the secrets that it refers to."""
        return frozenset(secret_names(self.model_dump(mode="json")))


for _model in (Branch, ChooseNode, ParallelNode, Repeat, RepeatNode, SequenceNode, Definition):
    _model.model_rebuild()


def stored(document: Mapping[str, Any]) -> Definition:
    """The definition that was stored as this document; the same one again is read only once.

    Raises:
        pydantic.ValidationError: another version of the server stored it.
    """
    return _stored(orjson.dumps(document))


@lru_cache(_KEPT)
def _stored(text: bytes) -> Definition:
    return Definition.model_validate(orjson.loads(text))


@cache
def definition_schema() -> Mapping[str, Any]:
    """The JSON Schema of definitions."""
    return Definition.model_json_schema(by_alias=True)


def walk(actions: Sequence[Node], path: str = "actions") -> Iterator[tuple[str, Node]]:
    """Every step at any depth with its path, parents first."""
    for index, node in enumerate(actions):
        place = f"{path}[{index}]"
        yield place, node
        for name, steps in children(node):
            yield from walk(steps, f"{place}.{name}")


def children(node: Node) -> Iterator[tuple[str, Sequence[Node]]]:
    """The lists of steps inside a step, by their place in it."""
    match node:
        case ChooseNode():
            for index, branch in enumerate(node.choose):
                yield f"choose[{index}].sequence", branch.sequence
            yield "else", node.else_ or []
        case ParallelNode():
            yield "parallel", node.parallel
        case RepeatNode():
            yield "repeat.sequence", node.repeat.sequence
        case SequenceNode():
            yield "sequence", node.sequence
        case _:
            return
