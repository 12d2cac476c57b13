"""SAM becomes plain CloudFormation, by AWS's own translator.

To load the translator takes longer than to emulate a small run, so what it made of a document is kept.
"""

import contextlib
import hashlib
import io
import json
import os
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest import mock

import boto3

from harness.errors import UsageError
from harness.region import REGION

Resource = dict[str, Any]


def translated(path: Path, document: Resource, parameters: dict[str, str], kept: Path | None) -> Resource:
    """The CloudFormation document that AWS would make of a SAM one, which came from `path`.

    kept: folder of what was translated before, by the translator's version, document and parameters; None
    keeps nothing. Raises `UsageError` for a document that is no valid SAM.
    """
    key = json.dumps([version("aws-sam-translator"), document, parameters], sort_keys=True, default=str)
    name = f"{hashlib.blake2b(key.encode(), digest_size=16).hexdigest()}.json"
    if kept is not None:
        with contextlib.suppress(OSError, ValueError):  # absent or damaged: it is made again
            known: Resource = json.loads((kept / name).read_text(encoding="utf-8"))
            return known
    text = json.dumps(_translate(path, document, parameters), default=str)
    if kept is not None:
        with contextlib.suppress(OSError):  # what cannot be kept is made again
            kept.mkdir(parents=True, exist_ok=True)
            fresh = kept / f"{name}.{os.getpid()}"
            fresh.write_text(text, encoding="utf-8")
            fresh.replace(kept / name)
    plain: Resource = json.loads(text)
    return plain


@cache
def _policy_templates() -> Any:
    from samtranslator.policy_template_processor.processor import PolicyTemplatesProcessor

    known = PolicyTemplatesProcessor.get_default_policy_templates_json()
    PolicyTemplatesProcessor._is_valid_templates_dict(known)
    return known


def _policy_templates_kept() -> Any:
    """The translator reads and validates its own policies anew for each document."""
    from samtranslator.policy_template_processor.processor import PolicyTemplatesProcessor

    return mock.patch.multiple(
        PolicyTemplatesProcessor,
        get_default_policy_templates_json=mock.Mock(return_value=_policy_templates()),
        _is_valid_templates_dict=mock.Mock(return_value=True),
    )


def _translate(path: Path, document: Resource, parameters: dict[str, str]) -> Any:
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    try:
        with _policy_templates_kept(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            return Translator({}, Parser(), boto_session=boto3.Session(region_name=REGION)).translate(
                document, parameters
            )
    except InvalidDocumentException as error:
        causes = "; ".join(cause.message for cause in error.causes) or error.message
        raise UsageError(f"the template {path} is no valid SAM: {causes}") from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UsageError(f"the template {path} is no valid SAM: {type(error).__name__}: {error}") from error
