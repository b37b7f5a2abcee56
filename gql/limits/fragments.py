"""The fragments of a document, in an order that lets each be measured once."""

from collections.abc import Iterator, Mapping

from graphql import DocumentNode, FragmentDefinitionNode, FragmentSpreadNode, SelectionSetNode


def fragments_of(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    """Return the fragments of a document by name."""
    return {part.name.value: part for part in document.definitions if isinstance(part, FragmentDefinitionNode)}


def innermost_first(fragments: Mapping[str, FragmentDefinitionNode]) -> tuple[list[FragmentDefinitionNode], bool]:
    """Return the fragments, each after those that it spreads, and whether there is a cycle among them.

    In this order with a memo, measuring fragments that double at every level costs no more than their text. The order
    is found without recursion, so that a long chain does not overflow the stack.
    """
    order: list[FragmentDefinitionNode] = []
    done: set[str] = set()
    cyclic = False
    for first in fragments:
        entered = {first} - done
        path = [(name, _spreads(fragments[name].selection_set)) for name in entered]
        while path:
            name, spreads = path[-1]
            inner = next((spread for spread in spreads if spread not in done and spread in fragments), None)
            if inner is None:
                path.pop()
                entered.discard(name)
                done.add(name)
                order.append(fragments[name])
            elif inner in entered:
                cyclic = True
            else:
                entered.add(inner)
                path.append((inner, _spreads(fragments[inner].selection_set)))
    return order, cyclic


def _spreads(selections: SelectionSetNode) -> Iterator[str]:
    """Yield the names of the fragments spread at any level."""
    waiting = [selections]
    while waiting:
        for node in waiting.pop().selections:
            if isinstance(node, FragmentSpreadNode):
                yield node.name.value
            elif inner := getattr(node, "selection_set", None):
                waiting.append(inner)
