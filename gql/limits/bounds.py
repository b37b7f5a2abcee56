"""The numbers that limit an operation, and the errors that name them."""

from dataclasses import dataclass
from typing import Any, Self

from graphql import GraphQLError

from domain.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What an operator lets one operation have."""

    cost: int
    depth: int
    aliases: int
    directives: int
    tokens: int
    introspection: bool
    execution_seconds: float

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The bounds that these settings set."""
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
        """The bounds of an operation with that context; the defaults where there is none."""
        domain = getattr(context, "domain", None)
        return cls.of(Settings() if domain is None else domain.settings)


def limited(code: str, message: str) -> GraphQLError:
    """The error of an operation that asks for too much."""
    return GraphQLError(message, extensions={"code": code})
