"""The mutants of one module: its text with one small fault each, by mutmut's rules."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators
from typing_extensions import override

#: Calls whose arguments only people or type checkers read.
_UNREAD_CALLS = frozenset({"cast", "TypeVar", "getLogger"})
_LOGGING = frozenset({"logger", "logging"})
Lines = tuple[int | None, int | None]
#: Arguments that only people read.
_UNREAD_ARGUMENTS = frozenset({"description", "display_name", "icon"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One fault in a module; `first` to `last` are the lines of the function around it, None at the module's level."""

    path: str
    number: int
    line: int
    before: str
    after: str
    first: int | None
    last: int | None
    source: str

    @property
    def name(self) -> str:
        """The name under which its outcome is kept, made of the change and not of its place, to survive other edits."""
        return f"{self.path}:{self.number}: {self.before} -> {self.after}"


def sampled(root: Path, path: str, *, count: int, seed: int) -> list[Mutant]:
    """Return `count` mutants of a module in the order of lines, the same for one seed; 0 for all."""
    wrapper = MetadataWrapper(cst.parse_module((root / path).read_text()), unsafe_skip_copy=True)
    visitor = _Visitor()
    wrapper.visit(visitor)
    numbers = range(len(visitor.found))
    chosen = random.Random(f"{seed} {path}").sample(numbers, count) if 0 < count < len(numbers) else numbers
    return [_mutant(wrapper.module, path, number, *visitor.found[number]) for number in sorted(chosen)]


def _mutant(
    module: cst.Module, path: str, number: int, node: cst.CSTNode, mutated: cst.CSTNode, lines: Lines
) -> Mutant:
    source = _replaced(module, node, mutated).code
    original, changed = module.code.splitlines(), source.splitlines()
    line = next((at for at, pair in enumerate(zip(original, changed, strict=False)) if pair[0] != pair[1]), 0)
    first, last = lines
    return Mutant(
        path=path,
        number=number,
        line=line + 1,
        before=original[line].strip(),
        after=changed[line].strip(),
        first=first,
        last=last,
        source=source,
    )


def _replaced(module: cst.Module, node: cst.CSTNode, mutated: cst.CSTNode) -> cst.Module:
    replaced = module.deep_replace(node, mutated)
    assert isinstance(replaced, cst.Module)
    return replaced


class _Visitor(cst.CSTVisitor):  # type: ignore[misc]  # the library is not there when types are checked
    """A visitor that collects each mutation of each node, with the lines of the function around it."""

    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[cst.CSTNode, cst.CSTNode, Lines]] = []
        self._functions: list[tuple[int, int]] = []

    @override
    def on_visit(self, node: cst.CSTNode) -> bool:
        if _is_unread(node):
            return False
        if isinstance(node, cst.FunctionDef):
            place = self.get_metadata(PositionProvider, node.body)
            self._functions.append((place.start.line, place.end.line))
        for mutated in _mutations(node):
            self.found.append((node, mutated, self._functions[0] if self._functions else (None, None)))
        return True

    @override
    def on_leave(self, original_node: cst.CSTNode) -> None:
        if isinstance(original_node, cst.FunctionDef):
            self._functions.pop()


def _mutations(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    for kind, operator in mutation_operators:
        if isinstance(node, kind):
            found = list(operator(node))
            # The others are the same text in upper and in lower case.
            yield from found[:1] if isinstance(node, cst.BaseString) else found


def _is_unread(node: cst.CSTNode) -> bool:
    """Return whether a node has no effect at run time, or only texts for people."""
    match node:
        case cst.Annotation() | cst.Decorator() | cst.Import() | cst.ImportFrom() | cst.Assert():
            unread = True
        case cst.Raise(exc=cst.Call(func=cst.Name("ValueError" | "RuntimeError" | "TypeError"))):
            unread = True
        case cst.Assign(value=cst.Subscript(value=cst.Name("Callable" | "Mapping" | "Sequence" | "tuple"))):
            unread = True
        case cst.Call(func=cst.Name(name)) | cst.Assign(value=cst.Call(func=cst.Name(name))):
            unread = name in _UNREAD_CALLS
        case cst.Call(func=cst.Attribute(value=cst.Name(name))):
            unread = name in _LOGGING
        case cst.Arg(keyword=cst.Name(name)):
            unread = name in _UNREAD_ARGUMENTS
        case _:
            unread = False
    return unread
