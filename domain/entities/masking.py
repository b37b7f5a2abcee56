"""The masking of run secrets in states, history and events."""

import base64
import html
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

MASK = "****"
#: Shorter values occur everywhere by chance.
_SHORTEST_SECRET = 4
#: Words of four letters are the base64 of something.
_SHORTEST_BASE64 = 8
_URL_SAFE = str.maketrans("+/", "-_")
_ESCAPE = re.compile("%[0-9A-F]{2}")


class SecretMasker:
    """The secret values seen by each run, kept until the run ends; and the people whom runs must no longer name."""

    def __init__(self) -> None:
        self._values: dict[str, set[str]] = {}
        #: The forms of each run's secrets, in the order of replacement.
        self._forms: dict[str, list[str]] = {}
        #: What takes out each forgotten person, and the first run that never had them in memory, once that is known.
        self._erasing: dict[str, tuple[Callable[[Any], Any], str | None]] = {}

    def register(self, run_id: str, values: Iterable[str]) -> None:
        """Mask these values in all that the run writes; values under four characters are left alone.

        They are also masked as URL-encoded, in JSON within a text, in HTML and in base64.
        """
        known = self._values.setdefault(run_id, set())
        fresh = {value for value in values if len(value) >= _SHORTEST_SECRET} - known
        if fresh:
            known |= fresh
            forms = {form for value in known for form in _forms_of(value)}
            self._forms[run_id] = sorted(forms, key=lambda form: (-len(form), form))

    def erase(self, erasure_id: str, without: Callable[[Any], Any]) -> None:
        """Take a forgotten person out of all that runs write from now on."""
        self._erasing[erasure_id] = without, None

    def erased(self, erasure_id: str, *, before: str) -> None:
        """Note that nothing stored names that person any more: runs with later ids than this cannot know them."""
        if erasure_id in self._erasing:
            self._erasing[erasure_id] = self._erasing[erasure_id][0], before

    def drop(self, run_id: str) -> None:
        """Forget a run that has ended."""
        self._values.pop(run_id, None)
        self._forms.pop(run_id, None)

    def mask(self, run_id: str | None, value: Any) -> Any:
        """Return the value with every secret of that run masked, at any depth and in keys; unchanged without a run.

        People whom it must no longer name are replaced.
        """
        if run_id is None:
            return value
        for without, before in self._erasing.values():
            if before is None or run_id < before:
                value = without(value)
        forms = self._forms.get(run_id)
        return _masked(value, forms) if forms else value


def _forms_of(secret: str) -> set[str]:
    """Return the secret in every encoding it may appear in; forms that are too short would match by chance."""
    quoted = {quoting(secret, safe=safe, errors="replace") for quoting in (quote, quote_plus) for safe in ("", "/")}
    escaped = {json.dumps(secret, ensure_ascii=ascii_only)[1:-1] for ascii_only in (False, True)}
    escaped |= {text.replace("/", "\\/") for text in escaped}
    forms = {secret, html.escape(secret), *escaped, *quoted, *map(_with_small_digits, quoted)}
    return {form for form in forms | _base64_of(secret) if len(form) >= _SHORTEST_SECRET}


def _with_small_digits(quoted: str) -> str:
    """Return the text with `%2f` for `%2F`: both are usual."""
    return _ESCAPE.sub(lambda match: match[0].lower(), quoted)


def _base64_of(secret: str) -> set[str]:
    """Return the base64 forms of a secret at any offset in a longer text, such as after a user name and a colon."""
    content, forms = secret.encode(errors="replace"), set[str]()
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + content).decode()
        # The first and the last characters hold bits of the neighbouring text.
        inner = encoded[(offset * 8 + 5) // 6 : (offset + len(content)) * 8 // 6]
        if len(inner) >= _SHORTEST_BASE64:
            forms |= {inner, inner.translate(_URL_SAFE)}
    return forms


def _masked(value: Any, secrets: list[str]) -> Any:
    if isinstance(value, str):
        text = str(value)
        for secret in secrets:
            text = text.replace(secret, MASK)
        return text
    if isinstance(value, Mapping):
        return {_masked(key, secrets): _masked(item, secrets) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(item, secrets) for item in value]
    return value
