"""Every command that the documentation names is one: it is understood as it stands, and run where that is quick."""

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
import typer

from harness.bill import platform_logs
from harness.commands import cli
from harness.recorder import Invocation, read
from tests.builders import PROJECT, sample
from tests.documentation.commands import Command, named

COMMANDS = named()
OF_HARNESS = [command for command in COMMANDS if command.words[0] == "harness"]
QUICK = {"run", "project", "trace", "redrive", "doctor", "backfill", "calibrate", "compare"}
"""What is run here; sweeps, explorations, guards and accuracy take minutes, and have tests of their own."""
NOT_HERE = (
    "--world",  # of an exploration
    "--template build/",  # what `make package` leaves: tests/deploy
    "NpiTable=pipeline/own.toml",  # the reader's own
    "compare main",
    "compare BASE",  # two revisions: minutes
    "--daily",  # files that come over days: a minute
)
MENTIONED = {
    "harness run",
    "harness calibrate",
    "harness project",
    "harness backfill",
    "harness redrive",
    "harness run --world",
}
"""Names of commands in sentences, without what they are given."""


def is_quick(command: Command) -> bool:
    text = " ".join(command.words)
    return command.words[1] in QUICK and text not in MENTIONED and not any(one in text for one in NOT_HERE)


def alike(command: Command) -> tuple[str, ...]:
    """What is the same for commands that do the same, whatever files and folders are called."""
    words = (
        re.sub(r"^runs/.*|^FOLDER$|^INPUTS$|^[A-Z_]*FILES$|^--sample$", "...", word) for word in command.words
    )
    text = " ".join(words).removesuffix(" --out ...").replace(".csv.gz", ".csv")
    return tuple(text.split())


TRIED = list({alike(one): one for one in OF_HARNESS if is_quick(one)}.values())


def test_there_are_commands_to_try() -> None:
    assert len(COMMANDS) > 80
    assert len(TRIED) > 15
    assert {one.words[1] for one in TRIED} == QUICK


@pytest.mark.parametrize("command", OF_HARNESS, ids=str)
def test_a_command_of_harness_is_understood(command: Command) -> None:
    whole = typer.main.get_command(cli.app)
    assert isinstance(whole, click.Group | typer.core.TyperGroup)
    name, *words = command.words[1:]
    if name.startswith("--"):
        assert name in {"--version", "--install-completion"}
        return
    assert name in whole.commands, f"harness has no command {name}"
    try:
        whole.commands[name].make_context(name, words, resilient_parsing=False)
    except Exception as error:
        if "requires an argument" not in str(error):  # an option that a sentence names
            raise AssertionError(f"{command}: {error}") from error


