"""From a plan to one Python function that makes the answer, out of what was read."""

import linecache
import weakref
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from domain.model.cursor import LOG
from domain.model.paging import PageRequest
from domain.model.viewer import Audience
from gql.compiled.declarations import cursor_name
from gql.compiled.parts import (
    Caller,
    Constant,
    Cursor,
    Edges,
    Fact,
    Found,
    Items,
    Member,
    Members,
    Page,
    Part,
    Place,
    Plan,
    Row,
    Several,
    Total,
    Value,
)

#: Makes the answer of what each root found, the pages asked for, and what encodes cursors; `names` are those of roots,
#: and behind them the values of the caller.
Answer = Callable[[Sequence[Any], Sequence[PageRequest], Callable[..., str], Sequence[Any]], dict[str, Any]]
_FACTS = {
    "hasNextPage": "page.before is not None if page.backward else more",
    "hasPreviousPage": "more if page.backward else page.after is not None",
}
_ENDS = {"startCursor": "rows[0]", "endCursor": "rows[-1]"}
#: What a page's function gets, by whether rows are read and whether they are counted.
_RECEIVED = {
    (True, False): "",
    (False, True): "    total = rows\n",
    (True, True): "    rows, total = rows\n",
}
_PEEKED = "    more = len(rows) > page.size\n    if more:\n        del rows[page.size:]\n"
_TURNED = "    if page.backward:\n        rows.reverse()\n"
_numbers = count(1)


def _position(source: str, shown: Cursor | Fact) -> str:
    """Return the expression of the position of a row, from the columns of its cursor."""
    whole = "".join(f"{source}[{place}], " for place in shown.key)
    usual = "".join(f"{source}[{place}], " for place in shown.key[1:])
    return f"(({whole}) if page.order else ({usual}))" if shown.is_ordered else f"({whole})"


def emit(plan: Plan, audience: Audience) -> Answer:
    """Return the function that answers a plan; tracebacks through it show its source."""
    emitter = _Emitter(audience)
    source = emitter.source(plan)
    name = f"<compiled operation {next(_numbers)}>"
    exec(compile(source, name, "exec"), emitter.names)  # noqa: S102 - of our own making: no text of a client is in it
    answer: Answer = emitter.names["answer"]
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    weakref.finalize(answer, linecache.cache.pop, name, None)
    return answer


