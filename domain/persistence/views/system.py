"""The catalog of systems."""

from domain.persistence.tables import systems
from domain.persistence.views.view import View, columns_of

SYSTEM = View(
    name="system",
    table=systems,
    fields=columns_of(systems, ("id", "key", "name", "description", "created_at", "updated_at")),
)
