"""Where moto's code takes time in proportion to what a queue or table holds, or does again what it has done,
and what is put in its place.

Each patch does what the code that it replaces does, only without the walk over everything; tests compare the
two. They are written against one version of moto and refuse any other, so that an upgrade is a decision and
not an accident.
"""

import functools
import json
import pickle
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import moto
from moto.core import models, responses
from moto.core.serialize import AttributePicker, AttributePickerContext
from moto.core.utils import MISSING, get_value
from moto.dynamodb.models.table import Table
from moto.dynamodb.parsing import expressions, validators
from moto.dynamodb.parsing.ast_nodes import DepthFirstTraverser, Node
from moto.kms import models as kms
from moto.sqs import models as sqs

from harness.cloud import patching
from harness.cloud.moto_imports import cloudformation

MOTO_VERSION = "5.2.5"


# What is found once holds for all runs of this process.
_parsed = functools.lru_cache(4096)(expressions.UpdateExpressionParser.make)
_method_names_of = functools.cache(responses.method_names_from_class)
_underscored = functools.cache(responses.camelcase_to_underscores)
_aliases: dict[tuple[type, Any, Any, str], tuple[str, ...]] = {}
_answers: list[Any] = []


class UnknownMoto(Exception):
    """moto is not the version that the patches were written for."""


@contextmanager
def applied() -> Iterator[None]:
    """All patches, for as long as the context lasts. Raises `UnknownMoto`."""
    if moto.__version__ != MOTO_VERSION:
        raise UnknownMoto(
            f"moto is {moto.__version__}, the patches are for {MOTO_VERSION}: check "
            f"harness/cloud/moto_patches.py against it"
        )
    with patching.applied(PATCHES):
        yield


def _sqs_clock() -> Any:
    """SQS asks for the time once or twice a message; moto builds three datetimes each time to find it."""
    return mock.patch.multiple(sqs, unix_time=time.time, unix_time_millis=lambda: time.time() * 1000)


class _Visible:
    """The messages that can be received now, found one by one as they are asked for, not all for each
    request.
    """

    def __init__(self, messages: list[Any]) -> None:
        self._messages = messages

    def __iter__(self) -> Iterator[Any]:
        now = sqs.unix_time_millis()
        return (
            message for message in self._messages if message.visible_at < now and message.delayed_until <= now
        )

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _sqs_visible_messages() -> Any:
    """Queue.messages builds a list of all visible messages; ReceiveMessage takes ten of them at most."""
    return mock.patch.object(sqs.Queue, "messages", property(lambda queue: _Visible(queue._messages)))


def _sqs_retention() -> Any:
    """For each message that it returns, ReceiveMessage asks for all attributes of the queue, which counts its
    messages.
    """

    def is_valid(backend: Any, queue_name: str, message: Any) -> bool:
        retention = int(backend.get_queue(queue_name).message_retention_period)
        return bool(retention + message.sent_timestamp / 1000 > sqs.unix_time())

    return mock.patch.object(sqs.SQSBackend, "is_message_valid_based_on_retention_period", is_valid)


class _Attributes:
    """A standard queue's attributes, gathered when asked for; what only FIFO queues have is not worth
    counting messages for.
    """

    def __init__(self, gather: Callable[[], dict[str, Any]]) -> None:
        self._gather = gather

    def get(self, name: str, default: Any = None) -> Any:
        return default if name in sqs.Queue.FIFO_ATTRIBUTES else self._gather().get(name, default)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gather(), name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._gather())

    def __len__(self) -> int:
        return len(self._gather())

    def __getitem__(self, name: str) -> Any:
        return self._gather()[name]


def _sqs_attributes() -> Any:
    """Each SendMessage gathers all attributes, counting the messages three times, to see whether the queue
    deduplicates by content.
    """
    original = sqs.Queue.attributes.fget

    def attributes(queue: Any) -> Any:
        return original(queue) if queue.fifo_queue else _Attributes(functools.partial(original, queue))

    return mock.patch.object(sqs.Queue, "attributes", property(attributes))


def _sqs_message_groups() -> Any:
    """Each ReceiveMessage collects the groups of all messages in flight, which only a FIFO queue heeds."""
    original = sqs.Queue.pending_message_groups.fget
    return mock.patch.object(
        sqs.Queue,
        "pending_message_groups",
        property(lambda queue: original(queue) if queue.fifo_queue else frozenset()),
    )


