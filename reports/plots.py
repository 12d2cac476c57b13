"""What all pictures share: colours, and SVG that stands inside a page and says what it shows."""

import html
import io
import warnings
from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#6b6b6b", "#56b4e9")
"""Told apart also by who sees colours otherwise (Okabe and Ito, "Color Universal Design", 2008); a grey."""
QUEUE_COLORS = ("#332288", "#44aa99", "#999933", "#aa4499", "#882255", "#117733", "#88ccee", "#ddcc77")
"""Others than those of functions, as safe (P. Tol, "Colour schemes", 2021, muted)."""
MOST_CORNERS = 1_000
"""Of a curve: more than a page has pixels across say nothing more."""

mpl.rcParams.update(
    {
        "svg.hashsalt": "report",
        "svg.fonttype": "none",
        "font.size": 9,
        "font.family": "sans-serif",
        "text.parse_math": False,  # a dollar in a name is a dollar
    }
)

Colors = Mapping[str, str]
"""Of functions, by their names: the same in every picture of a page."""


def colors_of(functions: Iterable[str]) -> Colors:
    """A colour for each; they come again where there are many."""
    return dict(zip(sorted(set(functions)), cycle(COLORS), strict=False))


def thinned(curve: Sequence[tuple[float, float]], most: int = MOST_CORNERS) -> list[tuple[float, float]]:
    """A curve of corners (time, value) with at most about so many of them: of each stretch of time the first,
    the highest, the lowest and the last, so that no peak is lost.
    """
    if len(curve) <= most:
        return list(curve)
    begun, ended = curve[0][0], curve[-1][0]
    width = (ended - begun) / (most // 4) or 1.0
    stretches: dict[int, list[int]] = {}
    for number, (time, _) in enumerate(curve):
        stretches.setdefault(int((time - begun) / width), []).append(number)
    kept = {
        number
        for stretch in stretches.values()
        for number in (
            stretch[0],
            max(stretch, key=lambda one: curve[one][1]),
            min(stretch, key=lambda one: curve[one][1]),
            stretch[-1],
        )
    }
    return [curve[number] for number in sorted(kept)]


def tidy(axes: Axes) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def svg(figure: Figure, says: str) -> Markup:
    """The figure as an element of a page. says: what it shows, for those who cannot see it."""
    buffer = io.StringIO()
    with warnings.catch_warnings():  # the browser's font has the letters that this machine's lacks
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    drawn = text[text.index("<svg") :].replace("<svg", f'<svg role="img" aria-label="{html.escape(says)}"', 1)
    return Markup(drawn)  # noqa: S704 our own
