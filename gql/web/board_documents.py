"""The documents that the board sends: an operation a file, with the fragments that it spreads."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    Node,
    parse,
    print_ast,
    strip_ignored_characters,
    visit,
)
from graphql.language import Visitor

_FRAGMENTS = "fragments"


def read_documents(folder: Path) -> Mapping[str, str]:
    """Return the text of each operation by its name, which is the name of its file."""
    fragments = {
        definition.name.value: definition
        for path in sorted(folder.glob("*.graphql"))
        if path.stem.startswith(_FRAGMENTS)
        for definition in parse(path.read_text(), no_location=True).definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    return {
        path.stem: _whole(parse(path.read_text(), no_location=True), fragments)
        for path in sorted(folder.glob("*.graphql"))
        if not path.stem.startswith(_FRAGMENTS)
    }


def _whole(document: DocumentNode, fragments: Mapping[str, FragmentDefinitionNode]) -> str:
    needed: dict[str, FragmentDefinitionNode] = {}
    _gather(document, fragments, needed)
    parts: Iterable[Node] = (*document.definitions, *needed.values())
    return strip_ignored_characters("\n".join(map(print_ast, parts)))


def _gather(
    node: Node, fragments: Mapping[str, FragmentDefinitionNode], needed: dict[str, FragmentDefinitionNode]
) -> None:
    class Spreads(Visitor):
        def enter_fragment_spread(self, spread: FragmentSpreadNode, *_: object) -> None:
            name = spread.name.value
            if name not in needed:
                needed[name] = fragments[name]
                _gather(fragments[name], fragments, needed)

    visit(node, Spreads())
