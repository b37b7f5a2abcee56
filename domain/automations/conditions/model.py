"""The kinds of conditions as data."""

from collections.abc import Mapping
from datetime import time
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from domain.automations.conditions.duration import Duration, StrictPart
from domain.automations.expressions.fields import ExpressionText
from domain.model.incident import Health

# Before each tag of a kind: pydantic puts it into the path of an error, where readers look for keys only.
TAG = "kind:"

Number = Annotated[float, Field(allow_inf_nan=False)]
_ExpressionOrNumber = Annotated[
    Annotated[ExpressionText, Tag("kind:expression")] | Annotated[Number, Tag("kind:number")],
    Discriminator(lambda value: f"{TAG}{'expression' if isinstance(value, str) else 'number'}"),
]
_Clock = Annotated[str, Field(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")]
_Weekday = Annotated[int, Field(ge=0, le=6)]


def known_zone(name: str) -> str:
    """Return the name of a time zone if there is such a zone.

    Raises:
        PydanticCustomError: there is no such zone.
    """
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError) as error:
        raise PydanticCustomError("timezone", "This is not a time zone such as Europe/Berlin.") from error
    return name


class All(StrictPart):
    """A condition that holds if every part holds."""

    conditions: list["Condition"] = Field(alias="and", min_length=1, description="The conditions.")


class AnyOf(StrictPart):
    """A condition that holds if at least one part holds."""

    conditions: list["Condition"] = Field(alias="or", min_length=1, description="The conditions.")


class Negation(StrictPart):
    """A condition that holds if its part does not."""

    condition: "Condition" = Field(alias="not", description="The condition.")


class NumericBounds(StrictPart):
    """Bounds of a number: strictly above one, strictly below another, or between both."""

    value: _ExpressionOrNumber = Field(description="An expression that gives the number, or a number.")
    above: Number | None = Field(None, description="It is greater than this.")
    below: Number | None = Field(None, description="It is less than this.")

    @model_validator(mode="after")
    def _has_a_bound(self) -> Self:
        if self.above is None and self.below is None:
            raise PydanticCustomError("numeric_state", "Give above, below or both.")
        return self

    @property
    def bounds(self) -> list[float]:
        """The bounds that are set."""
        return [bound for bound in (self.above, self.below) if bound is not None]


class NumericState(StrictPart):
    """A condition that a value is a number within bounds."""

    numeric_state: NumericBounds = Field(description="The value, and its bounds.")


class TimeWindow(StrictPart):
    """A part of the day, of the week, or both; over midnight when `after` is later than `before`."""

    after: _Clock | None = Field(None, description="HH:mm from which on, inclusive.")
    before: _Clock | None = Field(None, description="HH:mm up to which, exclusive.")
    weekday: list[_Weekday] | None = Field(
        None,
        min_length=1,
        max_length=7,
        description="0 is Monday, 6 is Sunday. Of a window over midnight it is the day on which it begins.",
    )
    timezone: Annotated[str, Field(max_length=64), AfterValidator(known_zone)] = Field(
        "UTC", description="An IANA name such as Europe/Berlin."
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.after is None and self.before is None and self.weekday is None:
            raise PydanticCustomError("time", "Give after, before or weekday.")
        if self.after is not None and self.after == self.before:
            raise PydanticCustomError("time", "A window from a time to the same time is empty.")
        return self

    @property
    def start(self) -> time:
        """The time of day at which it begins; midnight by default."""
        return time.fromisoformat(self.after) if self.after else time.min

    @property
    def end(self) -> time | None:
        """The time of day at which it ends; None is the end of the day."""
        return time.fromisoformat(self.before) if self.before else None


class TimeOfDay(StrictPart):
    """A condition that the time lies within a window."""

    time: TimeWindow = Field(description="The window.")


class SystemStatus(StrictPart):
    """The status of one system, and how long it has to last."""

    entity: str = Field(min_length=1, max_length=200, description="The system's id or key.")
    status: Annotated[Health, Field(strict=False)] = Field(description="Its health.")
    dwell: Duration | None = Field(None, alias="for", description="For how long already.")


class SystemState(StrictPart):
    """A condition that a system is in a status."""

    state: SystemStatus = Field(description="The system, and its status.")


_KINDS: Mapping[str, type[StrictPart]] = {
    "and": All,
    "or": AnyOf,
    "not": Negation,
    "numeric_state": NumericState,
    "time": TimeOfDay,
    "state": SystemState,
}


def _kind(value: Any) -> str | None:
    if isinstance(value, str):
        return f"{TAG}expression"
    # Either JSON, or a part that was validated before.
    named = value if isinstance(value, dict) else ()
    return next((f"{TAG}{key}" for key, kind in _KINDS.items() if key in named or type(value) is kind), None)


Condition = Annotated[
    Annotated[ExpressionText, Tag("kind:expression")]
    | Annotated[All, Tag("kind:and")]
    | Annotated[AnyOf, Tag("kind:or")]
    | Annotated[Negation, Tag("kind:not")]
    | Annotated[NumericState, Tag("kind:numeric_state")]
    | Annotated[TimeOfDay, Tag("kind:time")]
    | Annotated[SystemState, Tag("kind:state")],
    Discriminator(
        _kind,
        custom_error_type="condition",
        custom_error_message="A condition is an expression or has one of and, or, not, numeric_state, time, state.",
    ),
]

for _model in (All, AnyOf, Negation):
    _model.model_rebuild()
