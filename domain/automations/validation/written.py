"""Definitions that come as texts: how they are read, and where in the text their problems are."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import yaml

from domain.automations.definitions.documents import TextPlace, UnreadableDocumentError, composed, load_document
from domain.automations.validation.problems import InvalidDefinitionError, Problem, below


def read_text(text: str) -> Mapping[str, Any]:
    """Return the definition that a text in YAML or JSON has; it may take a second.

    Raises:
        InvalidDefinitionError: none can be read from it.
    """
    try:
        return load_document(text)
    except UnreadableDocumentError as error:
        raise InvalidDefinitionError([Problem(path="", message=error.message, place=error.place)]) from error


def placed(problems: Sequence[Problem], text: str) -> list[Problem]:
    """Return the problems of a definition with their places in its text, as far as they have some."""
    places = places_in(text) if problems else {}
    return [replace(problem, place=problem.place or _innermost(places, problem.path)) for problem in problems]


def places_in(text: str) -> Mapping[str, TextPlace]:
    """Return where the parts of a text are, by their paths such as `actions[0].config`; none where it is no YAML.

    A part of a mapping is where its key is.
    """
    try:
        root = composed(text)
    except (UnreadableDocumentError, RecursionError):
        # JSON can be read all the same: its texts may have what those of YAML may not.
        return {}
    found: dict[str, TextPlace] = {}
    waiting: list[tuple[Any, str]] = [(root, "")]
    while waiting:
        node, path = waiting.pop()
        parts: list[tuple[Any, Any, str]] = []
        if isinstance(node, yaml.MappingNode):
            parts = [(key, value, below(path, key.value)) for key, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            parts = [(item, item, below(path, index)) for index, item in enumerate(node.value)]
        for marked, inner, place in parts:
            mark = marked.start_mark
            found[place] = TextPlace(line=mark.line + 1, column=mark.column + 1)
            waiting.append((inner, place))
    return found


def _innermost(places: Mapping[str, TextPlace], path: str) -> TextPlace | None:
    """Return the place of a part, or of the innermost one around it that is there."""
    ends = [index for index, character in enumerate(path) if character in ".["]
    return next((places[path[:end]] for end in [len(path), *reversed(ends)] if path[:end] in places), None)
