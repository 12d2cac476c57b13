"""Every patch of moto does as the unpatched code does: the same calls get the same answers, with and
without.
"""

import contextlib
import copy
import json
from collections.abc import Callable
from typing import Any

import boto3
import botocore.session
import moto
import pytest
from botocore import hooks
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws
from moto.core import request as moto_request
from moto.moto_api._internal import mock_random

from harness.cloud import backends, botocore_patches, moto_patches
from harness.cloud.deployment import CREDENTIALS


def sqs_story(client) -> list[object]:
    """Everything that the patches touch in SQS: order, visibility, delay, redrive, retention, deletion,
    unknown handles.
    """
    dead = client.create_queue(QueueName="dead")["QueueUrl"]
    arn = client.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 2})
    url = client.create_queue(QueueName="q", Attributes={"VisibilityTimeout": "0", "RedrivePolicy": redrive})[
        "QueueUrl"
    ]
    seen: list[object] = []
    for number in range(15):
        client.send_message(QueueUrl=url, MessageBody=str(number), DelaySeconds=900 if number == 3 else 0)
    for _ in range(5):
        messages = client.receive_message(
            QueueUrl=url, MaxNumberOfMessages=4, AttributeNames=["ApproximateReceiveCount"]
        ).get("Messages", [])
        seen.append([(message["Body"], message["Attributes"]) for message in messages])
        for message in messages[:2]:
            client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    with pytest.raises(ClientError) as error:
        client.delete_message(QueueUrl=url, ReceiptHandle="unknown")
    seen.append(error.value.response["Error"]["Code"])
    for queue in (url, dead):
        names = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        ]
        seen.append(client.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"])
    return seen


def dynamodb_story(client) -> list[object]:
    """Queries with and without items, by range, by index, in pages, in both directions."""
    client.create_table(
        TableName="t",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"} for name in ("PK", "SK", "other")
        ],
        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "index",
                "KeySchema": [{"AttributeName": "other", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    for number in range(12):
        item = {
            "PK": {"S": f"p{number % 3}"},
            "SK": {"S": f"s{number:02d}"},
            "other": {"S": str(number % 2)},
            "n": {"N": str(number)},
        }
        client.put_item(TableName="t", Item=item)
    seen: list[object] = []
    queries: list[dict[str, object]] = [
        {"KeyConditionExpression": "PK = :p", "ExpressionAttributeValues": {":p": {"S": "p1"}}},
        {"KeyConditionExpression": "PK = :p", "ExpressionAttributeValues": {":p": {"S": "none"}}},
        {
            "KeyConditionExpression": "PK = :p AND SK > :s",
            "ExpressionAttributeValues": {":p": {"S": "p1"}, ":s": {"S": "s04"}},
        },
        {
            "KeyConditionExpression": "PK = :p",
            "ExpressionAttributeValues": {":p": {"S": "p2"}},
            "ScanIndexForward": False,
            "Limit": 2,
        },
        {
            "KeyConditionExpression": "other = :o",
            "ExpressionAttributeValues": {":o": {"S": "1"}},
            "IndexName": "index",
        },
    ]
    for query in queries:
        answer = client.query(TableName="t", **query)
        seen.append(
            (answer["Items"], answer["Count"], answer["ScannedCount"], answer.get("LastEvaluatedKey"))
        )
    return seen


UPDATES: list[tuple[str, str | None, dict[str, dict]]] = [
    ("SET #s = :v, n = n + :one", "attribute_exists(PK)", {":v": {"S": "new"}, ":one": {"N": "1"}}),
    (
        "ADD seen :ids, n :one SET l = list_append(l, :l)",
        "NOT contains(seen, :id)",
        {":ids": {"NS": ["1"]}, ":id": {"N": "1"}},
    ),
    (
        "ADD seen :ids, n :one SET l = list_append(l, :l)",
        "NOT contains(seen, :id)",
        {":ids": {"NS": ["1"]}, ":id": {"N": "1"}},
    ),
    (
        "DELETE seen :ids REMOVE gone SET fresh = if_not_exists(fresh, :v)",
        None,
        {":ids": {"NS": ["1"]}, ":v": {"S": "x"}},
    ),
    ("SET PK = :v", None, {":v": {"S": "x"}}),
    ("SET n = nowhere + :one", None, {":one": {"N": "1"}}),
    ("SET n = :one, n = :one", None, {":one": {"N": "1"}}),
    ("SET n = :one, n = :one, n = :one", None, {":one": {"N": "1"}}),
    ("SET n = :one SET fresh = :one", None, {":one": {"N": "1"}}),
    ("ADD n :one REMOVE fresh REMOVE l", None, {":one": {"N": "1"}}),
    ("SET m.inner = :one, m.inner[0] = :one", None, {":one": {"N": "1"}}),
    ("SET m.inner[0] = :one ADD n :one REMOVE m", None, {":one": {"N": "1"}}),
    ("REMOVE m.inner[0], m.inner[1]", None, {}),
    ("SET SET", None, {}),
]


def update_story(client) -> list[object]:
    """Updates that succeed, that fail their condition, and that are wrong; each expression twice; the item
    after each.
    """
    client.create_table(
        TableName="t",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "PK", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}],
    )
    key = {"PK": {"S": "k"}}
    nested = {"M": {"inner": {"L": [{"S": "a"}, {"BOOL": True}, {"NULL": True}, {"M": {}}]}}}
    client.put_item(
        TableName="t", Item={**key, "n": {"N": "1"}, "l": {"L": []}, "gone": {"S": "x"}, "m": nested}
    )
    seen: list[object] = []
    for update, condition, values in UPDATES * 2:
        request = {
            "TableName": "t",
            "Key": key,
            "UpdateExpression": update,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        values = values | ({":l": {"L": [{"S": "a"}]}, ":one": {"N": "1"}} if ":l" in update else {})
        if values:
            request["ExpressionAttributeValues"] = values
        if condition:
            request["ConditionExpression"] = condition
        if "#s" in update:
            request["ExpressionAttributeNames"] = {"#s": "status"}
        try:
            answer = client.update_item(**request, ReturnValues="ALL_NEW")
            seen.append(answer["Attributes"])
        except ClientError as error:
            seen.append((error.response["Error"], error.response.get("Item")))
        seen.append(client.get_item(TableName="t", Key=key)["Item"])
    return seen


def s3_story(client) -> list[object]:
    """Objects with odd keys, metadata and versions; ranges, listings, and what does not exist."""
    client.create_bucket(Bucket="bucket")
    client.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
    seen: list[object] = []
    for key in ("plain", "a b/ü+%41.tif", "deep/er/x"):
        for body in (b"first", b"", bytes(range(256)) * 50):
            put = client.put_object(
                Bucket="bucket", Key=key, Body=body, Metadata={"my_key": "v"}, ContentType="image/tiff"
            )
            got = client.get_object(Bucket="bucket", Key=key, VersionId=put["VersionId"])
            seen += [
                put["ETag"],
                got["Body"].read(),
                got["Metadata"],
                got["ContentType"],
                got["ContentLength"],
            ]
        seen.append(client.get_object(Bucket="bucket", Key=key, Range="bytes=10-19")["Body"].read())
    listing = client.list_objects_v2(Bucket="bucket", Prefix="a")
    seen.append([(entry["Key"], entry["Size"]) for entry in listing["Contents"]])
    client.delete_object(Bucket="bucket", Key="plain")
    for key, wanted in (("plain", None), ("none", None), ("deep/er/x", "bytes=99999-")):
        with pytest.raises(ClientError) as error:
            client.get_object(Bucket="bucket", Key=key, **({"Range": wanted} if wanted else {}))
        seen.append(error.value.response["Error"]["Code"])
    return seen


def kms_story(client) -> list[object]:
    """A key that encrypts, a pair of keys that signs, and what each of them is not for."""
    symmetric = client.create_key()["KeyMetadata"]["KeyId"]
    pair = client.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    sealed = client.encrypt(KeyId=symmetric, Plaintext=b"plain")["CiphertextBlob"]
    signing = {"SigningAlgorithm": "RSASSA_PSS_SHA_256", "Message": b"said"}
    signature = client.sign(KeyId=pair, **signing)["Signature"]
    seen: list[object] = [
        client.decrypt(CiphertextBlob=sealed)["Plaintext"],
        client.verify(KeyId=pair, Signature=signature, **signing)["SignatureValid"],
        len(client.get_public_key(KeyId=pair)["PublicKey"]),
        len(client.get_public_key(KeyId=symmetric)["PublicKey"]),
    ]
    with pytest.raises(ClientError) as error:
        client.sign(KeyId=symmetric, **signing)
    return [*seen, error.value.response["Error"]["Code"]]


STORIES = [
    ("kms", kms_story),
    ("sqs", sqs_story),
    ("dynamodb", dynamodb_story),
    ("dynamodb", update_story),
    ("s3", s3_story),
]


@pytest.mark.parametrize("patch", [moto_patches.applied, botocore_patches.applied])
@pytest.mark.parametrize(("service", "story"), STORIES)
def test_patched_and_unpatched_moto_tell_the_same_story(
    service: str, story: Callable, patch: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    told = []
    for patches in (contextlib.nullcontext, patch):
        with patches(), mock_aws():
            mock_random.seed(3)
            told.append(story(boto3.Session().client(service)))
    assert told[0] == told[1]


def test_a_copy_of_event_handlers_is_the_same_and_its_own() -> None:
    def called(emitter: hooks.HierarchicalEmitter) -> list[object]:
        return [answer for _, answer in emitter.emit("before-send.s3.PutObject")]

    def first(**_: object) -> int:
        return 1

    def last(**_: object) -> int:
        return 2

    with botocore_patches.applied():
        emitter = hooks.HierarchicalEmitter()
        emitter.register_last("before-send", last)
        emitter.register("before-send.s3", first)
        other = copy.copy(emitter)
        other.register("before-send.*.PutObject", lambda **_: 3)
        assert called(emitter) == [1, 2]
        assert called(other) == [3, 1, 2]  # the most specific first
        with pytest.raises(ValueError, match="keyword arguments"):
            emitter.register("before-send", lambda: None)


KEYS = ("before", "before.s3", "before.*.Put", "before.s3.Put", "after", "*.s3")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, 9), st.sampled_from(KEYS), st.integers(0, 2)),
        st.tuples(st.just("remove"), st.integers(0, 9), st.sampled_from(KEYS), st.integers(0, 40)),
        st.tuples(st.just("copy"), st.integers(0, 9)),
    ),
    max_size=40,
)


