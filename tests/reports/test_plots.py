"""A function has the same colour in every picture of a page."""

from reports import plots
from reports.trace import FileWay, Span

SPANS = tuple(
    Span(function, f"{function}/1", float(start), start + 0.5, start + 1.0)
    for start, function in enumerate(("Reader", "Writer", "Sorter"))
)


def test_a_function_has_one_colour_in_all_pictures() -> None:
    colors = plots.colors_of(["Writer", "Reader", "Sorter", "Reader"])
    assert len(set(colors.values())) == 3
    way = FileWay("uploads/a", 0.0, 4.0, (SPANS[1],))  # its picture knows of one function only
    for picture in (
        plots.over_time(SPANS, {"Queue": [(0.0, 1), (1.0, 0)]}, colors),
        plots.file_ways([way], colors),
    ):
        assert colors["Writer"] in picture
    assert colors["Reader"] not in plots.file_ways([way], colors)


def test_many_functions_have_colours_too() -> None:
    assert len(plots.colors_of(f"Function{number}" for number in range(30))) == 30
