"""Decodes one page to greyscale, by the decoder that is right for its samples, and says what is doubtful.

Pillow (libtiff) decodes what scanners write. It misreads, or refuses, some rarer samples: deep ones in
planes, signed ones, associated alpha, floats, odd depths, big-endian BigTIFF. Those go to tifffile with
imagecodecs, and only what that cannot decode goes to Pillow all the same. What libtiff complains of, on its
standard error, is heard: it fills what it could not decode with white.
"""

import contextlib
import os
import re
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any

import msgspec
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageOps, UnidentifiedImageError

from pipeline import page_blank, page_contrast
from pipeline.documents import PageFile
from pipeline.failures import PageUnreadable
from pipeline.page_text import DAMAGED

Tags = dict[int, tuple[float, ...]]
Samples = npt.NDArray[Any]
Shades = npt.NDArray[np.float64]

WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC, ORIENTATION = 256, 257, 258, 259, 262, 274
SAMPLES, X_RESOLUTION, Y_RESOLUTION, PLANAR, UNIT = 277, 282, 283, 284, 296
COLOUR_MAP, EXTRA_SAMPLES, SAMPLE_FORMAT, SUBSAMPLING = 320, 338, 339, 530
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR, LAB = 0, 1, 2, 3, 5, 6, 8
GROUP_4, FILL_ORDER = 4, 266
END_OF_BLOCK, END_BYTES = 0x001001, 16
REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))
"""Bytes by FillOrder 2 (TIFF 6.0)."""
PLAIN, FAX = 1, (2, 3, 4)
COMPRESSIONS = {
    1: "none",
    2: "CCITT RLE",
    3: "CCITT group 3",
    4: "CCITT group 4",
    5: "LZW",
    6: "old-style JPEG",
    7: "JPEG",
    8: "deflate",
    9: "JBIG",
    10: "JBIG2",
    32766: "NeXT",
    32773: "PackBits",
    32809: "ThunderScan",
    32895: "IT8",
    32908: "Pixar film",
    32909: "Pixar log",
    32946: "deflate",
    32947: "Kodak DCS",
    33003: "JPEG 2000",
    33005: "JPEG 2000",
    34661: "JBIG",
    34676: "SGI LogLuv",
    34677: "SGI LogLuv 24",
    34712: "JPEG 2000",
    34887: "LERC",
    34892: "lossy JPEG",
    34925: "LZMA",
    34926: "Zstandard",
    50000: "Zstandard",
    50001: "WebP",
    50002: "JPEG XL",
    52546: "JPEG XL",
}
"""Names of compressions (libtiff, "tiff.h")."""
NO_DECODER = frozenset({9, 10, 32766, 32809, 32895, 32908, 32947, 34661, 34676, 34677})
_LOSSES = re.compile(
    r"not enough data|premature|bad code|uncompressed data|line length mismatch|corrupt|read error"
    r"|decod\w* error|scanline|invalid read",
    re.IGNORECASE,
)
"""What libtiff says when it could not decode all; it has other things to say of tags."""
_HARMLESS = re.compile(
    r"unknown field|tag \d|directory|ignor|incorrect count|photoshop|sanity", re.IGNORECASE
)
BAND_ROWS = 512
MOST_CHANNELS = 8
"""Samples of a pixel that are looked at one by one."""
LIGHT = np.array([0.299, 0.587, 0.114])
"""Of red, green and blue in luminance (ITU-R BT.601)."""
ASSOCIATED, UNASSOCIATED = 1, 2
"""Kinds of alpha, by ExtraSamples."""

Image.MAX_IMAGE_PIXELS = None  # `decode` has a limit of its own, with a reason that names it


class Pixels(msgspec.Struct, frozen=True):
    """`grey`: mode "L", upright. resolution: dots per inch (across, down) as the page says, 0 for not.
    doubt: why the pixels may not be what the page shows, "" when there is no reason.
    """

    grey: Image.Image
    resolution: tuple[float, float]
    doubt: str = ""


