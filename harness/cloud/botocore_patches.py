"""Work that botocore does for each client or request and that nobody here looks at, done once or left out;
and what it would wait for by the real clock, or do in threads.

The requests that reach the wire are the same but for their signature and user agent; tests compare the two.
"""

import functools
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import CodeType
from typing import Any
from unittest import mock

from boto3.s3 import transfer
from botocore import client, endpoint_provider, hooks, regions, signers, useragent
from botocore.retries import standard
from s3transfer.futures import NonThreadedExecutor

from harness.cloud import patching

_SIGNATURES: dict[CodeType, Any] = {}
"""Name of the keyword arguments that some code takes, if it takes any: this never changes, so it is kept from
one run to the next.
"""


def applied() -> AbstractContextManager[None]:
    """All of them, for as long as the context lasts."""
    return patching.applied(PATCHES)


def _signature() -> Any:
    """Every request is hashed and signed with the dummy credentials; moto looks at whose they are and checks
    no signature.
    """

    def named(signer: Any, operation_name: str = "", request: Any = None, **_: Any) -> None:
        where = f"{signer._region_name}/{signer.signing_name}"
        scope = f"{signer._credentials.access_key}/20260101/{where}/aws4_request"
        request.headers["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=none"
        )
        if "aws-chunked" in request.headers.get(
            "Content-Encoding", ""
        ):  # the signer also says that a checksum follows the body
            request.headers["X-Amz-Content-SHA256"] = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

    return mock.patch.object(signers.RequestSigner, "handler", named)


def _user_agent() -> Any:
    """The user agent is put together anew for each request, from parts that are each made safe letter by
    letter.
    """

    def to_string(agent: Any) -> str:
        return "Boto3"

    return mock.patch.object(useragent.UserAgentString, "to_string", to_string)


def _event_names() -> Any:
    """Each client looks through all aliases for each event's name, and forgets it with the client."""
    aliaser: Any = hooks.EventAliaser(hooks.HierarchicalEmitter())
    cached: Any = functools.cache(aliaser._alias_event_name)

    def alias_event_name(emitter: Any, event_name: str) -> Any:
        return cached(event_name)

    return mock.patch.object(hooks.EventAliaser, "_alias_event_name", alias_event_name)


def _endpoint_rules() -> Any:
    """Each client parses the endpoint rules of its service, some hundred conditions, and resolves its
    endpoints with a cache of its own.
    """
    known: dict[tuple[int, int], tuple[Any, Any]] = {}

    def provider(ruleset_data: Any, partition_data: Any, excluded_params: Any = None) -> Any:
        key = (id(ruleset_data), id(partition_data))  # one object a service: the loader is shared
        if key not in known:
            known[key] = (
                ruleset_data,
                endpoint_provider.EndpointProvider(ruleset_data, partition_data, excluded_params),
            )
        return known[key][1]

    return mock.patch.object(regions, "EndpointProvider", provider)


def _client_classes() -> Any:
    """Each client gets a class of its own, with a method and a docstring for every operation of its
    service.
    """
    kind: Any = client.ClientCreator
    original = kind._create_client_class
    known: dict[str, type] = {}

    def create_client_class(creator: Any, service_name: str, service_model: Any) -> type:
        if service_name not in known:
            known[service_name] = original(creator, service_name, service_model)
        return known[service_name]

    return mock.patch.object(kind, "_create_client_class", create_client_class)


def _handler_signatures() -> Any:
    """Each session registers some hundred handlers, and inspects the signature of each: all sessions register
    the same.
    """
    original = hooks.accepts_kwargs

    def accepts_kwargs(function: Any) -> Any:
        code = getattr(getattr(function, "__func__", function), "__code__", None)
        if code is None:
            return original(function)
        if code not in _SIGNATURES:
            _SIGNATURES[code] = original(function)
        return _SIGNATURES[code]

    return mock.patch.object(hooks, "accepts_kwargs", accepts_kwargs)


def _handler_copies() -> Any:
    """Each client copies its session's tree of handlers, and asks the copy module how for each of a thousand
    small lists.
    """

    def copied(trie: Any, node: dict[str, Any]) -> dict[str, Any]:
        fresh: dict[str, Any] = {}
        for key, value in node.items():
            if isinstance(value, hooks.NodeList):
                fresh[key] = hooks.NodeList(value.first[:], value.middle[:], value.last[:])
            elif isinstance(value, dict):
                fresh[key] = copied(trie, value)
            else:
                fresh[key] = value
        return fresh

    kind: Any = hooks
    return mock.patch.object(kind._PrefixTrie, "_recursive_copy", copied)


def _retry_pauses() -> Any:
    """The retry handler keeps the `time.sleep` of when it was imported, which is the real one."""
    original: Any = standard.RetryHandler.__init__

    def init(handler: Any, *args: Any, **kwargs: Any) -> None:
        original(handler, *args, **{"sleep": lambda seconds: time.sleep(seconds), **kwargs})

    return mock.patch.object(standard.RetryHandler, "__init__", init)


def _transfers() -> Any:
    """upload_file and its like move an object's parts in threads; in virtual time there is one thread, and
    the parts come one after the other.
    """
    kind: Any = transfer
    original = kind.TransferManager

    def manager(client: Any, config: Any = None, osutil: Any = None, executor_cls: Any = None) -> Any:
        return original(client, config, osutil, NonThreadedExecutor)

    return mock.patch.object(kind, "TransferManager", manager)


PATCHES: dict[str, Callable[[], Any]] = {
    "signature": _signature,
    "user agent": _user_agent,
    "event names": _event_names,
    "endpoint rules": _endpoint_rules,
    "client classes": _client_classes,
    "handler signatures": _handler_signatures,
    "handler copies": _handler_copies,
    "retry pauses": _retry_pauses,
    "transfers": _transfers,
}
