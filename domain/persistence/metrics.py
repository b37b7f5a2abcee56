"""Metrics of incidents by group and span, all in one statement.

Steps count by the dates of timelines. What was open at some moment is reckoned back from what is open now, so that only
the time since `from` is read, by indexes. Percentiles are by nearest rank, which both databases find alike.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.actor import Actor
from domain.model.counts import MOST_ROWS, Group, GroupBy
from domain.model.filters import Filter
from domain.model.incident import Status
from domain.model.metrics import Durations, Figures, Lapse, Tally
from domain.model.series import Span, TimeBucket
from domain.model.viewer import Audience
from domain.persistence.conditions import IS_OPEN, incident_condition
from domain.persistence.dialects import bucket_text, literal, milliseconds_between
from domain.persistence.grouping import group_keys, group_names, group_of, grouped_source
from domain.persistence.tables import incident_updates, incidents

_OPEN = "open"
_LAPSES = {lapse.value for lapse in Lapse}
#: The name of the time after all spans.
_LATER = "later"
#: More rows than an answer that is not too long can have: of each kind one for every point and for the time afterwards.
MOST_FIGURES = 2 * MOST_ROWS * (1 + len(Tally) + len(Lapse))
_Columns = list[sa.ColumnElement[Any]]


class MetricsRepository:
    """Figures of incidents over time."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def by_group(
        self,
        tree: Filter,
        audience: Audience,
        spans: Sequence[Span],
        *,
        bucket: TimeBucket | None,
        by: GroupBy,
    ) -> dict[Group, Figures] | None:
        """Return the figures of each group of incidents that match; None where they are too many."""
        measuring = Measuring(self._connection.dialect, tree, audience, spans=spans, bucket=bucket, by=by)
        rows = (await self._connection.execute(measuring.statement())).mappings().all()
        return None if len(rows) > MOST_FIGURES else _gathered(rows, measuring.names(), by)


class Measuring:
    """The statement for metrics, put together from a part for each kind of figure."""

    def __init__(
        self,
        dialect: sa.Dialect,
        tree: Filter,
        audience: Audience,
        *,
        spans: Sequence[Span],
        bucket: TimeBucket | None,
        by: GroupBy,
    ) -> None:
        self._dialect = dialect
        self._matching = incident_condition(dialect, tree, audience)
        self._spans = spans
        self._start, self._end = spans[0].start, spans[-1].end
        self._bucket = bucket
        self._source = grouped_source(by)
        self._keys = group_keys(by)
        self._shown = group_names(by)

    def statement(self) -> sa.Select[Any]:
        """Return the whole statement."""
        parts = sa.union_all(
            self._open_now(), self._opened(), self._stepped(), *(self._lasted(lapse) for lapse in Lapse)
        )
        return sa.select(parts.subquery("figures")).limit(MOST_FIGURES + 1)

    def names(self) -> dict[str, int]:
        """Return the number of each span by its name in the rows."""
        named = {_name_of(span.start, self._bucket): number for number, span in enumerate(self._spans)}
        return {**named, _LATER: len(self._spans)}

    def _open_now(self) -> sa.Select[Any]:
        return self._counted(literal(_OPEN), literal(_LATER)).select_from(self._source).where(IS_OPEN)

    def _opened(self) -> sa.Select[Any]:
        moment = incidents.c.occurred_at
        counted = self._counted(literal(Tally.OPENED), self._span(moment)).select_from(self._source)
        return counted.where(moment >= self._start)

    def _stepped(self) -> sa.Select[Any]:
        steps = incident_updates.alias("steps")
        former = _status_before(steps)
        closes = steps.c.status_change == Status.RESOLVED
        kind = sa.case((closes, literal(Tally.RESOLVED)), else_=literal(Tally.REOPENED))
        joined = self._source.join(steps, steps.c.incident_id == incidents.c.id)
        return (
            self._counted(kind, self._span(steps.c.created_at))
            .select_from(joined)
            .where(steps.c.status_change.is_not(None), steps.c.created_at >= self._start)
            .where(sa.or_(closes, former == Status.RESOLVED))
        )

    def _counted(self, kind: sa.ColumnElement[str], span: sa.ColumnElement[str]) -> sa.Select[Any]:
        names = [sa.func.max(column).label(column.name) for column in self._shown]
        nothing = [sa.null().cast(sa.Float).label(name) for name in ("mean", "p50", "p90")]
        columns: _Columns = [kind.label("kind"), span.label("span"), sa.func.count().label("counted"), *nothing]
        # Groups by number: PostgreSQL takes two parameters with one value for different ones.
        grouped = [sa.text(str(number)) for number in (1, 2, *range(7, 7 + len(self._keys)))]
        return sa.select(*columns, *self._keys, *names).where(self._matching).group_by(*grouped)

    def _lasted(self, lapse: Lapse) -> sa.Select[Any]:
        """Return the part with the durations of those that ended in a span, ranked within it."""
        ended = incidents.c[lapse.value]
        lasted = milliseconds_between(self._dialect, incidents.c.occurred_at, ended)
        read = (
            sa.select(self._span(ended).label("span"), lasted.label("lasted"), *self._keys, *self._shown)
            .select_from(self._source)
            .where(self._matching, ended >= self._start, ended < self._end)
            .subquery("read")
        )
        alike = [read.c.span, *(read.c[column.name] for column in self._keys)]
        rank = sa.func.row_number().over(partition_by=alike, order_by=read.c.lasted)
        ranked = sa.select(read, rank.label("rank"), sa.func.count().over(partition_by=alike).label("total")).subquery()
        keys = [ranked.c[column.name] for column in self._keys]
        figures = (
            literal(lapse).label("kind"),
            ranked.c.span,
            sa.func.count().label("counted"),
            sa.cast(sa.func.avg(ranked.c.lasted), sa.Float).label("mean"),
            sa.cast(_percentile(ranked, 5), sa.Float).label("p50"),
            sa.cast(_percentile(ranked, 9), sa.Float).label("p90"),
        )
        names = [sa.func.max(ranked.c[column.name]).label(column.name) for column in self._shown]
        return sa.select(*figures, *keys, *names).group_by(ranked.c.span, *keys)

    def _span(self, moment: sa.ColumnElement[datetime]) -> sa.ColumnElement[str]:
        if self._bucket is None:
            name: sa.ColumnElement[str] = literal(_name_of(self._start, None))
        else:
            name = bucket_text(self._dialect, moment, self._bucket)
        return sa.case((moment >= self._end, literal(_LATER)), else_=name)


