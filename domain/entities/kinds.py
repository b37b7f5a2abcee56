"""The table of all kinds of entities: to add a kind, add a line here."""

from typing import Any

from domain.clock import Clock
from domain.entities.derivers import DeriverRegistry
from domain.entities.erasure import ERASURE
from domain.entities.health import HEALTH
from domain.entities.incident import INCIDENT
from domain.entities.kind import EntityKind
from domain.entities.maintenance import MAINTENANCE
from domain.entities.masking import SecretMasker
from domain.entities.registry import EntityRegistry
from domain.entities.run import RUN
from domain.entities.system import SYSTEM

Kinds = tuple[EntityKind[Any], ...]

KINDS: Kinds = (INCIDENT, HEALTH, SYSTEM, RUN, ERASURE, MAINTENANCE)


def registry_of(kinds: Kinds, *, clock: Clock, derivers: DeriverRegistry, masker: SecretMasker) -> EntityRegistry:
    """Return a bound registry of these kinds, with their derivers registered."""
    registry = EntityRegistry()
    for kind in kinds:
        registry.define(kind)
        if kind.derive is not None:
            derivers.register(kind=kind.name, derive=kind.derive, to_payload=kind.to_payload)
    registry.bind(clock=clock, derivers=derivers, masker=masker)
    return registry
