"""A package as `sam build` leaves it: its own modules run from it, what is installed here runs from here."""

from pathlib import Path

from harness.cloud import packages
from harness.compute.modules import may_import
from harness.compute.sandbox import CodeBase


def built(folder: Path) -> Path:
    """A package with a module of its own, a wheel that is installed here, and one that is not."""
    for module, name in (("msgspec", "msgspec"), ("unheard_of", "unheard-of")):
        (folder / module).mkdir(parents=True)
        (folder / module / "__init__.py").write_text("where = 'package'\n")
        (folder / f"{name}-1.0.dist-info").mkdir()
        (folder / f"{name}-1.0.dist-info" / "RECORD").write_text(
            f"{module}/__init__.py,,\n../../bin/tool,,\n"
        )
    (folder / "own.py").write_text("def handler(event, context): return event\n")
    return folder


def code_of(folder: Path) -> Path:
    properties = {"Runtime": "python3.13", "Handler": "own.handler", "CodeUri": folder.name}
    document = {"Resources": {"Function": {"Type": "AWS::Serverless::Function", "Properties": properties}}}
    return packages.local(folder.parent / "template.yaml", document, {}).code["Function"]


def test_what_is_installed_here_is_not_taken_from_a_package(tmp_path: Path) -> None:
    code = code_of(built(tmp_path / "Function"))
    assert (code / "own.py").is_file()
    assert (code / "unheard_of" / "__init__.py").is_file()
    assert not (code / "msgspec").exists()


def test_a_folder_into_which_nothing_was_installed_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "Function").mkdir()
    assert code_of(tmp_path / "Function") == tmp_path / "Function"


def test_a_package_that_changed_is_seen_as_it_is_now(tmp_path: Path) -> None:
    folder = built(tmp_path / "Function")
    before = code_of(folder)
    (folder / "more.py").touch()
    (folder / "own.py").write_text("changed = True\n")
    after = code_of(folder)
    assert (after / "more.py").is_file()
    assert (after / "own.py").read_text() == (before / "own.py").read_text() == "changed = True\n"


def test_a_function_whose_package_lacks_a_recorded_module_has_none(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder, module in zip(folders, ("opening", "reading"), strict=True):
        (folder / "app_of_test").mkdir(parents=True)
        (folder / "app_of_test" / "__init__.py").touch()
        (folder / "app_of_test" / f"{module}.py").touch()
    code = CodeBase(folders, ["app_of_test.opening.handler"])
    (folders[0] / "app_of_test" / "opening.py").write_text("def handler(): from app_of_test import reading")
    (folders[1] / "app_of_test" / "opening.py").write_text("def handler(): from app_of_test import reading")
    lacking, having = (may_import("app_of_test.opening", (folder,), code, code.edition) for folder in folders)
    assert having - lacking == {"app_of_test.reading"}
