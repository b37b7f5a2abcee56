"""The board's modules under Node: written into a folder each by itself, with a page that is hardly there."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gql.web import board
from tests.requirements_gate import node_command

_SECONDS = 60
#: What modules touch of a browser when they are loaded, time that stands still until a script moves it, and pauses that
#: are the same each time.
_PREPARED = """
import { mock } from "node:test";
const target = () => new EventTarget();
globalThis.document = Object.assign(target(), { hidden: false, documentElement: { lang: "en" } });
globalThis.location = { href: "http://board.test/", pathname: "/", search: "", hash: "" };
globalThis.addEventListener = globalThis.removeEventListener = () => {};
mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1_800_000_000_000 });
let drawn = 1;
Math.random = () => (drawn = (drawn * 48_271) % 2_147_483_647) / 2_147_483_647;
/** Lets promises that are settled go on. */
const settle = async () => { for (let nth = 0; nth < 20; nth += 1) await Promise.resolve(); };
/** Lets time pass in steps that are shorter than any timer. */
const pass = async (millis) => {
  for (let left = millis; left > 0; left -= 50) {
    mock.timers.tick(Math.min(50, left));
    await settle();
  }
};
"""


def write_modules(folder: Path) -> None:
    """Write all modules of the board into a folder."""
    write_files(folder, board.modules())


def write_files(folder: Path, texts: Mapping[str, str]) -> None:
    """Write JavaScript into a folder, by the paths of files, for Node to run as modules."""
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "package.json").write_text('{"type": "module"}')


def run_script(folder: Path, script: str, *arguments: Any) -> Any:
    """Run a script beside the modules, which says its result with `tell`; return that.

    Raises:
        AssertionError: If it fails.
    """
    path = folder / "script.js"
    said = "const tell = (result) => console.log(JSON.stringify(result ?? null));\n"
    path.write_text(_PREPARED + said + f"const given = {json.dumps(arguments)};\n" + script)
    done = subprocess.run(
        [*node_command(), "script.js"], cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
