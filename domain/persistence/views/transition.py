"""Steps of the reactive fields of incidents."""

import sqlalchemy as sa
from pydantic.alias_generators import to_camel

from domain.ids import with_prefix
from domain.model.history import severity_of, status_of, systems_of
from domain.model.selection import Field
from domain.persistence.dialects import literal
from domain.persistence.log_tables import entity_transitions
from domain.persistence.views.view import View, for_all

#: The kind of entity under which they are recorded; a literal, so that the planner knows it.
KIND: sa.ColumnElement[str] = literal("incident")


def _id_of(change_id: str, field: str) -> str:
    return f"{with_prefix(change_id, 'trn')}:{to_camel(field)}"


def _status(field: str, text: str | None) -> str | None:
    status = status_of(field, text)
    return None if status is None else status.name


def _severity(field: str, text: str | None) -> str | None:
    severity = severity_of(field, text)
    return None if severity is None else severity.name


_TYPED = {"status": _status, "severity": _severity, "system_ids": systems_of}
TRANSITION = View(
    name="incident_transition",
    table=entity_transitions,
    fields={
        "id": Field(("change_id", "field"), make=for_all(_id_of)),
        "field": Field(("field",), make=for_all(to_camel)),
        **{
            f"{side}_{name}": Field(("field", f"{side}_value"), make=for_all(typed))
            for side in ("from", "to")
            for name, typed in _TYPED.items()
        },
    },
)
