"""The bounds of one operation, and the errors of operations that exceed them."""

from dataclasses import dataclass
from typing import Any, Self

from graphql import GraphQLError

from domain.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The bounds that the settings give one operation."""

    cost: int
    depth: int
    aliases: int
    directives: int
    tokens: int
    introspection: bool
    execution_seconds: float

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the bounds of these settings."""
        return cls(
            cost=settings.max_cost,
            depth=settings.max_depth,
            aliases=settings.max_aliases,
            directives=settings.max_directives,
            tokens=settings.max_tokens,
            introspection=settings.introspection,
            execution_seconds=settings.execution_seconds,
        )

    @classmethod
    def around(cls, context: Any) -> Self:
        """Return the bounds of an operation with that context; the defaults where there is no context."""
        domain = getattr(context, "domain", None)
        return cls.of(Settings() if domain is None else domain.settings)


def limited(code: str, message: str) -> GraphQLError:
    """Return the error of an operation that exceeds a bound."""
    return GraphQLError(message, extensions={"code": code})
