"""The operator's look: a colour that can be read, a logo that is a picture, and files of the page alone."""

import re
from pathlib import Path

import pytest

from domain.errors import StartupError
from domain.settings import Settings
from gql.web.status.colors import color_of, contrast, hex_of, readable
from gql.web.status.look import look_of

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0h9"/></svg>'


def css(settings: Settings) -> str:
    return look_of(settings).files["status.css"].content.decode()


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert contrast(color_of("#767676"), (255, 255, 255)) == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("color", ["#ffff00", "#0057b8", "#000000", "#ffffff", "#808080", "#ff0000"])
@pytest.mark.parametrize(("on", "least"), [("#fafaf8", 4.5), ("#171a1e", 4.5), ("#ffffff", 7), ("#000000", 7)])
def test_every_colour_becomes_one_that_can_be_read(color: str, on: str, least: float) -> None:
    assert contrast(color_of(readable(color_of(color), on=color_of(on), least=least)), color_of(on)) >= least


def test_a_colour_that_can_be_read_stays_as_it_is() -> None:
    assert readable(color_of("#0057b8"), on=color_of("#ffffff"), least=4.5) == "#0057b8" == hex_of((0, 0x57, 0xB8))


@pytest.mark.parametrize("color", ["red", "#12", "#12345", "#gggggg", "", "#0057b8;} body{display:none"])
def test_what_is_no_colour_stops_the_start(color: str) -> None:
    with pytest.raises(StartupError, match="PUBLIC_COLOR must be a colour"):
        color_of(color)


def test_the_colour_is_in_all_sets() -> None:
    plain, colored = css(Settings()), css(Settings(public_color="#ffcc00"))
    assert len(re.findall("--accent:", colored)) == len(re.findall("--accent:", plain)) + 4


def test_browsers_that_do_not_know_light_dark_get_both_sets() -> None:
    sheet = css(Settings())
    assert "light-dark(" not in sheet
    dark = re.search(r"@media \(prefers-color-scheme: dark\) { :root { (.*?) } }", sheet)
    assert dark is not None
    assert "--page: #101214;" in dark[1]
    assert "--page: #fafaf8;" in sheet


def test_a_logo_is_served_as_what_it_is(tmp_path: Path) -> None:
    for name, content, media in (("a.png", PNG, "image/png"), ("b.svg", SVG, "image/svg+xml")):
        (tmp_path / name).write_bytes(content)
        look = look_of(Settings(public_logo=str(tmp_path / name)))
        assert look.logo is not None
        assert look.files[look.logo].media == media
        assert look.version != look_of(Settings()).version


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "cannot be read"), (b"GIF89a", "must be an SVG or a PNG"), (PNG + b"\0" * 300_000, "at most 256 KB")],
)
def test_what_is_no_logo_stops_the_start(tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / "logo"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StartupError, match=reason):
        look_of(Settings(public_logo=str(path)))
