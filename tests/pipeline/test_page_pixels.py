"""Pixels are those that the page shows, whatever its samples are; where that is in doubt, it is said."""

import contextlib
import csv
import io
import struct

import numpy as np
import pytest
import tifffile
from PIL import Image

from pipeline import documents, page_pixels, tiff
from pipeline.failures import PageUnreadable
from tests import builders

MOST = 120_000_000


def grey(data: bytes) -> page_pixels.Pixels:
    return page_pixels.decode(builders.first_page(data), MOST)


def written(values, **options) -> bytes:
    buffer = io.BytesIO()
    big, order = options.pop("bigtiff", False), options.pop("byteorder", "<")
    with tifffile.TiffWriter(buffer, bigtiff=big, byteorder=order) as writer:
        writer.write(values, **options)
    return buffer.getvalue()


PICTURE = np.asarray(builders.page_image("Number 4711"))


@pytest.fixture(params=["in memory", "on disk"])
def opened(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where decoders find the page's file: a large one lies on disk, and has no name there."""
    if request.param == "on disk":
        monkeypatch.setattr(documents, "IN_MEMORY_BYTES", 0)
    return request.param


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize(
    ("values", "options"),
    [
        (PICTURE.astype(np.uint16) * 257, {"photometric": "minisblack"}),
        (PICTURE.astype(np.uint32) * 16_843_009, {"photometric": "minisblack"}),
        (PICTURE.astype(np.float32) / 255, {"photometric": "minisblack"}),
        (PICTURE.astype(np.float64), {"photometric": "minisblack"}),
        ((PICTURE.astype(np.int16) - 128).astype(np.int8), {"photometric": "minisblack"}),
        (255 - PICTURE, {"photometric": "miniswhite"}),
        (np.stack([PICTURE.astype(np.uint16) * 257] * 3), {"photometric": "rgb", "planarconfig": "separate"}),
        (np.stack([PICTURE] * 3), {"photometric": "rgb", "planarconfig": "separate"}),
        (np.stack([PICTURE, np.full_like(PICTURE, 255)], -1), {"photometric": "minisblack", "extrasamples": ["assocalpha"]}),
        (np.stack([PICTURE] * 3 + [np.full_like(PICTURE, 255)], -1), {"photometric": "rgb", "extrasamples": ["assocalpha"]}),
        (np.stack([255 - PICTURE] * 3 + [np.zeros_like(PICTURE)], -1), {"photometric": "separated"}),
        (PICTURE, {"photometric": "minisblack", "bigtiff": True, "byteorder": ">"}),
        (PICTURE, {"photometric": "minisblack", "tile": (64, 64)}),
    ],
    ids=["16 bits", "32 bits", "float", "double", "signed", "white is zero", "16-bit planes", "planes",
         "grey and alpha", "colour and alpha", "CMYK", "BigTIFF of the other order", "tiles"],
)  # fmt: skip
def test_samples_of_every_kind_are_the_picture(values, options) -> None:
    found = grey(written(values, **options))
    assert found.doubt == ""
    assert np.abs(np.asarray(found.grey).astype(int) - PICTURE).max() <= 2


@pytest.mark.usefixtures("opened")
def test_subsampled_colour_without_jpeg_gives_its_luminance() -> None:
    """TIFF 6.0, section 21: units of four Y, one Cb and one Cr."""
    luma = np.asarray(builders.page_image("Number 4711", size=(400, 120)))
    units = luma.reshape(60, 2, 200, 2).transpose(0, 2, 1, 3).reshape(60, 200, 4)
    data = np.concatenate([units, np.full((60, 200, 2), 128, np.uint8)], axis=2).tobytes()
    page = builders.tagged(
        data, {256: 400, 257: 120, 258: (8, 8, 8), 259: 1, 262: 6, 277: 3, 278: 120, 530: (2, 2)}
    )
    assert (np.asarray(grey(page).grey) == luma).all()


def test_what_was_lost_in_damaged_data_is_doubted() -> None:
    """libtiff fills with white what it could not decode, and only says so on standard error."""
    whole = builders.tiff(builders.page_image("Number 4711", "1"), compression="group4")
    page = builders.first_page(whole)
    place, count = int(page.tags()[273][0]), int(page.tags()[279][0])
    torn = whole[: place + count // 2] + b"\xaa" * (count - count // 2) + whole[place + count :]
    assert "damaged" in grey(torn).doubt
    assert grey(whole).doubt == ""


@pytest.mark.parametrize("counts", [None, 0, 3])
def test_byte_counts_that_are_missing_or_too_small_are_estimated(counts: int | None) -> None:
    tags = {256: 900, 257: 240, 258: 8, 259: 1, 262: 1, 277: 1, 278: 240}
    found = grey(builders.tagged(PICTURE.tobytes(), tags, counts=counts))
    assert (np.asarray(found.grey) == PICTURE).all()


def test_a_byte_that_was_never_fetched_is_not_decoded() -> None:
    data = builders.tiff(builders.page_image("Number 4711"))
    page = builders.first_page(data)
    place, count = int(page.tags()[273][0]), int(page.tags()[279][0])
    hole = place + count // 2
    torn = builders.with_segments(page, ((0, data[:hole]), (hole + 100, data[hole + 100 :])))
    with pytest.raises(PageUnreadable, match=r"^bytes \d+ to \d+ of the page were not fetched"):
        page_pixels.decode(torn, MOST)


def with_short_counts(data: bytes, part: float) -> bytes:
    """The file with byte counts of its first page's strips that are only a part of what they are."""
    counts = [int(count) for count in builders.first_page(data).tags()[279]]
    short = [max(1, int(count * part)) for count in counts]
    form = f"<HHI{len(counts)}I" if len(counts) == 1 else f"<{len(counts)}I"
    entry = (279, 4, 1) if len(counts) == 1 else ()
    old, new = struct.pack(form, *entry, *counts), struct.pack(form, *entry, *short)
    assert old in data
    return data.replace(old, new)


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "tiff_adobe_deflate", "group4"])
def test_data_beyond_byte_counts_that_are_too_small_are_decoded_where_they_were_fetched(
    compression: str,
) -> None:
    image = builders.page_image("Number 4711", "1" if compression == "group4" else "L")
    data = with_short_counts(builders.tiff(image, compression=compression), 0.5)
    page = builders.first_page(data)
    assert (np.asarray(page_pixels.decode(page, MOST).grey) == np.asarray(image.convert("L"))).all()
    narrow = tuple(
        (start, data[start : start + length])
        for start, length in tiff.page_extents(page._read, page.size, page.layout, page.offset)
    )
    part = builders.with_segments(page, narrow)
    assert not part.is_wide
    assert part.content != page.content
    with pytest.raises(PageUnreadable, match="not fetched"):
        part.open(mended=True)
    with contextlib.suppress(PageUnreadable):  # with the reason
        assert "damaged" in page_pixels.decode(part, MOST).doubt


