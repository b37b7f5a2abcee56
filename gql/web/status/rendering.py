"""The templates of the status page, and what all of them are given."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from domain.services.public_history import DAYS
from gql.web.status.bars import HEIGHT, STEP, TOP, WIDTH
from gql.web.status.look import STATIC, Look
from gql.web.status.texts import Texts, languages

_TEMPLATES = STATIC / "status" / "templates"


class Renderer:
    """The templates with the name and the look of one site."""

    def __init__(self, *, name: str, look: Look, takes_mail: bool = False) -> None:
        self._shared = {
            "site": name,
            "look": look,
            "takes_mail": takes_mail,
            "good_path": _good_path(),
            "bars": (STEP, WIDTH, HEIGHT, DAYS),
        }

    def page(self, template: str, texts: Texts, now: datetime, *, root: str, **values: Any) -> bytes:
        """Return the HTML of a page whose links to others begin with `root`."""
        given = {**self._shared, **helpers(texts, now), "root": root, "files": f"{root}status/files/{self.version}"}
        return _environment().get_template(f"{template}.html").render({**given, **values}).encode()

    def notice(self, code: str, at: datetime) -> bytes:
        """Return the HTML that says that a page is old."""
        texts = languages()[code]
        return _environment().get_template("notice.html").render({**helpers(texts, at), "at": at}).encode()

    @property
    def version(self) -> str:
        """The version of the files that pages load."""
        look: Any = self._shared["look"]
        return str(look.version)


def helpers(texts: Texts, now: datetime) -> Mapping[str, Any]:
    """Return what templates call."""
    return {
        "texts": texts,
        "t": texts.say,
        "moment": lambda at: texts.moment(at, now),
        "date": texts.date,
        "duration": lambda since, until: texts.duration((until - since).total_seconds()),
        "now": now,
    }


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _good_path() -> Markup:
    """Return the path of all bars."""
    bars = "".join(f"M{day * STEP} {TOP}h{WIDTH}v{HEIGHT - TOP}h-{WIDTH}z" for day in range(DAYS))
    return Markup(bars)  # noqa: S704 - numbers
