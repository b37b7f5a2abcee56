"""Tokens of programs. Nothing shows their digests."""

from dataclasses import replace

import sqlalchemy as sa

from domain.persistence.caller_tables import api_tokens
from domain.persistence.dialects import IsListed
from domain.persistence.views.actor import ACTOR
from domain.persistence.views.automation import INSIDERS
from domain.persistence.views.view import Joined, Lists, View


def _limits(parent: sa.FromClause, child: sa.FromClause) -> Joined:
    return child, IsListed(child.c.id, parent.c.systems), (child.c.id,)


TOKEN = View(
    name="api_token",
    table=api_tokens,
    audiences=INSIDERS,
    parts={"created_by": replace(ACTOR, present="id")},
    lists={"systems": Lists(view="system", joined=_limits, key=("id",), present="systems")},
    place="id",
)
