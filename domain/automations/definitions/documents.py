"""Definitions as people write them: JSON, or YAML 1.2.

Scalars follow YAML 1.2 ("core schema", https://yaml.org/spec/1.2.2/#103-core-schema), not 1.1: `yes` and `on` are
texts, and so are dates, 10:30 and 007. Keys are texts, and none comes twice. Aliases are expanded within the bounds of
the document; `<<` is not in 1.2 and refused.
"""

import json
import re
from typing import Any, ClassVar

import yaml

from domain.errors import InvalidInputError

#: Bytes of a file.
SIZE_BYTES = 262_144
#: Lists and mappings within each other, and values in all, each alias counted with all that it stands for.
DEPTH = 64
NODES = 20_000

_PREFIX = "tag:yaml.org,2002:"
_PLAIN = {
    "null": re.compile(r"(?:~|null|Null|NULL|)\Z"),
    "bool": re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"),
    # A number with more digits than any number has is a text.
    "int": re.compile(r"[-+]?(?:0|[1-9][0-9]{0,99})\Z"),
    "float": re.compile(r"[-+]?(?:(?:0|[1-9][0-9]{0,99})\.[0-9]*(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)\Z"),
}
_KNOWN = {f"{_PREFIX}{name}" for name in (*_PLAIN, "str", "seq", "map")}


def load_document(text: str) -> dict[str, Any]:
    """Return the one mapping of a text.

    Raises:
        InvalidInputError: it is neither JSON nor YAML, too large, or not one mapping; the message has the place.
    """
    if len(text.encode(errors="replace")) > SIZE_BYTES:
        raise InvalidInputError(f"The document is larger than {SIZE_BYTES // 1024} kB.")
    try:
        document = _json(text) if text.lstrip().startswith("{") else _NO_JSON
        if document is _NO_JSON:
            document = _yaml(text)
    except yaml.YAMLError as error:
        raise InvalidInputError(f"This is not YAML: {_reason_of(error)}.") from error
    except (RecursionError, OverflowError) as error:
        raise InvalidInputError(f"The document is nested deeper than {DEPTH} levels.") from error
    if not isinstance(document, dict):
        raise InvalidInputError("An automation must be a mapping.")
    return document


_NO_JSON = object()


def _json(text: str) -> Any:
    """Return the JSON value; `_NO_JSON` for a text that may still be a YAML mapping in braces."""
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_no_number)
    except ValueError:
        return _NO_JSON


def _no_number(constant: str) -> Any:
    raise InvalidInputError(f"{constant} is no number of JSON.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise InvalidInputError(f"The key {next(key for key in keys if keys.count(key) > 1)!r:.80} comes twice.")
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


for _name, _pattern in _PLAIN.items():
    # By the first character: any of a text without quotes, and none of an empty one.
    _Loader.add_implicit_resolver(f"{_PREFIX}{_name}", _pattern, ["", *"~-+0123456789ntfNTF"])


def _yaml(text: str) -> Any:
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _check(node)
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _check(root: Any) -> None:
    waiting: list[tuple[Any, int]] = [(root, 1)]
    seen = 0
    while waiting:
        node, depth = waiting.pop()
        seen += 1
        _check_bounds(depth, seen + len(waiting), node.start_mark)
        if node.tag not in _KNOWN:
            shown = node.tag.replace(_PREFIX, "!!")
            raise InvalidInputError(f"The tag {shown!r:.80} is not supported{_at(node.start_mark)}.")
        plain = _PLAIN.get(node.tag.removeprefix(_PREFIX))
        if plain is not None and not (isinstance(node.value, str) and plain.match(node.value)):
            raise InvalidInputError(f"This is not what its tag says{_at(node.start_mark)}.")
        if isinstance(node, yaml.MappingNode):
            _check_keys(node)
            waiting += [(value, depth + 1) for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            waiting += [(value, depth + 1) for value in node.value]


def _check_bounds(depth: int, count: int, mark: Any) -> None:
    if depth > DEPTH:
        raise InvalidInputError(f"The document is nested deeper than {DEPTH} levels{_at(mark)}.")
    if count > NODES:
        raise InvalidInputError(f"The document has more than {NODES} parts, with aliases written out{_at(mark)}.")


def _check_keys(node: Any) -> None:
    seen: set[str] = set()
    for key, _ in node.value:
        if key.tag != f"{_PREFIX}str" or not isinstance(key, yaml.ScalarNode):
            raise InvalidInputError(f"A key is a text: write it in quotes{_at(key.start_mark)}.")
        if key.value == "<<" and key.style is None:
            raise InvalidInputError(f"Merging with << is not supported{_at(key.start_mark)}.")
        if key.value in seen:
            raise InvalidInputError(f"The key {key.value!r:.80} comes twice{_at(key.start_mark)}.")
        seen.add(key.value)


def _at(mark: Any) -> str:
    return f" (line {mark.line + 1}, column {mark.column + 1})"


def _reason_of(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    return problem if mark is None else f"{problem}{_at(mark)}"
