"""The kinds of faults: each takes something away for a while and gives it back."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

from tests.faults import database_faults as databases
from tests.faults import process_faults as processes
from tests.faults.patches import AFTER_COMMIT, BEFORE_CHANGE, BEFORE_COMMIT, LOSE
from tests.faults.scene import Scene


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault: what does it, and whether a scene has what it takes away."""

    strike: Callable[[Scene], Awaitable[None]]
    fits: Callable[[Scene], bool] = lambda _: True


def _has_postgres(scene: Scene) -> bool:
    return scene.cluster is not None


def _has_machine(scene: Scene) -> bool:
    return scene.machine is not None


def _at_commit(order: str, *, times: int = 1) -> Kind:
    return Kind(partial(processes.at_commit, name=order, times=times))


KINDS: Mapping[str, Kind] = {
    "kill-server": Kind(processes.kill_server),
    "kill-worker": Kind(processes.kill_worker),
    "kill-work": Kind(processes.kill_work, lambda scene: scene.work is not None),
    "die-before-change": _at_commit(BEFORE_CHANGE),
    "die-before-commit": _at_commit(BEFORE_COMMIT),
    "die-after-commit": _at_commit(AFTER_COMMIT),
    "lose-transaction": _at_commit(LOSE, times=3),
    "freeze": Kind(processes.freeze),
    "replace": Kind(processes.replace),
    "upgrade": Kind(processes.upgrade, lambda scene: scene.former is not None),
    "skew-clock": Kind(processes.skew_clock, lambda scene: scene.clock is not None),
    "cut-clients": Kind(lambda scene: databases.cut_relay(scene.clients)),
    "hole-clients": Kind(lambda scene: databases.black_hole(scene, scene.clients)),
    "restart-postgres": Kind(lambda scene: databases.restart_postgres(scene, "fast"), _has_postgres),
    "crash-postgres": Kind(lambda scene: databases.restart_postgres(scene, "immediate"), _has_postgres),
    "kill-postgres": Kind(databases.kill_postgres, _has_postgres),
    "kill-backend": Kind(databases.kill_backend, _has_postgres),
    "freeze-postgres": Kind(databases.freeze_postgres, _has_postgres),
    "cut-database": Kind(lambda scene: databases.cut_relay(scene.database), _has_postgres),
    "hole-database": Kind(lambda scene: databases.black_hole(scene, scene.database), _has_postgres),
    "part-from-postgres": Kind(databases.part_from_postgres, _has_machine),
    "part-from-redis": Kind(databases.part_from_redis, lambda scene: _has_machine(scene) and scene.redis is not None),
    "kill-redis": Kind(databases.kill_redis, lambda scene: scene.redis is not None),
    "fill-disk": Kind(databases.fill_disk, lambda scene: scene.disk is not None),
    "lose-power": Kind(databases.lose_power, lambda scene: scene.disk is not None),
    "lock-file": Kind(databases.lock_file, lambda scene: scene.is_sqlite),
}
