"""moto's CloudFormation without the services that are never emulated here: their tables of machine types
alone take a second to load.

moto.cloudformation.parsing imports every service that has resources of its own, to know its resource types.
While it is imported the dear ones are empty modules, and gone again afterwards: who asks for one later, a
handler that calls EC2 say, gets the real one.
"""

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType

LEFT_OUT = frozenset(
    {
        *("apigateway", "autoscaling", "batch", "datapipeline", "ec2", "ecr", "ecs", "efs", "elb", "elbv2"),
        *("emr", "iot", "rds", "redshift", "route53", "sagemaker", "stepfunctions"),
    }
)
"""Of none of them is a resource given to moto (`scope.KINDS`)."""


class _Empty(ModuleType):
    """A module that has whatever is asked of it: an empty class of that name."""

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        made = type(name, (), {})
        setattr(self, name, made)
        return made


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if not _is_left_out(fullname):
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return _Empty(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing in it."""


@contextmanager
def only_what_is_emulated() -> Iterator[None]:
    """While this lasts, moto's other services are empty where they are imported for the first time."""
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name, module in sys.modules.items() if isinstance(module, _Empty)]:
            del sys.modules[name]
            package, _, last = name.rpartition(".")
            if isinstance(getattr(sys.modules.get(package), last, None), _Empty):
                delattr(sys.modules[package], last)


def _is_left_out(name: str) -> bool:
    return name.startswith("moto.") and name.split(".")[1] in LEFT_OUT


with only_what_is_emulated():
    from moto.cloudformation import models as cloudformation
    from moto.cloudformation import parsing as cloudformation_parsing

__all__ = ["LEFT_OUT", "cloudformation", "cloudformation_parsing", "only_what_is_emulated"]
