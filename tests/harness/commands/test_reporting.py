"""The page is made in a process of its own; whatever becomes of that, the page or its error comes."""

import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from harness.commands import reporting
from harness.errors import UsageError
from reports import pages


def test_the_page_is_written_by_another_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "write", lambda folder: (folder / "by").write_text(str(os.getpid())))
    with reporting.reporter() as write:
        write(tmp_path)
    assert int((tmp_path / "by").read_text()) != os.getpid()


def test_damaged_files_are_said_as_without_it(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text("{}")
    with reporting.reporter() as write, pytest.raises(UsageError, match="damaged"):
        write(tmp_path)


def test_the_page_comes_though_that_process_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "write", lambda folder: (folder / "by").write_text(str(os.getpid())))
    with reporting.reporter() as write:
        (process,) = multiprocessing.active_children()
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        write(tmp_path)
    assert int((tmp_path / "by").read_text()) == os.getpid()