def decode(page: PageFile, max_pixels: int) -> Pixels:
    """Raises `PageUnreadable`, with the tag that is to blame where one is."""
    tags = page.tags()
    width, length = int(_first(tags, WIDTH)), int(_first(tags, LENGTH))
    if width * length > max_pixels:
        raise PageUnreadable(
            f"the page claims {width} x {length} pixels, more than the {max_pixels // 10**6} million allowed"
        )
    decoders = [_by_pillow, _by_tifffile] if _is_plain(tags) else [_by_tifffile, _by_pillow]
    reasons: list[str] = []
    for decoder in decoders:
        doubtful: Pixels | None = None
        refused = _refused(tags, reasons)  # by another decoder: byte counts that were mended are no damage
        for mended in (False, True) if page.is_wide else (False,):
            try:
                found = decoder(page, tags, mended)
            except PageUnreadable:
                raise
            except Exception as error:  # decoders raise nearly every class for damaged data
                reasons.append(f"{type(error).__name__}: {error}")
                continue
            if not found.doubt and not mended and _may_be_cut(page, tags):
                found = _whole(page, tags, found, decoder)
            if not found.doubt:
                return msgspec.structs.replace(found, doubt=refused)
            doubtful = doubtful or found
        if doubtful is not None:
            return doubtful
    raise PageUnreadable(_reason(tags, reasons))


def _may_be_cut(page: PageFile, tags: Tags) -> bool:
    """Whether a strip of CCITT group 4 ends without the mark of its end (ITU-T T.6): writers leave it out, or
    the strip's byte count is too small, of which libtiff says nothing.
    """
    if _compression(tags) != GROUP_4:
        return False
    is_reversed = _first(tags, FILL_ORDER, 1) == 2
    for data in page.image_data():
        tail = data[-END_BYTES:]
        bits = int.from_bytes(tail.translate(REVERSED) if is_reversed else tail, "big")
        last = bits // (bits & -bits or 1)  # without the zeros that fill the last byte
        if last & 0xFFFFFF != END_OF_BLOCK:
            return True
    return False


def _whole(
    page: PageFile, tags: Tags, found: Pixels, decoder: Callable[[PageFile, Tags, bool], Pixels]
) -> Pixels:
    """What a page shows whose strips may go on behind their byte counts: doubtful while that is not here."""
    if not page.is_wide:
        return msgspec.structs.replace(found, doubt=f"{DAMAGED}: a strip ends without the mark of its end")
    again = decoder(page, tags, True)
    return found if again.doubt else again


def _refused(tags: Tags, reasons: list[str]) -> str:
    """What there is to doubt when a decoder that should know this form failed, and another did not."""
    failed = [one for one in reasons if not one.startswith(UnidentifiedImageError.__name__)]
    if not failed or not _is_plain(tags) or _first(tags, COMPRESSION, PLAIN) in (6, 7):
        return ""
    return f"{DAMAGED}: {failed[0][:120]}"


def _is_subsampled(tags: Tags) -> bool:
    """Whether it has samples of colour in fewer places than of luminance, and no JPEG to tell where."""
    return (
        _first(tags, PHOTOMETRIC) == YCBCR
        and _first(tags, COMPRESSION, PLAIN) not in (6, 7, 34892)
        and tags.get(SUBSAMPLING, (2, 2)) != (1, 1)
    )


def _first(tags: Tags, tag: int, otherwise: float = 0) -> float:
    return tags.get(tag, (otherwise,))[0]


def _is_plain(tags: Tags) -> bool:
    """Whether the page's samples are of those that Pillow decodes rightly."""
    bits, samples = set(tags.get(BITS, (1,))), int(_first(tags, SAMPLES, 1))
    photometric, compression = _first(tags, PHOTOMETRIC, BLACK_IS_ZERO), _first(tags, COMPRESSION, PLAIN)
    if (
        set(tags.get(SAMPLE_FORMAT, (1,))) != {1}
        or len(bits) > 1
        or (samples > 1 and _first(tags, PLANAR, 1) == 2)
    ):
        return False
    if photometric in (WHITE_IS_ZERO, BLACK_IS_ZERO):
        return samples == 1 and bits <= {1, 2, 4, 8, 16}
    if photometric == RGB:
        return bits == {8} and (samples == 3 or (samples == 4 and _first(tags, EXTRA_SAMPLES) != ASSOCIATED))
    if photometric == PALETTE:
        return samples == 1 and bits <= {1, 2, 4, 8}
    if photometric == YCBCR:
        return bits == {8} and samples == 3 and compression in (6, 7)
    return photometric == CMYK and bits == {8} and samples == 4


