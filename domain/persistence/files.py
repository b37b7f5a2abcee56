"""Files that only their owner may read: created with that mode, and restricted again where they are open to all."""

import logging
import os
import stat
from contextlib import suppress
from pathlib import Path

logger = logging.getLogger(__name__)

_OWNER_ALONE = 0o600
#: The companion files that SQLite creates with the mode of the database file.
_BESIDE = ("-wal", "-shm", "-journal")


def make_private(database: Path) -> None:
    """Create a SQLite file where there is none, readable by its owner alone whatever the umask is.

    This comes before SQLite opens it, so that others can read it at no time; companion files get the same mode.
    """
    # Only where there is none: closing any other descriptor of it would release SQLite's locks in this process.
    # Where it cannot be created, SQLite raises its own error. Links are followed, too.
    with suppress(OSError):
        os.close(os.open(os.path.realpath(database), os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _OWNER_ALONE))


def tighten_database(database: Path) -> None:
    """Restrict a SQLite file and its companion files to their owner, as `tighten` does."""
    file = os.path.realpath(database)
    for ending in ("", *_BESIDE):
        tighten(Path(file + ending))


def tighten(file: Path) -> None:
    """Restrict a file to its owner if it is open to all; access for a group is deliberate and stays."""
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
        if not mode & stat.S_IRWXO:
            return
        file.chmod(_OWNER_ALONE)
    except FileNotFoundError:
        return
    except OSError as error:
        logger.warning("%s is open to all users of this machine, and stays so: %s", file, error.strerror)
    else:
        logger.warning("%s was open to all users of this machine (%04o); now only its owner can read it", file, mode)