@given(STEPS)
def test_copies_of_handlers_share_only_what_none_has_changed(steps: list[tuple[Any, ...]]) -> None:
    """Whatever is registered with which of many copies, each finds what botocore's own deep copies find."""
    told = []
    for patches in (contextlib.nullcontext, botocore_patches.applied):
        with patches():
            tries = [hooks._PrefixTrie()]
            for number, (step, which, *args) in enumerate(steps):
                trie = tries[which % len(tries)]
                if step == "copy":
                    tries.append(copy.copy(trie))
                elif step == "append":
                    trie.append_item(args[0], number, args[1])
                else:
                    with contextlib.suppress(ValueError, AttributeError):
                        trie.remove_item(*args)
            searched = [key.replace("*", "dynamodb") for key in KEYS]
            told.append([[list(trie.prefix_search(key)) for key in searched] for trie in tries])
    assert told[0] == told[1]


def handlers_of(session: botocore.session.Session) -> list[object]:
    names = ("before-sign.s3", "before-parameter-build.s3.PutObject", "provide-client-params.dynamodb.Query")
    return [list(session._events._emitter._handlers.prefix_search(name)) for name in names]


def test_every_session_has_the_handlers_that_botocore_registers() -> None:
    bare = handlers_of(botocore.session.Session())
    with botocore_patches.applied():
        first, second = botocore.session.Session(), botocore.session.Session()
        assert handlers_of(first) == handlers_of(second) == bare
        assert any(bare)
        first.register("before-sign.s3", lambda **_: None)
        assert handlers_of(second) == bare
        assert handlers_of(botocore.session.Session()) == bare


