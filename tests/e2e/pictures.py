"""Pictures of every page, taken from a server with the demo: by size and theme, to be looked at one by one.

python -m tests.e2e.pictures --folder /tmp/pictures                 all of them, and what axe says of each
python -m tests.e2e.pictures --folder /tmp/p --only board --sizes desk --themes dark
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from playwright.async_api import Browser, Page, ViewportSize

from tests.e2e.boards import visiting
from tests.e2e.browsers import running_browser
from tests.e2e.server import Server, api_of, running_server

SIZES = {
    "phone": ViewportSize(width=390, height=844),
    "tablet": ViewportSize(width=820, height=1180),
    "desk": ViewportSize(width=1440, height=900),
    "wide": ViewportSize(width=2560, height=1440),
}
THEMES: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "contrast": {"color_scheme": "light", "contrast": "more"},
}
_WORST = "{ incidents(first: 1, filter: {open: true}, orderBy: {field: SEVERITY}) { nodes { reference } } }"
_RESOLVED = "{ incidents(first: 1, filter: {open: false, includeResolved: true}) { nodes { reference } } }"
_SYSTEM = "{ systems(first: 1) { nodes { key } } }"
_AUTOMATION = "{ automations(first: 1) { nodes { id name } } automationRuns(first: 1) { nodes { id } } }"


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A page in a state: `path` may name what the demo has, `prepare` does what a person would do there."""

    path: str
    signed_in: bool = True
    whole: bool = False
    prepare: Callable[[Page], Awaitable[object]] | None = None


PICTURES = {
    "board": Picture(path=""),
    "board-whole": Picture(path="", whole=True),
    "board-anonymous": Picture(path="", signed_in=False),
    "board-filtered": Picture(path="?severity=CRITICAL"),
    "board-nothing": Picture(path="?text=nothingisnamedlikethis"),
    "board-report": Picture(path="", prepare=lambda page: page.keyboard.press("n")),
    "board-shortcuts": Picture(path="", prepare=lambda page: page.keyboard.press("?")),
    "sign-in": Picture(
        path="", signed_in=False, prepare=lambda page: page.get_by_role("button", name="Sign in").click()
    ),
    "incident": Picture(path="incidents/{worst}"),
    "incident-whole": Picture(path="incidents/{worst}", whole=True),
    "incident-anonymous": Picture(path="incidents/{worst}", signed_in=False, whole=True),
    "incident-resolved": Picture(path="incidents/{resolved}", whole=True),
    "incident-missing": Picture(path="incidents/INC-999999"),
    "systems": Picture(path="systems"),
    "system": Picture(path="systems/{system}", whole=True),
    "automations": Picture(path="automations"),
    "automation": Picture(path="automations/{automation}", whole=True),
    "automation-run": Picture(path="automations/runs/{run}", whole=True),
    "settings-integrations": Picture(path="settings/integrations"),
    "settings-webhooks": Picture(path="settings/webhooks"),
    "settings-channels": Picture(path="settings/channels"),
    "settings-tokens": Picture(path="settings/tokens"),
    "settings-anonymous": Picture(path="settings/tokens", signed_in=False),
    "maintenance": Picture(path="maintenance", whole=True),
    "wall": Picture(path="wall"),
    "missing": Picture(path="settings/there-is-nothing"),
    "status": Picture(path="status", signed_in=False, whole=True),
    "status-incident": Picture(path="status/{worst}", signed_in=False, whole=True),
    "status-missing": Picture(path="status/INC-999999", signed_in=False),
    "ide": Picture(path="graphql", signed_in=False),
}


async def known(server: Server) -> dict[str, str]:
    """Return the names in the demo's data that addresses may have."""
    async with api_of(server) as api:
        worst, resolved, system, automation = [
            await api.run(query) for query in (_WORST, _RESOLVED, _SYSTEM, _AUTOMATION)
        ]
    first = automation["automations"]["nodes"]
    runs = automation["automationRuns"]["nodes"]
    return {
        "worst": worst["incidents"]["nodes"][0]["reference"] if worst["incidents"]["nodes"] else "INC-1",
        "resolved": resolved["incidents"]["nodes"][0]["reference"],
        "system": system["systems"]["nodes"][0]["key"],
        "automation": first[0]["id"] if first else "none",
        "run": runs[0]["id"] if runs else "none",
    }


async def take(
    browser: Browser, server: Server, picture: Picture, *, path: Path, size: ViewportSize, theme: dict[str, Any]
) -> None:
    """Take a picture; print what axe finds there and what the browser complained of."""
    names = await known(server)
    who = {"signed_in": picture.signed_in, "may_complain": True}
    async with visiting(browser, server, size=size, **who, **theme) as visit:
        await visit.open(picture.path.format(**names))
        await visit.page.wait_for_load_state("networkidle")
        if picture.prepare is not None:
            await picture.prepare(visit.page)
        # Nothing tells that a page has all that it will show; nobody waits for this but whoever takes pictures.
        await visit.page.wait_for_timeout(700)
        await visit.page.screenshot(path=path, full_page=picture.whole, animations="disabled")
        for fault in (*await visit.violations(), *visit.complaints):
            print(f"{path.stem}: {fault}")


async def take_all(folder: Path, only: Sequence[str], sizes: Sequence[str], themes: Sequence[str]) -> None:
    """Take the pictures that are wanted, all from one server with the demo."""
    with TemporaryDirectory() as data:
        server = running_server(f"sqlite:///{data}/incidents.db", options=("--demo",))
        async with server as running, running_browser() as browser:
            for name, picture in PICTURES.items():
                if only and not any(name.startswith(wanted) for wanted in only):
                    continue
                for size in sizes:
                    for theme in themes:
                        path = folder / f"{name}-{size}-{theme}.png"
                        await take(browser, running, picture, path=path, size=SIZES[size], theme=THEMES[theme])
                print(name)


def main(
    folder: Path = Path("pictures"),
    only: Annotated[list[str] | None, typer.Option(help="Pages whose names begin with this.")] = None,
    sizes: Annotated[list[str] | None, typer.Option()] = None,
    themes: Annotated[list[str] | None, typer.Option()] = None,
) -> None:
    """Take pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(take_all(folder, only or [], sizes or list(SIZES), themes or list(THEMES)))


if __name__ == "__main__":
    typer.run(main)
