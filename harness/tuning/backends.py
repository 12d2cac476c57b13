"""Where points are tried: on all cores of this machine, or on a cluster of Dask or Ray, by joblib.

Whatever sends them out, each is tried in a child process of the worker that it came to (see `children`).
"""

import logging
import os
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack
from typing import Any

import joblib
import msgspec

from harness.engine import interrupt
from harness.errors import UsageError
from harness.tuning import children
from harness.tuning.children import Died
from harness.tuning.point import Outcome

ADDRESS = "HARNESS_CLUSTER"
"""Environment variable with the address of the cluster's scheduler, where --address does not say it."""
ANSWER_SECONDS = 10
"""That a scheduler may take to answer."""
EXTRAS = {"dask": "cluster", "ray": "ray"}


class Backend(msgspec.Struct, frozen=True, kw_only=True):
    """name: "" for this machine, dask, ray; address: of the scheduler, "" for a cluster made on this machine;
    jobs: points at once, on this machine; None for as many as it has cores.
    """

    name: str = ""
    address: str = ""
    jobs: int | None = None


def chosen(name: str | None, address: str | None, jobs: int | None) -> Backend:
    """Raises `UsageError` for a name that is none, or a package that is not installed."""
    if name is not None and name not in EXTRAS:
        raise UsageError(f"--backend {name} is neither dask nor ray; without it all cores here are used")
    if address is not None and name is None:
        raise UsageError("--address says where a cluster is: give --backend dask or ray, too")
    backend = Backend(name=name or "", address=address or os.environ.get(ADDRESS, ""), jobs=jobs)
    if name is not None:
        try:
            module = _import(backend)
        except ImportError as error:
            raise UsageError(
                f"--backend {name}: {error}; the extra [{EXTRAS[name]}] installs it: "
                f"pip install '.[{EXTRAS[name]}]'"
            ) from error
        if name == "dask" and backend.address:  # now, and not after an hour of recording
            _client(module, backend.address).close()
    return backend


def outcomes(
    backend: Backend,
    function: Callable[[Any], Outcome],
    tasks: Sequence[tuple[dict[str, str], int, Any]],
) -> Generator[tuple[int, Outcome], None, None]:
    """(place, outcome) of each task (tried parameters, seed, what `function` is given), as they are done."""
    if not tasks:
        return
    with ExitStack() as stack, children.ended_on_error():
        # joblib's word for the user when a caller has had enough, as of what is not recorded yet
        warnings.filterwarnings("ignore", ".*tasks which were still being processed", UserWarning)
        options = _entered(backend, stack)
        calls = (
            joblib.delayed(_answer)(place, children.packed(_told, (function, task)))
            for place, (_, _, task) in enumerate(tasks)
        )
        parallel = joblib.Parallel(return_as="generator_unordered", batch_size=1, **options)
        for place, answer, died in parallel(calls):
            tried, seed, _ = tasks[place]
            if died:
                yield place, Outcome(parameters=tried, seed=seed, error=died, killed=True)
            else:
                yield place, msgspec.json.decode(answer, type=Outcome)


def _answer(place: int, task: bytes) -> tuple[int, bytes, str]:
    try:
        return place, children.ask(task), ""
    except Died as death:
        return place, b"", str(death)


def _told(asked: tuple[Callable[[Any], Outcome], Any]) -> bytes:
    function, task = asked
    return msgspec.json.encode(function(task))


def _entered(backend: Backend, stack: ExitStack) -> dict[str, Any]:
    """joblib's options; a cluster that is made lasts as long as the stack."""
    jobs = backend.jobs or os.cpu_count() or 1
    if not backend.name:
        return {
            "backend": "threading",
            "n_jobs": jobs,
        }  # a thread waits for each child, and does nothing else
    module = _import(backend)
    if backend.name == "ray":
        module.init(address=backend.address or None, num_cpus=None if backend.address else jobs)
        stack.callback(module.shutdown)
        return {"backend": "ray", "n_jobs": -1}
    if backend.address:
        stack.enter_context(_client(module, backend.address))
    else:
        stack.enter_context(module.Client(stack.enter_context(_cluster(module, jobs))))
    stack.enter_context(joblib.parallel_config(backend="dask"))
    return {}


def _cluster(module: Any, workers: int) -> Any:
    """A cluster on this machine. One that is half started cannot be closed, so an interrupt waits for it;
    what it warns of while it ends is no news."""
    stopped: list[bool] = []
    with interrupt.stopped_by(lambda: stopped.append(True)):
        cluster = module.LocalCluster(
            n_workers=workers, threads_per_worker=1, dashboard_address=None, silence_logs=logging.ERROR
        )
    if stopped:
        cluster.close()
        raise KeyboardInterrupt
    return cluster


def _client(module: Any, address: str) -> Any:
    """Raises `UsageError` when no scheduler answers there."""
    try:
        return module.Client(address, timeout=ANSWER_SECONDS)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"no scheduler of Dask answers at {address} within {ANSWER_SECONDS} s: start "
            f"one (dask scheduler), or correct --address or {ADDRESS}"
        ) from error


def _import(backend: Backend) -> Any:
    if backend.name == "dask":
        import distributed

        return distributed
    import ray
    from ray.util.joblib import register_ray

    register_ray()
    return ray
