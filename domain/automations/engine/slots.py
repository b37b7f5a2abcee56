"""Slots: names of worker processes that the operating system or PostgreSQL frees when their owner dies."""

from typing import Protocol

from domain.errors import StartupError

SLOTS = 256


class Slots(Protocol):
    """Locks by number; a process's locks end with it, however it ends."""

    async def take(self, slot: int) -> bool:
        """Lock a slot; return False while another process has it."""

    async def keep(self, slot: int) -> bool:
        """Return whether a slot is still held; a lost one is taken again, unless another process has it."""

    async def give(self, slot: int) -> None:
        """Release a slot."""

    async def close(self) -> None:
        """Release all slots."""


async def take_any(slots: Slots) -> int:
    """Take the first free slot, and return it.

    Raises:
        StartupError: all are taken.
    """
    for slot in range(SLOTS):
        if await slots.take(slot):
            return slot
    raise StartupError(f"{SLOTS} processes run automations on this database already; that is the limit.")
