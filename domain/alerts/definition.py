"""The mappings of an integration, validated when they are saved: what its alerts mean here."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel

from domain.automations.definitions.faults import explained
from domain.automations.expressions.fields import ExpressionText, TemplateText
from domain.errors import InvalidInputError
from domain.model.incident import Severity
from domain.model.integration import IntegrationType

Name = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
_MOST_VALUES = 200
#: Enums are in lower case here, as in definitions of automations; those of the schema are taken, too.
_LOWER = BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)


class SystemMapping(_Part):
    """From an alert to its system."""

    labels: tuple[Name, ...] = Field(default=(), max_length=20)
    expression: ExpressionText | None = None
    values: Mapping[Name, Name] = Field(default={}, max_length=_MOST_VALUES)
    default: Name | None = None
    #: Of a system that is not in the catalog.
    unknown: Annotated[Literal["create", "refuse"], _LOWER] = "create"


class SeverityMapping(_Part):
    """From an alert to its severity."""

    expression: ExpressionText | None = None
    values: Mapping[Name, Annotated[Severity, _LOWER]] = Field(default={}, max_length=_MOST_VALUES)
    default: Annotated[Severity, _LOWER] | None = None


class Grouping(_Part):
    """The alerts that share an incident: those of which the template makes the same text, within a time."""

    key: TemplateText
    window_seconds: float = Field(default=3600.0, gt=0, le=30 * 86400)


class LinkMapping(_Part):
    """A link that every incident gets."""

    label: Name | None = None
    url: TemplateText


class AlertMapping(_Part):
    """From a body to alerts by expressions, and from an alert to texts by templates, in place of the format's rules."""

    items: ExpressionText | None = None
    key: TemplateText | None = None
    action: ExpressionText | None = None
    starts_at: ExpressionText | None = None
    ends_at: ExpressionText | None = None
    title: TemplateText | None = None
    description: TemplateText | None = None
    links: tuple[LinkMapping, ...] = Field(default=(), max_length=10)
    labels: Mapping[Name, TemplateText] = Field(default={}, max_length=50)
    grouping: Grouping | None = None
    #: After a person has resolved an incident: how long triggers without a beginning count as the firing of before.
    repeat_seconds: float = Field(default=3600.0, ge=0, le=30 * 86400)


def checked_system_mapping(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the mapping as it is stored.

    Raises:
        InvalidInputError: a part cannot be accepted, such as an expression.
    """
    return _checked(SystemMapping, given, "systemMapping")


def checked_severity_mapping(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the mapping as it is stored.

    Raises:
        InvalidInputError: a part cannot be accepted, such as an expression.
    """
    return _checked(SeverityMapping, given, "severityMapping")


def checked_mapping(given: Mapping[str, Any], kind: IntegrationType) -> dict[str, Any]:
    """Return the mapping as it is stored.

    Raises:
        InvalidInputError: a part cannot be accepted, or the format needs one that is missing.
    """
    kept = _checked(AlertMapping, given, "mapping")
    if kind is IntegrationType.EVENTS:
        for name in ("key", "action"):
            if kept.get(name) is None:
                raise InvalidInputError(f"An integration of the type EVENTS needs `{name}`.", field=["mapping", name])
    elif kept.get("items") is not None:
        raise InvalidInputError(
            "Only an integration of the type EVENTS has `items`: other formats say what their alerts are.",
            field=["mapping", "items"],
        )
    return kept


def system_mapping_of(stored: Mapping[str, Any]) -> SystemMapping:
    """Return a stored mapping."""
    found: SystemMapping = _parsed(SystemMapping, orjson.dumps(stored))
    return found


def severity_mapping_of(stored: Mapping[str, Any]) -> SeverityMapping:
    """Return a stored mapping."""
    found: SeverityMapping = _parsed(SeverityMapping, orjson.dumps(stored))
    return found


def mapping_of(stored: Mapping[str, Any]) -> AlertMapping:
    """Return a stored mapping."""
    found: AlertMapping = _parsed(AlertMapping, orjson.dumps(stored))
    return found


@lru_cache(maxsize=1024)
def _parsed(kind: type[BaseModel], text: bytes) -> Any:
    return kind.model_validate_json(text)


def _checked(kind: type[BaseModel], given: Mapping[str, Any], field: str) -> dict[str, Any]:
    try:
        parsed = kind.model_validate(given)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        place = [str(part) for part in fault["loc"] if part != "[key]"]
        # Places in a template stand in brackets behind the sentence.
        message = f"{explained(kind, fault).removesuffix('.')}."
        raise InvalidInputError(message, field=[field, *place]) from error
    # Without what has its default, which a later release may change.
    return parsed.model_dump(mode="json", by_alias=True, exclude_defaults=True)
