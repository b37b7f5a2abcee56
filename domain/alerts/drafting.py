"""From a signal to the incident that it would open: the mappings of its integration, and texts that fit."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.alerts.definition import (
    AlertMapping,
    SystemMapping,
    mapping_of,
    severity_mapping_of,
    system_mapping_of,
)
from domain.alerts.formats.reading import text_in
from domain.alerts.interpreting import text_of, value_of
from domain.alerts.signals import KEY_LENGTH, AlertSignal
from domain.errors import InvalidInputError
from domain.model.incident import Severity
from domain.model.integration import Integration, IntegrationType
from domain.model.labels import LABEL_VALUE_LENGTH, LABELS_PER_INCIDENT
from domain.model.texts import (
    DESCRIPTION_LENGTH,
    LABEL_LENGTH,
    NAME_LENGTH,
    TITLE_LENGTH,
    checked_url,
    fitted_line,
    fitted_text,
)

#: The words of monitors, beside those of the severities themselves.
_SEVERITIES = {
    **{severity.value: severity for severity in Severity},
    **dict.fromkeys(("page", "fatal", "emergency", "disaster", "alert", "p1", "sev1"), Severity.CRITICAL),
    **dict.fromkeys(("error", "high", "p2", "sev2"), Severity.MAJOR),
    **dict.fromkeys(("warning", "warn", "average", "info", "low", "p3", "sev3", "p4", "p5"), Severity.MINOR),
}
#: A check that fails is more than a metric that is out of bounds.
_UNSAID = dict.fromkeys((IntegrationType.UPTIME_KUMA, IntegrationType.HEALTHCHECKS), Severity.MAJOR)
_NOT_IN_KEY = re.compile(r"[^a-z0-9._-]+")
_NOT_IN_LABEL = re.compile(r"[^A-Za-z0-9_./-]+")
_KEY_LENGTH, _LABEL_KEY_LENGTH = 100, 64
_EDGES = "._-/"


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemName:
    """A system as an alert names it: as it is written, and as a key of the catalog."""

    reference: str
    key: str
    may_create: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertDraft:
    """The incident of a signal, yet without the systems behind their names."""

    title: str
    description: str | None
    severity: Severity
    system: SystemName
    links: tuple[tuple[str | None, str], ...]
    labels: tuple[tuple[str, str], ...]
    group_key: str | None
    group_window_seconds: float


def draft_of(integration: Integration, signal: AlertSignal, *, now: datetime) -> AlertDraft:
    """Return the incident that a signal would open.

    Raises:
        UnusableDeliveryError: an expression has no value for it.
    """
    mapping = mapping_of(integration.mapping)
    scope = signal.scope
    title, description = signal.title, signal.description
    if mapping.title is not None:
        title = text_of(mapping.title, "mapping.title", scope, now)
    if mapping.description is not None:
        description = text_of(mapping.description, "mapping.description", scope, now)
    system = _system(integration, signal, now)
    severity = _severity(integration, signal, now)
    group_key = None
    if mapping.grouping is not None:
        seen = {**scope, "system": system.key, "severity": severity.value}
        group_key = _shown(text_of(mapping.grouping.key, "mapping.grouping.key", seen, now))
    return AlertDraft(
        title=fitted_line(title or "", longest=TITLE_LENGTH) or f"Alert {signal.key}"[:TITLE_LENGTH],
        description=fitted_text(description or "", longest=DESCRIPTION_LENGTH),
        severity=severity,
        system=system,
        links=tuple(dict.fromkeys(_links(mapping, signal, now))),
        labels=_labels(mapping, signal, now),
        group_key=group_key,
        group_window_seconds=mapping.grouping.window_seconds if mapping.grouping is not None else 0.0,
    )


def repeat_seconds_of(integration: Integration) -> float:
    """Return how long triggers without a beginning are repeats, after a person has resolved the incident."""
    return mapping_of(integration.mapping).repeat_seconds


def _system(integration: Integration, signal: AlertSignal, now: datetime) -> SystemName:
    mapping = system_mapping_of(integration.system_mapping)
    named = _named_system(mapping, signal, now)
    if named is None:
        # Every incident has a system: what names none is about what the integration itself stands for.
        named = mapping.default or integration.name
    named = mapping.values.get(named, named)
    return SystemName(
        reference=fitted_line(named, longest=NAME_LENGTH) or integration.name,
        key=_key(named) or _key(integration.name) or integration.id.replace("_", "-"),
        may_create=mapping.unknown == "create",
    )


def _named_system(mapping: SystemMapping, signal: AlertSignal, now: datetime) -> str | None:
    if mapping.expression is not None:
        return text_in(value_of(mapping.expression, "systemMapping.expression", signal.scope, now))
    if mapping.labels:
        return next((signal.labels[name] for name in mapping.labels if signal.labels.get(name)), None)
    return next(iter(signal.systems), None)


def _severity(integration: Integration, signal: AlertSignal, now: datetime) -> Severity:
    mapping = severity_mapping_of(integration.severity_mapping)
    word = signal.severity
    if mapping.expression is not None:
        word = text_in(value_of(mapping.expression, "severityMapping.expression", signal.scope, now))
    known = mapping.values.get(word or "") or _SEVERITIES.get((word or "").strip().lower())
    return known or mapping.default or _UNSAID.get(integration.type, Severity.MINOR)


def _links(mapping: AlertMapping, signal: AlertSignal, now: datetime) -> Iterator[tuple[str | None, str]]:
    """Yield the links that can be shown: what is no address is left out, because the incident counts more."""
    given: list[tuple[str | None, str]] = [*signal.links]
    for number, link in enumerate(mapping.links):
        given.append((link.label, text_of(link.url, f"mapping.links.{number}.url", signal.scope, now)))
    seen = set()
    for label, url in given:
        try:
            checked = checked_url(url)
        except InvalidInputError:
            continue
        if checked not in seen:
            seen.add(checked)
            yield fitted_line(label or "", longest=LABEL_LENGTH), checked


def _labels(mapping: AlertMapping, signal: AlertSignal, now: datetime) -> tuple[tuple[str, str], ...]:
    made = {
        name: text_of(template, f"mapping.labels.{name}", signal.scope, now)
        for name, template in mapping.labels.items()
    }
    found: dict[str, str] = {}
    for name, text in {**signal.labels, **made}.items():
        key = _NOT_IN_LABEL.sub("_", name)[:_LABEL_KEY_LENGTH].strip("./-")
        value = fitted_line(text, longest=LABEL_VALUE_LENGTH)
        if key and value is not None:
            found[key] = value
    return tuple(sorted(found.items())[:LABELS_PER_INCIDENT])


def _key(name: str) -> str | None:
    key = _NOT_IN_KEY.sub("-", name.lower()).strip(_EDGES)[:_KEY_LENGTH].strip(_EDGES)
    return f"x-{key}"[:_KEY_LENGTH] if key.startswith("sys_") else key or None


def _shown(value: Any) -> str | None:
    text = text_in(value)
    return None if text is None else fitted_line(text, longest=KEY_LENGTH)
