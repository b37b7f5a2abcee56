"""Files that are for their owner alone: made that way, and made so again where everybody could read them."""

import logging
import os
import stat
from contextlib import suppress
from pathlib import Path

logger = logging.getLogger(__name__)

_OWNER_ALONE = 0o600
#: What SQLite writes beside a database file, with the mode that the file has at that moment.
_BESIDE = ("-wal", "-shm", "-journal")


def make_private(database: Path) -> None:
    """Make a SQLite file where there is none, its owner's alone whatever the umask is.

    Before SQLite opens it, so that there is no moment at which others could; what it writes beside it follows its mode.
    """
    # Only where there is none: to close any other descriptor of it would let go of SQLite's locks in this process.
    # Where it cannot be made, SQLite says so in its own words. It follows links, too.
    with suppress(OSError):
        os.close(os.open(os.path.realpath(database), os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _OWNER_ALONE))


def tighten_database(database: Path) -> None:
    """Take a SQLite file and what stands beside it from everybody but its owner, as `tighten` does."""
    file = os.path.realpath(database)
    for ending in ("", *_BESIDE):
        tighten(Path(file + ending))


def tighten(file: Path) -> None:
    """Take a file from everybody but its owner if it is open to all; one for a group alone was somebody's decision."""
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
        if not mode & stat.S_IRWXO:
            return
        file.chmod(_OWNER_ALONE)
    except FileNotFoundError:
        return
    except OSError as error:
        logger.warning("%s is open to everybody on this machine, and stays so: %s", file, error.strerror)
    else:
        logger.warning("%s was open to everybody on this machine (%04o): it is its owner's alone now", file, mode)
