"""Secrets of automations. Nothing shows their values."""

from domain.persistence.tables import secrets
from domain.persistence.views.actor import ACTOR
from domain.persistence.views.automation import INSIDERS
from domain.persistence.views.view import View, columns_of

SECRET = View(
    name="secret",
    table=secrets,
    audiences=INSIDERS,
    fields=columns_of(secrets, ("id", "name", "created_at", "updated_at")),
    parts={"created_by": ACTOR},
    place="id",
)