def _sqs_delete() -> Any:
    """DeleteMessage looks at every message twice and copies the list; here it looks until it has found the
    one.
    """

    def delete_message(queue: Any, receipt_handle: str) -> None:
        if receipt_handle in queue.deleted_messages:
            return
        for place, message in enumerate(queue._messages):
            if message.had_receipt_handle(receipt_handle):
                queue.pending_messages.discard(message)
                queue.deleted_messages.update(message.all_receipt_handles)
                del queue._messages[place]
                return
        raise sqs.ReceiptHandleIsInvalid

    return mock.patch.object(sqs.Queue, "delete_message", delete_message)


def _dynamodb_query() -> Any:
    """Query on a table compares every item's key; here it is shown the items of the wanted partition only."""
    original = Table.query

    def query(table: Any, hash_key: Any, *args: Any, **kwargs: Any) -> Any:
        index_name = kwargs.get("index_name") or (args[6] if len(args) > 6 else None)
        if index_name or hash_key is None or not table.has_range_key:
            return original(table, hash_key, *args, **kwargs)
        everything = table.items
        table.items = {hash_key: everything[hash_key]} if hash_key in everything else {}
        try:
            return original(table, hash_key, *args, **kwargs)
        finally:
            table.items = everything

    return mock.patch.object(Table, "query", query)


def _dynamodb_expressions() -> Any:
    """An update expression is parsed anew for each call. Nothing changes the tree: the validator works on a
    copy.
    """
    return mock.patch.object(expressions.UpdateExpressionParser, "make", _parsed)


def _dynamodb_expression_copies() -> Any:
    """The copy of the tree by `copy.deepcopy` takes longer than the update; pickle copies the same plain
    objects in C.
    """
    return mock.patch.object(validators, "deepcopy", lambda tree: pickle.loads(pickle.dumps(tree)))  # noqa: S301 of our own making


def _dynamodb_expression_walks() -> Any:
    """Ten processors walk the tree of an update; each asks at every node anew which kinds of node it is
    for.
    """

    def traverse(traverser: Any, root: Any) -> Any:
        wanted = traverser.nodes_to_be_processed()
        kinds: dict[type, tuple[bool, bool]] = {}

        def visit(node: Any, child_id: int) -> Any:
            kind = type(node)
            if kind not in kinds:
                kinds[kind] = issubclass(kind, Node), issubclass(kind, wanted)
            is_node, is_wanted = kinds[kind]
            if not is_node:
                return node
            parent = node.parent
            if node.children is not None:
                for place, child in enumerate(node.children):
                    traverser.pre_processing_of_child(node, place)
                    visit(child, place)
            if is_wanted:
                node = traverser.process(node)
                node.parent = parent
                if parent:
                    parent.children[child_id] = node
            return node

        return visit(root, -1)

    return mock.patch.object(DepthFirstTraverser, "traverse", traverse)


