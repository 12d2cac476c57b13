"""A function has the same colour in every picture of a page."""

from reports import plots, run_plots
from reports.api_calls import ApiCalls
from reports.trace import FileWay, Span, Trace

SPANS = tuple(
    Span(function, f"{function}/1", float(start), start + 0.5, start + 1.0)
    for start, function in enumerate(("Reader", "Writer", "Sorter"))
)


def test_a_function_has_one_colour_in_all_pictures() -> None:
    colors = plots.colors_of(["Writer", "Reader", "Sorter", "Reader"])
    assert len(set(colors.values())) == 3
    way = FileWay("uploads/a", 0.0, 4.0, (SPANS[1],))  # its picture knows of one function only
    read = Trace(SPANS, {"Queue": [(0.0, 1), (1.0, 0)]}, {}, (way,), (), ApiCalls())
    for picture in (
        run_plots.over_time(read, colors),
        run_plots.file_ways([way], colors),
    ):
        assert colors["Writer"] in picture
    assert colors["Reader"] not in run_plots.file_ways([way], colors)


def test_many_functions_have_colours_too() -> None:
    assert len(plots.colors_of(f"Function{number}" for number in range(30))) == 30


def test_a_long_curve_is_thinned_and_keeps_its_ends_and_peaks() -> None:
    curve = [(float(time), float(time % 7)) for time in range(20_000)]
    curve[12_345] = (12_345.0, 99.0)
    thin = plots.thinned(curve)
    assert len(thin) <= plots.MOST_CORNERS + 4
    assert (thin[0], thin[-1]) == (curve[0], curve[-1])
    assert max(thin, key=lambda corner: corner[1]) == (12_345.0, 99.0)
    assert thin == sorted(thin)
    assert plots.thinned(curve[:100]) == curve[:100]
