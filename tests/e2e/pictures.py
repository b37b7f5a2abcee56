"""Pictures of every page, taken from a server with the demo: by size and theme, to be looked at one by one.

python -m tests.e2e.pictures --folder /tmp/pictures                 all of them, and what axe says of each
python -m tests.e2e.pictures --folder /tmp/p --only board --sizes desk --themes dark
python -m tests.e2e.pictures --readme       docs/board.png, which README.md shows, anew
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from playwright.async_api import Browser, Page, ViewportSize
from playwright.async_api import Error as PlaywrightError

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
# Not what the demo opens and resolves every few seconds.
_WORST = """{ incidents(first: 1, filter: {open: true, acknowledged: true}, orderBy: {field: SEVERITY}) {
  nodes { reference } } }"""
_RESOLVED = "{ incidents(first: 1, filter: {open: false, includeResolved: true}) { nodes { reference } } }"
_SYSTEM = "{ systems(first: 1) { nodes { key } } }"
_AUTOMATION = "{ automations(first: 1) { nodes { id name } } automationRuns(first: 1) { nodes { id } } }"
_MAINTENANCE = "{ maintenances(first: 1) { nodes { id } } }"
# Port 9 takes nothing: every delivery fails, which is what there is to look at.
_WEBHOOK = """mutation { createWebhook(input: {name: "Bridge", url: "http://127.0.0.1:9/incidents"}) {
  webhook { id } userErrors { message } } }"""
_TEST_WEBHOOK = "mutation ($id: ID!) { testWebhook(input: {id: $id}) { accepted userErrors { message } } }"
_RUNNING_MAINTENANCE = """mutation ($startsAt: DateTime!, $endsAt: DateTime!) { scheduleMaintenance(input: {
  title: "New disks in the database", systemIds: ["search"], startsAt: $startsAt, endsAt: $endsAt }) {
  userErrors { message } } }"""
_EMBEDDED = """<!doctype html><html lang="en"><meta name="color-scheme" content="light dark">
<title>Shop</title><main><h1>Shop</h1><p>Welcome. {pill}</p>
<p><img src="{origin}/badge.svg" alt="Status"></p></main></html>"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A page in a state: `path` may name what the demo has, `prepare` does what a person would do there."""

    path: str
    signed_in: bool = True
    whole: bool = False
    #: Whether the server has the demo's data; else it is new.
    demo: bool = True
    #: Whether the server is stopped while somebody looks.
    stopped: bool = False
    prepare: Callable[[Page], Awaitable[object]] | None = None


def _click(name: str, *, then: str = "") -> Callable[[Page], Awaitable[None]]:
    """Return what clicks the first button of a name, and then another."""

    async def act(page: Page) -> None:
        for word in filter(None, (name, then)):
            await page.get_by_role("button", name=word, exact=True).first.click()

    return act


async def _resolve_on_board(page: Page) -> None:
    await page.locator(".incident-title").first.focus()
    await page.keyboard.press("r")


async def _open_more(page: Page) -> None:
    await page.locator("details.drop > summary").first.click()


async def _embed(page: Page) -> None:
    origin = page.url.removesuffix("/badge.svg")
    html = _EMBEDDED.format(origin=origin, pill=f'<script src="{origin}/status/embed.js"></script>')
    # A page without an address may not ask this machine for anything.
    await page.route("**/shop", lambda route: route.fulfill(body=html, content_type="text/html"))
    await page.goto(f"{origin}/shop")


