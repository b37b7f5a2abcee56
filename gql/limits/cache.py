"""The documents read last, with what validation said of them."""

from collections import OrderedDict
from dataclasses import dataclass

from graphql import DocumentNode, GraphQLError, GraphQLSchema, parse

from gql.limits.bounds import Bounds
from gql.limits.structure import misshapen
from gql.limits.validation import LONG_CHARACTERS, validated

_MOST_KEPT = 512
#: Of all kept together; a document takes 100 bytes of memory for each of its characters.
_MOST_CHARACTERS = 200_000
#: Longer ones are read anew every time: a few of them would push out all the others.
_LONGEST_KEPT = 20_000


@dataclass(slots=True)
class _Kept:
    document: DocumentNode
    errors: list[GraphQLError] | None = None


class DocumentCache:
    """Documents by text and bounds; one cache per schema."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, Bounds], _Kept] = OrderedDict()
        self._characters = 0

    def parsed(self, text: str, bounds: Bounds) -> DocumentNode:
        """The document of that text.

        Raises:
            GraphQLError: there is a syntax error in it, or it has more tokens than the bounds allow.
        """
        key = text, bounds
        kept = self._kept.get(key)
        if kept is None:
            kept = _Kept(parse(text, max_tokens=bounds.tokens))
            if len(text) <= _LONGEST_KEPT:
                self._keep(key, kept)
        else:
            self._kept.move_to_end(key)
        return kept.document

    async def errors(
        self, schema: GraphQLSchema, text: str, document: DocumentNode, bounds: Bounds
    ) -> list[GraphQLError]:
        """What is wrong with the document, whatever its variables."""
        kept = self._kept.get((text, bounds)) or _Kept(document)
        if kept.errors is None:
            shape = misshapen(document, bounds)
            long = len(text) > LONG_CHARACTERS
            kept.errors = [shape] if shape else await validated(schema, document, bounds, long=long)
        return kept.errors

    def _keep(self, key: tuple[str, Bounds], kept: _Kept) -> None:
        self._kept[key] = kept
        self._characters += len(key[0])
        while len(self._kept) > _MOST_KEPT or self._characters > _MOST_CHARACTERS:
            (text, _), _ = self._kept.popitem(last=False)
            self._characters -= len(text)
