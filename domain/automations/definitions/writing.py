"""Definitions as YAML for people: in blocks, keys in the usual order, and read back as exactly what they are."""

import re
from collections.abc import Mapping
from typing import Any

import orjson
import yaml
from typing_extensions import override

from domain.automations.definitions.documents import CORE, SIZE_BYTES, START

#: The keys in the order in which people write them; PostgreSQL does not keep theirs. Others follow as they are stored.
ORDER = (
    *("name", "id", "channel", "incidentId", "title", "description", "group", "enabled", "triggers", "conditions"),
    *("event", "action", "when", "if", "then"),
    *("config", "filter", "for_each", "count", "while", "until", "max_iterations", "condition"),
    *("entity", "value", "above", "below", "after", "before", "weekday", "cron", "interval_seconds", "timezone"),
    *("lead", "assignees", "severity", "systemIds", "labels", "statusChange", "status", "for"),
    *("message", "level", "visibility", "initialMessage", "dedupeOpenForSystem", "dedupeKey", "takeOver"),
    *("suppressNotifications", "method", "url", "secret", "type", "source", "subject", "headers", "query", "json"),
    *("data", "body", "about", "expect", "retry_on", "retries", "follow_redirects", "minutes", "refire", "window"),
    *("partition_by", "reason", "error", "attempts", "delay_seconds", "retry", "timeout_seconds", "context_key"),
    *("continue_on_timeout", "continue_on_error", "choose", "delay", "parallel", "repeat", "stop", "variables"),
    *("wait_for_trigger", "wait_until", "sequence", "else", "actions", "mode", "concurrency_scope", "max_runs"),
    *("rate_limit", "once_for", "uses_state", "state_window_minutes", "run_as"),
)
#: What is below these is the author's own.
_FREE = frozenset({"variables", "headers", "query", "json", "data", "labels"})
_RANKS = {name: rank for rank, name in enumerate(ORDER)}
#: Breaks of lines that readers take for another one.
_BREAKS = re.compile("[\r\x85\u2028\u2029]")
#: Several lines that stand as they are, without a number behind the `|`, and with nothing that is easily overlooked.
_BLOCK = re.compile(r"[^\s].*\n.*[^\n]\n?\Z", re.DOTALL)
_WIDE = re.compile("[\U00010000-\U0010ffff]")
_NEVER = 10**9


class _Dumper(yaml.SafeDumper):  # type: ignore[misc] # the library ships no types
    """A writer whose texts other readers of YAML, be it 1.1 or 1.2, read alike."""

    @override
    def ignore_aliases(self, data: Any) -> bool:
        """Write a part out each time that it occurs."""
        return True

    @override
    def increase_indent(self, flow: bool = False, **_: bool) -> None:
        """Indent lists in mappings, too."""
        super().increase_indent(flow, indentless=False)

    @override
    def choose_scalar_style(self) -> str:
        """Choose double quotes: those alone keep every text; but they write wide characters as numbers."""
        style = str(super().choose_scalar_style())
        text = self.event.value
        if style != "'" or ("\n" not in text and not _BREAKS.search(text) and _WIDE.search(text)):
            return style
        return '"'


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = None
    if _BREAKS.search(text):
        style = '"'
    elif _BLOCK.match(text):
        style = "|"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
for _tag, _pattern in CORE.items():
    # Beside those of 1.1: a text that either takes for something else is quoted.
    _Dumper.add_implicit_resolver(_tag, _pattern, START)


def definition_yaml(definition: Mapping[str, Any]) -> str:
    """Return a definition as YAML, which `load_document` reads as the same.

    One that indenting would make too large to be read is written as JSON, on one line.
    """
    text = str(
        yaml.dump(
            _in_order(definition),
            Dumper=_Dumper,
            default_flow_style=False,
            sort_keys=False,
            allow_unicode=True,
            width=_NEVER,
        )
    )
    return text if len(text.encode()) <= SIZE_BYTES else orjson.dumps(definition).decode()


def _in_order(value: Any, *, is_free: bool = False) -> Any:
    if isinstance(value, Mapping):
        keys = value if is_free else sorted(value, key=lambda key: _RANKS.get(key, len(_RANKS)))
        return {key: _in_order(value[key], is_free=is_free or key in _FREE) for key in keys}
    if isinstance(value, list | tuple):
        return [_in_order(item, is_free=is_free) for item in value]
    return value
