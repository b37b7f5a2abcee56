"""The check of the histories of fields: each transition follows on the one before, and from its change."""

from collections.abc import AsyncIterator, Iterator

from domain.entities.canonical import value_text
from domain.operating.findings import Damage, Finding
from domain.operating.scope import Scope, shown
from domain.persistence.inspecting import Row, changes_of, walk
from domain.persistence.log_tables import entity_transitions

#: The values of a field that was not there before.
_NOTHING = {None, "null"}


async def check_histories(scope: Scope) -> AsyncIterator[Finding]:
    """Find transitions that do not follow on the one before, or not from their change."""
    connection = scope.session.connection
    entity: tuple[str, str] | None = None
    values: dict[str, str] = {}
    async for rows in walk(connection, list(entity_transitions.c), keys=["kind", "entity_id", "id"]):
        scope.counted["transitions"] += len(rows)
        known = await changes_of(connection, sorted({row["change_id"] for row in rows}))
        for row in rows:
            if (row["kind"], row["entity_id"]) != entity:
                entity, values = (row["kind"], row["entity_id"]), {}
            former = values.get(row["field"])
            if row["from_value"] != former and not (former is None and row["from_value"] in _NOTHING):
                yield _found(row, expected=f"to follow on {shown(former)}", found=shown(row["from_value"]))
            values[row["field"]] = row["to_value"]
            for finding in _by_change(scope, row, known.get(row["change_id"])):
                yield finding


def _by_change(scope: Scope, row: Row, change: Row | None) -> Iterator[Finding]:
    if change is None:
        # Changes are pruned, and their transitions stay.
        if not scope.is_pruned:
            yield _found(row, expected=f"the change {row['change_id']}", found="none")
        return
    if (change["kind"], change["entity_id"]) != (row["kind"], row["entity_id"]):
        yield _found(row, expected=f"{change['kind']} {change['entity_id']}, as its change has it", found="another")
        return
    if change["prev"] is None and row["from_value"] is not None:
        # An entity with a past elsewhere came in with one change.
        return
    name = row["field"]
    if name not in change["changed_fields"]:
        yield _found(row, expected="a field that its change changed", found=", ".join(change["changed_fields"]))
    # The first value of an imported past is not the one that its one change ends with.
    elif change["prev"] is not None and row["to_value"] != value_text((change["next"] or {}).get(name)):
        yield _found(row, expected=shown((change["next"] or {}).get(name)), found=shown(row["to_value"]))


def _found(row: Row, *, expected: str, found: str) -> Finding:
    return Finding(
        damage=Damage.TRANSITION,
        subject=f"{row['kind']} {row['entity_id']}, transition {row['id']} of {row['field']}",
        expected=expected,
        found=found,
    )
