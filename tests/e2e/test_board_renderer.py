"""The renderer of the pages, in a real browser: a page is the same whatever it showed before."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from gql.web import board
from tests.pages import in_chromium

pytestmark = in_chromium

_VIEW = (Path(board._BOARD) / "lib" / "view.js").read_text()
#: Random trees one after the other, each compared with the same tree in an empty place.
_RANDOM_TREES = """async ([seed, steps]) => {
  const { Component, flush, h, mount } = await load();
  let state = seed;
  const below = (n) => (state = (state * 1103515245 + 12345) % 2147483648) % n;
  const Part = ({ word }) => h("b", {}, word);
  class Counter extends Component {
    constructor(props) { super(props); this.count = 0; Counter.all.push(this); }
    render({ word }) {
      return h("i", { title: String(this.count) }, word, this.count % 2 ? h("u", {}, "odd") : null);
    }
  }
  Counter.all = [];
  const tree = (depth) => ({
    kind: ["p", "ul", "div", "part", "counter", "text", "none"][depth > 2 ? 3 + below(4) : below(7)],
    key: below(3) ? below(6) : undefined, word: "abc"[below(3)], title: below(2) ? "t" + below(2) : undefined,
    children: Array.from({ length: below(5) }, () => depth > 2 ? null : tree(depth + 1)),
  });
  const isFirst = (node, nth, all) =>
    node?.key === undefined || all.findIndex((other) => other?.key === node.key) === nth;
  const node = (t) => {
    if (!t || t.kind === "none") return null;
    if (t.kind === "text") return t.word;
    const part = { part: Part, counter: Counter }[t.kind];
    if (part) return h(part, { key: t.key, word: t.word });
    return h(t.kind, { key: t.key, title: t.title }, t.children.filter(isFirst).map(node));
  };
  const plain = (dom) => dom.innerHTML.replace(/ title="\\d+"|<u>odd<\\/u>|<!---->/g, "");
  const place = document.createElement("div");
  let present = tree(0), keyed = new Map(), faults = [];
  const render = mount(place, () => h("section", {}, node(present)));
  for (let step = 0; step < steps && faults.length < 3; step += 1) {
    const counters = Counter.all.filter((each) => !each.gone);
    if (counters.length) {
      const some = counters[below(counters.length)];
      some.count += 1;
      some.update();
      if (below(2)) flush();
    }
    present = tree(0);
    render();
    flush();
    const fresh = document.createElement("div");
    mount(fresh, () => h("section", {}, node(present)));
    if (plain(place) !== plain(fresh)) faults.push([step, plain(place), plain(fresh)]);
    for (const each of Counter.all.filter((each) => !each.gone && place.contains(each.dom))) {
      if (each.dom.title !== String(each.count)) faults.push([step, "a component shows an old state"]);
    }
    Counter.all = Counter.all.filter((each) => !each.gone && place.contains(each.dom));
  }
  return faults;
}"""
_ORDERS = """async () => {
  const { flush, h, mount } = await load();
  const place = document.body.appendChild(document.createElement("div"));
  let keys = Array.from({ length: 50 }, (_, nth) => nth), moved = 0;
  const render = mount(place, () => h("ol", {}, keys.map((key) => h("li", { key, tabindex: 0 }, key))));
  const list = place.firstChild;
  const elements = new Map([...list.children].map((element) => [element.textContent, element]));
  list.children[25].focus();
  new MutationObserver((records) => (moved += records.length)).observe(list, { childList: true });
  const results = [];
  const [down, up] = [() => keys.push(keys.shift()), () => keys.unshift(keys.pop())];
  for (const change of [() => keys.shift(), up, down, () => keys.unshift(99), () => keys.splice(10, 1)]) {
    change();
    moved = 0;
    render();
    flush();
    await Promise.resolve();
    results.push([
      [...list.children].map((element) => element.textContent).join() === keys.join(),
      [...list.children].every((each) => each.textContent === "99" || each === elements.get(each.textContent)),
      document.activeElement.textContent, moved,
    ]);
  }
  return results;
}"""

_CONDITIONS = """async () => {
  const { Component, flush, h, mount } = await load();
  class Field extends Component {
    constructor(props) { super(props); Field.made = (Field.made ?? 0) + 1; }
    render() { return h("input"); }
  }
  const place = document.body.appendChild(document.createElement("div"));
  let isThere = false;
  const below = () => [h("p", {}, "Before"), isThere && h("p", {}, "Now and then"), h(Field)];
  const render = mount(place, () => h("div", {}, ...below()));
  place.querySelector("input").value = "typed";
  const seen = [];
  for (isThere of [true, false, true]) {
    render();
    flush();
    seen.push([place.textContent, place.querySelector("input").value]);
  }
  return [seen, Field.made];
}"""

_BACKWARDS = """async () => {
  const { flush, h, mount } = await load();
  const place = document.body.appendChild(document.createElement("div"));
  let keys = [...Array(9).keys()];
  const render = mount(place, () => h("ol", {}, keys.map((key) => h("li", { key, tabindex: 0 }, key))));
  const results = [];
  for (const key of keys.slice()) {
    [...place.querySelectorAll("li")].find((element) => element.textContent === String(key)).focus();
    keys = keys.toReversed();
    render();
    flush();
    results.push(document.activeElement.textContent);
  }
  return results;
}"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def page(browser: Browser) -> AsyncIterator[Page]:
    page = await browser.new_page()
    source = f"URL.createObjectURL(new Blob([{json.dumps(_VIEW)}], {{ type: 'text/javascript' }}))"
    await page.add_script_tag(content=f"window.load = () => import({source})")
    yield page
    await page.close()


@pytest.mark.parametrize("seed", range(1, 4))
async def test_a_page_is_the_same_whatever_it_showed_before(page: Page, seed: int) -> None:
    assert await page.evaluate(_RANDOM_TREES, [seed, 400]) == []


async def test_rows_that_move_keep_their_elements_and_the_focus(page: Page) -> None:
    for in_order, kept, focused, moves in await page.evaluate(_ORDERS):
        assert (in_order, kept, focused) == (True, True, "25")
        assert moves <= 2


async def test_what_is_there_now_and_then_leaves_what_stands_behind_it_alone(page: Page) -> None:
    seen, made = await page.evaluate(_CONDITIONS)
    assert seen == [["BeforeNow and then", "typed"], ["Before", "typed"], ["BeforeNow and then", "typed"]]
    assert made == 1


async def test_a_row_that_is_moved_keeps_the_focus(page: Page) -> None:
    assert await page.evaluate(_BACKWARDS) == [str(key) for key in range(9)]
