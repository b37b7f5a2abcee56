"""The pulse of the board: whether the server is there, said in time whatever becomes of it."""

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from tests.e2e.board_modules import run_script, write_modules

pytestmark = pytest.mark.node

#: Pages, each with a server that is frozen, cut off, away or back at given moments: what each pulse did, and when.
_SCENES = """
const { Pulse } = await import("./state/pulse.js");

async function play({ events, until, transport = "ws", pages = 1 }) {
  const opened = Array.from({ length: pages }, () => open(transport));
  let at = 0;
  for (const [moment, act] of [...events, [until, undefined]]) {
    await pass(moment - at);
    at = moment;
    for (const page of opened) page.acts[act]?.();
  }
  for (const page of opened) page.stop();
  const [first] = opened;
  return { ...first.found(), firsts: opened.map((page) => page.found().retries[0]) };
}

function open(transport) {
  const began = Date.now();
  const now = () => Date.now() - began;
  /** The server: whether it answers; the connection: whether it is up, and works. */
  const world = { answers: true, isUp: true, works: true, millis: 20, state: { status: "live" } };
  const answer = () => world.answers && world.works && (client.heard = Date.now());
  const client = {
    heard: transport === "ws" ? began : undefined,
    ping: () => transport === "ws" && world.isUp && (pings += 1) && setTimeout(answer, world.millis) !== undefined,
  };
  const [said, returning, retries, again] = [[], [], [], []];
  let [asked, pings] = [0, 0];
  const pulse = new Pulse({
    state: () => world.state,
    client: () => (world.isUp ? client : { ping: () => false }),
    answers: () => (asked += 1) && new Promise((resolve) => setTimeout(() => resolve(world.answers), 40)),
    changed() {
      const word = pulse.silentSince === undefined ? "heard" : "silent";
      if (word !== (said.at(-1)?.[1] ?? "heard")) said.push([now(), word]);
      if (pulse.isReturning !== (returning.at(-1)?.[1] ?? false)) returning.push([now(), pulse.isReturning]);
    },
    retry: (isUp) => (isUp ? again : retries).push(now()),
  });
  const later = (pause) => new Date(Date.now() + pause);
  const close = (pause) => ({ isUp: false, state: { status: "behind", retryAt: later(pause) } });
  const look = (hidden) => Object.assign(document, { hidden }).dispatchEvent(new Event("visibilitychange"));
  const acts = {
    freeze: () => (world.answers = false), thaw: () => (world.answers = true),
    lose: () => (world.works = false), slow: () => (world.millis = 1_200),
    kill: () => Object.assign(world, close(100_000), { answers: false }),
    refuse: () => Object.assign(world, close(100_000)),
    begin: () => Object.assign(world, { isUp: false, state: { status: "connecting", since: new Date() } }),
    add: () => (world.state = { status: "connecting", since: new Date() }),
    refused: () => (world.state = { status: "behind", since: new Date(), retryAt: later(60_000) }),
    work: () => Object.assign(world, { isUp: true, answers: true, state: { status: "live" } }),
    fail: () => Object.assign(world, { answers: false, state: { status: "behind", since: new Date() } }),
    reopen: () => Object.assign(world, { isUp: true, answers: true, state: { status: "behind", since: new Date() } }),
    hang: () => Object.assign(world, close(0)), hide: () => look(true), show: () => look(false),
    sleep: () => mock.timers.setTime(Date.now() + 3_600_000),
  };
  pulse.start();
  return { acts, stop: () => pulse.stop(), found: () => ({ said, returning, retries, again, asked, pings }) };
}

const played = {};
for (const [name, scene] of Object.entries(given[0])) played[name] = await play(scene);
tell(played);
"""


def _scene(*events: tuple[int, str], until: int, transport: str = "ws") -> dict[str, Any]:
    return {"events": events, "until": until, "transport": transport}


_FROZEN = {
    f"frozen at {at} over {transport}": _scene((at, "freeze"), (20_000, "thaw"), until=25_000, transport=transport)
    for transport in ("ws", "sse")
    for at in range(5_000, 5_800, 100)
}
_BACK = {f"back at {at}": _scene((1_000, "kill"), (at, "thaw"), until=at + 3_000) for at in range(2_000, 90_000, 7_700)}
_OTHERS = {
    "crowd": _scene((1_000, "kill"), (30_000, "thaw"), until=33_000) | {"pages": 100},
    "lost": _scene((5_000, "lose"), until=8_000),
    "hanging": _scene((5_000, "hang"), until=90_000),
    "refusing": _scene((5_000, "refuse"), until=125_000),
    "half back": _scene(
        *((1_000, "kill"), (2_000, "thaw"), (4_000, "work"), (5_000, "kill"), (6_000, "reopen")), until=9_000
    ),
    "asked alone": _scene((5_000, "fail"), (9_000, "thaw"), until=12_000, transport="sse"),
    "first": _scene((0, "begin"), until=30_000),
    "added": _scene((5_000, "add"), until=30_000),
    "limited": _scene((5_000, "refused"), until=30_000),
    "slow": _scene((5_000, "slow"), until=30_000),
    "asleep": _scene((5_000, "sleep"), until=8_000),
    "asleep while it dies": _scene((5_000, "freeze"), (5_000, "sleep"), until=8_000),
    "hidden": _scene((5_000, "hide"), (6_000, "freeze"), until=60_000),
    "shown again": _scene((5_000, "hide"), (6_000, "freeze"), (60_000, "show"), until=63_000),
}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("board")
    write_modules(folder)
    return run_script(folder, _SCENES, _FROZEN | _BACK | _OTHERS)


