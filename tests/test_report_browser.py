"""Reports of every kind in a real browser, where one is: what a reader gets, not what was meant."""

from __future__ import annotations

import base64
import csv
import io
import itertools
import json
import re
import tomllib
from collections.abc import Callable, Iterator
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.searches import FUNNEL, SMALL
from workbench.harness.drive import run_study
from workbench.harness.study import parse_study
from workbench.report.formats import report
from workbench.report.printing import browser
from workbench.report.write import write_all

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

COMMAND = browser()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(COMMAND is None, reason="no Chromium or Chrome on the PATH: install one"),
    *(
        pytest.mark.skipif(find_spec(name) is None, reason=f"no {name}: pip install '.[dev]'")
        for name in ("playwright", "axe_playwright_python")
    ),
]

KINDS = ["strategies", "predictors", "proxies", "curves", "search", "comparison"]
TEMPLATES = {"predictors": "template-predictors", "curves": "template-curves"}
SCHEMES = ["light", "dark"]
WIDTHS = [390, 1400]
STRATEGIES: dict[str, Any] = {
    "replicates": 4,
    "budget": {"queries": 15},
    "benchmarks": ["nb201/cifar10", "nbgraph/cora", "mlp/car"],
    "strategies": ["random_search", "local_search", "regularized_evolution"],
}
SEARCH: dict[str, Any] = {k: v for k, v in SMALL.items() if k != "strategies"} | {"funnel": FUNNEL}
PROXIES: dict[str, Any] = {
    "kind": "proxies",
    "replicates": 2,
    "benchmarks": [{"name": "measured/nb201-mnist", "sample": 60}],
    "proxies": ["params", "flops", "synflow", "nwot"],
}
PICTURES = """() => [...document.querySelectorAll('figure svg')].map(s => {
    const box = s.getBoundingClientRect();
    return [box.width, box.height, getComputedStyle(s).color,
            getComputedStyle(document.body).backgroundColor];
})"""


def _smoke(template: str) -> dict[str, Any]:
    text = files("workbench.harness").joinpath(f"{template}.toml").read_text(encoding="utf-8")
    study = parse_study(tomllib.loads(text.replace("{name}", "shown"))).smoke()
    return dict(json.loads(study.compact()))