PICTURES = {
    "board": Picture(path=""),
    "board-whole": Picture(path="", whole=True),
    "board-anonymous": Picture(path="", signed_in=False),
    "board-filtered": Picture(path="?severity=CRITICAL"),
    "board-nothing": Picture(path="?text=nothingisnamedlikethis"),
    "board-report": Picture(path="", prepare=lambda page: page.keyboard.press("n")),
    "board-resolve": Picture(path="", prepare=_resolve_on_board),
    "board-shortcuts": Picture(path="", prepare=lambda page: page.keyboard.press("?")),
    "board-offline": Picture(path="", stopped=True),
    "sign-in": Picture(
        path="", signed_in=False, prepare=lambda page: page.get_by_role("button", name="Sign in").click()
    ),
    "incident": Picture(path="incidents/{worst}"),
    "incident-whole": Picture(path="incidents/{worst}", whole=True),
    "incident-anonymous": Picture(path="incidents/{worst}", signed_in=False, whole=True),
    "incident-resolved": Picture(path="incidents/{resolved}", whole=True),
    "incident-missing": Picture(path="incidents/INC-999999"),
    "incident-compose": Picture(path="incidents/{worst}?update"),
    "incident-edit": Picture(path="incidents/{worst}", prepare=_click("Edit")),
    "incident-delete": Picture(path="incidents/{worst}", prepare=_click("Edit", then="Delete this update")),
    "incident-more": Picture(path="incidents/{worst}", prepare=_open_more),
    "incident-changes": Picture(path="incidents/{worst}?view=changes"),
    "incident-causes": Picture(path="incidents/{worst}?view=causes"),
    "incident-offline": Picture(path="incidents/{worst}", stopped=True),
    "systems": Picture(path="systems"),
    "system": Picture(path="systems/{system}", whole=True),
    "system-under-maintenance": Picture(path="systems/search"),
    "automations": Picture(path="automations"),
    "automation": Picture(path="automations/{automation}", whole=True),
    "automation-definition": Picture(path="automations/{automation}?view=definition"),
    "automation-edit": Picture(path="automations/{automation}?view=definition&edit=1"),
    "automation-try": Picture(path="automations/{automation}?view=try"),
    "automation-versions": Picture(path="automations/{automation}?view=versions"),
    "automation-new": Picture(path="automations/new"),
    "automation-run": Picture(path="automations/runs/{run}", whole=True),
    "settings-integrations": Picture(path="settings/integrations"),
    "settings-webhooks": Picture(path="settings/webhooks"),
    "settings-webhook": Picture(path="settings/webhooks/{webhook}", whole=True),
    "settings-channels": Picture(path="settings/channels"),
    "settings-tokens": Picture(path="settings/tokens"),
    "settings-people": Picture(path="settings/people"),
    "settings-secrets": Picture(path="settings/secrets"),
    "settings-anonymous": Picture(path="settings/tokens", signed_in=False),
    "maintenance": Picture(path="maintenance", whole=True),
    "maintenance-window": Picture(path="maintenance/{maintenance}", whole=True),
    "wall": Picture(path="wall"),
    "wall-offline": Picture(path="wall", stopped=True),
    "missing": Picture(path="settings/there-is-nothing"),
    "status": Picture(path="status", signed_in=False, whole=True),
    "status-incident": Picture(path="status/{worst}", signed_in=False, whole=True),
    "status-system": Picture(path="status/systems/{system}", signed_in=False, whole=True),
    "status-history": Picture(path="status/history/{month}", signed_in=False, whole=True),
    "status-missing": Picture(path="status/INC-999999", signed_in=False),
    "status-embedded": Picture(path="badge.svg", signed_in=False, prepare=_embed),
    "ide": Picture(path="graphql", signed_in=False),
    "new-board": Picture(path="", demo=False),
    "new-report": Picture(path="", demo=False, prepare=lambda page: page.keyboard.press("n")),
    "new-systems": Picture(path="systems", demo=False),
    "new-automations": Picture(path="automations", demo=False),
    "new-maintenance": Picture(path="maintenance", demo=False),
    "new-wall": Picture(path="wall", demo=False),
    "new-status": Picture(path="status", demo=False, signed_in=False, whole=True),
}
_README = Path(__file__).parents[2] / "docs" / "board.png"


async def stage(server: Server) -> dict[str, str]:
    """Make what the demo lacks; return the names that addresses may have, as they are when nothing else is known."""
    now = datetime.now(UTC)
    times = {"startsAt": (now - timedelta(hours=1)).isoformat(), "endsAt": (now + timedelta(hours=1)).isoformat()}
    async with api_of(server) as api:
        webhook = (await api.run(_WEBHOOK))["createWebhook"]["webhook"]
        await api.run(_TEST_WEBHOOK, id=webhook["id"])
        await api.run(_RUNNING_MAINTENANCE, **times)
        maintenance = (await api.run(_MAINTENANCE))["maintenances"]["nodes"][0]
    return {"webhook": webhook["id"], "maintenance": maintenance["id"], "month": f"{now:%Y-%m}"}


