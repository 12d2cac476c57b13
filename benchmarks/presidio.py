"""Microsoft Presidio, the best known open detector of personal data, on the words that ours are given:
`harness accuracy --against presidio`.

Its recognizers of US numbers, cards and accounts, with a blank spaCy pipeline: no model of names is loaded,
since names are none of the types compared. Needs the extra `presidio`.
"""

import logging
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from pipeline import page_reading, tiff
from pipeline.documents import PageFile
from pipeline.failures import BadFile, PageUnreadable
from pipeline.npi.detection import mask
from pipeline.ocr_options import OcrOptions
from pipeline.page_text import PageText

if TYPE_CHECKING:
    from presidio_analyzer import AnalyzerEngine

TYPES = {
    "US_SSN": "SSN",
    "US_ITIN": "ITIN",
    "CREDIT_CARD": "CARD_NUMBER",
    "US_BANK_NUMBER": "BANK_ACCOUNT",
    "IBAN_CODE": "BANK_ACCOUNT",
    "ABA_ROUTING_NUMBER": "ROUTING_NUMBER",
    "US_DRIVER_LICENSE": "DRIVERS_LICENCE",
    "US_PASSPORT": "PASSPORT",
    "US_MBI": "MEDICARE",
}
"""Its names of types, and ours."""
LEAST_SCORE = 0.35
"""What its own demonstration takes for found; a number without its context word scores less."""


def find(texts: Sequence[str]) -> list[list[dict[str, str]]]:
    """[{type, masked}, ...] of each text. Raises `ImportError` without the extra."""
    analyzer = _analyzer()
    entities = [name for name in TYPES if name in analyzer.get_supported_entities("en")]
    return [
        [
            {"type": TYPES[found.entity_type], "masked": mask(text[found.start : found.end])}
            for found in analyzer.analyze(text, "en", entities=entities, score_threshold=LEAST_SCORE)
        ]
        for text in texts
    ]


@cache
def _analyzer() -> "AnalyzerEngine":
    import spacy
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import SpacyNlpEngine
    from presidio_analyzer.predefined_recognizers import AbaRoutingRecognizer, UsMbiRecognizer

    @spacy.Language.component("words_as_they_are")
    def as_they_are(document: spacy.tokens.Doc) -> spacy.tokens.Doc:
        for token in document:
            token.lemma_ = token.lower_  # by which context words are looked up
        return document

    class Blank(SpacyNlpEngine):
        def load(self) -> None:
            english = spacy.blank("en")
            english.add_pipe("words_as_they_are")
            self.nlp = {"en": english}

    logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)
    analyzer = AnalyzerEngine(nlp_engine=Blank())
    # It has these, and loads neither.
    for recognizer in (AbaRoutingRecognizer(), UsMbiRecognizer()):
        analyzer.registry.add_recognizer(recognizer)
    return analyzer


AS_DEPLOYED = OcrOptions(findings="flag")
"""As the template reads a page: both finders get the same words."""


def page_texts(data: bytes) -> list[str]:
    """The lines of each page of a TIFF, as OCR reads it; "" of a page that cannot be read."""
    try:
        chain = tiff.read_chain(lambda offset, size: data[offset : offset + size], len(data))
    except BadFile:
        return []
    return [_text(PageFile(chain.layout, offset, len(data), ((0, data),))) for offset in chain.offsets]


def _text(page: PageFile) -> str:
    try:
        read = page_reading.read_page(page, AS_DEPLOYED)
    except (BadFile, PageUnreadable):
        return ""
    return "\n".join(_lines(read))


def _lines(read: PageText) -> list[str]:
    lines: dict[int, list[str]] = {}
    for word in read.words:
        lines.setdefault(word.line, []).append(word.text)
    return [" ".join(words) for words in lines.values()]
