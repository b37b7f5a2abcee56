"""A crash test: kills imports again and again, then compares what the last one leaves with the file.

python -m tests.e2e.import_crash --count 50 --seed 1 --database postgresql
"""

import argparse
import asyncio
import os
import random
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from domain.bootstrap import running_domain
from domain.settings import Settings
from tests.e2e.databases import DIALECTS, fresh_database

_DEADLINE_SECONDS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The outcome of a crash test."""

    #: How many incidents each killed import left, with all before it.
    left: list[int]
    incidents: int
    is_equal: bool


async def crash(source: str, target: str, *, kills: int, seed: int, incidents: int) -> Result:
    """Kill imports of one database's export into another, then import all of it and compare the exports."""
    choices = random.Random(seed)
    with TemporaryDirectory(prefix="incidentql-import-") as folder:
        async with running_domain(Settings(database_url=source, automations=False), live=False) as domain:
            await domain.demo.fill(incidents, seed=seed)
        data = await _exported(source)
        file, pipe = Path(folder, "history.ndjson"), Path(folder, "pipe")
        await asyncio.to_thread(file.write_bytes, data)
        os.mkfifo(pipe)
        left = []
        for number in range(kills):
            # Each a bit further than the one before, so that each is killed over incidents that are new to it.
            given = int(len(data) * (number + choices.uniform(0.65, 1)) / kills)
            await _killed(pipe, data[:given], target, choices.uniform(0, 0.1))
            left.append((await _exported(target)).count(b'"type":"incident"'))
        last = await _importing(file, target)
        assert await asyncio.wait_for(last.wait(), _DEADLINE_SECONDS) == 0
        return Result(left=left, incidents=incidents, is_equal=await _exported(target) == data)


async def _killed(pipe: Path, data: bytes, target: str, pause_seconds: float) -> None:
    """Give an import a part of a file, and kill it a moment after it has read that."""
    process = await _importing(pipe, target)
    # At the end of the file it would be done: the pipe stays open until it is killed.
    stream = await asyncio.to_thread(pipe.open, "wb", buffering=0)
    await asyncio.wait_for(asyncio.to_thread(stream.write, data), _DEADLINE_SECONDS)
    await asyncio.sleep(pause_seconds)  # the moment of the crash: any
    process.kill()
    await process.wait()
    stream.close()


async def _importing(file: Path, target: str) -> asyncio.subprocess.Process:
    command = [sys.executable, "-m", "gql.cli", "import", str(file), "--database-url", target]
    return await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)


async def _exported(url: str) -> bytes:
    lines: list[bytes] = []
    async with running_domain(Settings(database_url=url, automations=False), live=False) as domain:
        await domain.transfer.exports.lines(lines.append)
    return b"".join(lines)


async def _main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20, help="how many imports are killed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--incidents", type=int, default=5_000)
    parser.add_argument("--database", choices=DIALECTS, default="sqlite")
    chosen = parser.parse_args()
    async with fresh_database(chosen.database) as source, fresh_database(chosen.database) as target:
        result = await crash(source, target, kills=chosen.count, seed=chosen.seed, incidents=chosen.incidents)
    print(f"{chosen.database}: {chosen.count} killed; after each, incidents: {result.left}")
    print("the export is equal" if result.is_equal else "THE EXPORT DIFFERS")
    return 0 if result.is_equal else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(_main()))
