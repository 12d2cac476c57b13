"""Trains the screen (pipeline/screening.py) on specimens of print: `make screen`.

The same file comes out every time on one machine: one thread, one seed, plain numpy. What it learns with:
cross-entropy, Adam (Kingma and Ba 2015), a learning rate that falls as half a cosine.
"""

import argparse
import multiprocessing
import os

os.environ |= {f"{name}_NUM_THREADS": "1" for name in ("OPENBLAS", "OMP", "MKL")}

import io
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from fixtures import specimens
from harness.commands.console import Screen
from pipeline import ink, screening, text_pieces
from pipeline.screening import EDGE, HIGH, REACH, STRIDE, Floats

PAGES, EPOCHS, SEED, RATE = 1900, 8, 5, 3e-3
FILTERS, COLUMN_UNITS, LINE_UNITS, KINDS = 16, 64, 48, 4
WEIGH = np.array([0.3, 1.0, 1.6, 1.0], np.float32)
"""How much a position of each kind counts: a digit that is missed is worse than a letter that is read."""
PARTS = 4.0
"""How much the parts of digits count beside the kinds."""


class Example(msgspec.Struct, frozen=True):
    """The strips of a page, from 0 to 255, and of each position what it belongs to and what part of a digit
    it is.
    """

    strips: npt.NDArray[np.uint8]
    kinds: npt.NDArray[np.uint8]
    parts: Floats