@contextlib.contextmanager
def _opened(page: PageFile, tags: Tags, mended: bool) -> Iterator[tuple[Image.Image, tuple[float, float]]]:
    """The page decoded by Pillow, upright, and its resolution."""
    with page.open(mended) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Pillow warns of is judged here by what it then decodes
        with Image.open(file, formats=["TIFF"]) as image:
            across, down = (float(value) for value in image.info.get("dpi", (0, 0)))
            upright = ImageOps.exif_transpose(image)
            if upright.size == (image.height, image.width) != image.size:
                across, down = down, across
            if isinstance(image.getexif().get(ORIENTATION), bytes):  # a type that Pillow does not expect
                upright, (across, down) = _turned(upright, (across, down), tags)
            yield upright, (across, down)


def _by_pillow(page: PageFile, tags: Tags, mended: bool) -> Pixels:
    with _heard() as complaints, _opened(page, tags, mended) as (upright, resolution):
        shown, doubt = _greyscale(upright, tags)
        channels = _channels(upright, tags)
        grey, blank = page_blank.seen(shown, channels, page, _compression(tags), lambda: _is_even(upright))
        doubt = doubt if grey is shown else ""  # what was transparent is what is read
    if losses := [line for line in complaints() if _LOSSES.search(line)]:
        doubt = f"{DAMAGED}: {losses[0][:120]}"
    elif not _is_plain(tags) and _first(tags, COMPRESSION, PLAIN) != 6:
        doubt = f"only one of two decoders could decode it ({_samples(tags)})"
    return Pixels(grey, resolution, doubt or blank)


SHOWN_AS_THEY_ARE = ("1", "L", "RGB", "CMYK", "P")
"""Modes whose samples a PDF has, too."""


def shown(page: PageFile, max_pixels: int) -> Image.Image:
    """The page upright, in its own colours: of the modes `SHOWN_AS_THEY_ARE`, with its ICC profile among its
    info. What is transparent lies on white paper; samples that have no such mode (deep ones, floats) are the
    greyscale that is read. Raises `PageUnreadable`.
    """
    tags = page.tags()
    if not _is_plain(tags) or _first(tags, BITS, 1) > 8:
        return decode(page, max_pixels).grey
    for mended in (False, True) if page.is_wide else (False,):
        try:
            with _heard() as complaints, _opened(page, tags, mended) as (upright, _):
                image = _on_paper(upright)
        except PageUnreadable:
            raise
        except Exception:  # noqa: S112 decoders raise nearly every class for damaged data; the next one says why
            continue
        if image.mode in SHOWN_AS_THEY_ARE and not any(_LOSSES.search(line) for line in complaints()):
            return image
    return decode(page, max_pixels).grey


def _on_paper(image: Image.Image) -> Image.Image:
    """The image without transparency."""
    if image.mode not in ("RGBA", "LA", "PA", "La", "RGBa") and "transparency" not in image.info:
        image.load()
        return image
    with_alpha = image.convert("RGBA")
    return Image.composite(
        with_alpha.convert("RGB"), Image.new("RGB", image.size, "white"), with_alpha.getchannel("A")
    )


def upright_size(tags: Tags) -> tuple[int, int]:
    """Width and height in pixels of the upright page, by its tags."""
    size = int(_first(tags, WIDTH)), int(_first(tags, LENGTH))
    return size[::-1] if int(_first(tags, ORIENTATION, 1)) in (5, 6, 7, 8) else size


def said_resolution(tags: Tags) -> tuple[float, float]:
    """Dots per inch (across, down) of the upright page, by its tags; 0 for not said."""
    across, down = _resolution(tags)
    if _is_plain(tags) and _first(tags, UNIT, 2) not in (2, 3):  # a proportion alone
        return 0.0, 0.0
    return (down, across) if int(_first(tags, ORIENTATION, 1)) in (5, 6, 7, 8) else (across, down)


