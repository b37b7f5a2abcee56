"""Definitions and payloads as clients send them: as objects, or as texts in YAML or JSON."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

from domain.automations.definitions.documents import UnreadableDocumentError, load_document
from domain.automations.validation import InvalidDefinitionError, Problem
from domain.automations.validation.written import placed, read_text
from domain.errors import InvalidInputError

#: The forms, in the words of a description.
AS_OBJECT_OR_TEXT = "an object, or its text in YAML 1.2 or JSON, at most 256 kB"


@dataclass(frozen=True, slots=True)
class GivenDefinition:
    """A definition, with the text that it was read from if it was one."""

    value: Any
    text: str | None = None

    @classmethod
    async def read(cls, given: Any) -> Self:
        """Read what a client sent; what is no text is left to validation.

        Raises:
            InvalidDefinitionError: no definition can be read from the text.
        """
        if not isinstance(given, str):
            return cls(given)
        # In a thread: a long text takes a second.
        return cls(await asyncio.to_thread(read_text, given), given)

    async def placed(self, problems: Sequence[Problem]) -> Sequence[Problem]:
        """Return the problems with their places in the text."""
        if self.text is None or not problems:
            return problems
        return await asyncio.to_thread(placed, problems, self.text)

    @asynccontextmanager
    async def placing(self) -> AsyncIterator[None]:
        """Give the problems of a refused definition their places in the text."""
        try:
            yield
        except InvalidDefinitionError as error:
            error.problems = tuple(await self.placed(error.problems))
            raise


async def object_of(given: Any, field: str) -> Mapping[str, Any]:
    """Return what a field with an object has, which may be sent as a text.

    Raises:
        InvalidInputError: it is no object, and no text of one.
    """
    if isinstance(given, str):
        try:
            return await asyncio.to_thread(load_document, given)
        except UnreadableDocumentError as error:
            raise InvalidInputError(error.message, field=[field]) from error
    if not isinstance(given, Mapping):
        raise InvalidInputError("This must be an object.", field=[field])
    return given
