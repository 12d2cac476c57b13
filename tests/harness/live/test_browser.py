"""The page and the review in a browser, as a person has them, and by axe-core as one with other senses has."""

import json
from importlib import resources
from pathlib import Path

import pytest

from harness.tuning import review as reviews
from tests import builders
from tests.harness.live.browser import Browser, browser, program
from tests.harness.live.cloud import Cloud, serving

pytestmark = pytest.mark.skipif(
    program() is None, reason="no Chromium is installed (Debian's package chromium)"
)

FILES = 3


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("review") / "review.json"


@pytest.fixture(scope="module")
def cloud(verdicts: Path):
    with serving("--speed", "max", "--review", verdicts) as served:
        yield served


@pytest.fixture(scope="module")
def page(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory):
    """The page, after somebody has uploaded files by it."""
    with browser(tmp_path_factory.mktemp("browser")) as shown:
        shown.size(1300, 1100)
        shown.open(cloud.page)
        shown.wait("document.querySelector('#uploads')?.textContent")
        shown.choose("#chosen", *sorted(builders.sample().glob("*.tiff"))[:FILES])
        shown.wait(f"document.querySelectorAll('td.COMPLETED').length === {FILES}", 90)
        yield shown


def test_the_page_shows_what_came_of_each_file_and_what_it_cost(page: Browser, cloud: Cloud) -> None:
    page.wait("parseFloat(document.querySelector('#total').textContent) > 0")
    assert "3 COMPLETED" in page.run("document.querySelector('#counts').textContent")
    assert "WorkerFunction" in page.run("document.querySelector('#functions').textContent")
    assert "BatchQueue" in page.run("document.querySelector('#queues').textContent")
    assert not page.console


def test_a_picture_is_masked_until_somebody_clicks(page: Browser) -> None:
    page.run("document.querySelector('#files button.link').click()")
    page.wait("document.querySelectorAll('#pages .picture.masked svg rect').length > 0")
    small = page.run(
        "Math.max(...[...document.querySelectorAll('#pages img')].map((one) => one.naturalWidth))"
    )
    page.run("document.querySelector('#pages button').click()")
    page.wait("document.querySelector('#pages img').naturalWidth > 1000")
    assert small < 300
    assert page.run("document.querySelectorAll('#pages .masked').length > 0")  # the others stay so
    page.run("document.querySelector('#detail').close()")


def test_no_value_stands_on_the_page_as_text(page: Browser, cloud: Cloud) -> None:
    truth = json.loads((builders.sample() / "truth.json").read_text())
    values = {one["value"] for name in sorted(truth)[:FILES] for unit in truth[name] for one in unit["npi"]}
    assert values
    page.run("document.querySelector('#files button.link').click()")
    page.wait("document.querySelectorAll('#pages figure').length > 0")
    text = page.run("document.documentElement.outerHTML")
    page.run("document.querySelector('#detail').close()")
    told = json.dumps(cloud.state())
    for value in values:
        assert value not in text
        assert value not in told


def test_buttons_break_things_and_let_time_stand(page: Browser, cloud: Cloud) -> None:
    page.run("document.querySelector('#pause').click()")
    page.wait("document.querySelector('#pause').textContent === 'Go on'")
    page.run("document.querySelector('#pause').click()")
    page.wait("document.querySelector('#pause').textContent === 'Pause'")
    page.run(
        "document.querySelector('#kind').value = 'killed_before_call'; document.querySelector('#strike').click()"
    )
    page.choose("#chosen", sorted(builders.sample().glob("*.tiff"))[FILES])
    page.wait("document.querySelector('#log .fault')?.textContent.includes('killed_before_call')")
    page.wait(f"document.querySelectorAll('td.COMPLETED').length === {FILES + 1}", 90)
    faults = "document.querySelector('#faults')"
    page.run(f"{faults}.value = 'rough'; {faults}.dispatchEvent(new Event('change'))")
    cloud.wait(lambda state: state["faults"] == "rough")
    page.run(f"{faults}.value = 'calm'; {faults}.dispatchEvent(new Event('change'))")


def test_a_review_takes_one_key_a_page_and_keeps_no_value(
    page: Browser, cloud: Cloud, verdicts: Path
) -> None:
    page.open(f"{cloud.page}review")
    page.wait("document.querySelector('#draw')")
    page.wait("document.title.includes('review')")
    page.run("document.querySelector('#wanted').value = 4; document.querySelector('#seed').value = 7")
    page.run("document.querySelector('#draw button').click()")
    page.wait(
        "document.querySelectorAll('#unit img').length === 1 && !document.querySelector('#review').hidden"
    )
    for _ in range(8):
        done = page.run("document.querySelector('#progress').textContent")
        page.press("r")
        page.wait(f"document.querySelector('#progress').textContent !== {json.dumps(done)}")
    page.wait("document.querySelector('#progress').textContent.startsWith('8 of 8')")
    page.press("m")  # the last one again: something was missed there after all
    page.wait("document.querySelector('#missed').getAttribute('aria-pressed') === 'true'")
    kept = reviews.load(verdicts)
    assert (kept.seed, kept.wanted, len(kept.units)) == (7, 4, 8)
    assert sorted({one.verdict for one in kept.units}) == ["missed", "right"]
    assert verdicts.stat().st_mode & 0o077 == 0
    shown = page.run("document.querySelector('#measures').textContent")
    assert f"{100 * reviews.measure(kept)['precision'].low:.1f} %" in shown
    assert not page.console


@pytest.mark.parametrize("path", ["", "review"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(page: Browser, cloud: Cloud, path: str, scheme: str) -> None:
    page.scheme(scheme)
    page.open(f"{cloud.page}{path}")
    page.wait("document.querySelector('td.COMPLETED') || document.querySelector('#unit img')")
    page.run(resources.files("axe_playwright_python").joinpath("axe.min.js").read_text())
    found = page.run("axe.run().then((found) => found.violations)")
    serious = [
        (one["id"], [node["html"] for node in one["nodes"]])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
    assert not serious
