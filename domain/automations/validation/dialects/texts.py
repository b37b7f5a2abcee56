"""Expressions and templates of other products, as they are here."""

import re
from collections.abc import Callable, Sequence

HOME_ASSISTANT = "Home Assistant"
GITHUB = "GitHub Actions"
N8N = "n8n"

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_QUOTED = r"""['"]([^'"]{1,200})['"]"""
_SPAN = re.compile(r"(\$?)\{\{([^{}]*)\}\}")
#: Longer texts are not looked at: some of these patterns take the square of their length.
_LONGEST = 4_096
_SECRET = re.compile(r"\s*secrets\.[A-Za-z0-9_-]+\s*\Z")
_HEALTH = {"on": "degraded", "problem": "degraded", "unavailable": "unhealthy", "off": "healthy", "ok": "healthy"}

Rule = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]


def entity_key(entity: str) -> str:
    """Return the key of a system by the id of an entity, such as `binary_sensor.payments`."""
    return entity.rpartition(".")[2]


def health_of(state: str) -> str:
    """Return the health that a state of an entity most likely means."""
    return _HEALTH.get(state.lower(), state.lower())


def step_name(text: str) -> str:
    """Return a name as an id of a step."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def _health(match: re.Match[str]) -> str:
    return f"health.systems['{entity_key(match[1])}'].status"


def _is_health(match: re.Match[str]) -> str:
    return f"{_health(match)} == '{health_of(match[2])}'"


def _node(match: re.Match[str]) -> str:
    return f"steps.{step_name(match[1])}.output"


_RULES: Sequence[tuple[str, Sequence[Rule]]] = (
    (
        N8N,
        (
            (re.compile(rf"\$node\[{_QUOTED}\]\.json"), _node),
            (re.compile(rf"\$\({_QUOTED}\)\.(?:item|first\(\)|last\(\))\.json"), _node),
            (re.compile(r"\$(?:json|input\.item\.json)(?:\.body)?\b"), "trigger.payload"),
            (re.compile(r"\$now\b"), "now"),
            (re.compile(r"\$execution\.id\b"), "run.id"),
            (re.compile(r"\$workflow\.id\b"), "run.automationId"),
            (re.compile(rf"\$(?:vars|env)\.({_NAME})"), r"vars.\1"),
        ),
    ),
    (
        HOME_ASSISTANT,
        (
            (re.compile(rf"\bis_state\(\s*{_QUOTED}\s*,\s*{_QUOTED}\s*\)"), _is_health),
            (re.compile(rf"\bstates\(\s*{_QUOTED}\s*\)"), _health),
            (re.compile(rf"\bstates\.({_NAME}\.{_NAME})\.state\b"), _health),
            (re.compile(r"\btrigger\.to_state\.state\b"), "trigger.payload.newStatus"),
            (re.compile(r"\btrigger\.from_state\.state\b"), "trigger.payload.previousStatus"),
            (
                re.compile(r"\btrigger\.(?:to_state|from_state)\.(?:name|attributes\.friendly_name)\b"),
                "trigger.payload.systemName",
            ),
            (re.compile(r"\btrigger\.entity_id\b"), "trigger.payload.systemKey"),
            (re.compile(r"\btrigger\.event\.data\b"), "trigger.payload"),
            (re.compile(r"\bnow\(\)"), "now"),
        ),
    ),
    (
        GITHUB,
        (
            (re.compile(rf"\b(?:steps|needs)\.({_NAME})\.outputs\b"), r"steps.\1.output"),
            (
                re.compile(rf"\bsteps\.({_NAME})\.(?:outcome|conclusion)\s*(==|!=)\s*'failure'"),
                r"steps.\1.status \2 'failed'",
            ),
            (re.compile(rf"\bsteps\.({_NAME})\.(?:outcome|conclusion)\b"), r"steps.\1.status"),
            (re.compile(r"\bgithub\.actor\b"), "trigger.actor.name"),
            (re.compile(r"\bgithub\.event_name\b"), "trigger.event"),
            (re.compile(r"\bgithub\.(?:run_id|run_number)\b"), "run.id"),
            (re.compile(rf"\bgithub\.event(?:\.{_NAME})*?\.({_NAME})\b(?!\.)"), r"trigger.payload.\1"),
            (re.compile(rf"\bgithub\.({_NAME})\b"), r"trigger.payload.\1"),
            (re.compile(rf"\binputs\.({_NAME})\b"), r"trigger.payload.\1"),
            (re.compile(rf"\benv\.({_NAME})\b"), r"vars.\1"),
            (re.compile(rf"\bmatrix\.{_NAME}\b"), "repeat.item"),
            (re.compile(r"\btoJSON\(([^()]+)\)", re.IGNORECASE), r"\1 | json"),
            (re.compile(r"\bcontains\(([^(),]+),\s*([^(),]+)\)", re.IGNORECASE), r"\2 in \1"),
            (re.compile(r"\b(?:always|success)\(\)"), "true"),
            (re.compile(r" ?&& ?"), " and "),
            (re.compile(r" ?\|\| ?"), " or "),
            (re.compile(r"!(?!=) ?"), "not "),
        ),
    ),
)


def expression_here(text: str) -> tuple[str, str | None]:
    """Return the expression as it is here, and the product that has it as it was; None if it is none of theirs."""
    for product, rules in _RULES:
        changed = text
        for pattern, replacement in rules:
            changed = pattern.sub(replacement, changed)
        if changed != text:
            return changed.strip(), product
    return text.strip(), None


def text_here(text: str, *, bare: bool) -> tuple[str, str] | None:
    """Return the text as it is here, and the product that has it as it was; None if it is none of theirs.

    `bare` is for places that hold an expression, which stands without braces.
    """
    if len(text) > _LONGEST:
        return None
    # n8n marks a text with expressions by its first character.
    marked = text.startswith("=") and "{{" in text
    plain = text.removeprefix("=") if marked else text
    if bare:
        inner = _SPAN.fullmatch(plain.strip())
        changed, product = expression_here(inner[2] if inner else plain)
        by_form = N8N if marked else GITHUB if inner and inner[1] else HOME_ASSISTANT if inner else None
        return None if (found := product or by_form) is None else (changed, found)
    products = [N8N] if marked else []

    def changed_span(match: re.Match[str]) -> str:
        if match[1] and _SECRET.match(match[2]):
            return match[0]
        changed, product = expression_here(match[2])
        if product is not None or match[1]:
            products.append(product or GITHUB)
        return f"{{{{ {changed} }}}}"

    result = _SPAN.sub(changed_span, plain)
    return (result, products[0]) if products else None