async def known(server: Server) -> dict[str, str]:
    """Return the names in the demo's data that addresses may have, which change while it goes on."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """A browser at a server, with the names that addresses may have."""

    browser: Browser
    server: Server
    names: dict[str, str]
    checked: bool

    async def take(self, picture: Picture, path: Path, size: ViewportSize, theme: dict[str, Any]) -> None:
        """Take a picture; print what axe finds there and what the browser complained of."""
        names = self.names | (await known(self.server) if picture.demo else {})
        who = {"signed_in": picture.signed_in, "may_complain": True}
        async with visiting(self.browser, self.server, size=size, **who, **theme) as visit:
            await visit.open(picture.path.format(**names))
            await visit.page.wait_for_load_state("networkidle")
            if picture.stopped:
                await self.server.kill()
                # As long as a page waits before it says that it has lost the server.
                await visit.page.wait_for_timeout(3_000)
            if picture.prepare is not None:
                await picture.prepare(visit.page)
            # Nothing tells that a page has all that it will show; nobody waits for this but whoever takes pictures.
            await visit.page.wait_for_timeout(700)
            await visit.page.screenshot(path=path, full_page=picture.whole, animations="disabled")
            for fault in (*(await visit.violations() if self.checked else ()), *visit.complaints):
                print(f"{path.stem}: {fault}")
        if picture.stopped:
            await self.server.start()


@asynccontextmanager
async def cameras(checked: bool) -> AsyncIterator[dict[bool, Camera]]:
    """Yield a camera at a server with the demo, and one at a new server."""
    with TemporaryDirectory() as data:
        demo = running_server(
            f"sqlite:///{data}/demo.db", options=("--demo",), may_complain=True, http_allow="127.0.0.1"
        )
        new = running_server(f"sqlite:///{data}/new.db", may_complain=True)
        async with demo as full, new as empty, running_browser() as browser:
            names = await stage(full)
            yield {
                True: Camera(browser=browser, server=full, names=names, checked=checked),
                False: Camera(browser=browser, server=empty, names={}, checked=checked),
            }


async def take_all(
    folder: Path, only: Sequence[str], sizes: Sequence[str], themes: Sequence[str], *, checked: bool
) -> None:
    """Take the pictures that are wanted, each page in all sizes and themes."""
    async with cameras(checked) as having:
        for name, picture in PICTURES.items():
            if only and not any(name.startswith(wanted) for wanted in only):
                continue
            for size in sizes:
                for theme in themes:
                    path = folder / f"{name}-{size}-{theme}.png"
                    try:
                        await having[picture.demo].take(picture, path, SIZES[size], THEMES[theme])
                    except PlaywrightError as error:
                        print(f"{path.stem}: no picture: {error}")
            print(name, flush=True)


async def take_readme() -> None:
    """Take the picture that the README shows: the board on a desk."""
    async with cameras(checked=False) as having:
        await having[True].take(PICTURES["board"], _README, SIZES["desk"], THEMES["light"])


def main(
    folder: Path = Path("pictures"),
    only: Annotated[list[str] | None, typer.Option(help="Pages whose names begin with this.")] = None,
    sizes: Annotated[list[str] | None, typer.Option()] = None,
    themes: Annotated[list[str] | None, typer.Option()] = None,
    axe: Annotated[bool, typer.Option(help="Whether axe looks at each page as well.")] = True,
    readme: Annotated[bool, typer.Option(help="Take docs/board.png alone.")] = False,
) -> None:
    """Take pictures."""
    if readme:
        asyncio.run(take_readme())
        return
    folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(take_all(folder, only or [], sizes or list(SIZES), themes or list(THEMES), checked=axe))


if __name__ == "__main__":
    typer.run(main)
