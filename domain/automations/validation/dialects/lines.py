"""Lines of YAML to put in the place of what was written."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from typing_extensions import override

#: A longer line is of no help.
_LONGEST = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line for the place of a key, or of an item of a list."""

    #: The product that has it as it was written.
    product: str
    #: The key to put instead of the one at the place; None for an item of a list.
    key: str | None = None
    value: Any = None

    @property
    def message(self) -> str | None:
        """The answer for people; None if it would be too long."""
        line = _flow([self.value] if self.key is None else {self.key: self.value})
        text = f"- {line[1:-1]}" if self.key is None else line[1:-1]
        if len(text) <= _LONGEST:
            return f"{self.product} has it like this; here it is: {text}"
        return f"{self.product} has it like this; here the key is {self.key}." if isinstance(self.value, list) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    """The answer to something that has no counterpart."""

    product: str
    because: str

    @property
    def message(self) -> str:
        """The answer for people."""
        return f"{self.product} has this; here it is left out: {self.because}"


Answer = Line | Nothing


def named(text: Any) -> Mapping[str, Any]:
    """Return the description of a part, if it has one."""
    return {"description": text} if isinstance(text, str) and text else {}


class _Dumper(yaml.SafeDumper):  # type: ignore[misc] # the library ships no types
    """A writer that writes a part out each time that it occurs."""

    @override
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _flow(value: Any) -> str:
    text: str = yaml.dump(
        value, Dumper=_Dumper, default_flow_style=True, width=10**9, allow_unicode=True, sort_keys=False
    )
    return text.strip()
