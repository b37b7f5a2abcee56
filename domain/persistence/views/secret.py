"""Secrets of automations. Nothing shows their values."""

from domain.persistence.secret_tables import secrets
from domain.persistence.views.actor import ACTOR
from domain.persistence.views.automation import INSIDERS
from domain.persistence.views.view import View

SECRET = View(
    name="secret",
    table=secrets,
    audiences=INSIDERS,
    parts={"created_by": ACTOR},
    place="id",
)
