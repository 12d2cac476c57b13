"""Pages of every kind, made by the commands that make them, and a browser to open them in."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness import recorder
from harness.bill import platform_logs
from tests.builders import PROJECT
from tests.harness.live.browser import program

HARNESS = str(Path(sys.executable).with_name("harness"))
PARAMETERS = "Parameters:\n  Batch: {Type: Number, Default: 10}\n  Memory: {Type: Number, Default: 256}\n"


def harness(folder: Path, *words: object) -> None:
    done = subprocess.run(
        [HARNESS, *map(str, words)], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def sample_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of the sample, with pictures."""
    out = tmp_path_factory.mktemp("pages") / "run"
    harness(PROJECT, "run", "--sample", "--thumbnails", "npi", "--out", out)
    return out


@pytest.fixture(scope="session")
def projection(sample_run: Path) -> Path:
    out = sample_run.parent / "projection"
    harness(PROJECT, "project", "--files", "200000", "--calibration", sample_run, "--out", out)
    return out


@pytest.fixture(scope="session")
def learning(sample_run: Path) -> Path:
    """Of the logs that the sample's own run would have left."""
    out = sample_run.parent / "learning"
    lines = [
        line
        for event in recorder.read(sample_run / "trace.jsonl")
        if isinstance(event, recorder.Invocation)
        for line in platform_logs.lines(event)
    ]
    logs = sample_run.parent / "WorkerFunction.json"
    logs.write_text(json.dumps({"events": [{"message": line} for line in lines]}), encoding="utf-8")
    harness(PROJECT, "calibrate", "--calibration", sample_run, "--logs", logs, "--out", out)
    return out


@pytest.fixture(scope="session")
def others(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Pages of the commands that try several settings, of a small system of another kind; and of accuracy."""
    folder = tmp_path_factory.mktemp("orders") / "orders"
    shutil.copytree(PROJECT / "examples" / "orders", folder, ignore=shutil.ignore_patterns(".harness"))
    harness(folder, "run", "inputs", "--out", "a")
    harness(folder, "run", "inputs", "--seed", 1, "--out", "b")
    harness(folder, "compare", "a", "b", "--out", "compare")
    template = folder / "template.yaml"
    text = template.read_text(encoding="utf-8").replace("BatchSize: 10,", "BatchSize: !Ref Batch,")
    text = text.replace("MemorySize: 256", "MemorySize: !Ref Memory")
    template.write_text(text.replace("\nGlobals:", f"\n{PARAMETERS}\nGlobals:"), encoding="utf-8")
    settings = ("--parameter", "Batch=1,5,10", "--parameter", "Memory=256,512")
    harness(folder, "sweep", "inputs", *settings, "--seeds", 2, "--out", "sweep")
    # World 1 shows that this system puts a result twice when an answer is lost.
    worlds = ("--first-seed", 3, "--seeds", 3)
    harness(folder, "explore", "inputs", *worlds, "--no-sometimes", "--out", "explore")
    harness(PROJECT, "accuracy", PROJECT / "fixtures" / "lines.txt", "--out", folder / "accuracy")
    return {name: folder / name for name in ("a", "compare", "sweep", "explore", "accuracy")}


class Page:
    """A page that is open in a browser, and what its console said."""

    def __init__(self, tab: Any, file: Path) -> None:
        self.tab, self.said = tab, []
        tab.on("console", lambda message: self.said.append(message.text))
        tab.on("pageerror", lambda error: self.said.append(str(error)))
        tab.goto(file.as_uri())

    def text(self, selector: str) -> str:
        return self.tab.locator(selector).first.inner_text()

    def barriers(self) -> list[str]:
        """What axe-core finds that keeps people out, of serious impact and above."""
        from axe_playwright_python.sync_playwright import Axe

        found = Axe().run(self.tab).response["violations"]
        return [
            f"{one['id']}: {one['help']}: {node['html'][:200]}"
            for one in found
            if one["impact"] in ("serious", "critical")
            for node in one["nodes"]
        ]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium without a window; tests that need one are skipped where none is installed."""
    from playwright.sync_api import sync_playwright

    found = program()
    if found is None:
        pytest.skip("no browser is installed (Debian: apt-get install chromium)")
    with sync_playwright() as started:
        opened = started.chromium.launch(
            executable_path=found, args=["--no-sandbox"] if os.getuid() == 0 else []
        )
        yield opened
        opened.close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Page]]:
    """Opens a folder's page; options are those of the browser's context, such as color_scheme."""
    contexts = []

    def opened(folder: Path, **options: Any) -> Page:
        context = browser.new_context(**options)
        contexts.append(context)
        return Page(context.new_page(), folder / "report.html")

    yield opened
    for context in contexts:
        context.close()
