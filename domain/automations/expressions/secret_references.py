"""References to secrets, `${{ secrets.NAME }}`, in the values of a config, never in its keys."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from domain.automations.expressions.errors import ExpressionError, place
from domain.automations.expressions.source import normalized
from domain.automations.expressions.templates import compile_template
from domain.errors import InvalidInputError, NotFoundError

_REFERENCE = re.compile(r"\$\{\{\s*secrets\.([A-Za-z0-9_-]{1,64})\s*\}\}")
#: A text that was meant as a reference.
_ATTEMPT = re.compile(r"\$\{\{\s*secrets\b")
_INSIDE = "A secret stands outside of the `{{ }}`, as `${{ secrets.NAME }}`: an expression cannot work with it."


def secret_names(json: Any) -> set[str]:
    """Return the names of all secrets that a JSON value refers to.

    Raises:
        InvalidInputError: a text begins like a reference and is none, such as `${{ secrets.MY KEY }}`.
    """
    names: set[str] = set()

    def note(text: str) -> str:
        found = _REFERENCE.findall(text)
        if len(found) != len(_ATTEMPT.findall(text)):
            raise InvalidInputError("A secret is referred to as `${{ secrets.NAME }}`.")
        names.update(found)
        return text

    _each_text(json, note)
    return names


def without_references(text: str) -> str:
    """Return the text with a dash for each character of a reference, so that offsets stay right."""
    return _REFERENCE.sub(lambda match: re.sub(r"[^\n\r]", "-", match[0]), text)


def check_outside(text: str) -> None:
    """Refuse a template in which an expression holds a reference to a secret.

    Raises:
        ExpressionError: an expression holds a reference, or the text is no template.
    """
    text = normalized(text)
    plain = without_references(text)
    offsets = [found.start() for found in _REFERENCE.finditer(text)]
    try:
        spans = compile_template(plain).spans
    except ExpressionError:
        inside = next((at for at in offsets if plain.rfind("{{", 0, at) > plain.rfind("}}", 0, at)), None)
        if inside is None:
            raise
    else:
        inside = next((at for at in offsets if any(start < at < end for start, end in spans)), None)
    if inside is not None:
        raise ExpressionError(_INSIDE, *place(text, inside))


def seal(json: Any, mark: str) -> Any:
    """Return the JSON value with each reference replaced by its name between two random marks.

    Raises:
        ExpressionError: an expression holds a reference, and would spoil the mark.
    """

    def sealed(text: str) -> str:
        if _REFERENCE.search(text):
            check_outside(text)
        return _REFERENCE.sub(lambda match: f"{mark}{match[1]}{mark}", text)

    return _each_text(json, sealed)


def unseal(json: Any, mark: str, values: Mapping[str, str]) -> Any:
    """Return the sealed, by now rendered, JSON value with the secrets filled in.

    Raises:
        NotFoundError: there is no value for a reference.
    """
    sealed = re.compile(f"{re.escape(mark)}([A-Za-z0-9_-]{{1,64}}?){re.escape(mark)}")
    return _each_text(json, lambda text: sealed.sub(lambda match: _value(values, match[1]), text))


def _value(values: Mapping[str, str], name: str) -> str:
    if name not in values:
        raise NotFoundError("Secret", name, field=["secrets"])
    return values[name]


def _each_text(json: Any, change: Callable[[str], str]) -> Any:
    if isinstance(json, str):
        return change(json)
    if isinstance(json, Mapping):
        return {key: _each_text(item, change) for key, item in json.items()}
    if isinstance(json, list | tuple):
        return [_each_text(item, change) for item in json]
    return json
