"""Entries of the audit log, each written in the transaction of the change that it is about."""

from collections.abc import Sequence
from typing import Any

import orjson

from domain.ids import new_id
from domain.model.audit import AuditAction, AuditEntry, AuditFilter, AuditKind, FieldChange, changes_between
from domain.model.paging import Page, PageRequest
from domain.model.viewer import SYSTEM_VIEWER, Viewer
from domain.persistence.database import Database
from domain.persistence.unit_of_work import UnitOfWork
from domain.settings import Settings, shown_settings

#: The state that holds the settings of the last start.
LAST_START = "audited_settings"


async def audit(
    unit: UnitOfWork,
    viewer: Viewer,
    kind: AuditKind,
    action: AuditAction,
    *,
    before: Any = None,
    after: Any = None,
    changes: tuple[FieldChange, ...] = (),
) -> None:
    """Write who did what to an object, with the fields in which its states differ and further changes.

    An update that changed nothing is left out.
    """
    known = after if after is not None else before
    # Of what is gone, nothing was changed but that.
    found = () if action is AuditAction.DELETED else (*changes_between(kind, before, after), *changes)
    if action is AuditAction.UPDATED and not found:
        return
    await unit.audit.add(
        AuditEntry(
            id=new_id("aud"),
            occurred_at=unit.moment(),
            actor=viewer.actor,
            token_id=viewer.token_id,
            kind=kind,
            action=action,
            object_id=known.id,
            object_name=getattr(known, "name", None),
            changes=found,
        )
    )


class AuditService:
    """The audit log, to be read; and the settings that a start has changed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get_many(self, ids: Sequence[str]) -> dict[str, AuditEntry]:
        """Return the entries with these ids that exist, by id."""
        return await self._database.read(lambda session: session.audit.get_many(ids))

    async def page(self, page: PageRequest, wanted: AuditFilter) -> Page[AuditEntry]:
        """Return one page of the entries that match, newest first."""
        return await self._database.read(lambda session: session.audit.page(page, wanted))

    async def count(self, wanted: AuditFilter) -> int:
        """Return the number of entries that match."""
        return await self._database.read(lambda session: session.audit.count(wanted))

    async def note_start(self, settings: Settings, former: str | None) -> None:
        """Write an entry for each setting that is another one than at the last start, unless it is secret.

        `former` is the state LAST_START.
        """
        present = orjson.dumps(shown_settings(settings), option=orjson.OPT_SORT_KEYS).decode()
        if former != present:
            await self._database.write(lambda unit: _note_settings(unit, present))


async def _note_settings(unit: UnitOfWork, present: str) -> None:
    # Of two processes that start at once, the second one finds what the first has written.
    former = await unit.state.exchange(LAST_START, present)
    if former is None or former == present:
        return
    old, new = orjson.loads(former), orjson.loads(present)
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            await unit.audit.add(_of_setting(unit, name, old.get(name), new.get(name)))


def _of_setting(unit: UnitOfWork, name: str, before: Any, after: Any) -> AuditEntry:
    return AuditEntry(
        id=new_id("aud"),
        occurred_at=unit.moment(),
        actor=SYSTEM_VIEWER.actor,
        token_id=None,
        kind=AuditKind.SETTING,
        action=AuditAction.UPDATED,
        object_id=name.upper(),
        object_name=name.upper(),
        changes=(FieldChange(field="value", before=before, after=after),),
    )
