"""Requests for messages: how many callers may make, and what becomes of one in a transaction."""

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from domain.ids import new_id
from domain.model.visitor import VisitorDelivery, VisitorSubscription
from domain.persistence.unit_of_work import UnitOfWork
from domain.services.ciphers import SecretCipher
from domain.visitors.errors import TooManyAskedError
from domain.visitors.sealing import Addressed, Opened, digests_of, opened_by, sealed_by, token_digest

#: How long a confirmation may be followed; what nobody confirmed by then is deleted.
CONFIRM_WITHIN = timedelta(hours=24)
#: How long a place is sent no other confirmation: at first, and twice as long after each that nobody followed.
QUIET = timedelta(minutes=10)
_LONGEST_QUIET = timedelta(days=1)
#: How many requests all servers together take in an hour, whoever makes them: else they are a tool to annoy others.
MOST_IN_AN_HOUR = 1_000
#: And how many of one network, so that nobody uses up what all have.
MOST_OF_NETWORK = 100
_ALL = "all"
#: How often it is looked for a subscription that others end between two statements.
_TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request for messages to an address, as the new subscription that it makes where there is none yet."""

    fresh: VisitorSubscription
    opened: Opened
    addressed: Addressed
    cipher: SecretCipher


async def count_request(unit: UnitOfWork, network: str) -> None:
    """Count a request of a network, which is a digest.

    Whether a confirmation follows does not matter: a limit that counted those alone would show which addresses are
    known here.

    Raises:
        TooManyAskedError: the network, or all together, have made as many as they may in an hour.
    """
    hour = unit.moment().replace(minute=0, second=0, microsecond=0)
    # First the network's own: those over their limit hold up nobody else.
    for caller, most in ((network, MOST_OF_NETWORK), (_ALL, MOST_IN_AN_HOUR)):
        if not await unit.visitors.count_request(caller, hour=hour, most=most):
            left = hour + timedelta(hours=1) - unit.moment()
            raise TooManyAskedError(retry_after_seconds=max(1, math.ceil(left.total_seconds())))


async def ask(unit: UnitOfWork, asked: Asked, *, may_send: bool = True) -> bool:
    """Queue a confirmation of a counted request; return False where its place was asked lately, or may not be.

    Until its link is followed, neither the present subscription nor what former links confirm changes.
    """
    # One after another: two names of one place would both find that it was not asked.
    await unit.visitors.lock_requests(_ALL)
    now = unit.moment()
    asks, quiet_until = await unit.visitors.asks_of(asked.addressed.place)
    if not may_send or (quiet_until is not None and now < quiet_until):
        return False
    fresh = _asked_at(asked.fresh, now=now, asks=asks)
    for _ in range(_TRIES):
        # First under all keys: the constraint holds under the present one.
        known_id = await unit.visitors.id_of_address(asked.addressed.address)
        known = None if known_id is None else await unit.visitors.lock(known_id)
        if known is not None:
            await _ask_again(unit, asked, _asked_at(known, now=now, asks=asks))
            await _queue(unit, known.id, now=now)
            return True
        if await unit.visitors.insert(fresh, digests_of(asked.addressed, asked.opened)):
            await _queue(unit, fresh.id, now=now)
            return True
    return False


def _asked_at(subscription: VisitorSubscription, *, now: datetime, asks: int) -> VisitorSubscription:
    wait = min(QUIET * 2 ** min(asks, 10), _LONGEST_QUIET)
    return replace(
        subscription, asked_at=now, asks=asks + 1, next_ask_at=now + wait, confirm_until=now + CONFIRM_WITHIN
    )


async def _ask_again(unit: UnitOfWork, asked: Asked, known: VisitorSubscription) -> None:
    wanted = asked.fresh.asked_system_ids
    if known.asked_system_ids == wanted:
        await unit.visitors.save(known)
        return
    # Anybody can ask for anything: whoever follows a link gets what it was sent for.
    opened = opened_by(asked.cipher, known).with_other_link()
    digest = token_digest(opened.confirm)
    assert digest is not None
    sealed = sealed_by(asked.cipher, known.id, opened)
    await unit.visitors.replace_link(replace(known, asked_system_ids=wanted, sealed=sealed), digest=digest)


async def _queue(unit: UnitOfWork, subscription_id: str, *, now: datetime) -> None:
    # Before all that is queued: the log begins with 1. One that is not sent yet will have the present link.
    delivery = VisitorDelivery(id=new_id("vsd"), subscription_id=subscription_id, change_id=None, seq=0, created_at=now)
    await unit.visitor_queues.add([delivery], now=now)
