"""A template becomes plain CloudFormation, with its parameters checked and its code found."""

import copy
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import yaml
from samtranslator.yaml_helper import yaml_parse

from harness.cloud import conditions, packages, scope
from harness.cloud.translation import translated
from harness.errors import UsageError

Resource = dict[str, Any]


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """A translated template: CloudFormation, where it came from, and the values of its parameters.

    code: logical id of a function -> folder of its code; layers: that of a function -> folders of its layers'
    modules; notes: what of the template is not emulated, and whether that matters.
    """

    path: Path
    document: Resource
    parameters: dict[str, str]
    code: dict[str, Path]
    layers: dict[str, tuple[Path, ...]] = {}
    notes: tuple[str, ...] = ()

    def functions(self) -> list[Resource]:
        """The functions, as CloudFormation has them."""
        return [resource for _, resource in of_type(self.document["Resources"], "AWS::Lambda::Function")]


def load(
    path: Path, parameters: dict[str, str], kept: Path | None = None, document: Resource | None = None
) -> Template:
    """Translates a SAM file; `kept`: where translations are kept; `document`: what `parsed` made of the file
    before. Raises `UsageError` for a file or parameter that is wrong.
    """
    document = parsed(path) if document is None else copy.deepcopy(document)
    declared = document.get("Parameters") or {}
    check_parameters(path, declared, parameters)
    values = {
        name: str(entry["Default"]) for name, entry in declared.items() if "Default" in entry
    } | parameters
    local = packages.local(path, document, values)
    plain = translated(path, document, parameters, kept)
    mapped = _mapped(plain, plain.get("Mappings", {}), values)
    made = conditions.made(mapped["Resources"], mapped.get("Conditions") or {}, values)
    notes = (*local.notes, *scope.notes(made))
    return Template(
        path=path, document=mapped, parameters=values, code=local.code, layers=local.layers, notes=notes
    )


def parsed(path: Path) -> Resource:
    """A SAM file as it stands. Raises `UsageError` for one that is no template."""
    try:
        document = copy.deepcopy(_read(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise UsageError(f"cannot read the template {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"the template {path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict) or not isinstance(document.get("Resources"), dict):
        raise UsageError(f"the template {path} has no Resources")
    return document


@lru_cache(maxsize=4)
def _read(text: str) -> Any:
    """Of YAML, which takes longer to read than a small fleet to simulate: a command may need a template again
    and again.
    """
    return yaml_parse(text)


def check_parameters(path: Path, declared: Resource, given: dict[str, str]) -> None:
    """Raises `UsageError` for values that the template's Parameters (`declared`) do not allow."""
    lacking = [name for name, entry in declared.items() if "Default" not in entry and name not in given]
    if lacking:
        options = " ".join(f"--parameter {name}=VALUE" for name in lacking)
        raise UsageError(f"the template {path} has parameters without a default: give {options}")
    for name, value in given.items():
        if name not in declared:
            raise UsageError(
                f"the template {path} has no parameter {name}; it has {', '.join(sorted(declared)) or 'none'}"
            )
        parameter = declared[name]
        allowed = [str(choice) for choice in parameter.get("AllowedValues", [])]
        if allowed and value not in allowed:
            raise UsageError(f"parameter {name} is {value}; allowed are {', '.join(allowed)}")
        if not _has_form(value, parameter.get("AllowedPattern")):
            raise UsageError(f"parameter {name} is {value}; it must match {parameter['AllowedPattern']}")
        if parameter.get("Type") == "Number":
            try:
                number = float(value)
            except ValueError:
                raise UsageError(f"parameter {name} is {value!r}; it must be a number") from None
            low, high = parameter.get("MinValue"), parameter.get("MaxValue")
            if (low is not None and number < low) or (high is not None and number > high):
                raise UsageError(f"parameter {name} is {value}; it must {_within(low, high)}")


def _within(low: float | None, high: float | None) -> str:
    """What a number must do that lies outside of these ends, of which one may be open."""
    if low is not None and high is not None:
        return f"lie between {low} and {high}"
    return f"be {low} at least" if high is None else f"be {high} at most"


def _has_form(value: str, pattern: str | None) -> bool:
    """Whether a value matches all of an AllowedPattern; one in Java's syntax alone is left to AWS."""
    try:
        return pattern is None or bool(re.fullmatch(pattern, value))
    except re.error:
        return True


def _mapped(node: Any, mappings: Resource, values: dict[str, str]) -> Any:
    """The document with Fn::FindInMap replaced: moto looks a Number parameter up as a number, among keys that
    are strings.
    """
    if isinstance(node, list):
        return [_mapped(item, mappings, values) for item in node]
    if not isinstance(node, dict):
        return node
    if set(node) == {"Fn::FindInMap"}:
        name, *keys = (
            values[key["Ref"]] if isinstance(key, dict) else str(key) for key in node["Fn::FindInMap"]
        )
        return mappings[name][keys[0]][keys[1]]
    return {key: _mapped(value, mappings, values) for key, value in node.items()}


def of_type(resources: dict[str, Resource], kind: str) -> Iterator[tuple[str, Resource]]:
    """(logical id, resource) of each resource of a type."""
    return ((logical_id, resource) for logical_id, resource in resources.items() if resource["Type"] == kind)
