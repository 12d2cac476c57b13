"""The screen: digits are told from letters before anything is read, in typefaces that it never saw; and which
way up a page stands.
"""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from fixtures import office, specimens
from pipeline import screened, screening

NUMBERS = ("123-45-6789", "4417 1234 5678 9113", "12/31/1984", "D583-2093-8803", "021000021")
WORDS = (
    "Social Security Number",
    "ACCOUNT HOLDER",
    "Date of birth",
    "please find enclosed",
    "Ms. L. Bollinger",
)


def sheet(texts, face: str, pixels: int = 34) -> Image.Image:
    """Lines of text, one under the other, at 200 dpi."""
    page = Image.new("L", (900, 90 * len(texts) + 60), 255)
    for row, text in enumerate(texts):
        ImageDraw.Draw(page).text((60, 30 + 90 * row), text, font=specimens.font(face, pixels), fill=0)
    return page


@pytest.mark.parametrize("pixels", [22, 34, 60])
@pytest.mark.parametrize("face", specimens.UNSEEN_FACES)
def test_numbers_are_told_from_words_in_faces_that_it_never_saw(face: str, pixels: int) -> None:
    page = screened.upright(sheet([*NUMBERS, *WORDS], face, pixels), 200)
    rows = {round((box[1] + box[3]) / 2 - 30) // 90 for box in page.numbers}
    assert rows == set(range(len(NUMBERS)))


def test_digits_are_counted() -> None:
    for text in ("12345", "1234567", "123456789"):
        page = screened.upright(sheet([text], "pymupdf:fimo"), 200)
        seen = screening.look(page.pixels, page.boxes, page.ink.paper)
        assert seen.digits.max() == pytest.approx(len(text), rel=0.25), text


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("kind", ["letter", "payroll", "wage statement"])
def test_a_page_is_turned_upright(kind: str, turn: int) -> None:
    drawn = office.draw(kind, "typed", np.random.default_rng(4), 200).image
    page = screened.upright(drawn.rotate(turn, expand=True), 200)
    assert (page.turned + turn) % 360 == 0
    assert page.pixels.size == drawn.size


@pytest.mark.parametrize("drawn", [Image.new("L", (400, 300), 255), Image.new("L", (20, 20), 255)])
def test_a_page_without_ink_stays_as_it_is(drawn: Image.Image) -> None:
    page = screened.upright(drawn, 200)
    assert (page.turned, page.numbers, page.strange) == (0, (), 0.0)


def test_a_single_dot_is_looked_at() -> None:
    drawn = Image.new("L", (400, 300), 255)
    ImageDraw.Draw(drawn).rectangle((200, 150, 210, 162), fill=0)
    assert screened.upright(drawn, 200).numbers == ()


def test_the_weights_are_those_that_the_code_is_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = screening.WEIGHTS.read_bytes()
    assert screening.digest(data) == screening.DIGEST
    assert len(data) < 2**20
    (tmp_path / "screen.npz").write_bytes(data[:-1])
    monkeypatch.setattr(screening, "WEIGHTS", tmp_path / "screen.npz")
    with pytest.raises(RuntimeError, match="`make screen` writes both"):
        screening.weights.__wrapped__()
