"""Definitions as people write them: JSON, or YAML 1.2.

Scalars follow YAML 1.2 ("core schema", https://yaml.org/spec/1.2.2/#103-core-schema), not 1.1: `yes` and `on` are
texts, and so are dates, 10:30 and 007. Keys are texts, and none comes twice. Aliases are expanded within the bounds of
the document; `<<` is not in 1.2 and refused.
"""

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import yaml

from domain.errors import InvalidInputError

#: Bytes of a file.
SIZE_BYTES = 262_144
#: Lists and mappings within each other, and values in all, each alias counted with all that it stands for.
DEPTH = 64
NODES = 20_000

_LARGEST_INTEGER = 2**63 - 1

_PREFIX = "tag:yaml.org,2002:"
_PLAIN = {
    "null": re.compile(r"(?:~|null|Null|NULL|)\Z"),
    "bool": re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"),
    # A number with more digits than any number has is a text.
    "int": re.compile(r"[-+]?(?:0|[1-9][0-9]{0,99})\Z"),
    "float": re.compile(r"[-+]?(?:(?:0|[1-9][0-9]{0,99})\.[0-9]*(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)\Z"),
}
_NUMBERS: dict[str, Callable[[str], float]] = {"int": int, "float": float}
#: What a text without quotes stands for, by tags.
CORE = {f"{_PREFIX}{name}": pattern for name, pattern in _PLAIN.items()}
#: The first characters of all these, and none of an empty text.
START = ["", *"~-+0123456789ntfNTF"]
#: The nodes of tags; all others are scalars.
_NODES: dict[str, type[Any]] = {"seq": yaml.SequenceNode, "map": yaml.MappingNode}
_KNOWN = {f"{_PREFIX}{name}" for name in (*_PLAIN, "str", "seq", "map")}


@dataclass(frozen=True, slots=True, kw_only=True)
class TextPlace:
    """A place in a text: the line and the column, both from 1."""

    line: int
    column: int


class UnreadableDocumentError(InvalidInputError):
    """A text that no definition can be read from; the message has the place, if there is one."""

    def __init__(self, message: str, place: TextPlace | None = None) -> None:
        at = "" if place is None else f" (line {place.line}, column {place.column})"
        super().__init__(f"{message}{at}.")
        self.place = place


def load_document(text: str) -> dict[str, Any]:
    """Return the one mapping of a text.

    Raises:
        UnreadableDocumentError: it is neither JSON nor YAML, too large, or not one mapping.
    """
    if len(text.encode(errors="replace")) > SIZE_BYTES:
        raise UnreadableDocumentError(f"The document is larger than {SIZE_BYTES // 1024} kB")
    try:
        document = _json(text) if text.lstrip().startswith("{") else _NO_JSON
        if document is _NO_JSON:
            document = _yaml(text)
    except RecursionError as error:
        raise UnreadableDocumentError(f"The document is nested deeper than {DEPTH} levels") from error
    if not isinstance(document, dict):
        raise UnreadableDocumentError("The document must be a mapping, such as `key: value`")
    return document


_NO_JSON = object()


def _json(text: str) -> Any:
    """Return the JSON value; `_NO_JSON` for a text that may still be a YAML mapping in braces."""
    try:
        return json.loads(
            text, object_pairs_hook=_object, parse_constant=_no_number, parse_int=_integer, parse_float=_number
        )
    except ValueError:
        return _NO_JSON


def _no_number(constant: str) -> Any:
    raise UnreadableDocumentError(f"{constant} is no number of JSON")


def _integer(digits: str) -> int:
    return int(_checked_number(digits, int(digits)))


def _number(digits: str) -> float:
    return _checked_number(digits, float(digits))


def _checked_number(digits: str, value: float, place: TextPlace | None = None) -> float:
    if not math.isfinite(value) or (isinstance(value, int) and abs(value) > _LARGEST_INTEGER):
        raise UnreadableDocumentError(f"The number {digits:.20} is too large: write it in quotes", place)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise UnreadableDocumentError(f"The key {key!r:.80} comes twice")
        found[key] = value
    return found


class _Loader(yaml.SafeLoader):  # type: ignore[misc] # the library ships no types
    """A loader of what JSON can hold, within bounds that are checked before objects are built."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._count = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Compose a node of the document, within the bounds; the library recurses for each level."""
        self._depth += 1
        self._count += 1
        _check_bounds(self._depth, self._count, self.peek_event().start_mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


for _tag, _pattern in CORE.items():
    _Loader.add_implicit_resolver(_tag, _pattern, START)


def _yaml(text: str) -> Any:
    node = composed(text)
    return None if node is None else yaml.constructor.SafeConstructor().construct_document(node)


def composed(text: str) -> Any:
    """Return the root node of a text in YAML, with its marks and within the bounds; None of an empty one.

    Raises:
        UnreadableDocumentError
        RecursionError: it is nested too deeply for the library.
    """
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        place = TextPlace(line=before.count("\n") + 1, column=len(before) - before.rfind("\n"))
        raise UnreadableDocumentError("This is not YAML: there is a character that no text may have", place) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise UnreadableDocumentError(f"This is not YAML: {error.problem}", mark and _place(mark)) from error
    except (ValueError, OverflowError) as error:
        # The library does not look whether there is a character of the number in an escape.
        raise UnreadableDocumentError("This is not YAML: there is no such character") from error
    if node is not None:
        _check(node)
    return node


def _check(root: Any) -> None:
    waiting: list[tuple[Any, int]] = [(root, 1)]
    seen = 0
    while waiting:
        node, depth = waiting.pop()
        seen += 1
        _check_bounds(depth, seen + len(waiting), node.start_mark)
        if node.tag not in _KNOWN:
            shown = node.tag.replace(_PREFIX, "!!")
            raise UnreadableDocumentError(f"The tag {shown!r:.80} is not supported", _place(node.start_mark))
        _check_value(node)
        if isinstance(node, yaml.MappingNode):
            _check_keys(node)
            waiting += [(value, depth + 1) for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            waiting += [(value, depth + 1) for value in node.value]


def _check_value(node: Any) -> None:
    kind = node.tag.removeprefix(_PREFIX)
    plain = _PLAIN.get(kind)
    is_so = isinstance(node, _NODES.get(kind, yaml.ScalarNode))
    if not is_so or (plain is not None and not plain.match(node.value)):
        raise UnreadableDocumentError("This is not what its tag says", _place(node.start_mark))
    if kind in _NUMBERS:
        _checked_number(node.value, _NUMBERS[kind](node.value), _place(node.start_mark))


def _check_bounds(depth: int, count: int, mark: Any) -> None:
    if depth > DEPTH:
        raise UnreadableDocumentError(f"The document is nested deeper than {DEPTH} levels", _place(mark))
    if count > NODES:
        message = f"The document has more than {NODES} parts, with aliases written out"
        raise UnreadableDocumentError(message, _place(mark))


def _check_keys(node: Any) -> None:
    seen: set[str] = set()
    for key, _ in node.value:
        if key.tag != f"{_PREFIX}str" or not isinstance(key, yaml.ScalarNode):
            raise UnreadableDocumentError("A key is a text: write it in quotes", _place(key.start_mark))
        if key.value == "<<" and key.style is None:
            raise UnreadableDocumentError("Merging with << is not supported", _place(key.start_mark))
        if key.value in seen:
            raise UnreadableDocumentError(f"The key {key.value!r:.80} comes twice", _place(key.start_mark))
        seen.add(key.value)


def _place(mark: Any) -> TextPlace:
    return TextPlace(line=mark.line + 1, column=mark.column + 1)