class _Later:
    """An object that is made when something of it is first asked for."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = functools.cache(make)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._make(), name)


def _dynamodb_overlaps() -> Any:
    return _checked_whole(
        validators.OverlappingPathsValidator, validators.OverlappingPathsValidator.check_for_overlapping_paths
    )


def _dynamodb_action_counts() -> Any:
    return _checked_whole(
        validators.ActionCountValidator, validators.ActionCountValidator.verify_action_counts
    )


def _checked_whole(kind: type, check: Callable[[Any, Any], Any]) -> Any:
    """A check of an update expression is made for each of the expressions nested in it, and each time for all
    that it holds.

    What holds for all actions together holds for any part of them; where it does not, moto finds the words
    for it.
    """

    def traverse(validator: Any, root: Any) -> Any:
        try:
            return check(validator, root)
        except Exception:
            return DepthFirstTraverser.traverse(validator, root)

    return mock.patch.object(kind, "traverse", traverse)


def _kms_keys() -> Any:
    """The key that encrypts a table also gets a pair of RSA keys, which takes as long as thirty requests and
    is never used.
    """
    original = kms.generate_private_key

    def generate_private_key(key_spec: str) -> Any:
        return _Later(lambda: original(key_spec)) if key_spec == "SYMMETRIC_DEFAULT" else original(key_spec)

    return mock.patch.object(kms, "generate_private_key", generate_private_key)


def _urls_of_requests() -> Any:
    """Each start of the mock makes an answer for each method and each URL pattern of each service, for
    whoever calls AWS by the library requests, and looks through all those before when it adds one.
    """
    original = models.MockAWS._enable_patching
    registry = models.responses_mock.get_registry

    def enable_patching(mocked: models.MockAWS, reset: bool = True) -> None:
        if not _answers:
            original(mocked, reset)
            _answers.extend(registry().registered)
            return
        models.botocore_stubber.enabled = True
        if reset:
            mocked.reset()
        models.responses_mock.start()
        for response in _answers:
            response.calls.reset()
        registry().registered.extend(_answers)

    return mock.patch.object(models.MockAWS, "_enable_patching", enable_patching)


def _json_requests() -> Any:
    """The body of a JSON request is also read as a form, and as a query, and its headers as parameters, which
    none of them is.
    """
    original = responses.BaseResponse.setup_class

    def setup_class(
        self: Any, request: Any, full_url: Any = None, headers: Any = None, use_raw_body: Any = None
    ) -> None:
        if "X-Amz-Target" not in request.headers or request.from_wsgi_server:
            original(self, request, full_url, headers, use_raw_body)
            return
        self.is_werkzeug_request = False
        self.normalized_request, self.headers, self.method = request, request.headers, request.method
        self.uri = request.raw_url if full_url is None else full_url
        self.parsed_url = responses.urlparse(self.uri)
        self.path, self.raw_path, self.uri_match = self.parsed_url.path, request.raw_path, {}
        self.raw_body = request.get_data()
        self.body = self.raw_body.decode()
        self.form_data, self.querystring = {}, {}
        self.data = self.querystring
        self.region = self.get_region_from_url(request, self.uri)
        self.partition = responses.get_partition(self.region)
        self.response_headers = {"server": "amazon.com", "date": responses.http_date(responses.utcnow())}
        if self.automated_parameter_parsing and self._get_action():
            self.parse_parameters(request)
        self.access_key = self.get_access_key()
        self.current_account = self.get_current_account()

    return mock.patch.object(responses.BaseResponse, "setup_class", setup_class)


def _method_names() -> Any:
    """Each request lists the methods of its service's class, and spells the operation with underscores,
    letter by letter.
    """
    return mock.patch.multiple(
        responses, method_names_from_class=_method_names_of, camelcase_to_underscores=_underscored
    )


def _response_members() -> Any:
    """For each member of each structure in an answer, six kinds of alias are tried; for a dict they depend on
    the shape alone.
    """
    original = AttributePicker.__call__

    def pick(picker: Any, context: AttributePickerContext) -> Any:
        values, shape, key = context.obj, context.shape, context.key
        if type(values) is not dict or picker.response_transformers:
            return original(picker, context)
        place = (type(picker), shape, getattr(shape, "parent", None), key)
        if place not in _aliases:
            _aliases[place] = tuple(picker.get_possible_keys(context))
        for alias in _aliases[place]:
            if alias in values:
                return values[alias]
            if "." in alias and (value := get_value(values, alias, MISSING)) is not MISSING:
                return value
        return None

    return mock.patch.object(AttributePicker, "__call__", pick)


def _json_templates() -> Any:
    """A template in JSON is parsed as YAML, by the parser in Python: a second for a few thousand lines."""

    def load(text: Any, Loader: Any) -> Any:  # noqa: N803 yaml's own name
        try:
            return json.loads(text)
        except ValueError:
            return original(text, Loader=Loader)

    original = cloudformation.yaml.load
    return mock.patch.object(cloudformation.yaml, "load", load)


PATCHES: dict[str, Callable[[], Any]] = {
    "sqs clock": _sqs_clock,
    "sqs visible messages": _sqs_visible_messages,
    "sqs retention": _sqs_retention,
    "sqs attributes": _sqs_attributes,
    "sqs message groups": _sqs_message_groups,
    "sqs delete": _sqs_delete,
    "dynamodb query": _dynamodb_query,
    "dynamodb expressions": _dynamodb_expressions,
    "dynamodb expression copies": _dynamodb_expression_copies,
    "dynamodb expression walks": _dynamodb_expression_walks,
    "dynamodb overlaps": _dynamodb_overlaps,
    "dynamodb action counts": _dynamodb_action_counts,
    "kms keys": _kms_keys,
    "urls of requests": _urls_of_requests,
    "json requests": _json_requests,
    "json templates": _json_templates,
    "method names": _method_names,
    "response members": _response_members,
}