class _Emitter:
    """The writer of expressions; each function for a page stands before those that call it."""

    def __init__(self, audience: Audience) -> None:
        self._audience = audience
        self._functions: list[str] = []
        #: What the source calls by name.
        self.names: dict[str, Any] = {}

    def source(self, plan: Plan) -> str:
        members = []
        for key, member in plan.members.items():
            members.append(f"{self._text(key)}: {self._root(member)}")
        body = f"def answer(found, pages, cursor, names):\n    return {{{', '.join(members)}}}\n"
        return "\n".join([*self._functions, body])

    def _root(self, member: Member) -> str:
        if isinstance(member, Constant):
            return repr(member.text)
        if isinstance(member, Found):
            return self._found(member)
        if isinstance(member, Several):
            return self._several(member)
        if isinstance(member, Place):
            return f"cursor({LOG!r}, found[{member.number}])"
        if isinstance(member, Caller):
            function = self._define("row", f"    return {self._object(member.members, member.row)}\n")
            return f"{function}(names[-1], pages, cursor)"
        assert isinstance(member, Page)
        function = self._page(member, "name")
        return f"{function}(found[{member.number}], pages, cursor, names[{member.number}])"

    def _found(self, member: Found) -> str:
        text = "None"
        for each in member.alternatives:
            function = self._define("row", f"    return {self._object(each.members, each.row)}\n")
            text = f"({text} if found[{each.number}] is None else {function}(found[{each.number}], pages, cursor))"
        return text

    def _several(self, member: Several) -> str:
        maps = []
        for each in member.alternatives:
            function = self._define("row", f"    return {self._object(each.members, each.row)}\n")
            maps.append(f"**{{row[0]: {function}(row, pages, cursor) for row in found[{each.number}] or ()}}")
        body = f"    known = {{{', '.join(maps)}}}\n    return [known.get(id) for id in ids]\n"
        name = f"part_{len(self._functions)}"
        self._functions.append(f"def {name}(found, pages, cursor, ids):\n{body}\n")
        return f"{name}(found, pages, cursor, names[{member.alternatives[0].number}])"

    def _define(self, row: str, body: str, extra: str = "") -> str:
        name = f"part_{len(self._functions)}"
        self._functions.append(f"def {name}({row}, pages, cursor{extra}):\n{body}\n")
        return name

    def _page(self, page: Page, name: str) -> str:
        members = [f"{self._text(key)}: {self._of_page(member, page, name)}" for key, member in page.members.items()]
        body = (
            f"{_RECEIVED[page.paged.is_read, page.paged.counted]}"
            f"    page = pages[{page.paged.place}]\n"
            f"{_PEEKED if page.paged.peeks else ''}"
            f"{_TURNED if page.paged.is_read else ''}"
            f"{self._named_by_order(page) if page.is_ordered else ''}"
            f"    return {{{', '.join(members)}}}\n"
        )
        return self._define("rows", body, ", name" if name == "name" else "")

    def _named_by_order(self, page: Page) -> str:
        return f"    named = {self._named(cursor_name)}({page.cursors!r}, page.order)\n"

    def _of_page(self, member: Member, page: Page, name: str) -> str:
        if isinstance(member, Constant):
            return repr(member.text)
        if isinstance(member, Total):
            return "total"
        if isinstance(member, Edges):
            return f"[{self._object(member.members, page.row, name)} for row in rows]"
        assert isinstance(member, Part)
        facts = [f"{self._text(key)}: {self._fact(fact, name)}" for key, fact in member.members.items()]
        return f"{{{', '.join(facts)}}}"

    @staticmethod
    def _fact(member: Member, name: str) -> str:
        if isinstance(member, Constant):
            return repr(member.text)
        assert isinstance(member, Fact)
        if member.name in _FACTS:
            return _FACTS[member.name]
        end = _ENDS[member.name]
        return f"cursor({name}, {_position(end, member)}) if rows else None"

    def _object(self, members: Members, row: Row, name: str = "None") -> str:
        shown = [f"{self._text(key)}: {self._member(member, row, name)}" for key, member in members.items()]
        return f"{{{', '.join(shown)}}}"

    def _member(self, member: Member, row: Row, name: str) -> str:
        match member:
            case Constant(text):
                return repr(text)
            case Value():
                return self._value(member)
            case Part(members, present):
                shown = self._object(members, row, name)
                return shown if present is None else f"None if row[{present}] is None else {shown}"
            case Cursor():
                return f"cursor({name if member.name is None else repr(member.name)}, {_position('row', member)})"
            case Items():
                return self._items(member, row)
            case Page():
                function = self._page(member, "named" if member.is_ordered else repr(member.cursors))
                return f"{function}(row[{len(row.columns) + member.number}], pages, cursor)"
        raise AssertionError(member)

    def _items(self, items: Items, row: Row) -> str:
        # A function of its own, because the name of a row is the same at every depth.
        body = f"[{self._object(items.members, items.row)} for row in rows]"
        if items.is_single:
            body = f"next(iter({body}), None)"
        elif items.is_optional:
            body = f"None if rows is None else {body}"
        function = self._define("rows", f"    return {body}\n")
        return f"{function}(row[{len(row.columns) + items.number}], pages, cursor)"

    def _value(self, value: Value) -> str:
        arguments = ", ".join(f"row[{place}]" for place in value.places)
        if value.shown.make is not None:
            return f"{self._named(value.shown.make(self._audience))}({arguments})"
        return arguments if value.shown.names is None else f"{self._named(value.shown.names)}[{arguments}]"

    def _named(self, thing: Any) -> str:
        name = f"thing_{len(self.names)}"
        self.names[name] = thing
        return name

    @staticmethod
    def _text(key: str) -> str:
        # A response key has letters, digits and underscores alone (GraphQL, 2.1.9).
        return repr(key)
