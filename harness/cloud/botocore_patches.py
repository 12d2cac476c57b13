"""Work that botocore does for each client or request and that nobody here looks at, done once or left out;
and what it would wait for by the real clock, or do in threads.

The requests that reach the wire are the same but for their signature and user agent; tests compare the two.
"""

import copy
import functools
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import CodeType
from typing import Any
from unittest import mock

from boto3.s3 import transfer
from botocore import (
    client,
    endpoint_provider,
    handlers,
    hooks,
    httpsession,
    model,
    regions,
    session,
    signers,
    useragent,
)
from botocore.retries import standard
from s3transfer.futures import NonThreadedExecutor

from harness.cloud import patching

_SIGNATURES: dict[CodeType, Any] = {}
"""Name of the keyword arguments that some code takes, if it takes any: this never changes, so it is kept from
one run to the next, as all these are.
"""
_PROVIDERS: dict[tuple[int, int], tuple[Any, Any]] = {}
"""Endpoint rules that have been parsed, by the documents that they stand in."""
_CLASSES: dict[str, type] = {}
"""Of clients, by service."""
_DISCOVERIES: dict[tuple[str, str], str] = {}
"""Names of the operations that tell of endpoints, "" where there is none, by service and version."""
_aliaser: Any = hooks.EventAliaser(hooks.HierarchicalEmitter())
_event_name = functools.cache(_aliaser._alias_event_name)


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

    def alias_event_name(emitter: Any, event_name: str) -> Any:
        return _event_name(event_name)

    return mock.patch.object(hooks.EventAliaser, "_alias_event_name", alias_event_name)


def _endpoint_rules() -> Any:
    """Each client parses the endpoint rules of its service, some hundred conditions, and resolves its
    endpoints with a cache of its own.
    """

    def provider(ruleset_data: Any, partition_data: Any, excluded_params: Any = None) -> Any:
        key = (id(ruleset_data), id(partition_data))  # one object a service: the loader is shared
        if key not in _PROVIDERS:
            _PROVIDERS[key] = (
                ruleset_data,
                endpoint_provider.EndpointProvider(ruleset_data, partition_data, excluded_params),
            )
        return _PROVIDERS[key][1]

    return mock.patch.object(regions, "EndpointProvider", provider)


def _endpoint_discovery() -> Any:
    """Each client looks through all operations of its service for one that tells of endpoints."""
    kind: Any = model.ServiceModel
    original = kind.endpoint_discovery_operation

    def discovered(service: Any) -> Any:
        which = (service.service_name, service.api_version)
        if which not in _DISCOVERIES:
            found = original._fget(service)
            _DISCOVERIES[which] = found.name if found is not None else ""
        name = _DISCOVERIES[which]
        return service.operation_model(name) if name else None

    return mock.patch.object(kind, "endpoint_discovery_operation", property(discovered))


def _client_classes() -> Any:
    """Each client gets a class of its own, with a method and a docstring for every operation of its
    service.
    """
    kind: Any = client.ClientCreator
    original = kind._create_client_class

    def create_client_class(creator: Any, service_name: str, service_model: Any) -> type:
        if service_name not in _CLASSES:
            _CLASSES[service_name] = original(creator, service_name, service_model)
        return _CLASSES[service_name]

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
    """Each client copies its session's tree of handlers, a thousand small lists, and registers a few of its
    own: copies share what neither has changed.
    """
    kind: Any = hooks
    trie_kind = kind._PrefixTrie
    append_item, remove_item = trie_kind.append_item, trie_kind.remove_item

    def copied(trie: Any) -> Any:
        fresh = trie_kind()
        fresh._root = trie._root
        trie._owner, fresh._owner = object(), object()
        return fresh

    def append(trie: Any, key: str, value: Any, section: int = kind._MIDDLE) -> None:
        _make_own(trie, key)
        append_item(trie, key, value, section)

    def remove(trie: Any, key: str, value: Any) -> None:
        _make_own(trie, key)
        remove_item(trie, key, value)

    return mock.patch.multiple(trie_kind, __copy__=copied, append_item=append, remove_item=remove)


def _make_own(trie: Any, key: str) -> None:
    """The nodes of a tree that lead to a key are no copy's any more."""
    owner = trie.__dict__.setdefault("_owner", object())

    def own(node: dict[str, Any]) -> dict[str, Any]:
        if node.get("owner") is owner:
            return node
        values = node["values"] and hooks.NodeList(*(one[:] for one in node["values"]))
        return {**node, "children": dict(node["children"]), "values": values, "owner": owner}

    node = trie._root = own(trie._root)
    for part in key.split("."):
        if part not in node["children"]:
            return
        node["children"][part] = own(node["children"][part])
        node = node["children"][part]


def _builtin_handlers() -> Any:
    """Each session registers the same some hundred handlers, one by one."""
    kind: Any = session.Session
    original = kind._register_builtin_handlers
    known: dict[tuple[int, ...], Any] = {}

    def register(one: Any, events: Any) -> None:
        emitter = one._original_handler
        which = tuple(map(id, handlers.BUILTIN_HANDLERS))
        if which in known and not emitter._handlers._root["children"]:
            emitter._handlers = copy.copy(known[which])
            return
        is_first = not emitter._handlers._root["children"]
        original(one, events)
        if is_first:
            known[which] = copy.copy(emitter._handlers)

    return mock.patch.object(kind, "_register_builtin_handlers", register)


def _certificates() -> Any:
    """Each client prepares to check certificates, of which it will see none."""
    kind: Any = httpsession.URLLib3Session
    return mock.patch.object(kind, "_get_ssl_context", return_value=_ssl_context())


@functools.cache
def _ssl_context() -> Any:
    return httpsession.create_urllib3_context()


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
    "endpoint discovery": _endpoint_discovery,
    "client classes": _client_classes,
    "handler signatures": _handler_signatures,
    "handler copies": _handler_copies,
    "builtin handlers": _builtin_handlers,
    "certificates": _certificates,
    "retry pauses": _retry_pauses,
    "transfers": _transfers,
}
