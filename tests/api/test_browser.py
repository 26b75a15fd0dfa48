"""The pages in a real browser: with axe, in light and dark, by keyboard, on a phone, on paper, under a strict content policy."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.app import create_app
from demo.company import DemoCompany, configuration
from ledger.store import Ledger
from normalizer.people import People
from sync.closing import note_open
from sync.configuration import load
from sync.run import sync_source
from tests.api.odata.conftest import listening
from tests.odd import Odd
from tests.published import publish_all
from tests.tracked import Clock

AXE = Path(sys.prefix) / "browser-tools" / "node_modules" / "axe-core" / "axe.min.js"
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.skipif(BROWSER is None, reason="no Chromium: 'make odata-clients' installs it where that is allowed"),
    pytest.mark.xdist_group("browser"),
]
needs_axe = pytest.mark.skipif(
    not AXE.is_file(), reason="axe is not installed: 'make browser-tools' installs it where npm is"
)
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
PAGES = (
    "/", "/exceptions", "/exceptions?severity=high", "/pillars/pillar-2", "/objectives/enter-verticals", "/key-results/first-accounts",
    "/workstreams/product-adaptation", "/departments", "/departments/legal", "/departments/product", "/dependencies", "/sources",
    "/definitions", "/connect", "/items/LEGAL-2", "/workstreams/nothing", "/decide?about=legal-entities", "/packs", "/packs/{week}",
    "/packs/{month}", "/packs/{period}", "/diagnosis", "/calibration",
)  # fmt: skip
PUBLISHED: dict[str, str] = {}
"""Packs of the demo company: by kind their names, which depend on the day."""
TEXTS = {
    "arabic": "تمكين المبيعات في المملكة العربية السعودية والإمارات",
    "long": "Donaudampfschifffahrtsgesellschaftskapitän" * 7,
}


class Strict:
    """The service under the content policy that it is to be served with."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"content-security-policy", POLICY.encode())]
            await send(message)

        await self.app(scope, receive, with_policy)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The demo company on a port of loopback, synced once; its address."""
    folder = tmp_path_factory.mktemp("browser")
    with (
        DemoCompany() as company,
        pytest.MonkeyPatch.context() as patch,
        Ledger.open(f"sqlite:///{folder / 'l.db'}", migrate=True, clock=(clock := Clock())) as ledger,
    ):
        for name, value in company.environment().items():
            patch.setenv(name, value)
        loaded = load(configuration())
        for bound in loaded.sources:
            assert sync_source(bound, ledger, People(loaded.persons())).state == "complete"
        note_open(ledger, loaded)
        PUBLISHED.update(publish_all(ledger, loaded, clock))
        app: Any = Strict(create_app(ledger, loaded))
        with listening(app) as root:
            yield root.removesuffix("/odata/")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


def visit(browser: Any, address: str, **more: Any) -> tuple[Any, list[str]]:
    """A page, and everything that the browser had to complain about."""
    said: list[str] = []
    page = browser.new_context(**more).new_page()
    page.on("console", lambda m: said.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda e: said.append(str(e)))
    page.on("dialog", lambda d: said.append(f"dialog {d.message}"))
    status = page.goto(address).status
    return page, [s for s in said if f"status of {status}" not in s]


def complaints(page: Any) -> list[str]:
    """What axe finds wrong, in one line each."""
    page.evaluate(AXE.read_text(encoding="utf-8"))  # run by the debugger, beside the page's own policy
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [f"{v['id']}: {n['target']} {n['failureSummary']}" for v in found["violations"] for n in v["nodes"]]


@needs_axe
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_the_console_is_silent(demo: str, browser: Any, scheme: str) -> None:
    for path in (path.format_map(PUBLISHED) for path in PAGES):
        page, said = visit(browser, demo + path, color_scheme=scheme)
        assert said == [], path
        assert complaints(page) == [], (path, scheme)
        page.context.close()


@pytest.mark.parametrize("width", [320, 768])
def test_nothing_is_wider_than_the_screen(demo: str, browser: Any, width: int) -> None:
    for path in (path.format_map(PUBLISHED) for path in PAGES):
        page, _ = visit(browser, demo + path, viewport={"width": width, "height": 740})
        wide = page.evaluate(
            "[...document.querySelectorAll('body *')].filter(e => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 1"
            " && getComputedStyle(e).overflowX != 'visible').map(e => e.outerHTML.slice(0, 120))"
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
        assert wide == [], (path, width)
        page.context.close()


def test_the_keyboard_reaches_everything_in_the_order_of_reading(demo: str, browser: Any) -> None:
    """First the way past the head; then every link and field once, each with a visible ring."""
    for path in ("/", "/exceptions", "/workstreams/product-adaptation"):
        page, _ = visit(browser, demo + path)
        count = page.evaluate("document.querySelectorAll('a[href], button, input, select, summary').length")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the answer"
        assert page.evaluate("document.activeElement.getBoundingClientRect().left >= 0")
        reached = []
        for _ in range(3 * count):
            page.keyboard.press("Tab")
            found = page.evaluate(
                "(() => { const e = document.activeElement; if (e === document.body) return null;"
                " const all = [...document.querySelectorAll('a[href], button, input, select, summary')];"
                " return [all.indexOf(e), getComputedStyle(e).outlineStyle, e.tagName]; })()"
            )
            if found is None:
                break
            assert found[1] != "none", (path, found)
            reached.append(found[0])
        order = list(dict.fromkeys(reached))
        hidden = page.evaluate("document.querySelectorAll('details:not([open]) > :not(summary) a').length")
        assert order == sorted(order)
        assert len(order) == count - 1 - hidden
        page.context.close()


def test_a_page_that_is_opened_again_looks_as_it_did(browser: Any, tmp_path: Path) -> None:
    """The browser keeps it, and hears that it is still so: under the service's own headers, as it is installed."""
    company = Odd(tmp_path, "")
    company.fill()
    with listening(create_app(company.ledger, company.configuration)) as root:
        page, said = visit(browser, root.removesuffix("/odata/") + "/sources")
        width = page.evaluate("getComputedStyle(document.body).maxWidth")
        for _ in range(4):
            page.goto("about:blank")
            page.goto(root.removesuffix("/odata/") + "/sources")
            assert page.evaluate("getComputedStyle(document.body).maxWidth") == width != "none"
        assert said == []
        page.context.close()
    company.close()


