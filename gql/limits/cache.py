"""A cache of parsed documents with the errors of their validation."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from graphql import DocumentNode, GraphQLError, GraphQLSchema, parse

from gql.limits.bounds import Bounds
from gql.limits.structure import misshapen
from gql.limits.validation import LONG_CHARACTERS, validated

_MOST_KEPT = 512
#: The characters of all documents together; each takes 100 bytes of memory.
_MOST_CHARACTERS = 200_000
#: Longer documents are not cached: a few of them would evict all others.
_LONGEST_KEPT = 20_000


@dataclass(slots=True)
class Kept:
    """A document, the errors that validation found, and what others keep for as long as it is kept."""

    document: DocumentNode
    errors: list[GraphQLError] | None = None
    #: Made from it by those who run it.
    made: Any = None


class DocumentCache:
    """A cache of documents by text and bounds, one per schema."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, Bounds], Kept] = OrderedDict()
        self._characters = 0

    def find(self, text: str, bounds: Bounds) -> Kept | None:
        """Return what is kept of that text; None where nothing is."""
        kept = self._kept.get((text, bounds))
        if kept is not None:
            self._kept.move_to_end((text, bounds))
        return kept

    def parsed(self, text: str, bounds: Bounds) -> DocumentNode:
        """Return the document of that text.

        Raises:
            GraphQLError: the text has a syntax error, or more tokens than the bounds allow.
        """
        key = text, bounds
        kept = self._kept.get(key)
        if kept is None:
            kept = Kept(parse(text, max_tokens=bounds.tokens))
            if len(text) <= _LONGEST_KEPT:
                self._keep(key, kept)
        else:
            self._kept.move_to_end(key)
        return kept.document

    async def errors(
        self, schema: GraphQLSchema, text: str, document: DocumentNode, bounds: Bounds
    ) -> list[GraphQLError]:
        """Return the validation errors of the document, which do not depend on its variables."""
        kept = self._kept.get((text, bounds)) or Kept(document)
        if kept.errors is None:
            shape = misshapen(document, bounds)
            long = len(text) > LONG_CHARACTERS
            kept.errors = [shape] if shape else await validated(schema, document, bounds, long=long)
        return kept.errors

    def _keep(self, key: tuple[str, Bounds], kept: Kept) -> None:
        self._kept[key] = kept
        self._characters += len(key[0])
        while len(self._kept) > _MOST_KEPT or self._characters > _MOST_CHARACTERS:
            (text, _), _ = self._kept.popitem(last=False)
            self._characters -= len(text)