def example(number: int, seed: int = SEED, faces: tuple[str, ...] = specimens.FACES) -> Example:
    """A page of specimens as the screen sees it."""
    generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,)))
    page = specimens.draw(generator, faces)
    seen = ink.of(page.image, page.dpi)
    boxes = text_pieces.pieces(seen)
    boxes = boxes[screening.are_text(boxes, page.dpi)]
    made = screening.strips(page.image, boxes, seen.paper)
    kinds, parts = np.zeros(made.ink.shape[1], np.uint8), np.zeros(made.ink.shape[1], np.float32)
    belongs, widths = page.kinds, page.widths
    for box, start, width in zip(boxes.tolist(), made.starts.tolist(), made.widths.tolist(), strict=True):
        across = np.linspace(box[0], min(box[2], box[0] + (box[3] - box[1]) * screening.LONGEST) - 1, width)
        places = (box[1] + box[3]) // 2, across.astype(int)
        kinds[start : start + width] = belongs[places]
        position = screening.COLUMNS * (box[3] - box[1]) / screening.INNER
        parts[start : start + width] = (
            (belongs[places] == screening.DIGIT) * position / np.maximum(1, widths[places])
        )
    count = (((made.ink.shape[1] - EDGE) // STRIDE + 1) - EDGE) // STRIDE + 1 - 2 * REACH
    places = screening.middle(np.arange(max(0, count)))
    return Example((made.ink * 255).astype(np.uint8), kinds[places], parts[places])


def fresh(generator: np.random.Generator) -> dict[str, Floats]:
    """Weights before anything was learned (He et al. 2015)."""
    rows = (HIGH - EDGE) // STRIDE + 1
    shapes = {
        "patch": (EDGE * EDGE, FILTERS),
        "column": (EDGE, rows * FILTERS, COLUMN_UNITS),
        "line": (2 * REACH + 1, COLUMN_UNITS, LINE_UNITS),
        "kind": (LINE_UNITS, KINDS + 1),
    }
    made: dict[str, Floats] = {}
    for name, shape in shapes.items():
        spread = np.sqrt(2 / np.prod(shape[:-1]))
        made[name] = generator.normal(0, spread, shape).astype(np.float32)
        made[f"{name}_bias"] = np.zeros(shape[-1], np.float32)
    return made


def gradients(one: Example, weights: dict[str, Floats]) -> dict[str, Floats]:
    """Of the mean loss of a page's positions: cross-entropy of the kinds, squares of the parts."""
    patches, first, second, third, answer = screening.layers(one.strips.astype(np.float32) / 255, weights)
    back = np.empty_like(answer)
    back[:, :KINDS] = screening.shares(answer)
    back[np.arange(len(one.kinds)), one.kinds] -= 1
    back[:, KINDS] = PARTS * (answer[:, KINDS] - one.parts)
    weigh = WEIGH[one.kinds]
    back *= (weigh / weigh.sum())[:, None]
    found = {"kind": third.T @ back, "kind_bias": back.sum(axis=0)}
    back = (back @ weights["kind"].T) * (third > 0)
    found |= {"line": _of_taps(second, back, len(weights["line"]), 1), "line_bias": back.sum(axis=0)}
    back = _through_taps(back, weights["line"], len(second), 1) * (second > 0)
    found |= {"column": _of_taps(first, back, EDGE, STRIDE), "column_bias": back.sum(axis=0)}
    back = (_through_taps(back, weights["column"], len(first), STRIDE) * (first > 0)).reshape(
        len(patches), -1
    )
    return found | {"patch": patches.T @ back, "patch_bias": back.sum(axis=0)}


def _of_taps(values: Floats, back: Floats, taps: int, stride: int) -> Floats:
    reach = (len(back) - 1) * stride + 1
    return np.stack([values[place : place + reach : stride].T @ back for place in range(taps)])


def _through_taps(back: Floats, kernel: Floats, count: int, stride: int) -> Floats:
    given, reach = np.zeros((count, kernel.shape[1]), np.float32), (len(back) - 1) * stride + 1
    for place in range(len(kernel)):
        given[place : place + reach : stride] += back @ kernel[place].T
    return given


def train(pages: int = PAGES, epochs: int = EPOCHS, seed: int = SEED) -> dict[str, Floats]:
    """Weights, trained."""
    screen = Screen()
    with screen.progress("drawing specimens", pages) as tell, multiprocessing.Pool() as pool:
        examples = []
        for number, one in enumerate(pool.imap(partial(example, seed=seed), range(pages)), 1):
            examples += [one] if len(one.kinds) else []
            tell(number)
    generator = np.random.default_rng(seed)
    weights = fresh(generator)
    moment = {name: np.zeros_like(value) for name, value in weights.items()}
    power = {name: np.zeros_like(value) for name, value in weights.items()}
    steps, step = epochs * len(examples), 0
    order = np.concatenate([generator.permutation(len(examples)) for _ in range(epochs)])
    with screen.progress("training", steps) as tell:
        for place in order:
            one, step = examples[place], step + 1
            found = gradients(one, weights)
            rate = RATE * 0.5 * (1 + np.cos(np.pi * step / steps))
            for name, slope in found.items():
                moment[name] += 0.1 * (slope - moment[name])
                power[name] += 0.01 * (slope**2 - power[name])
                size = np.sqrt(power[name] / (1 - 0.99**step)) + 1e-8
                weights[name] -= (rate * moment[name] / (1 - 0.9**step) / size).astype(np.float32)
            tell(step)
    return weights


def tried(weights: dict[str, Floats], faces: tuple[str, ...], pages: int, seed: int) -> npt.NDArray[np.int64]:
    """(what it is, what the net takes it for) -> positions of pages that it has not seen."""
    counts = np.zeros((KINDS, KINDS), np.int64)
    for number in range(pages):
        one = example(number, seed, faces)
        if len(one.kinds):
            answer = screening.layers(one.strips.astype(np.float32) / 255, weights)[-1]
            np.add.at(counts, (one.kinds, answer[:, :KINDS].argmax(axis=1)), 1)
    return counts


def encode(weights: dict[str, Floats]) -> bytes:
    """As half floats, in the order of their names."""
    kept = io.BytesIO()
    np.savez(kept, **{name: weights[name].astype(np.float16) for name in sorted(weights)})
    return kept.getvalue()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--out", type=Path, default=screening.WEIGHTS)
    options.add_argument("--pages", type=int, default=PAGES)
    options.add_argument("--epochs", type=int, default=EPOCHS)
    given = options.parse_args()
    weights = train(given.pages, given.epochs)
    kept = encode(weights)
    given.out.write_bytes(kept)
    print(f"{given.out}: {len(kept)} bytes, digest {screening.digest(kept)}")
    if given.out == screening.WEIGHTS:
        code = Path(screening.__file__)
        code.write_text(code.read_text().replace(screening.DIGEST, screening.digest(kept)))
    names = ("nothing", "letter", "digit", "strange")
    for faces, said in ((specimens.FACES, "faces it has seen"), (specimens.UNSEEN_FACES, "faces kept apart")):
        counts = tried(weights, faces, 40, SEED + 1)
        for name, row in zip(names, counts / counts.sum(axis=1, keepdims=True), strict=True):
            taken = ", ".join(f"{other} {share:.3f}" for other, share in zip(names, row, strict=True))
            print(f"{said}: {name} is taken for {taken}")


if __name__ == "__main__":
    main()