@pytest.fixture(scope="module")
def page_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the report of each kind of study, made when it is first asked for."""
    root = tmp_path_factory.mktemp("shown")
    given = {"strategies": STRATEGIES, "search": SEARCH, "proxies": PROXIES}

    def made(kind: str) -> Path:
        folder = root / kind
        if (folder / "report.html").exists():
            return folder / "report.html"
        if kind == "comparison":
            parts = [made("strategies").parent, made("proxies").parent]
            return report(parts, "html", folder).paths[0]
        data = _smoke(TEMPLATES[kind]) if kind in TEMPLATES else given[kind] | {"name": kind}
        run_study(parse_study(data), folder, workers=1)
        return write_all(folder).report

    return made


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        running = play.chromium.launch(executable_path=COMMAND, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def opened(chromium: Browser) -> Iterator[Callable[..., tuple[Page, list[str]]]]:
    """Return what opens a page, and lists its console errors and what it asks others for."""
    contexts = []

    def open_page(path: Path, width: int = 1400, **options: Any) -> tuple[Page, list[str]]:
        context = chromium.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page, faults = context.new_page(), []
        page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "request",
            lambda r: (
                faults.append(r.url) if r.url != path.as_uri() and r.url[:5] != "data:" else None
            ),
        )
        page.goto(path.as_uri())
        return page, faults

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize("kind", KINDS)
def test_pages_are_quiet_fit_and_are_accessible(
    kind: str,
    page_of: Callable[[str], Path],
    opened: Callable[..., tuple[Page, list[str]]],
) -> None:
    """In one test a kind, so that parallel tests make each study once."""
    axe = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    for scheme, width in itertools.product(SCHEMES, WIDTHS):
        page, faults = opened(page_of(kind), width, color_scheme=scheme)
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
        pictures = page.evaluate(PICTURES)
        assert pictures
        for wide, high, ink, paper in pictures:
            assert wide > 200
            assert high > 60
            assert abs(_light(ink) - _light(paper)) > 0.5
        page.evaluate(axe)
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        assert [
            (scheme, width, fault["id"], fault["nodes"][0]["html"][:200])
            for fault in found["violations"]
            if fault["impact"] in ("serious", "critical")
        ] == []
        assert faults == []


def test_all_numbers_of_extrapolators_fit(
    tmp_path: Path, opened: Callable[..., tuple[Page, list[str]]]
) -> None:
    """Eight epochs, as many as are looked at where nothing is said."""
    study = {"name": "wide", "kind": "curves", "replicates": 2, "train": 30, "test": 30}
    study |= {"benchmarks": ["measured/nb201-mnist"], "epochs": [1, 2, 4, 6, 9, 12, 15, 23]}
    run_study(parse_study(study | {"extrapolators": ["last_value", "moving_average"]}), tmp_path)
    page, _ = opened(write_all(tmp_path).report)
    assert page.evaluate(
        "[...document.querySelectorAll('.scroll')].every(s => s.scrollWidth <= s.clientWidth + 1)"
    )


def _light(colour: str) -> float:
    red, green, blue = map(int, re.findall(r"\d+", colour)[:3])
    return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255


@pytest.mark.parametrize("kind", KINDS)
def test_links_lead_somewhere(
    kind: str,
    page_of: Callable[[str], Path],
    opened: Callable[..., tuple[Page, list[str]]],
) -> None:
    page, _ = opened(page_of(kind))
    links = page.evaluate("[...document.querySelectorAll('a')].map(a => a.getAttribute('href'))")
    assert len(links) > 4
    for link in links:
        if link.startswith("#"):
            assert page.evaluate("id => document.getElementById(id) !== null", link[1:]), link
        elif link.startswith("data:text/csv"):
            text = base64.b64decode(link.partition("base64,")[2]).decode()
            head, *rows = csv.reader(io.StringIO(text))
            assert rows
            assert {len(row) for row in rows} == {len(head)}
        else:
            assert link.startswith(("data:text/x-bibtex", "data:application/json")), link
    page.click("nav a >> nth=-1")
    assert page.evaluate("location.hash.length > 1 && scrollY > 0")


def test_a_figure_s_numbers_can_be_saved(
    page_of: Callable[[str], Path],
    opened: Callable[..., tuple[Page, list[str]]],
    tmp_path: Path,
) -> None:
    page, _ = opened(page_of("strategies"))
    with page.expect_download() as started:
        page.click("figcaption a >> nth=0")
    assert started.value.suggested_filename == "ranking.csv"
    started.value.save_as(tmp_path / "saved.csv")
    assert (tmp_path / "saved.csv").read_text().startswith("strategy,score,low,high,nb201/cifar10")


def test_tables_sort_by_what_their_columns_hold(
    page_of: Callable[[str], Path], opened: Callable[..., tuple[Page, list[str]]]
) -> None:
    page, faults = opened(page_of("strategies"))
    table = page.locator("table:has(caption:text('nb201/cifar10:'))")
    button = table.locator("thead button", has_text="mean")
    for direction, sign in (("ascending", 1), ("descending", -1)):
        button.focus()
        page.keyboard.press("Enter")
        assert (
            table.locator("th:has(button:text-is('mean'))").get_attribute("aria-sort") == direction
        )
        means = [sign * float(t) for t in table.locator("tbody td:nth-child(2)").all_inner_texts()]
        assert means == sorted(means)
        assert len(means) == 3
    table.locator("thead button", has_text="strategy").click()
    names = table.locator("tbody td:nth-child(1)").all_inner_texts()
    assert names == ["local_search", "random_search", "regularized_evolution"]
    assert page.locator("th[aria-sort=ascending]").count() == 1
    assert faults == []


def test_without_scripts_the_page_reads_the_same(
    page_of: Callable[[str], Path], opened: Callable[..., tuple[Page, list[str]]]
) -> None:
    bare, _ = opened(page_of("strategies"), java_script_enabled=False)
    page, _ = opened(page_of("strategies"))
    assert bare.locator("thead button").count() == 0 < page.locator("thead button").count()
    for part in (".verdict", "nav", "figure svg >> nth=0", "table >> nth=0", "summary >> nth=0"):
        assert bare.locator(part).first.is_visible()
    assert bare.locator("main").inner_text() == page.locator("main").inner_text()


def test_the_verdict_is_on_the_first_screen(
    page_of: Callable[[str], Path], opened: Callable[..., tuple[Page, list[str]]]
) -> None:
    page, _ = opened(page_of("strategies"))
    first = page.locator(".verdict p").first
    box = first.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < 900
    assert re.match(r"After 15 queries, \w+ (is ahead|has the highest)", first.inner_text())


def test_pages_print(page_of: Callable[[str], Path], tmp_path: Path) -> None:
    """All pages of it, and text as text: Chromium names the fonts it embeds."""
    (path,) = report([page_of("strategies").parent], "pdf", tmp_path).paths
    printed = path.read_bytes()
    assert printed.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) > 4
    assert b"/FontName" in printed
