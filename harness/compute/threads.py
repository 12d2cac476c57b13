"""As many threads of numerical libraries as a function's environment asks for.

Such a library reads its variables when it is loaded. A process that is forked to record has libraries that
were loaded before, for other purposes, with a thread for each core: they wait for work by turning round, and
what they burn would be taken for the call's own time.
"""

from collections.abc import Mapping

from threadpoolctl import threadpool_limits

_VARIABLES = {
    "blas": ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"),
    "openmp": ("OMP_NUM_THREADS", "OMP_THREAD_LIMIT"),
}
"""By the kind of library (threadpoolctl's `user_api`): what limits it."""


def as_told(variables: Mapping[str, str]) -> None:
    """Sets libraries that are loaded to what these variables say; what they say nothing of stays as it is."""
    for kind, names in _VARIABLES.items():
        told = [int(variables[name]) for name in names if variables.get(name, "").isdigit()]
        if told:
            threadpool_limits(min(told), user_api=kind)
