"""Where a function's code lies: a local folder, inline text, and the layers that are put beside it.

Source: AWS SAM developer guide, AWS::Serverless::Function and AWS::Serverless::LayerVersion; AWS Lambda
developer guide, "Packaging your layer content" (a layer's modules lie in python/ or
python/lib/python3.x/site-packages/).

A package as `sam build` leaves it carries wheels for Lambda's Python and processor. What of them is installed
beside harness runs from there; the rest of the package runs from the package.
"""

import hashlib
import importlib.util
import os
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from harness.errors import UsageError

Resource = dict[str, Any]
FUNCTIONS = ("AWS::Serverless::Function", "AWS::Lambda::Function")
LAYERS = ("AWS::Serverless::LayerVersion", "AWS::Lambda::LayerVersion")
ELSEWHERE = {"ZipFile": "# elsewhere"}
"""What moto is given as code: it runs none."""


class Packages(msgspec.Struct, frozen=True):
    """code: logical id of a function -> folder of its code; layers: of a function -> folders of its layers;
    notes: on absent ones.
    """

    code: dict[str, Path]
    layers: dict[str, tuple[Path, ...]]
    notes: tuple[str, ...]


def local(path: Path, document: Resource, values: dict[str, str]) -> Packages:
    """Takes code and layers out of a template. Raises `UsageError` for a function that cannot be run here."""
    code, layers, notes = {}, {}, []
    resources = document["Resources"]
    shared = (document.get("Globals") or {}).get("Function") or {}
    shared_layers = shared.pop("Layers", None) or []
    own = {
        name: _layer(path, name, one.get("Properties") or {}, values)
        for name, one in resources.items()
        if one.get("Type") in LAYERS
    }
    for logical_id, resource in resources.items():
        kind, properties = resource.get("Type"), resource.get("Properties") or {}
        if kind not in FUNCTIONS:
            continue
        serverless = kind == FUNCTIONS[0]
        code[logical_id] = _function(path, logical_id, properties, shared if serverless else {}, values)
        named = [*(properties.pop("Layers", None) or []), *(shared_layers if serverless else [])]
        layers[logical_id] = tuple(own[name] for name in map(_reference, named) if name in own)
        if absent := [str(layer) for layer in named if _reference(layer) not in own]:
            notes.append(
                f"{logical_id} uses {', '.join(absent)}, which is not here: its modules must be installed "
                f"beside harness"
            )
    return Packages(code, layers, tuple(notes))


def _reference(layer: Any) -> str:
    return str(layer["Ref"]) if isinstance(layer, dict) and "Ref" in layer else ""


def _resolved(value: Any, values: dict[str, str]) -> Any:
    """A property, or the value of the parameter that it refers to."""
    return values.get(value["Ref"], value) if isinstance(value, dict) and set(value) == {"Ref"} else value


def _function(
    path: Path, logical_id: str, properties: Resource, shared: Resource, values: dict[str, str]
) -> Path:
    def of(name: str) -> Any:
        return _resolved(properties.get(name, shared.get(name)), values)

    if of("PackageType") == "Image":
        raise UsageError(
            f"{path}: {logical_id} is a container image; only functions of Python code are run here"
        )
    runtime = of("Runtime")
    if not isinstance(runtime, str) or not runtime.startswith("python"):
        raise UsageError(
            f"{path}: {logical_id} has the runtime {runtime}; only Python functions are run here"
        )
    if not isinstance(of("Handler"), str) or "." not in of("Handler"):
        raise UsageError(f"{path}: {logical_id} has no Handler of the form module.function")
    inline = of("InlineCode")
    plain = properties.pop("Code", None)
    if isinstance(plain, dict):
        inline = inline or plain.get("ZipFile")
    uri = plain if isinstance(plain, str) else of("CodeUri")
    properties.pop("CodeUri", None)
    properties.pop("InlineCode", None)
    if plain is None:
        properties["InlineCode"] = ELSEWHERE["ZipFile"]
    else:
        properties["Code"] = ELSEWHERE
    if isinstance(inline, str):
        return _written(inline)
    return _own_part(_folder(path, logical_id, "." if uri is None else uri))


def _layer(path: Path, logical_id: str, properties: Resource, values: dict[str, str]) -> Path:
    """Folder of a layer's modules; its content is taken out of the template."""
    uri = properties.get("ContentUri", properties.get("Content"))
    properties.pop("Content", None)
    properties["ContentUri"] = "s3://elsewhere/layer.zip"
    folder = _folder(path, logical_id, _resolved(uri, values))
    inside = [folder / "python", *sorted((folder / "python" / "lib").glob("python3.*/site-packages"))]
    return _own_part(next((one for one in reversed(inside) if one.is_dir()), folder))


def _folder(path: Path, logical_id: str, uri: Any) -> Path:
    if not isinstance(uri, str) or uri.startswith("s3://"):
        raise UsageError(
            f"{path}: the code of {logical_id} is {uri!r}, which is no local folder; give it one"
        )
    folder = (path.parent / uri).resolve()
    if not folder.is_dir():
        raise UsageError(
            f"{path}: the code of {logical_id} should lie in {folder}, which is "
            f"{'a file' if folder.exists() else 'not there'}"
        )
    return folder


def _own_part(folder: Path) -> Path:
    """A folder of links to what is in `folder`, without what is installed here as well; `folder` itself where
    nothing was installed into it.
    """
    elsewhere = {name for name in _installed(folder) if importlib.util.find_spec(name) is not None}
    if not elsewhere:
        return folder
    own = sorted(one for one in folder.iterdir() if one.name.removesuffix(".py") not in elsewhere)
    named = "\0".join(map(str, own)).encode()
    view = Path(tempfile.gettempdir()) / f"package-{hashlib.blake2b(named, digest_size=10).hexdigest()}"
    view.mkdir(exist_ok=True)
    for one in own:
        link = view / one.name
        if not link.is_symlink() or not os.path.samefile(link, one):
            link.unlink(missing_ok=True)
            link.symlink_to(one)
    return view


def _installed(folder: Path) -> set[str]:
    """Top-level modules that an installer put into a folder, by its records ("Recording installed projects",
    PyPA specifications).
    """
    files = [
        line.partition(",")[0]
        for record in folder.glob("*.dist-info/RECORD")
        for line in record.read_text(encoding="utf-8").splitlines()
    ]
    tops = {file.partition("/")[0].removesuffix(".py") for file in files if file.endswith(".py")}
    return {name for name in tops if name.isidentifier()}


def _written(code: str) -> Path:
    """Inline code is a file index.py ("AWS::Lambda::Function Code")."""
    folder = (
        Path(tempfile.gettempdir()) / f"inline-{hashlib.blake2b(code.encode(), digest_size=10).hexdigest()}"
    )
    folder.mkdir(exist_ok=True)
    (folder / "index.py").write_text(code, encoding="utf-8")
    return folder
