"""Markdown becomes HTML that is safe on any page, whoever wrote it."""

import itertools
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from domain.markdown import html_of

TAGS = frozenset(
    "p br h3 h4 h5 h6 ul ol li blockquote pre code em strong s hr a table thead tbody tr th td".split()  # noqa: SIM905 - shorter
)
ATTRIBUTES = {"a": {"href", "rel", "class"}, "ol": {"start"}, "th": {"class"}, "td": {"class"}}
PIECES = st.sampled_from(
    [
        *("<script>", "<img src=x onerror=a>", "[a](", "javascript:a", "data:text/html,a", "![", "](", ")", "[a]: "),
        *(
            "> ",
            "- ",
            "1. ",
            "`",
            "```",
            "\n",
            "\n\n",
            "*",
            "_",
            "~~",
            "&#106;",
            "&lt;",
            '"',
            "'",
            "|",
            "|-|",
            "http://",
        ),
        *("https://a.b", "<https://a>", "<a@b>", "\u202e", "\u200b", "\\", "#", "  ", "a", "mailto:", "//evil", "\t"),
    ]
)


class Reading(HTMLParser):
    """The elements of some HTML, and its text."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(content)
        self.close()

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    @override
    def handle_data(self, data: str) -> None:
        self.text += data


def links(text: str) -> list[str | None]:
    return [attributes["href"] for tag, attributes in Reading(html_of(text)).found if tag == "a"]


@given(text=st.lists(PIECES, max_size=40).map("".join))
def test_no_text_makes_elements_or_attributes_of_its_own(text: str) -> None:
    for tag, attributes in Reading(html_of(text)).found:
        assert tag in TAGS
        assert set(attributes) <= ATTRIBUTES.get(tag, set())
        if tag == "a":
            assert str(attributes["href"]).lower().startswith(("http://", "https://", "mailto:"))
            assert attributes["rel"] == "nofollow noopener noreferrer"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("**bold** *it* ~~no~~", "<strong>bold</strong> <em>it</em> <s>no</s>", id="emphasis"),
        pytest.param("one\ntwo", "one<br>\ntwo", id="line breaks"),
        pytest.param("<b>x</b>", "&lt;b&gt;x&lt;/b&gt;", id="HTML"),
        pytest.param("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>", id="lists"),
        pytest.param("## A\n#### B", "<h3>A</h3>\n<h4>B</h4>", id="headings below those of the page"),
        pytest.param("```js onload\nx\n```", "<pre><code>x\n</code></pre>", id="code without its language"),
        pytest.param("|a|\n|-:|\n|1|", '<td class="right">1</td>', id="tables without styles"),
    ],
)
def test_markdown_is_shown_as_people_expect(text: str, expected: str) -> None:
    assert expected in html_of(text)


HEADINGS = st.integers(1, 6).map(lambda level: f"\n{'#' * level} a\n")
UNDERLINED = st.sampled_from(["\na\n=\n", "\na\n-\n"])


@given(text=st.lists(PIECES | HEADINGS | UNDERLINED, max_size=40).map("".join))
def test_headings_begin_at_the_third_level_and_skip_none(text: str) -> None:
    levels = [int(tag[1]) for tag, _ in Reading(html_of(text)).found if re.fullmatch("h[1-6]", tag)]
    for before, level in itertools.pairwise([2, *levels]):
        assert 3 <= level <= before + 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("### a\n# b\n## c\n# d", "3343", id="it begins below where it goes on"),
        pytest.param("# a\n### b\n# c\n## d\n### e", "34345", id="what is below a heading is one level below"),
        pytest.param("# a\n## b\n### c\n#### d\n##### e\n###### f", "345666", id="the last level is for all below"),
        pytest.param("> ### a\n\n- # b\n\nc\n=", "333", id="quotes and lists have no levels of their own"),
    ],
)
def test_headings_have_the_levels_of_an_outline(text: str, expected: str) -> None:
    assert "".join(re.findall("<h(.)>", html_of(text))) == expected
    assert "".join(re.findall("</h(.)>", html_of(text))) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a](https://example.com/x)", ["https://example.com/x"]),
        ("<https://example.com>", ["https://example.com"]),
        ("write to [us](mailto:us@example.com)", ["mailto:us@example.com"]),
        ("see https://example.com/a_b_c?d=e&f.", ["https://example.com/a_b_c?d=e&f"]),
        ("(see https://example.com/a_(b))", ["https://example.com/a_(b)"]),
        ("[https://example.com](https://other.example)", ["https://other.example"]),
        ("`https://example.com`", []),
        ("![a picture](https://example.com/a.png)", ["https://example.com/a.png"]),
        ("[![x](https://a.example)](https://b.example)", ["https://b.example"]),
        ("[a]\n\n[a]: https://example.com", ["https://example.com"]),
        ("[a](/local) [b](//evil.example) [c](#here)", []),
        ("[a](javascript:alert(1)) [b](JaVaScRiPt:x) [c](&#106;avascript:x)", []),
        ("[a](data:text/html,x) [b](vbscript:x) [c](file:///etc) [d](blob:x)", []),
        ("http://bank.example@evil.example [a](https://user:pass@evil.example)", []),
        ("[a](mailto:) http:// https://", []),
    ],
)
def test_links_lead_to_the_web_or_a_mailbox(text: str, expected: list[str]) -> None:
    assert links(text) == expected


def test_images_are_links_with_their_words() -> None:
    assert Reading(html_of("![the *graph*](https://example.com/a.png)")).text.strip() == "the graph"
    assert Reading(html_of("![](https://example.com/a.png)")).text.strip() == "https://example.com/a.png"


@pytest.mark.parametrize(
    "text", [">" * 100 + " end", "- " * 50 + "end", "[" * 20_000 + "end", "> " * 40 + "a\n" + "end\n" * 2_000]
)
def test_what_is_nested_too_deeply_is_shown_as_written(text: str) -> None:
    shown = Reading(html_of(text))
    assert shown.text.strip() == text.strip().replace("\n", "")
    assert {tag for tag, _ in shown.found} <= {"p", "br"}


def test_nothing_of_a_deep_text_is_left_out() -> None:
    text = "".join(f"{'  ' * depth}- level {depth}\n" for depth in range(14))
    assert all(f"level {depth}" in html_of(text) for depth in range(14))


def test_a_reference_used_often_does_not_swell_the_page() -> None:
    text = f"[a]: https://example.com/{'b' * 1_900}\n\n" + "[a]" * 7_000
    assert len(html_of(text)) < 3 * len(text)


def test_a_wide_table_with_many_lines_is_shown_as_written() -> None:
    text = "|a" * 500 + "\n" + "|-" * 500 + "\n" + "x\n" * 5_000
    assert len(html_of(text)) < 3 * len(text)


def test_a_table_can_be_scrolled_by_keyboard() -> None:
    assert html_of("| a | b |\n|---|---|\n| 1 | 2 |").startswith('<table tabindex="0">')
