"""Channels. Nothing shows their URLs."""

from domain.persistence.channel_tables import channels
from domain.persistence.views.actor import ACTOR
from domain.persistence.views.automation import INSIDERS
from domain.persistence.views.view import View

CHANNEL = View(
    name="channel",
    table=channels,
    audiences=INSIDERS,
    parts={"created_by": ACTOR},
    place="id",
)
