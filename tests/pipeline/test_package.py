"""The Lambda package: everything that the pipeline imports is in its requirements, or comes with the
runtime.
"""

import ast
import importlib.metadata
import re
import sys

from tests.builders import PROJECT

OF_AN_EXTRA = {"rapidocr_onnxruntime", "cv2"}
"""Of OcrEngine=rapidocr, which is no part of the package."""
OF_THE_RUNTIME = {"boto3", "botocore"}
TYPES_ONLY = re.compile(r"mypy_boto3_\w+")


def imported() -> set[str]:
    """Top-level modules that the pipeline imports, its own and the standard library's apart."""
    names = set()
    for path in (PROJECT / "pipeline").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.partition(".")[0])
    return {
        name
        for name in names
        if name not in sys.stdlib_module_names and name != "pipeline" and not TYPES_ONLY.fullmatch(name)
    }


def required() -> set[str]:
    lines = (PROJECT / "pipeline" / "requirements.txt").read_text().splitlines()
    return {
        re.split(r"[>=<]", line)[0].lower().replace("-", "_")
        for line in lines
        if line and not line.startswith("#")
    }


def test_every_import_is_required() -> None:
    distributions = importlib.metadata.packages_distributions()
    for module in imported() - OF_THE_RUNTIME - OF_AN_EXTRA:
        providers = {name.lower().replace("-", "_").replace(".", "_") for name in distributions[module]}
        assert providers & {name.replace(".", "_") for name in required()}, module
