"""The screen's training: the same file twice, and gradients that are those of its loss."""

import msgspec
import numpy as np

from benchmarks import screen
from pipeline import screening


def test_training_gives_the_same_file_twice() -> None:
    one, other = (screen.encode(screen.train(pages=3, epochs=2)) for _ in range(2))
    assert one == other
    assert one != screen.encode(screen.fresh(np.random.default_rng(screen.SEED)))


def test_gradients_are_those_of_the_loss() -> None:
    """By central differences, of some weights of each layer."""
    whole = screen.example(3)
    strips = whole.strips[:, :900]
    exact = {name: value.astype(np.float64) for name, value in screen.fresh(np.random.default_rng(0)).items()}
    count = len(screening.layers(strips / 255.0, exact)[-1])
    part = msgspec.structs.replace(whole, strips=strips, kinds=whole.kinds[:count], parts=whole.parts[:count])

    def loss() -> float:
        answer = screening.layers(strips / 255.0, exact)[-1]
        kinds = answer[:, : screen.KINDS] - answer[:, : screen.KINDS].max(axis=1, keepdims=True)
        logs = kinds - np.log(np.exp(kinds).sum(axis=1, keepdims=True))
        each = -logs[np.arange(count), part.kinds]
        each = each + screen.PARTS / 2 * (answer[:, screen.KINDS] - part.parts) ** 2
        return float(np.average(each, weights=screen.WEIGH[part.kinds]))

    slopes = screen.gradients(part, exact)
    draw = np.random.default_rng(1)
    for name in ("patch", "column", "line", "kind"):
        for _ in range(5):
            place = tuple(int(draw.integers(side)) for side in exact[name].shape)
            exact[name][place] += 1e-5
            above = loss()
            exact[name][place] -= 2e-5
            below = loss()
            exact[name][place] += 1e-5
            assert abs(slopes[name][place] - (above - below) / 2e-5) < 1e-4, (name, place)
