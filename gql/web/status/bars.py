"""The days of a system as bars: one shape for all that went well, and one for each day with more to say of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup, escape

from domain.model.public_days import Day, uptime_of_days
from domain.services.public_history import DAYS
from gql.web.status.texts import Texts

#: The width of a bar with the gap behind it, and without.
STEP, WIDTH, HEIGHT = 5, 4, 32
#: How far below the top bars begin: those of bad days are higher, so that they can be told apart without colours.
TOP = 8
_TOPS = {"lost-0": 6, "lost-1": 4, "lost-2": 2}
#: The minutes from which on a day has the next grade.
_GRADES = (15, 60, 240)
_MINUTE = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One day with its place, its grade and its words."""

    x: int
    top: int
    #: `maintenance`, `lost-0` where it was degraded at worst, or `lost-1` to `lost-4`.
    kind: str
    words: Markup
    date: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """The days of a system as a picture, and in words."""

    uptime: Markup
    #: The days with trouble or maintenance, oldest first.
    shown: Sequence[Bar]
    unknown_width: int
    label: Markup

    @property
    def eventful(self) -> Sequence[Bar]:
        """The days with trouble or maintenance, newest first."""
        return self.shown[::-1]


def bars_of(name: str, days: Sequence[Day], texts: Texts) -> Bars:
    """Return the bars of a system's days."""
    known = [day for day in days if day.known > 0]
    offset = DAYS - len(days)
    shown = [
        _bar((offset + index) * STEP, day, texts) for index, day in enumerate(days) if day.known > 0 and day.is_eventful
    ]
    share = uptime_of_days(days)
    number = len(known)
    uptime = (
        texts.say("systems.unknown")
        if share is None
        else texts.say("systems.uptime", n=number, percent=texts.percent(share))
    )
    told = texts.say("systems.days", n=len(shown)) if shown else texts.say("systems.no_day")
    return Bars(
        uptime=uptime,
        shown=shown,
        unknown_width=(DAYS - number) * STEP,
        label=texts.say("systems.bars", name=name, uptime=uptime, days=told),
    )


def _bar(x: int, day: Day, texts: Texts) -> Bar:
    kind = _kind(day)
    top = TOP if kind == "maintenance" else _TOPS.get(kind, 0)
    return Bar(x=x, top=top, kind=kind, words=_words(day, texts), date=day.start)


def _kind(day: Day) -> str:
    if day.unhealthy:
        minutes = day.unhealthy / _MINUTE
        return f"lost-{1 + sum(minutes >= grade for grade in _GRADES)}"
    return "lost-0" if day.degraded else "maintenance"


def _words(day: Day, texts: Texts) -> Markup:
    parts = [
        texts.say(f"systems.day_{name}", duration=texts.duration(seconds))
        for name, seconds in (
            ("unhealthy", day.unhealthy),
            ("degraded", day.degraded),
            ("maintenance", day.maintenance),
        )
        if seconds
    ]
    words = Markup(", ").join(parts) if parts else escape(texts.say("systems.day_good"))
    return texts.say("systems.day", date=texts.date(day.start), words=words)