@pytest.mark.parametrize("command", [one for one in COMMANDS if one.words[0] == "make"], ids=str)
def test_a_target_of_make_is_there(command: Command) -> None:
    words = [*command.words, *(["BASE=main"] if "BASE" not in " ".join(command.words) else [])]
    done = subprocess.run([words[0], "-n", *words[1:]], cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", [one for one in COMMANDS if one.words[0] == "python"], ids=str)
def test_a_module_that_is_run_is_there(command: Command) -> None:
    assert (PROJECT / Path(*command.words[2].split("."))).with_suffix(".py").is_file()


@pytest.mark.parametrize("command", [one for one in COMMANDS if one.words[0] == "pytest"], ids=str)
def test_a_file_of_tests_is_there(command: Command) -> None:
    assert all((PROJECT / word).is_file() for word in command.words[1:] if not word.startswith("-"))


def test_sam_is_given_parameter_sets_that_are_there() -> None:
    text = (PROJECT / "samconfig.toml").read_text()
    for command in COMMANDS:
        if command.words[0] == "sam" and "--config-env" in command.words:
            assert f"[{command.words[command.words.index('--config-env') + 1]}.deploy.parameters]" in text


class Desk:
    """A folder with what the documentation takes for granted: files, an inventory, runs, logs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        files = folder / "files"
        files.mkdir()
        shutil.copy(min(sample().rglob("*.tiff"), key=lambda path: path.stat().st_size), files / "scan.tiff")
        rows = "".join(f"archive,scans/{number}.tif,750000\n" for number in range(200))
        (folder / "inventory.csv").write_text(rows)
        (folder / "inventory.csv.gz").write_bytes(gzip.compress(rows.encode()))
        (folder / "inventories").mkdir()
        (folder / "inventories" / "one.csv").write_text(rows)
        (folder / "hours.csv").write_text("hour,weight\n" + "".join(f"{hour},1\n" for hour in range(24)))
        self.places = {
            **dict.fromkeys(("FOLDER", "INPUTS", "MY_FILES", "FILES", "FILE"), str(files)),
            "path/to/template.yaml": str(PROJECT / "template.yaml"),
            **{
                name: str(folder / name)
                for name in ("inventory.csv", "inventory.csv.gz", "hours.csv", "WorkerFunction.json")
            },
        }
        for name in ("mine", "other", "a", "b", "before", "after", "calibrated", "latest"):
            if name == "mine":
                assert run(["run", str(files), "--out", str(folder / "runs" / name)]) == 0
            else:
                shutil.copytree(folder / "runs" / "mine", folder / "runs" / name)
        lines = [
            line
            for event in read(folder / "runs" / "mine" / "trace.jsonl")
            if isinstance(event, Invocation) and event.function == "WorkerFunction"
            for line in platform_logs.lines(event)
        ]
        (folder / "WorkerFunction.json").write_text(
            json.dumps({"events": [{"message": line} for line in lines * 10]})
        )

    def words(self, command: Command, number: int) -> list[str]:
        """With what is here in the place of what the reader has, and fewer files."""
        words = [self.places.get(word, word) for word in command.words[1:] if word != "--sample"]
        if "--sample" in command.words:
            words.insert(1, self.places["FOLDER"])
        words = [str(self.folder / word) if word.startswith("runs/") else word for word in words]
        if "--inventory FOLDER" in " ".join(command.words):
            words[words.index("--inventory") + 1] = str(self.folder / "inventories")
        if words[0] not in ("trace", "doctor") and "--out" not in words:
            words += ["--out", str(self.folder / "out" / str(number))]
        if words[0] == "project":
            words.append("--no-explorer")  # which takes half a minute and has tests of its own
        if words[0] == "project" and "--inventory" not in words:
            words += ["--files", "2000"]
        if words[0] == "project" and "--calibration" not in words:
            words += ["--calibration", str(self.folder / "runs" / "mine")]
        if words[0] == "backfill" and "--dry-run" in words:
            words += ["--calibration", str(self.folder / "runs" / "mine")]
        if "--files" in words and words[0] == "backfill":
            words[words.index("--files") + 1] = "60"
            words[words.index("--kill-after") + 1] = "0.5"
        return words


def run(words: list[str]) -> int:
    """Of a process's own, as a reader runs it."""
    command = [str(Path(sys.executable).with_name("harness")), *words]
    done = subprocess.run(
        command, cwd=PROJECT, capture_output=True, text=True, env={**os.environ, "COLUMNS": "200"}
    )
    assert "Traceback" not in done.stderr, done.stderr
    if done.returncode:
        raise AssertionError(f"{' '.join(words)}: {done.stderr or done.stdout[-800:]}")
    return done.returncode


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("desk"))


FIRST = {one.words[1]: one for one in reversed(TRIED)}
"""Of each command the one that is named first is run every time, the others with `-m slow`."""


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(one, id=str(one), marks=() if one in FIRST.values() else pytest.mark.slow)
        for one in TRIED
    ],
)
def test_a_quick_command_does_what_it_is_said_to(desk: Desk, command: Command) -> None:
    assert run(desk.words(command, TRIED.index(command))) == 0


def test_every_link_between_the_pages_leads_somewhere() -> None:
    for page in (*PROJECT.glob("*.md"), *PROJECT.glob("docs/*.md")):
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"