def without_request_id(body: bytes) -> bytes:
    return body.partition(b"<RequestId>")[0]


REQUEST = moto_request.Request


def of_werkzeug(request) -> REQUEST:
    return REQUEST.from_primitives(request.method, request.url, request.headers, request.body)


def test_a_request_is_what_werkzeug_would_have_made_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        compared = []

        def compare(request, **_):
            if hasattr(request.body, "read"):
                return
            own, theirs = REQUEST(backends.environ(request)), of_werkzeug(request)
            for name in (
                "method",
                "path",
                "raw_path",
                "raw_url",
                "url",
                "query_string",
                "data",
                "content_type",
                "content_length",
            ):
                assert getattr(own, name) == getattr(theirs, name), name
            assert sorted((name.lower(), value) for name, value in own.headers) == sorted(
                (name.lower(), value) for name, value in theirs.headers
            )
            compared.append(request.url)

        session = boto3.Session()
        s3, sqs = session.client("s3"), session.client("sqs")
        for client in (s3, sqs):
            client.meta.events.register_first("before-send", compare)
        s3.create_bucket(Bucket="bucket")
        s3.put_object(Bucket="bucket", Key="a/k 1+ü%", Body=b"body", Metadata={"my_key": "v"})
        s3.get_object(Bucket="bucket", Key="a/k 1+ü%", Range="bytes=0-1")
        s3.list_objects_v2(Bucket="bucket", Prefix="a/k 1+ü%")
        sqs.create_queue(QueueName="q")
    assert len(compared) >= 4


def test_a_request_is_answered_by_the_backend_as_by_motos_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        s3 = boto3.Session().client("s3")
        s3.create_bucket(Bucket="bucket")
        s3.put_object(Bucket="bucket", Key="a/k 1", Body=b"body")
        answers = []

        def compare(request, event_name, **_):
            direct = backends.answer(event_name.split(".")[1], request)
            answers.append((direct, backends.botocore_stubber.process_request(request)))

        s3.meta.events.register_first("before-send", compare)
        s3.get_object(Bucket="bucket", Key="a/k 1")
        with pytest.raises(ClientError):
            s3.get_object(Bucket="bucket", Key="none")
    for direct, own in answers:
        assert direct[0] == own[0]
        assert without_request_id(direct[2]) == without_request_id(own[2])


def test_another_version_of_moto_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moto, "__version__", "99.0.0")
    with pytest.raises(moto_patches.UnknownMoto, match=r"moto is 99\.0\.0"), moto_patches.applied():
        pass
