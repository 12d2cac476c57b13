"""A document that was translated before is not translated again, unless anything of it has changed."""

from pathlib import Path

import pytest

from harness.cloud import template, translation
from harness.errors import UsageError
from tests.builders import PROJECT

SAM = PROJECT / "template.yaml"


def never(*arguments: object) -> None:
    raise AssertionError("it was translated again")


def test_the_kept_translation_is_the_translators_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = template.load(SAM, {})
    first = template.load(SAM, {}, kept=tmp_path)
    monkeypatch.setattr(translation, "_translate", never)
    assert template.load(SAM, {}, kept=tmp_path) == first == fresh


def test_where_nothing_can_be_kept_it_is_translated_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where a folder is to be")
    assert template.load(SAM, {}, kept=tmp_path / "taken" / "folder") == template.load(SAM, {})


def test_other_parameters_another_document_or_a_damaged_file_are_translated_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = template.load(SAM, {}, kept=tmp_path)
    changed = tmp_path / "template.yaml"
    changed.write_text(SAM.read_text().replace("BatchSize: 1", "BatchSize: 2"))
    with monkeypatch.context() as patch:
        patch.setattr(translation, "_translate", never)
        for other, values in ((SAM, {"BatchPages": "7"}), (changed, {})):
            with pytest.raises(AssertionError, match="translated again"):
                template.load(other, values, kept=tmp_path)
    for file in tmp_path.glob("*.json"):
        file.write_text(file.read_text()[:-9])
    assert template.load(SAM, {}, kept=tmp_path) == first


def test_what_is_no_valid_sam_is_said_each_time(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(
        "Transform: AWS::Serverless-2016-10-31\nResources: {F: {Type: AWS::Serverless::Function}}\n"
    )
    for _ in range(2):
        with pytest.raises(UsageError, match=r"wrong\.yaml"):
            template.load(wrong, {}, kept=tmp_path)