def _by_tifffile(page: PageFile, tags: Tags, mended: bool) -> Pixels:
    import logging

    import tifffile  # only rare pages need it, and it would be part of every cold start

    logging.getLogger("tifffile").disabled = True
    # A file without a name, as a temporary one is, is none for tifffile unless it is given one.
    with (
        page.open(mended) as file,
        tifffile.FileHandle(file, name="page", size=page.size) as handle,
        tifffile.TiffFile(handle) as opened,
    ):
        directory = opened.pages[0].aspage()
        if _is_subsampled(tags):
            values = _luma(file, directory, tags)
        else:
            values = directory.asarray(maxworkers=1)
            if _first(tags, PLANAR, 1) == 2 and values.ndim == 3 and directory.planarconfig == 2:
                values = np.moveaxis(values, 0, -1)
        if not values.size or min(values.shape[:2]) < 1:
            raise ValueError("no pixels")
        is_jpeg_colour = int(directory.photometric) == YCBCR and int(_first(tags, COMPRESSION)) in (
            6,
            7,
            34892,
        )
        # It converts those to RGB; of others the first samples are luminance.
        photometric = RGB if is_jpeg_colour and values.ndim == 3 else int(directory.photometric)
        grey, doubt = _grey_of(values, photometric, tags)
    image, resolution = _turned(grey, _resolution(tags), tags)
    channels = (_turned(one, resolution, tags)[0] for one in _sample_channels(values, photometric, tags))
    found, blank = page_blank.seen(
        image, channels, page, _compression(tags), lambda: bool(np.all(values == values[:1, :1]))
    )
    doubt = doubt if found is image else ""  # what was transparent is what is read
    return Pixels(found, resolution, doubt or blank)


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""By the values of Orientation (TIFF 6.0)."""


def _turned(
    image: Image.Image, resolution: tuple[float, float], tags: Tags
) -> tuple[Image.Image, tuple[float, float]]:
    """(the image upright, its resolution), by the page's Orientation."""
    orientation = int(_first(tags, ORIENTATION, 1))
    if orientation not in _TURNS:
        return image, resolution
    return image.transpose(_TURNS[orientation]), resolution[::-1] if orientation >= 5 else resolution


def _resolution(tags: Tags) -> tuple[float, float]:
    factor = 2.54 if _first(tags, UNIT, 2) == 3 else 1.0
    return _first(tags, X_RESOLUTION) * factor, _first(tags, Y_RESOLUTION) * factor


def _grey_of(values: Samples, photometric: int, tags: Tags) -> tuple[Image.Image, str]:
    """Samples [length, width] or [length, width, samples] -> (greyscale, white paper under what is
    transparent; what there is to doubt of that).
    """
    if values.ndim not in (2, 3):
        raise ValueError(f"samples of the shape {values.shape} are no page")
    alpha = _alpha_of(values, photometric, tags)
    if alpha is None:
        return _without_alpha(values, photometric, tags), ""
    is_associated = int(_first(tags, EXTRA_SAMPLES)) == ASSOCIATED
    # Colour that is multiplied with its alpha has that one's scale.
    ink = _without_alpha(values, photometric, tags, is_stretched=not is_associated)
    return _on_white(ink, alpha, is_associated), _hidden(ink, alpha)


def _alpha_of(values: Samples, photometric: int, tags: Tags) -> Image.Image | None:
    colours = _colours(photometric)
    kind = int(_first(tags, EXTRA_SAMPLES))
    if values.ndim < 3 or values.shape[2] <= colours or kind not in (ASSOCIATED, UNASSOCIATED):
        return None
    top, opacity = _top(values, tags), np.empty(values.shape[:2], np.uint8)
    for rows in _bands(len(values)):
        opacity[rows] = np.clip(np.nan_to_num(values[rows][..., colours]) * (255 / top), 0, 255)
    return Image.fromarray(opacity)


