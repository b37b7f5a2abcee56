"""Files that are written beside the ones whose place they take."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def beside(file: Path) -> Iterator[Path]:
    """Yield a name beside a file for what is not whole yet; nothing stays there."""
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        yield part
    finally:
        for ending in ("", "-journal", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                Path(f"{part}{ending}").unlink()


def create_private(file: Path) -> None:
    """Create a file for its owner alone."""
    os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
