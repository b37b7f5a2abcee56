"""The growth of what requests cost with the number of incidents, beside the server written by hand at each size."""

from collections.abc import Mapping, Sequence

from tests.benchmarks.http.documents import BY_ID, CREATE, MIDDLE, PAGE, Row
from tests.benchmarks.http.measuring import Figures
from tests.benchmarks.http.servers import HAND_WRITTEN, OURS

#: How many times as much a request may take with a million incidents as with a thousand.
GOALS = {BY_ID.name: 1.6, PAGE.name: 1.5, MIDDLE.name: 2.0, CREATE.name: 1.7}
Table = Mapping[str, Mapping[str, Figures]]


def growth_of(tables: Mapping[str, Table], rows: Sequence[Row]) -> list[str]:
    """Return the lines of a table with a column for each size, the smallest first."""
    sizes = list(tables)
    lines = [f"{'CPU us of ours (to by hand)':<38}{''.join(f'{size:>15}' for size in sizes)}{'growth':>9}{'goal':>7}"]
    for row in rows:
        figures = [tables[size][row.name] for size in sizes]
        if not all(OURS.name in one for one in figures):
            continue
        costs = [one[OURS.name].cpu_micros for one in figures]
        cells = "".join(f"{_cell(one):>15}" for one in figures)
        goal = f"{GOALS[row.name]:>7.1f}" if row.name in GOALS else ""
        lines.append(f"{row.title:<38}{cells}{costs[-1] / costs[0]:>9.2f}{goal}".rstrip())
    return lines


def _cell(figures: Mapping[str, Figures]) -> str:
    ours = figures[OURS.name].cpu_micros
    by_hand = figures.get(HAND_WRITTEN.name)
    return f"{ours:.0f} ({ours / by_hand.cpu_micros:.2f})" if by_hand and by_hand.cpu_micros else f"{ours:.0f}"
