"""One invocation as Lambda's Python runtime makes it: run by an interpreter that knows nothing but its standard library
(`-I -S`), with the package (`LAMBDA_TASK_ROOT`) and what the runtime brings (`RUNTIME`) on the path. Reads {"handler",
"event", "context"} from standard input, writes {"answer", "import_seconds", "outside"} to standard output;
"outside" are modules that came from elsewhere.
"""

import importlib
import json
import os
import sys
import time
from types import SimpleNamespace

sys.path += [os.environ["LAMBDA_TASK_ROOT"], os.environ["RUNTIME"]]
asked = json.load(sys.stdin)
module, _, name = asked["handler"].rpartition(".")
began = time.perf_counter()
handler = getattr(importlib.import_module(module), name)
took = time.perf_counter() - began
context = SimpleNamespace(
    function_name="function",
    memory_limit_in_mb="1769",
    invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:function",
    aws_request_id="00000000-0000-4000-8000-000000000000",
    get_remaining_time_in_millis=lambda: 120_000,
)
answer = handler(asked["event"], context) if asked["event"] is not None else None
outside = [
    module.__file__
    for module in list(sys.modules.values())
    if getattr(module, "__file__", None)
    and not module.__file__.startswith((sys.base_prefix, os.path.dirname(__file__), *sys.path[-2:]))
]
json.dump({"answer": answer, "import_seconds": took, "outside": outside}, sys.stdout)
