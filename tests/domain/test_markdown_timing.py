"""No text in Markdown takes long, whatever it holds."""

import time

import pytest

from domain.markdown import html_of
from domain.model.texts import MESSAGE_LENGTH

pytestmark = pytest.mark.timing

#: Ten times what the slowest of them takes, and a tenth of what the library alone takes for several.
MOST_SECONDS = 2.0
TRAPS = [
    *("[", "![", "[a](", "[a](<b", "](", "[a]: ", "[a]", '[](" ', "[*`<", "*a **a ", "a**b c* ", "*_", "`a", "<a"),
    *(
        "<http://a",
        "&#x",
        "://",
        "http:",
        "http://a.",
        "http://a/(",
        "http://a/)",
        "http://a ",
        "> ",
        ">",
        "- ",
        "<!--",
    ),
    *("> - a\n", "> a\nb\n", "1. ", "* a\n", "a\n=\n", "# a\n", "```\n", "    a\n", "a  \n", "|a|\n|-|\n", "\\"),
    *("~~a ", "<![CDATA["),
]
TEXTS = {trap: (trap * MESSAGE_LENGTH)[:MESSAGE_LENGTH] for trap in TRAPS} | {
    "nested brackets": "[" * 12_000 + "]" * 12_000,
    "lines below a deep quote": "> " * 40 + "a\n" + "b\n" * 12_000,
    "growing ticks": "".join("`" * length + " " for length in range(220)),
    "pairs of stars": "*" * 12_000 + "a" + "*" * 12_000,
    "a wide table": "|a" * 500 + "\n" + "|-" * 500 + "\n" + "x\n" * 11_000,
    "many references": "".join(f"[{number}]: /a\n" for number in range(2_300)),
}


@pytest.mark.parametrize("name", TEXTS)
def test_the_longest_texts_take_no_time(name: str) -> None:
    began = time.process_time()
    shown = html_of(TEXTS[name])
    assert time.process_time() - began < MOST_SECONDS
    assert len(shown) < 20 * MESSAGE_LENGTH
