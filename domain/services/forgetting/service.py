"""The use case of forgetting a person."""

from functools import partial

from domain.entities.erasure import snapshot_of
from domain.entities.handle import Applied, EntityHandle
from domain.entities.origin import Origin
from domain.errors import ConflictError, InvalidInputError, NotFoundError
from domain.ids import is_id, new_id
from domain.model.actor import SYSTEM, Actor, ActorType
from domain.model.audit import AuditAction, AuditKind
from domain.model.erasure import Erasure, ErasureStatus, Forgotten, pseudonym_of
from domain.model.texts import is_line
from domain.model.viewer import SYSTEM_VIEWER, Viewer
from domain.persistence.database import Database
from domain.persistence.erasures import Known
from domain.persistence.unit_of_work import ReadSession, UnitOfWork
from domain.services.auditing import audit
from domain.services.forgetting.known import KnownForgotten
from domain.services.forgetting.work import ErasureWork
from domain.services.writing import Outcome, Writer


class ForgettingService:
    """The use case of forgetting a person: one transaction, which the work of the erasure follows."""

    def __init__(
        self,
        *,
        database: Database,
        writer: Writer,
        handle: EntityHandle[Erasure],
        known: KnownForgotten,
        work: ErasureWork,
    ) -> None:
        self._database = database
        self._writer = writer
        self._handle = handle
        #: What this process knows, and what it does in the background.
        self.known = known
        self.work = work

    async def find(self, person_id: str) -> Erasure | None:
        """Return the last erasure of a person, by the id of their pseudonym or the one that they had."""
        return await self._database.read(lambda session: self._last(session, person_id))

    async def _last(self, session: ReadSession, person_id: str) -> Erasure | None:
        if not is_line(person_id):
            return None
        return await session.erasures.of_person(digest=self.known.digest(person_id), pseudonym=person_id)

    async def forget(self, viewer: Viewer, person_id: str) -> Outcome[Erasure]:
        """Mark a person as forgotten, and return the erasure that begins; of one who is forgotten, return that one.

        They are no longer found, their tokens are revoked, and whatever names them follows.

        Raises:
            NotFoundError: there is no such person.
            InvalidInputError: it is the id of this server, or of an automation.
            ConflictError: their token is the last one that can make others.
        """

        async def work(unit: UnitOfWork) -> Erasure:
            person = (await unit.people.resolve([person_id])).get(person_id) if is_line(person_id) else None
            if person is None:
                return await self._former(unit, person_id)
            return await self._begin(unit, viewer, person)

        return await self._writer.run(work)

    async def _former(self, unit: UnitOfWork, person_id: str) -> Erasure:
        if (known := await self._last(unit, person_id)) is not None:
            return known
        if person_id == SYSTEM.id or is_id(person_id, "aut") or is_id(person_id, "int"):
            told = "This is no person: it is this server itself, an automation or an integration."
            raise InvalidInputError(told, field=["id"])
        raise NotFoundError("Person", person_id)

    async def _begin(self, unit: UnitOfWork, viewer: Viewer, person: Actor) -> Erasure:
        forgotten = Forgotten(former=person, present=pseudonym_of(person.type))
        erasure = Erasure(
            id=new_id("era"),
            person=forgotten.present,
            status=ErasureStatus.PENDING,
            version=1,
            forgotten_at=unit.moment(),
        )
        if person.type is ActorType.APPLICATION:
            await self._revoke(unit, forgotten)
        await unit.people.remove(person)
        digest = self.known.digest(person.id)
        begun = Known(
            id=erasure.id,
            digest=digest,
            actor_type=person.type,
            forgotten_at=erasure.forgotten_at,
            forgotten=forgotten,
        )
        # Other processes learn it from the log.
        unit.when_committed(partial(self.known.learn, [begun]))

        async def apply() -> Applied[Erasure]:
            seq = await unit.changes.head()
            await unit.erasures.insert(erasure, forgotten, digest=digest, since_seq=seq)
            return Applied(after=snapshot_of(erasure))

        # Who forgets themselves is not named by that, either.
        oneself = (viewer.actor.type, viewer.actor.id) == (person.type, person.id)
        caller = SYSTEM_VIEWER if oneself else viewer
        await audit(unit, caller, AuditKind.PERSON, AuditAction.FORGOTTEN, after=forgotten.present)
        origin = Origin(actor=caller.actor)
        return (await self._handle.create(unit, erasure.id, apply, origin=origin)).after.entity

    async def _revoke(self, unit: UnitOfWork, forgotten: Forgotten) -> None:
        token_id = forgotten.former.id
        if await unit.tokens.lock(token_id) is None:
            return
        if await unit.tokens.valid_admins(unit.moment()) == {token_id}:
            raise ConflictError("This is the last admin token. Create another one first.", field=["id"])
        await unit.tokens.forget(token_id, present=forgotten.present, at=unit.moment())