def test_enter_skips_the_head_and_enter_moves_the_day(demo: str, browser: Any) -> None:
    page, _ = visit(browser, f"{demo}/")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.url.endswith("#main")
    page.fill("#as_of", "2026-01-05")
    page.press("#as_of", "Enter")
    assert "as_of=2026-01-05" in page.url
    page.get_by_role("link", name="Now", exact=True).click()
    assert page.url == f"{demo}/"
    page.context.close()


def test_a_filter_is_chosen_by_hand_and_kept_in_the_address(demo: str, browser: Any) -> None:
    page, _ = visit(browser, f"{demo}/exceptions")
    page.get_by_label("Who decides").select_option("Nora Lind")
    page.get_by_role("button", name="Show").click()
    assert "decision_owner=Nora+Lind" in page.url
    found = page.locator(".decide strong").all_inner_texts()
    assert found
    assert set(found) == {"Nora Lind"}
    assert page.get_by_label("Who decides").input_value() == "Nora Lind"
    page.context.close()


def test_a_screen_reader_finds_landmarks_and_what_colour_means(demo: str, browser: Any) -> None:
    page, _ = visit(browser, f"{demo}/")
    tree = page.locator("body").aria_snapshot()
    for landmark in ("banner", "navigation", "main", "contentinfo"):
        assert re.search(rf"^\s*- {landmark}", tree, re.M), landmark
    assert re.search(r'heading "Off track [^"]+" \[level=1\]', tree)
    page.goto(f"{demo}/workstreams/product-adaptation")
    row = page.get_by_role("row", name=re.compile("^Headline")).last
    assert "off track" in row.inner_text()
    page.context.close()


@pytest.mark.parametrize("path", ["/", "/packs/{week}", "/packs/{month}", "/packs/{period}"])
def test_it_prints_on_a4_in_few_sheets(demo: str, browser: Any, path: str) -> None:
    """In the meeting it lies on the table: the head's links and fields are not printed, the paper is white."""
    page, _ = visit(browser, demo + path.format_map(PUBLISHED), color_scheme="dark")
    pdf: bytes = page.pdf(prefer_css_page_size=True)
    boxes = {tuple(round(float(n)) for n in m.split()) for m in re.findall(rb"/MediaBox \[([^\]]+)\]", pdf)}
    assert {(b[2], b[3]) for b in boxes} <= {(595, 842), (596, 842), (594, 842)}
    sheets = len(re.findall(rb"/Type /Page\b", pdf))
    assert 1 <= sheets <= 6, "by the day of the story: what belongs together stays on one"
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator(".top nav").is_visible()
    assert not page.locator(".asof").is_visible()
    assert page.locator("h1").is_visible()
    page.context.close()


@needs_axe
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_odd_names_break_no_page(browser: Any, tmp_path: Path, text: str) -> None:
    """Right to left, and without a place to break."""
    company = Odd(tmp_path, text[:300])
    company.fill()
    app: Any = Strict(create_app(company.ledger, company.configuration))
    with listening(app) as root:
        home = root.removesuffix("/odata/")
        for path in ("/", "/exceptions", "/workstreams/w1", "/departments/d0", "/dependencies"):
            page, said = visit(browser, home + path, viewport={"width": 360, "height": 740})
            assert said == []
            assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
            assert complaints(page) == [], path
            page.context.close()
    company.close()
