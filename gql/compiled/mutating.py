"""Mutations whose answers are read in their transactions, by the functions that answer queries.

The mutation itself runs in its permissions, limits and errors, by itself or on the generic path; of its payload, only
what shows rows is left out there.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from graphql import DocumentNode, FieldNode, FragmentDefinitionNode, NameNode, Node, SelectionSetNode

from domain.model.selection import NoneOf, OneOf, Wanted
from domain.services.answers import Answering, answered
from gql.compiled.parts import PayloadPlan

_TYPENAME = FieldNode(name=NameNode(value="__typename"))


class PayloadReader:
    """The reader of one payload; one for each time that a mutation runs."""

    def __init__(self, plan: PayloadPlan, answering: Callable[..., Answering], wanted: Wanted) -> None:
        self._plan = plan
        self._make = answering
        self._pages = wanted.pages
        self._answering: Answering | None = None

    @contextmanager
    def within(self, show: Callable[[Any], dict[str, Any]]) -> Iterator[None]:
        """Have the write in the block read what its payload shows, of which `show` returns the members."""
        self._answering = self._make(wanted=lambda value: self._wanted(show(value)))
        with answered(self._answering):
            yield

    def found(self, payload: Any) -> list[Any] | None:
        """Return what each member of the payload is made of; None where it has to be read on the generic path."""
        shown = [getattr(payload, name) for name in self._plan.names]
        if all(each is None for each in shown):
            return [None] * len(shown)
        found = self._answering.found if self._answering is not None else None
        # A write that was too late for its answer may have gone on meanwhile.
        return None if found is None else [row if each else None for row, each in zip(found, shown, strict=True)]

    def _wanted(self, members: Mapping[str, Any]) -> Wanted:
        shown = [members.get(name) for name in self._plan.names]
        rows = [NoneOf() if each is None else OneOf(by="id", value=each.id) for each in shown]
        return Wanted(rows=rows, pages=self._pages)


def without_rows(document: DocumentNode, plan: PayloadPlan) -> DocumentNode:
    """Return the document with nothing in its mutation's payload that shows a row."""
    selection = SelectionSetNode(selections=tuple(plan.others) or (_TYPENAME,))
    field = _changed(plan.field, selection_set=selection)
    operation = _changed(plan.operation, selection_set=SelectionSetNode(selections=(field,)))
    fragments = [each for each in document.definitions if isinstance(each, FragmentDefinitionNode)]
    return DocumentNode(definitions=(operation, *fragments))


def _changed(node: Node, **parts: Any) -> Any:
    return type(node)(**{key: getattr(node, key) for key in node.keys} | parts)