def _colours(photometric: int) -> int:
    """How many samples of a pixel are its colour."""
    return {RGB: 3, YCBCR: 3, LAB: 3, CMYK: 4}.get(photometric, 1)


def _without_alpha(values: Samples, photometric: int, tags: Tags, is_stretched: bool = True) -> Image.Image:
    """In bands, since the largest page allowed has gigabytes of samples as floats."""
    if values.dtype == bool:
        if values.ndim != 2:
            raise ValueError(f"bits of the shape {values.shape} are no page")
        values = values.view(np.uint8)
        if photometric != PALETTE:
            return Image.fromarray(
                np.where(values == (photometric == WHITE_IS_ZERO), np.uint8(0), np.uint8(255))
            )
    top = _top(values, tags)
    if photometric == PALETTE:
        table = LIGHT @ (np.array(tags[COLOUR_MAP]).reshape(3, -1) / 257)

        def shades(rows: slice) -> Shades:
            band = values[rows]
            places = (band[..., 0] if band.ndim == 3 else band).astype(np.int64)
            return np.asarray(table[np.clip(places, 0, len(table) - 1)])
    elif photometric == CMYK and values.ndim == 3:

        def shades(rows: slice) -> Shades:
            ink = values[rows] / top
            return np.asarray(255 * (1 - ink[..., :3] @ LIGHT) * (1 - ink[..., 3]))
    else:
        return _luminance(values, photometric, top, is_stretched)
    return _drawn(shades, values.shape[:2])


def _luminance(values: Samples, photometric: int, top: float, is_stretched: bool) -> Image.Image:
    def light(rows: slice) -> Shades:
        return _light(values[rows], photometric)

    if is_stretched and (values.dtype.kind != "u" or top > 255):
        grey = _stretched(light, values.shape[:2], _smallest_scale(values))
    else:
        grey = _drawn(lambda rows: light(rows) * (255 / top), values.shape[:2])
    return ImageOps.invert(grey) if photometric == WHITE_IS_ZERO else grey


def _sample_channels(values: Samples, photometric: int, tags: Tags) -> Iterator[Image.Image]:
    """What else a page's samples show than its luminance: that under what is transparent, and each sample
    of a pixel.
    """
    if values.dtype == bool or photometric == PALETTE:
        return
    yield _without_alpha(values, photometric, tags)
    for number in range(min(values.shape[2], MOST_CHANNELS) if values.ndim == 3 else 0):
        channel = values[..., number]
        yield _stretched(_as_floats(channel), channel.shape, _smallest_scale(values))


def _as_floats(channel: Samples) -> Callable[[slice], Shades]:
    return lambda rows: channel[rows].astype(np.float64)


def _smallest_scale(values: Samples) -> float:
    return 0.0 if values.dtype.kind == "f" else 255.0


def _bands(length: int) -> list[slice]:
    return [slice(start, min(start + BAND_ROWS, length)) for start in range(0, length, BAND_ROWS)]


def _drawn(shades: Callable[[slice], Shades], shape: Sequence[int]) -> Image.Image:
    """An image of shades from 0 to 255 of some rows at a time."""
    grey = np.empty((shape[0], shape[1]), np.uint8)
    for rows in _bands(shape[0]):
        grey[rows] = np.clip(shades(rows), 0, 255)
    return Image.fromarray(grey)


def _stretched(light: Callable[[slice], Shades], shape: Sequence[int], smallest_scale: float) -> Image.Image:
    """Deep samples over the range that their ink and paper use; where they are one shade, or noise, over all
    that they could be: a blank page stays blank.
    """
    step = max(1, round((shape[0] * shape[1] / page_contrast.SAMPLED_VALUES) ** 0.5))
    sample = np.concatenate([light(rows)[::step, ::step].ravel() for rows in _bands(shape[0])])
    used = page_contrast.value_range(sample, smallest_scale)

    def drawn(low: float, high: float) -> Image.Image:
        factor = 255 / ((high - low) or 1)
        return _drawn(
            lambda rows: (
                (np.nan_to_num(light(rows), nan=used.paper, posinf=used.high, neginf=used.low) - low) * factor
            ),
            shape,
        )

    if used.low == used.high:
        return drawn(used.least, used.full)
    found = drawn(used.low, used.high)
    if page_contrast.has_print(found) or not page_contrast.is_noise(found):
        return found
    return drawn(used.least, used.full)


