"""Integrations, whose tokens are stored as digests."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.integration import Integration, IntegrationType
from domain.model.paging import Page, PageRequest
from domain.persistence.dialects import lock_rows
from domain.persistence.integration_tables import integrations
from domain.persistence.keyset import paged
from domain.persistence.rows import actor_columns, actor_of

#: Everything but the digest, which is never read back.
_COLUMNS = [column for column in integrations.c if column.name != "token_digest"]
_PLAIN = (
    "id",
    "name",
    "enabled",
    "system_mapping",
    "severity_mapping",
    "mapping",
    "keep_bodies",
    "created_at",
    "updated_at",
    "token_created_at",
)


class IntegrationRepository:
    """Integrations by id, or by the digest of their token."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def find(self, digest: str) -> Integration | None:
        """Return the integration whose token has that digest."""
        statement = sa.select(*_COLUMNS).where(integrations.c.token_digest == digest)
        row = (await self._connection.execute(statement)).mappings().first()
        return None if row is None else _integration(row)

    async def get_many(self, ids: Sequence[str]) -> dict[str, Integration]:
        """Return the integrations of these ids; those that do not exist are left out."""
        rows = (await self._connection.execute(sa.select(*_COLUMNS).where(integrations.c.id.in_(ids)))).mappings()
        return {row["id"]: _integration(row) for row in rows}

    async def lock(self, integration_id: str) -> Integration | None:
        """Return the integration, locked against other writers until the commit; its alerts can be written."""
        await lock_rows(self._connection, integrations, [integration_id], referable=True)
        return (await self.get_many([integration_id])).get(integration_id)

    async def page(self, page: PageRequest) -> Page[Integration]:
        """Return one page of all integrations, newest first."""
        statement = paged(sa.select(*_COLUMNS), [integrations.c.id], page, descending=True)
        return page.cut([_integration(row) for row in (await self._connection.execute(statement)).mappings()])

    async def count(self) -> int:
        """Return the number of integrations."""
        return int(await self._connection.scalar(sa.select(sa.func.count()).select_from(integrations)) or 0)

    async def insert(self, integration: Integration, token_digest: str) -> None:
        """Write a new integration."""
        values = {
            **_values(integration),
            "id": integration.id,
            "type": integration.type,
            "token_digest": token_digest,
            "created_at": integration.created_at,
            **actor_columns("created_by", integration.created_by),
        }
        await self._connection.execute(sa.insert(integrations).values(**values))

    async def save(self, integration: Integration) -> None:
        """Write a changed integration, but for its token."""
        statement = sa.update(integrations).where(integrations.c.id == integration.id)
        await self._connection.execute(statement.values(**_values(integration)))

    async def rotate(self, integration_id: str, token_digest: str, *, at: datetime) -> None:
        """Write another token; the one before is not valid any more."""
        statement = sa.update(integrations).where(integrations.c.id == integration_id)
        await self._connection.execute(statement.values(token_digest=token_digest, token_created_at=at, updated_at=at))

    async def delete(self, integration_id: str) -> bool:
        """Delete an integration with its alerts and deliveries; return False where there is none of that id."""
        statement = sa.delete(integrations).where(integrations.c.id == integration_id).returning(integrations.c.id)
        return await self._connection.scalar(statement) is not None


def _values(integration: Integration) -> dict[str, Any]:
    return {
        "name": integration.name,
        "enabled": integration.enabled,
        "system_mapping": dict(integration.system_mapping),
        "severity_mapping": dict(integration.severity_mapping),
        "mapping": dict(integration.mapping),
        "keep_bodies": integration.keep_bodies,
        "masked_fields": list(integration.masked_fields),
        "updated_at": integration.updated_at,
        "token_created_at": integration.token_created_at,
    }


def _integration(row: sa.RowMapping) -> Integration:
    return Integration(
        **{name: row[name] for name in _PLAIN},
        type=IntegrationType(row["type"]),
        masked_fields=tuple(row["masked_fields"]),
        created_by=actor_of("created_by", row),
    )