def _status_before(steps: sa.FromClause) -> sa.ScalarSelect[Any]:
    """Return the status before a step, which the one before it on its timeline gave."""
    former = incident_updates.alias("former")
    later = sa.or_(
        former.c.created_at < steps.c.created_at,
        sa.and_(
            former.c.created_at == steps.c.created_at,
            sa.or_(
                sa.and_(former.c.is_opening, ~steps.c.is_opening),
                sa.and_(former.c.is_opening == steps.c.is_opening, former.c.id < steps.c.id),
            ),
        ),
    )
    return (
        sa.select(former.c.status_change)
        .where(former.c.incident_id == steps.c.incident_id, former.c.status_change.is_not(None), later)
        .order_by(former.c.created_at.desc(), former.c.is_opening, former.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )


def _percentile(ranked: sa.Subquery, tenths: int) -> sa.ColumnElement[Any]:
    """Return the duration at the first rank that so many tenths of all do not exceed."""
    counted = ranked.c.total * tenths
    reached = sa.and_(ranked.c.rank * 10 >= counted, (ranked.c.rank - 1) * 10 < counted)
    return sa.func.max(sa.case((reached, ranked.c.lasted)))


def _name_of(moment: datetime, bucket: TimeBucket | None) -> str:
    """Return the name of the span that begins there, as the database finds it."""
    if bucket is TimeBucket.WEEK:
        monday = moment.date().toordinal() - moment.weekday()
        return moment.date().fromordinal(max(monday, 1)).isoformat()
    lengths = {TimeBucket.HOUR: 13, TimeBucket.DAY: 10, TimeBucket.MONTH: 7}
    return "all" if bucket is None else moment.replace(tzinfo=None).isoformat(" ")[: lengths[bucket]]


def _gathered(rows: Sequence[sa.RowMapping], spans: dict[str, int], by: GroupBy) -> dict[Group, Figures]:
    figures: dict[Group, Figures] = {}
    names: dict[Group, str | None] = {}
    for row in rows:
        group = group_of(row, by)
        if group.opened_by is not None:
            named, group = group, replace(group, opened_by=replace(group.opened_by, name=None))
            assert named.opened_by is not None
            names[group] = names.get(group) or named.opened_by.name
        _note(figures.setdefault(group, Figures()), row, spans[row["span"]])
    if not by.each:
        figures.setdefault(Group(), Figures())
    return {_named(group, names.get(group)): found for group, found in figures.items()}


def _note(figures: Figures, row: sa.RowMapping, span: int) -> None:
    if row["kind"] == _OPEN:
        figures.open_now += row["counted"]
    elif row["kind"] in _LAPSES:
        mean, p50, p90 = (row[name] / 1000 for name in ("mean", "p50", "p90"))
        found = Durations(count=row["counted"], mean_seconds=mean, p50_seconds=p50, p90_seconds=p90)
        figures.lapses[Lapse(row["kind"]), span] = found
    else:
        figures.steps[Tally(row["kind"]), span] += row["counted"]


def _named(group: Group, name: str | None) -> Group:
    actor = group.opened_by
    return replace(group, opened_by=Actor(type=actor.type, id=actor.id, name=name)) if actor else group
