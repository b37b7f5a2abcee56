"""Systems, which incidents affect."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.errors import InvalidInputError
from domain.model.incident import Health, HealthOverride
from domain.model.moment import iso

#: The most health overrides of one system that are shown.
OVERRIDES_SHOWN = 100
_KEY = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,98}[a-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """One system of the catalog; `key` is the name that its owner chose for monitors to use."""

    id: str
    key: str
    name: str
    description: str | None
    created_at: datetime
    updated_at: datetime
    version: int = 1

    def facts(self) -> dict[str, Any]:
        """Return the fields that describe it, as JSON."""
        return {
            "description": self.description,
            "created_at": iso(self.created_at),
            "updated_at": iso(self.updated_at),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogFilter:
    """Conditions on systems, all of which have to hold; one that is None always does."""

    keys: frozenset[str] | None = None
    names: frozenset[str] | None = None
    health: frozenset[Health] | None = None
    #: Words that all occur in its key, name and description.
    text: str | None = None


ALL_SYSTEMS = CatalogFilter()


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveHealthOverride:
    """An open incident's override of one system's health."""

    system_id: str
    status: HealthOverride
    incident_id: str
    incident_title: str


def worst_health(reported: Health, overrides: Sequence[ActiveHealthOverride]) -> Health:
    """Return the worst of the reported health and the overrides of open incidents."""
    order = list(Health)
    return max([reported, *(Health(override.status) for override in overrides)], key=order.index)


def checked_key(key: str) -> str:
    """Return a system's key: lower-case letters, digits, dots, dashes and underscores, at most 100.

    Raises:
        InvalidInputError: it has another form, or that of an id.
    """
    if not _KEY.fullmatch(key) or key.startswith("sys_"):
        raise InvalidInputError(
            "Key must be 1 to 100 lower-case letters, digits, dots, dashes or underscores, such as payments-api.",
            field=["key"],
        )
    return key
