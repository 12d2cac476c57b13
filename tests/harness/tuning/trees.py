"""Small git repositories with something to read, as tests need them."""

import subprocess
from pathlib import Path

READER = '''
import os
import time
from functools import partial

SPIN_SECONDS = {seconds}


def readings(data):
    return [partial(read, line) for line in data.decode().splitlines()]


def read(line):
    """Half of it in a child, as Tesseract's is."""
    child = os.fork()
    if not child:
        spin(SPIN_SECONDS / 2)
        os._exit(0)
    os.waitpid(child, 0)
    spin(SPIN_SECONDS / 2)
    return line.upper()


def spin(seconds):
    ends = time.process_time() + seconds
    while time.process_time() < ends:
        pass
'''


def git(folder: Path, *arguments: str) -> str:
    who = [
        "-c",
        "user.name=n",
        "-c",
        "user.email=e@x",
        "-c",
        "commit.gpgsign=false",
        "-c",
        "init.defaultBranch=main",
    ]
    done = subprocess.run(["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(folder: Path, files: dict[str, str], message: str = "change") -> str:
    """Writes the files and commits all there is; returns the commit."""
    if not (folder / ".git").exists():
        folder.mkdir(parents=True, exist_ok=True)
        git(folder, "init", "--quiet")
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(folder, "rev-parse", "HEAD")


def reader(seconds: float = 0.004) -> dict[str, str]:
    """A project whose units are lines, each of which takes so long to read."""
    return {"reading/__init__.py": "", "reading/lines.py": READER.format(seconds=seconds)}
