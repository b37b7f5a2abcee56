"""Modules put together into files, which Node runs as it runs the modules."""

import re
from pathlib import Path

import pytest

from gql.web import board
from gql.web.board_bundles import bundle
from tests.e2e.board_modules import run_script, write_files, write_modules

_MAIN = """import { load } from "./lib/load.js";
import { said, say as tellAll } from "./lib/said.js";

tellAll("main");
export const both = () => load().then(() => said);
"""
_MODULES = {
    "lib/said.js": 'export const said = [];\nexport function say(word) {\n  said.push(word);\n}\nsay("said");\n',
    "lib/load.js": """export async function load() {
  const { Wide } = await import("../views/wide.js");
  const { narrow } = await import("../views/narrow/list.js");
  return narrow(new Wide());
}
""",
    "views/wide.js": """import { shared } from "./shared.js";
import { tell } from "./wide/own.js";

/** It has words of its own. */
export class Wide {
  words = tell(shared);
}""",
    "views/wide/own.js": """import { say } from "../../lib/said.js";
say("own");
export const tell = (word) => say(word) ?? word;
""",
    "views/narrow/list.js": """import { say } from "../../lib/said.js";
import { shared } from "../shared.js";
export const narrow = ({ words }) => say(`${words === shared} ${new URL("../", import.meta.url).pathname.at(-1)}`);
""",
    "views/shared.js": 'import { say } from "../lib/said.js";\nsay("shared");\nexport const shared = "a word";\n',
    "main.js": _MAIN,
}


@pytest.mark.node
def test_files_do_what_their_modules_do(tmp_path: Path) -> None:
    write_files(tmp_path / "modules", _MODULES)
    by_itself = run_script(tmp_path / "modules", 'tell(await (await import("./main.js")).both());')
    files = bundle(_MODULES, main="main.js")
    write_files(tmp_path / "files", {f"{place}.js": text for place, text in files.items()})
    together = run_script(tmp_path / "files", 'tell(await (await import("./first.js")).$main.both());')
    # A module of two places comes with the first file, and each runs once.
    assert sorted(together) == sorted(by_itself) == ["a word", "main", "own", "said", "shared", "true /"]
    assert sorted(files) == ["first", "narrow", "wide"]
    assert together.index("said") < together.index("main") < together.index("own") < together.index("a word")


def test_a_module_is_in_the_file_of_the_one_place_that_needs_it() -> None:
    files = bundle(_MODULES, main="main.js")
    found = {place: re.findall(r"^const (\S+) = \(\(\) =>", text, flags=re.MULTILINE) for place, text in files.items()}
    assert {place: sorted(names) for place, names in found.items()} == {
        "first": ["$lib$load", "$lib$said", "$main", "$views$shared"],
        "wide": ["$views$wide", "$views$wide$own"],
        "narrow": ["$views$narrow$list"],
    }


@pytest.mark.parametrize(
    "text",
    [
        'import first from "./other.js";\n',
        'import * as other from "./other.js";\n',
        'import "./other.js";\n',
        'import {\n  other,\n} from "./other.js";\n',
        'const other = await import(`./${"other"}.js`);\n',
        "await 1;\n",
        "const one = await 1;\n",
        "export default 1;\n",
        "export let count = 0;\n",
        "const one = 1;\nexport { one };\n",
        'export { other } from "./other.js";\n',
        'export * from "./other.js";\n',
        'import { other } from "./main.js";\n',
    ],
)
def test_what_could_mean_something_else_in_a_function_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"main\.js|cycle"):
        bundle({"main.js": text, "other.js": "export const other = 1;\n"}, main="main.js")


@pytest.mark.parametrize(
    "name", ["lib/a-b.js", "lib/a.b.js", "lib/ä.js", "../a.js", "lib/a$b.js", "lib/a.mjs", "a\n.js"]
)
def test_a_name_that_no_variable_can_have_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no path of letters"):
        bundle({"main.js": _MAIN, name: ""}, main="main.js")


@pytest.mark.parametrize("text", ['import { a } from "./gone.js";', 'const gone = () => import("./views/gone.js");'])
def test_a_module_that_is_not_there_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"no module has this path: (?:views/)?gone\.js"):
        bundle({"main.js": text}, main="main.js")


def test_every_module_of_the_board_is_in_one_file() -> None:
    texts = b"".join(text for text, _ in board.files().values()).decode()
    found = re.findall(r"^const (\S+) = \(\(\) =>", texts, flags=re.MULTILINE)
    wanted = [f"${name.removesuffix('.js').replace('/', '$')}" for name in board.modules()]
    assert sorted(found) == sorted(wanted)


@pytest.mark.node
def test_every_import_of_the_board_is_exported(tmp_path: Path) -> None:
    # Within a function, a name that is not exported would be nothing, where a module would not run.
    write_modules(tmp_path)
    names = sorted(name for name in board.modules() if name != "main.js")
    script = "let count = 0; for (const name of given[0]) { await import(`./${name}`); count += 1; } tell(count);"
    assert run_script(tmp_path, script, names) == len(names)
