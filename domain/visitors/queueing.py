"""The queueing of messages: what is public news is noted in the transaction that moves the reader of the log.

The messages of each are queued afterwards, in parts: thousands of visitors at once would hold up all other writes.
"""

from collections.abc import Sequence
from datetime import timedelta

from domain.ids import new_id
from domain.model.change import Change
from domain.model.visitor import VisitorDelivery, VisitorNotice
from domain.persistence.database import Database
from domain.persistence.unit_of_work import UnitOfWork
from domain.persistence.visitors import ANYBODY
from domain.visitors.news import news_in

#: How many visitors are looked at in one transaction.
_BATCH = 200
#: What is older is no news: no server may have queued for months.
_OLDEST = timedelta(days=1)


class VisitorQueueing:
    """The queueing of messages to visitors."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def concerned(self, changes: Sequence[Change]) -> bool:
        """Return whether any of the changes is news to the public, and there are visitors to notify."""
        has_news = any(news_in(change) is not None for change in changes)
        return has_news and bool(await self._database.glance(ANYBODY))

    async def handle(self, unit: UnitOfWork, change: Change) -> None:
        """Note a change that visitors are to be notified of, unless it is older than a day, or there are none."""
        now = unit.moment()
        is_news = news_in(change) is not None and now - change.occurred_at <= _OLDEST
        # Each notice takes a transaction of its own afterwards.
        if is_news and await ANYBODY.value(unit.connection, {}):
            notice = VisitorNotice(seq=change.seq, change_id=change.id, reached="", created_at=now)
            await unit.visitor_queues.note(notice)

    async def spread(self) -> bool:
        """Queue the messages of the next visitors; return whether there is more to queue."""
        return (await self._database.write(_spread)).value


async def _spread(unit: UnitOfWork) -> bool:
    notice = await unit.visitor_queues.first_notice()
    if notice is None:
        return False
    change = (await unit.changes.get_many([notice.change_id])).get(notice.change_id)
    news = None if change is None else news_in(change)
    recipients = [] if news is None else await unit.visitor_queues.next_recipients(notice, limit=_BATCH)
    if not recipients or news is None:
        await unit.visitor_queues.drop_notice(notice)
        return await unit.visitor_queues.has_notice()
    now = unit.moment()
    wanting = [
        each.id for each in recipients if not each.system_ids or not set(each.system_ids).isdisjoint(news.system_ids)
    ]
    found = [
        VisitorDelivery(
            id=new_id("vsd"), subscription_id=identifier, change_id=notice.change_id, seq=notice.seq, created_at=now
        )
        for identifier in wanting
    ]
    await unit.visitor_queues.add(found, now=now)
    await unit.visitor_queues.reached(notice, to=recipients[-1].id)
    return True
