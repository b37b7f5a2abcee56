"""Databases filled with many incidents."""

from domain.bootstrap import running_domain
from domain.settings import Settings


async def fill(database_url: str, *, incidents: int) -> None:
    """Add many incidents with their timelines and history."""
    # Nothing crashes here, so nothing has to wait for the disk.
    async with running_domain(Settings(database_url=database_url, sqlite_synchronous="NORMAL"), live=False) as domain:
        await domain.demo.fill(incidents, seed=1, progress=lambda _: None)
