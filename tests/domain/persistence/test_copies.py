import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from domain.bootstrap import running_domain
from domain.settings import Settings


async def test_a_copy_of_a_new_database_file_has_all_tables(tmp_path: Path) -> None:
    file, copy = tmp_path / "young.db", tmp_path / "copy.db"
    async with running_domain(Settings(database_url=f"sqlite:///{file}", automations=False), live=False):
        shutil.copyfile(file, copy)
    with closing(sqlite3.connect(copy)) as copied:
        assert copied.execute("SELECT count(*) FROM incidents").fetchone() == (0,)
