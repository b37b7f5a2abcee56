"""The command.

python -m tests.faults --database postgresql --faults 100 --seed 1
python -m tests.faults --bug push-before-commit
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.e2e.databases import DIALECTS
from tests.faults.kinds import KINDS
from tests.faults.patches import BUGS
from tests.faults.running import Plan, Result, run

_COLUMNS = ("fault", "how many", "acknowledged", "unknown", "events")
_SHOWN = 12
#: After how many faults all is checked: a bug should be found soon.
_CHECKS, _BUG_CHECKS = 25, 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 1 for any violation, and with a bug for none."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__.splitlines()[0])
    parser.add_argument("--database", choices=DIALECTS, help="both by default; with a bug, PostgreSQL")
    parser.add_argument("--faults", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1, help="what the choices and the moments start from")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=(), help="all that fit by default")
    parser.add_argument("--seconds", type=float, default=480.0, help="after how long no further fault begins")
    parser.add_argument("--former", default="HEAD~20", help="the commit whose code an upgrade in the middle takes")
    parser.add_argument("--logs", type=Path, help="a folder for what the processes print")
    parser.add_argument("--bug", choices=BUGS, help="put a bug in, which has to be found")
    options = parser.parse_args(arguments)
    dialects = [options.database] if options.database else DIALECTS[1:] if options.bug else DIALECTS
    return max([_run(dialect, options) for dialect in dialects])


def _run(dialect: str, options: argparse.Namespace) -> int:
    plan = Plan(
        dialect=dialect,
        faults=options.faults,
        seed=options.seed,
        kinds=options.kinds,
        seconds=options.seconds,
        bug=options.bug,
        former=options.former,
        logs=options.logs,
        check_every=_BUG_CHECKS if options.bug else _CHECKS,
    )
    result = asyncio.run(_interruptible(plan))
    _print(plan, result)
    if options.bug:
        print(
            f"  the bug {options.bug} was {'caught' if result.violations else 'NOT caught'} in {result.faults} faults"
        )
        return 0 if result.violations else 1
    return 1 if result.violations else 0


async def _interruptible(plan: Plan) -> Result:
    """Run; at SIGTERM, what was mounted and started is removed."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await run(plan)


def _print(plan: Plan, result: Result) -> None:
    print(f"{plan.dialect}, seed {plan.seed}, {result.seconds:.0f} s")
    print("  ".join(f"{name:>16}" for name in _COLUMNS))
    for name, tally in sorted(result.tallies.items()):
        cells = (name, tally.faults, tally.acknowledged, tally.unknown, tally.events)
        print("  ".join(f"{cell:>16}" for cell in cells))
    tallies = result.tallies.values()
    sums = [sum(getattr(each, name) for each in tallies) for name in ("faults", "acknowledged", "unknown", "events")]
    print("  ".join(f"{cell:>16}" for cell in ("all", *sums)))
    print(
        f"  {result.changes} changes in the log, {result.events} events checked over {result.connections} connections, "
        f"{result.delivered} deliveries; {len(result.violations)} violations"
    )
    for violation in result.violations[:_SHOWN]:
        print(f"  VIOLATION (seed {plan.seed}): {violation}")
    for complaint, count in result.complaints.most_common(_SHOWN):
        print(f"  {count:>5} x {complaint}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