@pytest.mark.parametrize("name", _FROZEN)
def test_a_server_that_falls_silent_is_said_to_be_well_within_two_seconds(played: Any, name: str) -> None:
    [(silent_at, silent), (heard_at, heard)] = played[name]["said"]
    assert (silent, heard) == ("silent", "heard")
    assert silent_at - _FROZEN[name]["events"][0][0] <= 1_700
    assert heard_at - 20_000 <= 1_250
    assert played[name]["retries"] == []  # what is only slow is not asked to begin again


@pytest.mark.parametrize("name", _BACK)
def test_a_page_begins_to_connect_soon_after_the_return_of_its_server(played: Any, name: str) -> None:
    back_at = _BACK[name]["events"][1][0]
    first, *_ = played[name]["retries"]
    # A pause, an answer, and the steps of the scene; what is left of two seconds is for connecting.
    assert back_at < first <= back_at + 1_000 + 40 + 60
    # About once a second, and not in step with other pages.
    assert played[name]["asked"] <= (back_at + 3_000) / 300


@pytest.mark.parametrize("name", _BACK)
def test_a_server_that_is_back_is_said_to_be_before_all_is_there(played: Any, name: str) -> None:
    back_at = _BACK[name]["events"][1][0]
    [(at, is_returning)] = played[name]["returning"]
    assert is_returning
    assert back_at < at <= back_at + 1_100


def test_a_server_that_cannot_be_used_is_not_said_to_be_coming_back_for_long(played: Any) -> None:
    (begin, _), (end, is_returning), *others = played["refusing"]["returning"]
    assert (begin < 6_000, is_returning, others) == (True, False, [])
    assert 9_000 <= end - begin <= 11_000


def test_a_server_that_is_lost_once_more_is_not_said_to_be_back(played: Any) -> None:
    # It was live, and then killed again, a second before it came back.
    found = played["half back"]["returning"]
    assert [is_returning for _, is_returning in found] == [True, False, True]
    assert 4_000 <= found[1][0] < 5_000
    assert found[2][0] > 6_000


def test_many_pages_return_one_by_one(played: Any) -> None:
    came = Counter((at - 30_000) // 100 for at in played["crowd"]["firsts"])
    assert came.total() == 100
    assert max(came.values()) <= 35


def test_a_connection_that_is_lost_without_a_word_is_given_up_where_the_server_answers(played: Any) -> None:
    [(silent_at, silent)] = played["lost"]["said"]
    assert silent == "silent"
    assert silent_at < played["lost"]["retries"][0] <= silent_at + 1_000


@pytest.mark.parametrize(("name", "most"), [("hanging", 6), ("refusing", 14)])
def test_a_server_that_answers_and_cannot_be_used_is_tried_ever_more_rarely(played: Any, name: str, most: int) -> None:
    retries = played[name]["retries"]
    assert 3 <= len(retries) <= most
    pauses = [after - before for before, after in pairwise(retries)]
    assert pauses[-1] > 1.5 * pauses[0]


@pytest.mark.parametrize("name", ["added", "limited"])
def test_a_subscription_that_is_not_there_yet_does_not_end_a_connection_that_works(played: Any, name: str) -> None:
    assert played[name]["retries"] == []


def test_what_failed_is_asked_again_at_once_where_the_connection_is_back(played: Any) -> None:
    # Also a moment after another outage, in which it was tried as well.
    assert played["half back"]["retries"][0] < 4_000
    assert 6_000 < played["half back"]["again"][0] <= 7_600


def test_a_page_without_a_connection_asks_once_the_server_is_back_and_not_before(played: Any) -> None:
    first, *_ = played["asked alone"]["retries"]
    assert 9_000 < first <= 11_100


def test_a_connection_that_is_being_made_gets_its_time(played: Any) -> None:
    first, second, *_ = played["first"]["retries"]
    assert first >= 4_000
    assert second - first >= 8_000


@pytest.mark.parametrize("name", ["slow", "asleep"])
def test_a_slow_answer_and_an_hour_of_sleep_are_no_silence(played: Any, name: str) -> None:
    # Where a network becomes slow at once, the first answer is late.
    assert [(at, word) for at, word in played[name]["said"] if at > 7_000] == []
    assert played[name]["retries"] == []


@pytest.mark.parametrize(("name", "shown_at"), [("asleep while it dies", 5_000), ("shown again", 60_000)])
def test_a_server_that_died_meanwhile_is_said_to_be_silent_soon(played: Any, name: str, shown_at: int) -> None:
    [(silent_at, silent), *_] = played[name]["said"]
    assert silent == "silent"
    # After an hour of sleep the clock of the scene is an hour later.
    assert (silent_at - shown_at) % 3_600_000 <= 2_000


def test_a_hidden_page_asks_nothing(played: Any) -> None:
    assert played["hidden"]["pings"] <= 5_000 / 750 + 1
    assert played["hidden"]["asked"] == 0