def test_a_compression_without_decoder_is_named() -> None:
    page = builders.tagged(b"\0" * 100, {256: 20, 257: 20, 258: 16, 259: 34676, 262: 32844, 277: 1, 278: 20})
    with pytest.raises(PageUnreadable, match=r"Compression 34676 \(SGI LogLuv\) cannot be decoded"):
        grey(page)


def test_the_zoo_has_the_pixels_of_an_independent_reader(shared_corpora) -> None:
    """Page by page, libvips: where it can decode a page, ours is the same picture, or doubted, or refused."""
    pyvips = pytest.importorskip("pyvips")
    zoo, compared, wrong = shared_corpora / "tiff_zoo", 0, []
    for row in csv.DictReader((zoo / "manifest.csv").open()):
        data = (zoo / row["file"]).read_bytes()
        try:
            theirs = pyvips.Image.new_from_file(str(zoo / row["file"]), fail=True).autorot()
            ours = grey(data)
            if (
                theirs.interpretation not in ("b-w", "srgb", "grey16", "rgb16")
                or theirs.hasalpha()
                or ours.doubt
            ):
                continue  # it gives other colour spaces as they are
            values = theirs.numpy().astype(float)
        except Exception:
            continue
        values = (
            values[..., :3] @ page_pixels.LIGHT
            if values.ndim == 3 and values.shape[2] >= 3
            else np.squeeze(values)
        )
        if (
            values.ndim != 2
            or "YCbCr" in str(row)
            or page_pixels._first(builders.first_page(data).tags(), 262) in (5, 6)
        ):
            continue
        compared += 1
        mine = np.asarray(ours.grey).astype(float)
        if mine.shape != values.shape or np.abs(_stretched(mine) - _stretched(values)).mean() > 0.02:
            wrong.append(row["file"])
    assert compared > 80
    # Palettes that libvips calls black and white: Pillow and tifffile agree against it.
    assert set(wrong) <= {"twelvemonkeys__scan-lzw-8bit-colormap.tiff", "commons-imaging__IndexColorPaletteTiled.tif",
                          "twelvemonkeys__lzw-long-strings-sample.tif", "twelvemonkeys__indexed-unspecified-extrasamples.tif",
                          "twelvemonkeys__extra-channels.tif"}, wrong  # fmt: skip


def _stretched(values):
    return (values - values.min()) / (np.ptp(values) or 1)


def test_pages_without_ink_and_dark_ones_differ() -> None:
    from pipeline import ocr
    from pipeline.ocr_options import OcrOptions

    white, black = (
        ocr.read_page(builders.first_page(builders.tiff(Image.new("L", (800, 800), shade))), OcrOptions())
        for shade in (255, 0)
    )
    assert white.doubt == ""
    assert black.doubt == "the page is dark all over"
