"""The functions' settings, read from the environment variables that template.yaml gives them."""

import os
from collections.abc import Mapping
from typing import Literal

import msgspec

from pipeline.ocr_options import OcrOptions


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of all functions; each function is given those it needs, the others keep their defaults.

    table_name, batch_queue_url: where state and batches go.
    batch_pages: pages in one batch, at most.
    whole_file_bytes: files up to this size are read with one GET, of larger ones only the ranges needed.
    item_bytes: outcomes of a batch that are longer go to S3; an item may have 400 KB, and every 1 KB of it is
    billed.
    pdf_mode: the PDF beside a result: "none", "original", "searchable" or "redacted" (see `pdf`).
    aws_lambda_function_memory_size: MB that the function has, as Lambda tells it.
    npi_table: path of a user's own table of NPI types, from the folder that pipeline/ lies in ("" for none).
    record_days: days after which DynamoDB may forget a file (TTL).
    parked_queues: ARN of a dead-letter queue -> URL of the queue that keeps its messages for a redrive.
    file_dead_letters, aggregator_failures: ARNs of the queues of upload events that died, and of results that
        could not be written; the other dead letters are batches.
    """

    table_name: str
    batch_queue_url: str = ""
    batch_pages: int = 10
    whole_file_bytes: int = 16 * 2**20
    item_bytes: int = 100_000
    pdf_mode: Literal["none", "original", "searchable", "redacted"] = "none"
    aws_lambda_function_memory_size: int = 512
    npi_table: str = ""
    record_days: int = 90
    parked_queues: dict[str, str] = {}
    file_dead_letters: str = ""
    aggregator_failures: str = ""
    ocr: OcrOptions = OcrOptions()

    def __post_init__(self) -> None:
        if self.keeps_text and self.ocr.findings != "full":
            raise ValueError(
                f"PDF_MODE={self.pdf_mode} needs OCR_FINDINGS=full: its text is that of all pages"
            )

    @property
    def keeps_text(self) -> bool:
        """Whether the PDF needs what was read on each page, and where."""
        return self.pdf_mode in ("searchable", "redacted")


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from environment variables named like the fields, in capitals; OCR's are prefixed `OCR_`.

    Raises `msgspec.ValidationError`, naming the variable's field, when one is missing or not of its type.
    """
    environment = os.environ if environment is None else environment
    values: dict[str, object] = {}
    for field in msgspec.structs.fields(Settings):
        if (text := environment.get(field.name.upper())) is not None and field.name != "ocr":
            values[field.name] = msgspec.json.decode(text) if field.name == "parked_queues" else text
    values["ocr"] = {
        field.name: environment[f"OCR_{field.name.upper()}"]
        for field in msgspec.structs.fields(OcrOptions)
        if f"OCR_{field.name.upper()}" in environment
    }
    return msgspec.convert(values, Settings, strict=False)
