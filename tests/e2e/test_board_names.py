"""Messages that do not say all, as the board completes them: names of systems, and figures that pass with time."""

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.board_modules import run_script, write_modules

pytestmark = pytest.mark.node

_NAMES = """
const { named, namesOf } = await import("./state/names.js");
const incident = { id: "1", title: "Slow", systems: [{ id: "a", name: "Old" }, { id: "b", name: "B" }] };
const same = namesOf([{ id: "a", name: "Old" }]);
const other = namesOf([{ id: "a", name: "New" }]);
const again = namesOf([{ id: "a", name: "Newer" }]);
const first = named(incident, other);
tell({
  isSame: named(incident, same) === incident && named(incident, namesOf([])) === incident,
  names: first.systems.map(({ name }) => name),
  isKept: named(incident, other) === first,
  later: named(incident, again).systems.map(({ name }) => name),
  untouched: incident.systems[0].name,
});
"""
#: A list of systems whose uptime is asked for: the server fails, answers, and its answer becomes another with time.
_UPTIMES = """
globalThis.IntersectionObserver = class {
  constructor(call) { this.call = call; }
  disconnect() {}
};
const { session } = await import("./state/session.js");
const { Uptimes } = await import("./views/systems/uptimes.js");
let isAway = false;
const asked = [];
session.client = {
  async query(document, { ids }) {
    asked.push(...ids);
    if (isAway) throw new Error("away");
    return { nodes: ids.map((id) => ({ id, uptime: [{ id, at: Date.now() }] })) };
  },
};
const uptimes = new Uptimes(30, () => {});
const ages = () => Object.fromEntries([...uptimes.points].map(([id, [{ at }]]) => [id, Date.now() - at]));
const see = (id, isIntersecting = true) => {
  const target = (elements[id] ??= { dataset: { system: id }, isConnected: true });
  uptimes.seen.call([{ isIntersecting, target }]);
};
const elements = {};
const told = {};
isAway = true;
see("a");
uptimes.note({ id: "a", health: { status: "HEALTHY" } });
await pass(1_000);
told.away = ages();
isAway = false;
await pass(5_000);
told.back = ages();
uptimes.note({ id: "a", health: { status: "UNHEALTHY" } });
await pass(200);
told.changed = ages();
see("b");
await pass(200);
see("b", false);
asked.length = 0;
await pass(300_000);
told.old = ages();
told.asked = asked.length;
told.unseen = asked.includes("b");
Object.assign(document, { hidden: true }).dispatchEvent(new Event("visibilitychange"));
asked.length = 0;
await pass(300_000);
told.hidden = asked.length;
Object.assign(document, { hidden: false }).dispatchEvent(new Event("visibilitychange"));
await pass(200);
told.shown = ages();
uptimes.stop();
tell(told);
"""
#: A wall's systems: a few, all in one live list, and then more than a list has, of which two are behind its end.
_CATALOG = """
globalThis.fetch = async () => ({ ok: true });
const { documents } = await import("./documents.js");
const { session } = await import("./state/session.js");
const { Catalog } = await import("./state/catalog.js");
const watches = new Map();
const of = (id, name, status = "HEALTHY") => ({ id, key: id, name, underMaintenance: false, health: { status } });
let [behind, maintained, reads] = [[of("y", "Y"), of("z", "Z")], [], 0];
session.loaded = true;
session.client = {
  ping: () => true,
  heard: Infinity,
  watch(document, handlers) {
    watches.set(document, handlers);
    queueMicrotask(() => handlers.state({ status: "live", since: new Date() }));
    return { stop: () => watches.get(document) === handlers && watches.delete(document) };
  },
  async query(document) {
    if (document === documents.MaintenanceNow) return { maintenances: { nodes: [{ systems: maintained }] } };
    reads += 1;
    return { cursor: "1", systems: { nodes: [of("a", "A"), ...behind], pageInfo: { hasNextPage: false } } };
  },
};
const told = {};
const catalog = new Catalog(() => {});
const say = async (items, totalCount = items.length) => {
  watches.get(documents.Systems).list(items, { totalCount });
  await settle();
};
const names = () => catalog.systems?.map(({ name }) => name);
told.atFirst = names() ?? null;
await say([of("a", "A"), of("b", "B")]);
told.few = names();
await say([of("a", "Renamed"), of("b", "B")]);
told.renamed = names();
maintained = [{ id: "b" }];
await pass(60_000);
told.maintained = catalog.systems.filter(({ underMaintenance }) => underMaintenance).map(({ id }) => id);
told.readsOfFew = reads;
await say([of("a", "Renamed")], 3);
told.many = names();
const systems = [{ systemId: "z", system: of("z", "Z", "UNHEALTHY") }];
watches.get(documents.HealthChanges).next({ systemHealth: { systems } });
told.sick = catalog.systems.filter(({ health }) => health.status !== "HEALTHY").map(({ id }) => id);
behind = [of("y", "Other")];
await pass(60_000);
told.later = names();
await say([of("a", "Renamed")], 1);
told.fewAgain = names();
reads = 0;
await pass(300_000);
told.readsAtLast = reads;
told.watchesAtLast = watches.size;
catalog.stop();
told.watchesAfter = watches.size;
tell(told);
"""


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("board")
    write_modules(folder)
    return folder


def test_incidents_name_their_systems_as_they_are_called_now(modules: Path) -> None:
    said = run_script(modules, _NAMES)
    assert said["isSame"]
    assert said["names"] == ["New", "B"]
    assert said["isKept"]  # or every row would be drawn again with each message
    assert said["later"] == ["Newer", "B"]
    assert said["untouched"] == "Old"


def test_uptimes_in_view_follow_health_time_and_the_return_of_the_server(modules: Path) -> None:
    told: dict[str, Any] = run_script(modules, _UPTIMES)
    assert told["away"] == {}
    assert told["back"].keys() == {"a"}
    assert told["changed"]["a"] < 1_000
    assert told["old"]["a"] <= 61_000
    assert told["asked"] <= 6
    assert not told["unseen"]
    assert told["hidden"] == 0
    assert told["shown"]["a"] < 1_000


def test_a_wall_shows_its_systems_as_they_are_however_many(modules: Path) -> None:
    told: dict[str, Any] = run_script(modules, _CATALOG)
    assert told["atFirst"] is None
    assert told["few"] == ["A", "B"]
    assert told["renamed"] == ["Renamed", "B"]
    assert told["maintained"] == ["b"]
    assert told["readsOfFew"] == 0
    assert told["many"] == ["Renamed", "Y", "Z"]
    assert told["sick"] == ["z"]
    assert told["later"] == ["Renamed", "Other"]
    assert told["fewAgain"] == ["Renamed"]
    assert told["readsAtLast"] == 0
    assert (told["watchesAtLast"], told["watchesAfter"]) == (1, 0)
