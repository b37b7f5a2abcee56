"""Polls of the board, for what no subscription tells of."""

from typing import Any

import pytest

from tests.e2e.board_modules import run_script, write_modules

pytestmark = pytest.mark.node

#: A page that asks every ten seconds, over a hidden hour, an outage and a refusal.
_POLLED = """
let isThere = true;
globalThis.fetch = async () => { if (!isThere) throw new Error("away"); return { ok: true }; };
const { session } = await import("./state/session.js");
const { Asked } = await import("./state/asked.js");
const { connection } = await import("./state/live.js");
const told = {};
let [asked, name, refusal, millis] = [0, "a", undefined, 0];
session.loaded = true;
session.client = {
  ping: () => false,
  reconnect() {},
  async query() {
    asked += 1;
    if (!isThere) throw Object.assign(new Error("away"), { code: "UNREACHABLE" });
    const answer = { names: [{ name }] };
    if (millis) await new Promise((resolve) => setTimeout(resolve, millis));
    if (refusal) throw Object.assign(new Error(refusal), { code: refusal });
    return answer;
  },
};
const count = async (millis) => {
  asked = 0;
  await pass(millis);
  return asked;
};
const look = (hidden) => Object.assign(document, { hidden }).dispatchEvent(new Event("visibilitychange"));
const polled = new Asked("query", {}, { seconds: 10, changed: () => {} });
await pass(100);
const first = polled.data;
told.shown = await count(60_000);
told.isSame = polled.data === first;
name = "b";
await pass(10_000);
told.name = polled.data.names[0].name;
look(true);
told.hidden = await count(3_600_000);
asked = 0;
look(false);
await pass(500);
told.shownAgain = asked;
isThere = false;
let at = Date.now();
while (connection().status === "live") await pass(50);
told.saidAfter = Date.now() - at;
await pass(30_000);
isThere = true;
at = Date.now();
while (connection().status !== "live") await pass(50);
told.backAfter = Date.now() - at;
isThere = false;
await pass(30_000);
// It answers again, but takes longer than anybody waits before asking once more.
[isThere, millis, name] = [true, 8_000, "c"];
at = Date.now();
while (connection().status !== "live" && Date.now() - at < 60_000) await pass(50);
told.slowBackAfter = Date.now() - at;
told.slowName = polled.data.names[0].name;
polled.again();
await pass(100);
name = "d";
polled.again();
await pass(8_000);
told.afterWrite = polled.data.names[0].name;
await pass(20_000);
millis = 0;
refusal = "FORBIDDEN";
await pass(20_000);
told.lost = connection().status;
told.refused = await count(60_000);
polled.stop();
refusal = undefined;
isThere = false;
const once = new Asked("query", {}, { changed: () => {} });
const other = new Asked("query", {}, { seconds: 10, changed: () => {} });
await pass(1_000);
told.failed = once.error.code;
isThere = true;
await pass(3_000);
told.retried = once.data?.names[0].name;
once.stop();
other.stop();
refusal = "UNAUTHENTICATED";
const stranger = new Asked("query", {}, { seconds: 10, changed: () => {} });
await pass(1_000);
told.stranger = connection().status;
stranger.stop();
tell(told);
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("board")
    write_modules(folder)
    return run_script(folder, _POLLED)


def test_it_asks_only_while_somebody_looks(told: Any) -> None:
    assert told["shown"] == 6
    assert told["hidden"] == 0
    assert told["shownAgain"] == 1


def test_the_same_answer_draws_nothing_again(told: Any) -> None:
    assert told["isSame"]
    assert told["name"] == "b"


def test_a_page_without_a_subscription_knows_as_soon_whether_the_server_is_there(told: Any) -> None:
    assert told["saidAfter"] <= 2_000
    assert told["backAfter"] <= 2_000


def test_what_failed_in_an_outage_is_asked_again_after_it(told: Any) -> None:
    assert told["failed"] == "UNREACHABLE"
    assert told["retried"] == "d"


def test_answers_that_take_longer_than_pages_wait_are_answers(told: Any) -> None:
    assert told["slowBackAfter"] <= 10_000
    assert told["slowName"] == "c"
    # Whoever asks after a write takes no answer from before it.
    assert told["afterWrite"] == "d"


def test_a_refusal_is_quiet_for_strangers_and_said_to_whoever_saw_more(told: Any) -> None:
    assert told["stranger"] == "refused"
    assert told["lost"] == "ended"
    assert told["refused"] == 0
