"""Where a function's code lies: a local folder, inline text, and the layers that are put beside it.

Source: AWS SAM developer guide, AWS::Serverless::Function and AWS::Serverless::LayerVersion; AWS Lambda developer guide, "Packaging your
layer content" (a layer's modules lie in python/ or python/lib/python3.x/site-packages/).
"""

import hashlib
import tempfile
from pathlib import Path
from typing import Any

from harness.errors import UsageError

Resource = dict[str, Any]
FUNCTIONS = ("AWS::Serverless::Function", "AWS::Lambda::Function")
LAYERS = ("AWS::Serverless::LayerVersion", "AWS::Lambda::LayerVersion")
ELSEWHERE = {"ZipFile": "# elsewhere"}
"""What moto is given as code: it runs none."""


def local(path: Path, document: Resource, values: dict[str, str]) -> tuple[dict[str, Path], dict[str, Path], list[str]]:
    """Takes code out of a template: (folders of functions, folders of layers, notes on layers that lie elsewhere).

    Raises `UsageError` for a function that cannot be run here.
    """
    code, layers, notes = {}, {}, []
    shared = (document.get("Globals") or {}).get("Function") or {}
    for logical_id, resource in document["Resources"].items():
        kind, properties = resource.get("Type"), resource.get("Properties") or {}
        if kind in FUNCTIONS:
            code[logical_id] = _function(path, logical_id, properties, shared if kind == FUNCTIONS[0] else {}, values)
            named = [*(properties.get("Layers") or []), *(shared.get("Layers") or [])]
            absent = ", ".join(layer for layer in named if isinstance(layer, str))
            if absent:
                notes.append(f"{logical_id} uses {absent}, which is not here: its modules must be installed beside harness")
        elif kind in LAYERS:
            layers[logical_id] = _layer(path, logical_id, properties, values)
            if kind == LAYERS[0]:
                properties["ContentUri"] = "s3://elsewhere/layer.zip"
            else:
                properties["Content"] = {"S3Bucket": "elsewhere", "S3Key": "layer.zip"}
    return code, layers, notes


def layers_of(properties: Resource, layers: dict[str, Path]) -> tuple[Path, ...]:
    """Folders of a resolved function's layers, by the logical ids that their names begin with."""
    named = [str(layer) for layer in properties.get("Layers") or []]
    return tuple(folder for layer in named for logical_id, folder in layers.items() if logical_id in layer)


def _function(path: Path, logical_id: str, properties: Resource, shared: Resource, values: dict[str, str]) -> Path:
    def of(name: str) -> Any:
        value = properties.get(name, shared.get(name))
        return values.get(value["Ref"], value) if isinstance(value, dict) and set(value) == {"Ref"} else value

    if of("PackageType") == "Image":
        raise UsageError(f"{path}: {logical_id} is a container image; only functions of Python code are run here")
    runtime = of("Runtime")
    if not isinstance(runtime, str) or not runtime.startswith("python"):
        raise UsageError(f"{path}: {logical_id} has the runtime {runtime}; only Python functions are run here")
    if not isinstance(of("Handler"), str) or "." not in of("Handler"):
        raise UsageError(f"{path}: {logical_id} has no Handler of the form module.function")
    inline = of("InlineCode")
    plain = properties.pop("Code", None)
    if isinstance(plain, dict):
        inline = inline or plain.get("ZipFile")
    uri = plain if isinstance(plain, str) else of("CodeUri")
    properties.pop("CodeUri", None)
    properties.pop("InlineCode", None)
    if "CodeUri" in shared or shared or plain is None:
        properties["InlineCode"] = ELSEWHERE["ZipFile"]
    else:
        properties["Code"] = ELSEWHERE
    if isinstance(inline, str):
        return _written(inline)
    return _folder(path, logical_id, "." if uri is None else uri)


def _layer(path: Path, logical_id: str, properties: Resource, values: dict[str, str]) -> Path:
    uri = properties.get("ContentUri", properties.get("Content"))
    folder = _folder(path, logical_id, values.get(uri["Ref"], uri) if isinstance(uri, dict) and set(uri) == {"Ref"} else uri)
    inside = [folder / "python", *sorted((folder / "python" / "lib").glob("python3.*/site-packages"))]
    return next((one for one in reversed(inside) if one.is_dir()), folder)


def _folder(path: Path, logical_id: str, uri: Any) -> Path:
    if not isinstance(uri, str) or uri.startswith("s3://"):
        raise UsageError(f"{path}: the code of {logical_id} is {uri!r}, which is no local folder; give it one")
    folder = (path.parent / uri).resolve()
    if not folder.is_dir():
        raise UsageError(
            f"{path}: the code of {logical_id} should lie in {folder}, which is {'a file' if folder.exists() else 'not there'}"
        )
    return folder


def _written(code: str) -> Path:
    """Inline code is a file index.py ("AWS::Lambda::Function Code")."""
    folder = Path(tempfile.gettempdir()) / f"inline-{hashlib.blake2b(code.encode(), digest_size=10).hexdigest()}"
    folder.mkdir(exist_ok=True)
    (folder / "index.py").write_text(code, encoding="utf-8")
    return folder
