"""Pages do in a browser what they promise: nothing fails, whoever looks at them and however."""

import json
import re
from pathlib import Path

import msgspec
import pytest

from harness.fleet.surface import Point, Surface
from reports import pages
from tests.reports.many import multiplied

MOST_BYTES = 5_000_000
pytestmark = pytest.mark.usefixtures("browser")


def rows_of(page) -> list[list[str]]:
    return page.tab.eval_on_selector_all(
        "table.long tbody tr", "rows => rows.map(row => [...row.cells].map(cell => cell.innerText.trim()))"
    )


@pytest.fixture(scope="module")
def many(sample_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of 5,004 files, 417 times the sample's, one of which failed at the very end."""
    folder = multiplied(sample_run, tmp_path_factory.mktemp("many") / "run", 417)
    lines = json.loads((folder / "files.json").read_text())
    lines[-1] |= {"status": "FAILED", "reason": "it is no TIFF"}
    (folder / "files.json").write_text(json.dumps(lines))
    pages.write(folder)
    return folder


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_nothing_fails_and_nobody_is_kept_out(
    scheme: str, sample_run, projection, learning, others, visit
) -> None:
    for folder in (sample_run, projection, learning, *others.values()):
        page = visit(folder, color_scheme=scheme)
        page.tab.wait_for_timeout(200)
        assert page.said == [], folder.name
        assert page.barriers() == [], folder.name


def test_nothing_is_fetched_from_anywhere(sample_run, projection, learning, others) -> None:
    for folder in (sample_run, projection, learning, *others.values()):
        text = (folder / "report.html").read_text(encoding="utf-8")
        assert not re.findall(r"(?:src|href)=[\"'](?!data:|#)(?!thumbnails/)[^\"']+", text), folder.name


def test_files_are_sorted_and_filtered(sample_run: Path, visit) -> None:
    page = visit(sample_run)
    page.tab.wait_for_selector("table.long[data-ready]")
    assert len(rows_of(page)) == 12
    head = page.tab.locator("table.long th", has_text="seconds")
    head.locator("button").click()
    seconds = [float(row[5]) for row in rows_of(page)]
    assert seconds == sorted(seconds, reverse=True)
    assert head.get_attribute("aria-sort") == "descending"
    head.locator("button").click()
    assert [float(row[5]) for row in rows_of(page)] == sorted(seconds)
    page.tab.locator("#files-tools input").fill("passport ssn")
    left = rows_of(page)
    assert 0 < len(left) < 12
    assert all("PASSPORT" in row[7] and "SSN" in row[7] for row in left)
    assert page.text("#files-tools .told") == f"{len(left)} of 12 match"


def test_pages_are_shown_on_demand_with_their_values_black(sample_run: Path, visit) -> None:
    page = visit(sample_run)
    page.tab.wait_for_selector("table.long[data-ready]")
    assert page.tab.locator(".pictures img").count() == 0
    page.tab.get_by_label("pictures of file00001.tiff").click()
    page.tab.wait_for_function(
        "[...document.querySelectorAll('.pictures img')].every(one => one.naturalWidth)"
    )
    images = page.tab.locator(".pictures img")
    assert images.count() == 2
    assert "DATE_OF_BIRTH **/**/**" in images.nth(1).get_attribute("alt")
    page.tab.get_by_label("pictures of file00001.tiff").click()
    assert page.tab.locator(".pictures img").count() == 0


def test_five_thousand_files_are_a_small_page_that_prints_whole(many: Path, visit) -> None:
    assert (many / "report.html").stat().st_size < MOST_BYTES
    page = visit(many)
    page.tab.wait_for_selector("table.long[data-ready]")
    assert len(rows_of(page)) == 200
    page.tab.locator("#files-tools .more").click()
    assert len(rows_of(page)) == 1_200
    page.tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert len(rows_of(page)) == 5_004
    page.tab.evaluate("dispatchEvent(new Event('afterprint'))")
    assert len(rows_of(page)) == 1_200
    page.tab.locator("#files-tools select").select_option("FAILED")
    assert [row[0] for row in rows_of(page)] == ["0416/file00011.tiff"]
    assert page.said == []


def test_the_print_of_a_page_has_all_rows(many: Path, visit) -> None:
    page = visit(many)
    page.tab.wait_for_selector("table.long[data-ready]")
    printed = page.tab.pdf()
    pypdfium2 = pytest.importorskip("pypdfium2")
    texts = [sheet.get_textpage().get_text_range() for sheet in pypdfium2.PdfDocument(printed)]
    whole = "".join("".join(texts).split())  # a long name goes over two lines
    names = set(re.findall(r"\d{4}/file\d{5}\.tiff", whole))
    assert len(names) == 5_004


def test_without_scripts_the_first_files_and_all_that_failed_are_there(many: Path, visit) -> None:
    page = visit(many, java_script_enabled=False)
    rows = page.tab.locator("table.long tbody tr")
    assert rows.count() == 101
    assert "it is no TIFF" in rows.last.inner_text()
    assert "The first 101 of 5,004" in page.text("main")
    assert not page.tab.locator("#files-tools").is_visible()


def test_sliders_tell_what_the_surface_does(projection: Path, visit) -> None:
    summary = json.loads((projection / "summary.json").read_text())
    told = summary["explorer"]
    surface = msgspec.convert(told["surface"], Surface)
    page = visit(projection)
    page.tab.wait_for_selector(".explorer[data-ready]")
    assert page.text(".dollars-change") == "as now"
    dollars = float(page.text(".dollars").lstrip("$").replace(",", ""))
    assert dollars == pytest.approx(summary["bill"]["total"], rel=1e-3)
    assert float(page.text(".hours").split()[0]) == pytest.approx(summary["makespanSeconds"] / 3600, abs=0.06)
    page.tab.locator("#slider-pages").fill("100")
    page.tab.locator("#slider-memory").fill("350")
    page.tab.locator("#slider-workers").fill("60")
    shown = {name: page.text(f"output[for='slider-{name}']") for name in ("pages", "memory", "workers")}
    axes = surface.axes
    pages_now = axes["pages"].low * (axes["pages"].high / axes["pages"].low) ** (100 / 400)
    assert shown["pages"] == f"{pages_now:.1f}"
    now = surface.now
    point = Point(pages_now, now.seconds, now.batch, float(shown["memory"]), float(shown["workers"]))
    expected = summary["files"] * told["dollarsFactor"] * surface.dollars(point)
    assert float(page.text(".dollars").lstrip("$").replace(",", "")) == pytest.approx(expected, rel=1e-3)
    hours = summary["files"] * told["makespanFactor"] * surface.seconds(point) / 3600
    assert float(page.text(".hours").split()[0]) == pytest.approx(hours, abs=0.06)
    before = dollars_of(page)
    page.tab.locator("#slider-architecture").select_option("arm64")
    assert dollars_of(page) < before
    page.tab.get_by_role("button", name="as it is now").click()
    assert page.text(".dollars-change") == page.text(".hours-change") == "as now"


def test_a_slider_moves_by_the_keyboard_and_says_its_value(projection: Path, visit) -> None:
    page = visit(projection)
    page.tab.wait_for_selector(".explorer[data-ready]")
    slider = page.tab.locator("#slider-workers")
    slider.focus()
    page.tab.keyboard.press("Home")
    assert slider.get_attribute("aria-valuetext") == "10"
    assert page.text(".hours-change").startswith("+")


def test_a_point_of_a_front_is_picked_by_mouse_and_by_key(others: dict[str, Path], visit) -> None:
    page = visit(others["sweep"])
    page.tab.locator("#point-makespan-1").click()
    told = page.text("#picked")
    settings = json.loads((others["sweep"] / "summary.json").read_text())["points"][1]["parameters"]
    assert all(f"{name}: {value}" in told for name, value in settings.items())
    assert page.tab.locator(".picked").count() == 2  # in both pictures
    assert page.tab.locator("tr.chosen").get_attribute("data-point") == "1"
    page.tab.locator("#point-p95-0").focus()
    page.tab.keyboard.press("Enter")
    assert page.tab.locator("tr.chosen").get_attribute("data-point") == "0"


def dollars_of(page) -> float:
    return float(page.text(".dollars").lstrip("$").replace(",", ""))
