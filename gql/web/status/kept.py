"""Bodies of pages that are kept: for as long as nothing has changed, and beyond that while they cannot be made."""

import asyncio
import gzip
import hashlib
import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from domain.errors import DomainError, UnavailableError

logger = logging.getLogger(__name__)

#: The pages that are kept at a time, in each language, and their size.
_MOST_KEPT, _MOST_BYTES = 256, 32 * 1024 * 1024
#: So long a page stays the same while the log does not: what goes on grows longer by the minute.
_FRESH_SECONDS = 60.0
#: So long one that is kept stays the present one at least, times the seconds that it took to make: while every second
#: brings changes, pages take a tenth of the time.
_LEAST_SECONDS, _OF_MAKING, _LONGEST_HELD_SECONDS = 1.0, 10.0, 5.0
#: So long a reader waits for a new page where there is an older one.
_PATIENCE_SECONDS = 2.0
#: And where there is none.
_LONGEST_SECONDS = 10.0
#: The time between two attempts to make a page that could not be made.
_RETRY_SECONDS = 3.0
#: The path of a page, and the language that it is in.
Name = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Body:
    """The bytes of an answer, as they are and compressed, with the tag of their content."""

    plain: bytes
    packed: bytes
    tag: str

    @classmethod
    def of(cls, content: bytes) -> "Body":
        """Return the body with that content."""
        digest = hashlib.sha256(content).hexdigest()[:24]
        return cls(content, gzip.compress(content, 6, mtime=0), digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """The content of a page as of a position of the log and a moment."""

    position: int
    at: datetime
    content: bytes


@dataclass(slots=True, kw_only=True)
class _Page:
    position: int
    at: datetime
    body: Body
    #: By the monotonic clock: when it was made, and how long that took.
    since: float
    seconds: float
    #: When to try again after it could not be made anew.
    retry_at: float = 0.0
    #: The same with the notice that it is old.
    old: Body | None = None


class KeptPages:
    """Pages by their names, each made once at a time however many ask for it."""

    def __init__(
        self,
        position: Callable[[], int],
        notice: Callable[[str, datetime], bytes],
        clock: Callable[[], float] = time.monotonic,
        results: Counter[str] | None = None,
    ) -> None:
        self._position = position
        self._notice = notice
        self._clock = clock
        #: How often a page was there, was made, and could not be made.
        self._results = Counter() if results is None else results
        self._pages: OrderedDict[Name, _Page] = OrderedDict()
        self._making: dict[Name, asyncio.Task[DomainError | None]] = {}

    def present(self, name: Name) -> Body | None:
        """Return a page that is the present one; None where it is to be made."""
        page = self._pages.get(name)
        if page is None:
            return None
        age = self._clock() - page.since
        is_present = self._is_fresh(page) and page.position >= self._position()
        if is_present or age < min(_LONGEST_HELD_SECONDS, max(_LEAST_SECONDS, _OF_MAKING * page.seconds)):
            self._pages.move_to_end(name)
            self._results["kept"] += 1
            return page.body
        return None

    async def made(self, name: Name, make: Callable[[], Awaitable[Made]]) -> Body:
        """Return a page that is made now; where that fails or takes long the last one, with a notice once it is old.

        Raises:
            DomainError: it could not be made, and there is none from before; or what it is about is not there.
        """
        page = self._pages.get(name)
        if page is not None and self._clock() < page.retry_at:
            return self._last(name, page)
        task = self._making.get(name)
        if task is None:
            task = self._making[name] = asyncio.create_task(self._attempt(name, make))
        # It goes on when nobody waits for it any more: a transaction is never cancelled.
        await asyncio.wait({task}, timeout=_LONGEST_SECONDS if page is None else _PATIENCE_SECONDS)
        error = task.result() if task.done() else None
        page = self._pages.get(name)
        if page is None:
            raise error or UnavailableError
        return self._last(name, page)

    async def _attempt(self, name: Name, make: Callable[[], Awaitable[Made]]) -> DomainError | None:
        """Make a page, and return why it could not be made."""
        try:
            await self._make(name, make)
        except UnavailableError as error:
            return self._failed(name, error)
        except DomainError as error:
            # What it was about is gone, and so is the page.
            self._pages.pop(name, None)
            return error
        except Exception:
            logger.exception("the status page %s could not be made", name[0])
            return self._failed(name, UnavailableError())
        finally:
            del self._making[name]
        return None

    def _failed(self, name: Name, error: DomainError) -> DomainError:
        page = self._pages.get(name)
        self._results["failed"] += 1
        if page is not None:
            page.retry_at = self._clock() + _RETRY_SECONDS
        return error

    async def _make(self, name: Name, make: Callable[[], Awaitable[Made]]) -> None:
        began = self._clock()
        made = await make()
        self._results["made"] += 1
        body = await asyncio.to_thread(Body.of, made.content)
        now = self._clock()
        self._pages[name] = _Page(position=made.position, at=made.at, body=body, since=now, seconds=now - began)
        self._pages.move_to_end(name)
        while len(self._pages) > 1 and (len(self._pages) > _MOST_KEPT or self._size() > _MOST_BYTES):
            self._pages.popitem(last=False)

    def _is_fresh(self, page: _Page) -> bool:
        return self._clock() - page.since < _FRESH_SECONDS

    def _size(self) -> int:
        return sum(len(page.body.plain) + len(page.body.packed) for page in self._pages.values())

    def _last(self, name: Name, page: _Page) -> Body:
        if self._is_fresh(page):
            return page.body
        if page.old is None:
            # Texts of people have no such element.
            noted = page.body.plain.replace(b"<main", self._notice(name[1], page.at) + b"<main", 1)
            page.old = Body.of(noted)
        return page.old
