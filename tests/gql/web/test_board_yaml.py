"""The board's reader and writer of YAML against the server's own: it reads the same or refuses, and loses nothing."""

import json
import random
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from domain.automations.definitions.documents import load_document
from domain.errors import InvalidInputError
from gql.web import board
from tests.requirements_gate import node_command

pytestmark = pytest.mark.node

_FOLDER = Path(board._BOARD) / "views" / "automations"
_PAGES = Path(__file__).parents[3] / "docs"
_SCRIPT = """
import { fromYaml, toYaml } from "./yaml.js";
let input = "";
for await (const piece of process.stdin) input += piece;
const { texts, values } = JSON.parse(input);
const read = (text) => {
  try {
    const { value, lines } = fromYaml(text);
    return { value, lines: [...lines] };
  } catch (error) {
    if (error.constructor.name !== "YamlError") throw error;
    return { refused: error.message, line: error.line };
  }
};
console.log(JSON.stringify({ read: texts.map(read), written: values.map(toYaml) }));
"""
EXAMPLES: list[str] = [
    block
    for page in sorted(_PAGES.glob("*.md"))
    for block in re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)
]
#: The rest of what people write, and of what they get wrong.
TEXTS = [
    "a: |\n  x\n   y\n\n  z\nb: >-\n  one\n  two\n\n  three\nc: |+\n  x\n\n\nd: 1\n",
    'a: "x\\n\\u00e4 # no" # yes\nb: \'it\'\'s\'\nc: "x\n  y\n\n  z"\n"k k": v\n',
    "a: [1, 2.5, -3, 1e3, true, null, ~, yes, 007, 10:30, 'a, b',\n  {x: y, z: }]\nb: {c: d e\n  f}\n",
    "a:\n- b\n- c: 1\n  d: 2\n-   - deep\n    - er\ne: one\n  two\nf:\ng: http://x.y/z#a\n",
    '{"a": [1, {"b": null}], "c": "\\u00e9\\n"}',
    "---\n# c\na: .5\nb: 1.\nc: +4\nd: 0x10\ne: 1_000\n",
    *("a: b: c\n", "a: [1\n", "a: 1\na: 2\n", "\ta: 1\n", "a:\n  b: 1\n c: 2\n", "a: @x\n", 'a: "x\\q"\n', "1: x\n"),
    *(
        "a: 'x' y\n",
        "a: - b\n",
        "a:\n  - b\n - c\n",
        "a: -\n",
        "a: ]\n",
        "a: ,x\n",
        "a: |x\n",
        "a: x\n\n  y\n",
        "<<: a\n",
    ),
    "a: >\n\n  x\n  y\n\n\nb: c",
]
_MUTATIONS = 3_000
_PIECES = [
    "\n",
    " ",
    "  ",
    ":",
    ": ",
    "- ",
    "#",
    " #",
    '"',
    "'",
    "[",
    "]",
    "{",
    "}",
    ",",
    "|",
    ">",
    "\\",
    "a",
    "1",
    "~",
    "\t",
]


def ask_node(folder: Path, texts: list[str], values: list[Any]) -> dict[str, Any]:
    """Return what the board's modules make of texts and values, in one process."""
    for name in ("yaml.js", "yaml_reader.js"):
        shutil.copy(_FOLDER / name, folder)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "ask.js").write_text(_SCRIPT)
    sent = json.dumps({"texts": texts, "values": values})
    answer = subprocess.run(
        [*node_command(), "ask.js"], check=False, cwd=folder, input=sent, capture_output=True, text=True, timeout=60
    )
    assert answer.returncode == 0, answer.stderr
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def read_by_server(text: str) -> Any:
    """Return what the server reads; None where it refuses."""
    try:
        return load_document(text)
    except InvalidInputError:
        return None


def mutated(random_: random.Random) -> str:
    """Return an example with some pieces put in and some characters taken out."""
    text = random_.choice([*EXAMPLES, *TEXTS])
    for _ in range(random_.randint(1, 3)):
        at = random_.randint(0, len(text))
        text = text[:at] + random_.choice(_PIECES) + text[at + random_.randint(0, 2) :]
    return text


def any_value(random_: random.Random, depth: int = 0) -> Any:
    """Return a value that a definition may have somewhere."""
    kind = random_.randint(0, 9 if depth < 4 else 7)
    if kind == 8:
        return [any_value(random_, depth + 1) for _ in range(random_.randint(0, 4))]
    if kind == 9:
        return {any_text(random_): any_value(random_, depth + 1) for _ in range(random_.randint(0, 4))}
    return random_.choice([True, None, random_.randint(-9, 10**12), 0.25, *[any_text(random_)] * 4])


def any_text(random_: random.Random) -> str:
    """Return a text of pieces that YAML could take for something else."""
    pieces = [*_PIECES, "yes", "null", "0.5", "{{ trigger.payload.title }}", "ä", "🙂", "?", "&x", "*", "!", "%", "key"]
    return "".join(random_.choice(pieces) for _ in range(random_.randint(0, 6)))


def test_all_examples_are_read_as_the_server_reads_them(tmp_path: Path) -> None:
    assert len(EXAMPLES) > 20
    for text, found in zip(EXAMPLES, ask_node(tmp_path, EXAMPLES, [])["read"], strict=True):
        assert found.get("value") == read_by_server(text), text


def test_nothing_is_read_otherwise_than_by_the_server(tmp_path: Path) -> None:
    random_ = random.Random(1)
    texts = [*TEXTS, *(mutated(random_) for _ in range(_MUTATIONS))]
    refused = 0
    for text, found in zip(texts, ask_node(tmp_path, texts, [])["read"], strict=True):
        expected = read_by_server(text)
        if isinstance(found.get("value"), dict):
            assert found["value"] == expected, text
        else:
            refused += expected is not None
    # What is refused here alone is rare, or people could not write what they may.
    assert refused < len(texts) / 20


def test_what_is_written_is_read_as_what_it_was(tmp_path: Path) -> None:
    random_ = random.Random(2)
    values = [{"value": any_value(random_), "more": any_text(random_)} for _ in range(_MUTATIONS)]
    written = ask_node(tmp_path, [], values)["written"]
    assert [read_by_server(text) for text in written] == values
    assert [found["value"] for found in ask_node(tmp_path, written, [])["read"]] == values


def test_problems_have_the_line_of_their_path(tmp_path: Path) -> None:
    text = "triggers:\n- event: manual\nactions: [\n  {action: log,\n   config: {message: 1}}]\n"
    [found] = ask_node(tmp_path, [text], [])["read"]
    lines = dict(found["lines"])
    assert [lines[path] for path in ("triggers[0].event", "actions[0].action", "actions[0].config.message")] == [
        2,
        4,
        5,
    ]
    [wrong] = ask_node(tmp_path, ["a: 1\nb: [1\n"], [])["read"]
    assert wrong["line"] == 2
