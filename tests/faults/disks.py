"""A disk of its own for a database: it is filled, and loses what was not synced yet, as at a loss of power."""

import asyncio
import fcntl
import os
import random
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.e2e.parts import NotHereError, mounted

#: EXT4_IOC_SHUTDOWN, and its flag that keeps even the journal from being flushed (fs/ext4/ext4.h).
_SHUTDOWN, _NO_FLUSH = 0x8004587D, 2
_TRIES = 200
_BLOCK_BYTES = 4096


class Disk:
    """An ext4 file system in a file, mounted on a folder."""

    def __init__(self, image: Path, folder: Path) -> None:
        self._image = image
        self.folder = folder

    async def mount(self) -> None:
        """Mount it; its journal is replayed."""
        await _run("mount", "-o", "loop", str(self._image), str(self.folder))

    async def unmount(self) -> None:
        """Unmount it once nobody has files of it open any more."""
        for attempt in range(_TRIES):
            try:
                await _run("umount", str(self.folder))
            except RuntimeError:
                if attempt == _TRIES - 1:
                    raise
                await asyncio.sleep(0.05)
            else:
                return

    def lose_power(self, choices: random.Random) -> None:
        """Write some blocks of files that were changed and drop the others, and fail every access from then on.

        What was synced stays. The other blocks reach the disk or not, in no order: what they hold together is torn.
        """
        for path in sorted(self.folder.rglob("*")):
            if path.is_file() and choices.random() < 0.5:
                _write_back_some(path, choices)
        root = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(root, _SHUTDOWN, struct.pack("I", _NO_FLUSH))
        finally:
            os.close(root)

    async def restart(self) -> None:
        """Mount what is left after a loss of power, once all that had files of it open has ended."""
        await self.unmount()
        await self.mount()


def _write_back_some(path: Path, choices: random.Random) -> None:
    """Let the kernel begin to write a range of blocks, which syncs neither the others nor the file's length."""
    with suppress(FileNotFoundError):
        file = os.open(path, os.O_RDONLY)
        try:
            blocks = os.fstat(file).st_size // _BLOCK_BYTES + 1
            first = choices.randrange(blocks)
            length = choices.randint(1, blocks) * _BLOCK_BYTES
            os.posix_fadvise(file, first * _BLOCK_BYTES, length, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(file)


@asynccontextmanager
async def mounted_disk(folder: Path, *, megabytes: int) -> AsyncIterator[Disk]:
    """Mount a new disk on a folder, and unmount it at the end.

    Raises:
        NotHereError: this process may not mount any.
    """
    with TemporaryDirectory(prefix="incidentql-disk-") as name:
        # The image itself lies in memory: a sync costs nothing then, and what is lost is what a real disk would lose.
        async with mounted(Path(name), megabytes=megabytes + 1):
            disk = Disk(Path(name) / "image", folder)
            try:
                await _run("truncate", "-s", f"{megabytes}m", str(Path(name) / "image"))
                await _run("mkfs.ext4", "-q", str(Path(name) / "image"))
                await disk.mount()
            except (OSError, RuntimeError) as error:
                raise NotHereError("no disk image may be mounted here") from error
            try:
                yield disk
            finally:
                await _run("umount", "--lazy", str(folder))


async def _run(*command: str) -> None:
    pipe, nowhere = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*command, stdout=nowhere, stderr=pipe)
    _, complaint = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)}: {complaint.decode().strip()}")