def _on_white(ink: Image.Image, opacity: Image.Image, is_associated: bool = False) -> Image.Image:
    if is_associated:
        return ImageChops.add(ink, ImageOps.invert(opacity))
    return Image.composite(ink, Image.new("L", ink.size, 255), opacity)


def _hidden(ink: Image.Image, opacity: Image.Image) -> str:
    """What there is to doubt about a picture that others would show, and that is transparent all over."""
    histogram = np.cumsum(ink.histogram(mask=opacity.point(lambda value: 255 * (value == 0))))
    least = page_contrast.SPECKS * ink.width * ink.height
    darkest, lightest = np.searchsorted(histogram, (least, histogram[-1] - least))
    if int(lightest) - int(darkest) < page_contrast.BLANK_CONTRAST:
        return ""
    return "what is transparent on the page has a picture of its own"


def _light(band: Samples, photometric: int) -> Shades:
    """Luminance of samples of RGB, of others the first sample."""
    if band.ndim == 3:
        band = band[..., :3] @ LIGHT if photometric == RGB else band[..., 0]
    return band.astype(np.float64, copy=False)


def _top(values: Samples, tags: Tags) -> float:
    """The value of full intensity."""
    if values.dtype.kind == "f":
        return 1.0
    return float(2 ** min(int(_first(tags, BITS, 8)), values.dtype.itemsize * 8) - 1)


