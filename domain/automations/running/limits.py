"""Limits of a run's writes: none, or those of the token that it runs as."""

from collections.abc import Sequence
from datetime import datetime

from domain.entities.origin import Permit, permit_all
from domain.errors import ForbiddenError
from domain.model.viewer import Role
from domain.persistence.unit_of_work import ReadSession


async def permit_of(session: ReadSession, token_id: str | None, *, now: datetime) -> Permit:
    """Return the check before each write of a run: none, or whether its token reaches these systems.

    Raises:
        ForbiddenError: the token is not valid any more, or may not write at all.
    """
    if token_id is None:
        return permit_all
    token = (await session.tokens.get_many([token_id])).get(token_id)
    if token is None or not token.is_valid(now) or not token.role.includes(Role.RESPONDER):
        raise ForbiddenError("The token that the automation runs as is not valid any more.")
    viewer = token.viewer

    def permit(before: Sequence[str] | None, after: Sequence[str] | None) -> None:
        for systems in (before, after):
            if systems is not None and not viewer.may_write(systems):
                raise ForbiddenError("The token that the automation runs as does not reach these systems.")

    return permit
