"""Keeping the secrets of automation runs out of states, history and events."""

from collections.abc import Iterable, Mapping
from typing import Any

MASK = "****"
#: Shorter values occur everywhere by chance.
_SHORTEST_SECRET = 4


class SecretMasker:
    """The secret values that each run has seen, for as long as it lasts."""

    def __init__(self) -> None:
        self._values: dict[str, set[str]] = {}

    def register(self, run_id: str, values: Iterable[str]) -> None:
        """Have these values masked in all that this run writes; those under four characters are left alone."""
        self._values.setdefault(run_id, set()).update(value for value in values if len(value) >= _SHORTEST_SECRET)

    def drop(self, run_id: str) -> None:
        """Forget a run that has ended."""
        self._values.pop(run_id, None)

    def mask(self, run_id: str | None, value: Any) -> Any:
        """The value with every secret of that run replaced, at any depth and in keys; untouched without a run."""
        secrets = self._values.get(run_id, set()) if run_id is not None else set()
        return _masked(value, sorted(secrets, key=lambda secret: (-len(secret), secret))) if secrets else value


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