def _luma(file: IO[bytes], directory: Any, tags: Tags) -> Samples:
    """The Y samples of YCbCr whose colour may be subsampled (TIFF 6.0, section 21), strip by strip."""
    import imagecodecs

    unpack: dict[int, Callable[[bytes], Any]] = {
        1: lambda data: data,
        5: imagecodecs.lzw_decode,
        8: imagecodecs.zlib_decode,
        32946: imagecodecs.zlib_decode,
        32773: imagecodecs.packbits_decode,
    }
    decode = unpack[int(_first(tags, COMPRESSION, PLAIN))]
    width, length = int(_first(tags, WIDTH)), int(_first(tags, LENGTH))
    across, down = (int(one) for one in tags.get(SUBSAMPLING, (2, 2)))
    if 322 in tags:
        raise ValueError("subsampled colour in tiles")
    rows = min(int(_first(tags, 278, length)), length)
    planar, predicted = _first(tags, PLANAR, 1) == 2, _first(tags, 317, 1) == 2
    if predicted and not planar:
        raise ValueError("subsampled colour with a predictor")
    strips = -(-length // rows)
    luma = np.full((strips * rows + down, width), 255, np.uint8)
    for number in range(strips):
        file.seek(directory.dataoffsets[number])
        data = np.frombuffer(decode(file.read(directory.databytecounts[number])), np.uint8)
        height = min(rows, length - number * rows)
        if planar:
            plane = data[: height * width].reshape(height, width)
            luma[number * rows : number * rows + height] = (
                np.cumsum(plane, axis=1, dtype=np.uint8) if predicted else plane
            )
            continue
        columns, lines = -(-width // across), -(-height // down)
        unit = across * down + 2
        blocks = data[: columns * lines * unit].reshape(lines, columns, unit)[..., : across * down]
        apart = blocks.reshape(lines, columns, down, across).transpose(0, 2, 1, 3)
        plane = apart.reshape(lines * down, columns * across)
        luma[number * rows : number * rows + height] = plane[:height, :width]
    return luma[:length]


@contextlib.contextmanager
def _heard() -> Iterator[Callable[[], list[str]]]:
    """libtiff writes its complaints straight to file descriptor 2, which Lambda would log, and bill, line by
    line: they go to a file, and can be asked for when it is over.
    """
    kept = os.dup(2)
    with tempfile.TemporaryFile() as heard:
        os.dup2(heard.fileno(), 2)
        lines: list[str] = []
        try:
            yield lambda: lines
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            heard.seek(0)
            lines += heard.read(65_536).decode(errors="replace").splitlines()


def _samples(tags: Tags) -> str:
    """What the samples are, in a person's words."""
    said = [f"BitsPerSample {'/'.join(str(int(one)) for one in tags.get(BITS, (1,)))}"]
    for tag, name in ((PHOTOMETRIC, "PhotometricInterpretation"), (SAMPLES, "SamplesPerPixel")):
        if tag in tags:
            said.append(f"{name} {int(tags[tag][0])}")
    if SAMPLE_FORMAT in tags:
        said.append(f"SampleFormat {int(tags[SAMPLE_FORMAT][0])}")
    return ", ".join(said)


def _reason(tags: Tags, reasons: list[str]) -> str:
    """Why a page cannot be decoded: the tag that no decoder knows, else what they say of its data."""
    if all(one.startswith((MemoryError.__name__, "_ArrayMemoryError")) for one in reasons):
        return "the page needs more memory than the function has"
    compression = int(_first(tags, COMPRESSION, PLAIN))
    name = COMPRESSIONS.get(compression)
    if name is None or compression in NO_DECODER:
        return f"Compression {compression} ({name or 'unknown'}) cannot be decoded"
    told = next((one for one in reasons if not one.startswith(UnidentifiedImageError.__name__)), reasons[0])
    form = f"Compression {compression} ({name}), {_samples(tags)}"
    return f"{DAMAGED}, or in a form that cannot be decoded: {told[:160]}; {form}"


def _compression(tags: Tags) -> int:
    return int(_first(tags, COMPRESSION, PLAIN))


def _is_deep(image: Image.Image) -> bool:
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def _is_even(image: Image.Image) -> bool:
    """Whether all of its pixels have the same samples."""
    extremes: Any = image.getextrema()
    pairs = extremes if isinstance(extremes[0], tuple) else (extremes,)
    return all(least == most for least, most in pairs)


def _has_alpha(image: Image.Image) -> bool:
    return image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info


def _greyscale(image: Image.Image, tags: Tags) -> tuple[Image.Image, str]:
    """Any mode -> ("L", what there is to doubt of that): transparency lies on white paper, deep samples are
    stretched over the range they use.
    """
    if _is_deep(image):
        grey = _stretched(
            lambda rows: np.asarray(image.crop((0, rows.start, image.width, rows.stop)), dtype=np.float64),
            (image.height, image.width),
            0.0 if image.mode == "F" else 255.0,
        )
        return (ImageOps.invert(grey) if _first(tags, PHOTOMETRIC, 1) == WHITE_IS_ZERO else grey), ""
    if _has_alpha(image):
        image = image if image.mode in ("RGBA", "LA") else image.convert("RGBA")
        ink, opacity = image.convert("L"), image.getchannel("A")
        return _on_white(ink, opacity), _hidden(ink, opacity)
    if image.mode == "LAB":
        return image.getchannel("L"), ""
    return image.convert("L"), ""


def _channels(image: Image.Image, tags: Tags) -> Iterator[Image.Image]:
    """What else a page shows than its luminance: that under what is transparent, and each of its colours."""
    if image.mode in ("1", "L") or _is_deep(image):
        return
    if image.mode in ("P", "PA"):
        indexes = np.asarray(image.getchannel("P") if image.mode == "PA" else image)
        table = LIGHT @ np.array(tags[COLOUR_MAP]).reshape(3, -1) if COLOUR_MAP in tags else np.arange(256)
        used = np.unique(indexes)
        # Entries that differ by less than a level of 255 are all of the page's shades.
        for shades in (table[np.minimum(used, len(table) - 1)], used):
            lookup = np.zeros(256)
            lookup[used] = (shades - shades.min()) * (255 / (np.ptp(shades) or 1))
            yield Image.fromarray(lookup.astype(np.uint8)[indexes])
        image = image.convert("RGBA" if _has_alpha(image) else "RGB")
    if _has_alpha(image):
        yield image.convert("L")
    for band in image.getbands():
        yield image.getchannel(band)
