"""The words of the status page in each language, with its dates, numbers and durations."""

import tomllib
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from domain.model.moment import iso

_TEXTS = Path(__file__).parent.parent.parent / "static" / "status" / "texts"
#: The value of the setting by which each reader gets the language that their browser asks for.
AUTO = "auto"
DEFAULT = "en"
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_WHOLE = 100


class Texts:
    """The texts of one language. What is put into them is escaped unless it is HTML already."""

    def __init__(self, code: str, texts: Mapping[str, Any]) -> None:
        self.code = code
        self._texts = texts

    def say(self, key: str, **values: Any) -> Markup:
        """Return the text of a key such as `state.down`; with `n`, the form for that number."""
        found: Any = self._texts
        for part in key.split("."):
            found = found[part]
        if isinstance(found, Mapping):
            found = found["one" if values.get("n") == 1 else "other"]
        return escape(found).format(**values)

    def listed(self, names: Sequence[Any]) -> Markup:
        """Return names as people list them."""
        if len(names) < 2:  # noqa: PLR2004 - one name or none has no "and"
            return escape(names[0]) if names else Markup()
        return self.say("list_end", first=Markup(", ").join(names[:-1]), last=names[-1])

    def percent(self, share: float) -> Markup:
        """Return a share with two decimals, rounded down: what was not always there was not there for 100 %."""
        hundredths = min(_WHOLE * _WHOLE, int(share * _WHOLE * _WHOLE + 1e-6))
        number = f"{hundredths // _WHOLE}"
        if hundredths % _WHOLE:
            number += f"{self._texts['decimal']}{hundredths % _WHOLE:02}"
        return self.say("percent", number=number)

    def duration(self, seconds: float) -> Markup:
        """Return a length of time in two units at most."""
        if seconds < _MINUTE:
            return self.say("duration.none")
        if seconds < _HOUR:
            return self.say("duration.minutes", minutes=int(seconds // _MINUTE))
        if seconds >= _DAY:
            return self.say("duration.days", days=int(seconds // _DAY), hours=int(seconds % _DAY // _HOUR))
        hours, minutes = int(seconds // _HOUR), int(seconds % _HOUR // _MINUTE)
        return self.say("duration.hours" if minutes else "duration.whole_hours", hours=hours, minutes=minutes)

    def date(self, day: datetime, form: str = "date") -> Markup:
        """Return a day in one of the forms of dates."""
        return self.say(
            form,
            day=day.day,
            month=self._texts["months"][day.month - 1],
            year=day.year,
            weekday=self._texts["weekdays"][day.weekday()],
        )

    def plain_moment(self, at: datetime, now: datetime) -> Markup:
        """Return a moment in UTC; with its year where that is another one."""
        form = "date" if at.year == now.year else "date_with_year"
        return self.say("moment", date=self.date(at, form), time=f"{at:%H:%M}")

    def moment(self, at: datetime, now: datetime) -> Markup:
        """Return a moment as an element, which the page's script shows by the reader's own clock."""
        return Markup('<time datetime="{}">{}</time>').format(iso(at), self.plain_moment(at, now))


@cache
def languages() -> Mapping[str, Texts]:
    """Return the texts of all languages by their codes."""
    return {path.stem: Texts(path.stem, tomllib.loads(path.read_text())) for path in sorted(_TEXTS.glob("*.toml"))}


def language_for(setting: str, accepted: str) -> Texts:
    """Return the texts for a reader: those of the setting, or where it is `auto` the first that they accept."""
    known = languages()
    if setting != AUTO:
        return known[setting]
    return known[next((code for code in _preferred(accepted) if code in known), DEFAULT)]


def _preferred(accepted: str) -> list[str]:
    """Return the languages of an `Accept-Language` by their weights (RFC 9110, 12.5.4), without their regions."""
    weighted = []
    for part in accepted.lower().split(",")[:20]:
        name, _, weight = part.partition(";")
        try:
            value = float(weight.replace(" ", "").removeprefix("q=") or 1)
        except ValueError:
            value = 0.0
        if value > 0:
            weighted.append((-value, name.strip().partition("-")[0]))
    return [name for _, name in sorted(weighted, key=lambda each: each[0])]
