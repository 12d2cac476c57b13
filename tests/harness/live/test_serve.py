"""`harness serve`: a living cloud that does what a run does, no more and no less."""

import json
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import botocore.exceptions
import pytest

from tests import builders
from tests.harness.live.cloud import HARNESS, Cloud, serving


@pytest.fixture(scope="module")
def cloud():
    with serving("--speed", "max") as served:
        yield served


def test_an_upload_by_any_aws_client_leads_to_its_result_in_s3(cloud: Cloud) -> None:
    file = sorted(builders.sample().glob("*.tiff"))[0]
    cloud.put(file)
    (result,) = cloud.results(1)
    assert (result["s3Key"], result["status"]) == (f"uploads/{file.name}", "COMPLETED")
    assert result["findings"]


def test_queues_and_tables_answer_too(cloud: Cloud) -> None:
    url = next(one for one in cloud.client("sqs").list_queues()["QueueUrls"] if "FileQueue" in one)
    assert (
        "ApproximateNumberOfMessages"
        in cloud.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    )
    (table,) = cloud.client("dynamodb").list_tables()["TableNames"]
    assert cloud.client("dynamodb").scan(TableName=table)["Count"] >= 0


def test_other_services_are_refused_in_words(cloud: Cloud) -> None:
    with pytest.raises(botocore.exceptions.ClientError, match="not served here"):
        cloud.client("sns").list_topics()


def test_a_session_at_full_speed_leaves_the_very_trace_of_a_run_on_the_same_uploads(tmp_path: Path) -> None:
    folder = builders.sample()
    files = sorted(folder.glob("*.tiff"))
    with serving("--speed", "max", "--paused", "--out", tmp_path / "served") as cloud:
        uploads = []
        for number, file in enumerate(files, 1):  # they all come at the beginning, in this order
            uploads.append(threading.Thread(target=cloud.put, args=(file,)))
            uploads[-1].start()
            cloud.wait(lambda state, number=number: state["clients"] == number)
        cloud.ask("act/go", b"")
        cloud.results(len(files))
        cloud.wait(lambda state: state["idle"])
        cloud.end()
    harness = Path(sys.executable).with_name("harness")
    subprocess.run(
        [harness, "--quiet", "run", folder, "--out", tmp_path / "run"], cwd=builders.PROJECT, check=True
    )
    served, run = ((tmp_path / name / "trace.jsonl").read_bytes() for name in ("served", "run"))
    assert served == run
    for file in files:
        name = Path("results") / f"{file.name}.json"
        assert (tmp_path / "served" / name).read_bytes() == (tmp_path / "run" / name).read_bytes()


def test_what_is_laid_into_the_drop_folder_is_uploaded_once_and_again_when_it_changes(tmp_path: Path) -> None:
    first, second, _ = sorted(builders.sample().glob("*.tiff"))[:3]
    drop = tmp_path / "drop"
    (drop / "inner").mkdir(parents=True)
    (drop / "notes.txt").write_text("not taken")
    shutil.copy(first, drop / "scan.tiff")
    with serving("--speed", "max", "--drop", drop) as cloud:
        cloud.results(1)
        shutil.copy(second, drop / "inner" / "Other.TIFF")
        keys = {result["s3Key"] for result in cloud.results(2)}
        assert keys == {"uploads/scan.tiff", "uploads/inner/Other.TIFF"}
        shutil.copy(second, drop / "scan.tiff")
        assert len(cloud.results(3)) == 3
        cloud.wait(lambda state: state["idle"])
        assert {file["name"]: file["state"] for file in cloud.state()["files"]} == {
            "scan.tiff": "COMPLETED",
            "inner/Other.TIFF": "COMPLETED",
        }


def test_a_state_folder_brings_all_back_and_nobody_else_can_read_it(tmp_path: Path) -> None:
    state = tmp_path / "state"
    files = sorted(builders.sample().glob("*.tiff"))[:3]
    with serving("--speed", "max", "--state", state) as cloud:
        for file in files:
            cloud.put(file)
        before = cloud.results(3)
        cloud.ask("act/faults", b"rough")
        end = cloud.wait(lambda state: state["idle"])
        cloud.end()
    modes = {path.name: path.stat().st_mode & 0o777 for path in (state, *state.rglob("*"))}
    assert all(not mode & 0o077 for mode in modes.values()), modes
    truth = json.loads((builders.sample() / "truth.json").read_text())
    values = [one["value"] for file in files for unit in truth[file.name] for one in unit["npi"]]
    journal = (state / "journal.jsonl").read_text()
    assert values
    assert not [value for value in values if value in journal]
    with serving("--speed", "max", "--state", state) as cloud:
        assert cloud.results(3) == before
        again = cloud.state()
        assert (again["faults"], again["now"] >= end["now"]) == ("rough", True)
        assert sorted(again["counts"].items()) == [("COMPLETED", 3)]


def test_what_was_under_way_when_a_session_was_killed_is_finished_by_the_next(tmp_path: Path) -> None:
    state, file = tmp_path / "state", sorted(builders.sample().glob("*.tiff"))[0]
    with serving("--speed", "1", "--state", state) as cloud:
        cloud.put(file)
        cloud.process.kill()
        cloud.process.communicate()
    with serving("--speed", "max", "--state", state) as cloud:
        (result,) = cloud.results(1)
        assert result["status"] == "COMPLETED"


@pytest.mark.parametrize("content", ["not JSON\n", '{"type":"request","t":0}\n'])
def test_a_damaged_state_is_one_clear_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "journal.jsonl").write_text(content)
    done = subprocess.run(
        [*HARNESS, "--state", tmp_path], cwd=builders.PROJECT, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "line 1, is damaged" in done.stderr


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--speed", "fast"], "--speed fast is neither a number above 0"),
        (["--speed", "-1"], "--speed -1 is neither"),
        (["--compute", "measured"], "is none of recorded, modelled"),
        (["--drop", "nowhere"], "--drop nowhere is no folder"),
        (["--state", "pipeline"], "holds something that is no state"),
        (["--faults", "stormy"], "neither a preset"),
    ],
)
def test_wrong_usage_is_one_clear_line(options: list[str], says: str) -> None:
    done = subprocess.run([*HARNESS, *options], cwd=builders.PROJECT, capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert says in done.stderr


def test_a_port_that_is_taken_is_one_clear_line(cloud: Cloud) -> None:
    port = cloud.url.rpartition(":")[2]
    done = subprocess.run([*HARNESS[:-1], port], cwd=builders.PROJECT, capture_output=True, text=True)
    assert done.returncode == 2
    assert f"cannot listen on port {port}" in done.stderr.splitlines()[-1]


def test_functions_have_new_code_from_the_next_cold_start_on(tmp_path: Path) -> None:
    shutil.copytree(builders.PROJECT / "examples" / "orders", tmp_path / "orders")
    template, receipt = tmp_path / "orders" / "template.yaml", tmp_path / "orders" / "orders" / "receipt.py"
    order = sorted((builders.PROJECT / "examples" / "orders" / "inputs").iterdir())[0].read_text()
    with serving("--speed", "max", "--template", template) as cloud:
        sqs = cloud.client("sqs")
        url = {one: sqs.get_queue_url(QueueName=name)["QueueUrl"] for one, name in names(sqs).items()}

        def receipt_of(body: str) -> str:
            sqs.send_message(QueueUrl=url["OrderQueue"], MessageBody=body)
            ends = time.monotonic() + 60
            while time.monotonic() < ends:
                got = sqs.receive_message(QueueUrl=url["ReceiptQueue"], WaitTimeSeconds=1).get("Messages", [])
                if got:
                    return json.loads(got[0]["Body"])["status"]
            raise AssertionError("no receipt came")

        assert receipt_of(order) == "PAID"
        receipt.write_text(receipt.read_text().replace('"PAID"', '"PAID TWICE"'))
        time.sleep(1.5)
        assert receipt_of(json.dumps({**json.loads(order), "id": "another"})) == "PAID TWICE"


def names(sqs) -> dict[str, str]:
    """Of queues, by how they begin."""
    found = [one.rpartition("/")[2] for one in sqs.list_queues()["QueueUrls"]]
    return {
        logical: next(name for name in found if logical.lower() in name.lower())
        for logical in ("OrderQueue", "ReceiptQueue")
    }


@pytest.fixture(scope="module")
def guarded():
    with serving("--speed", "max", "--token", "s3cret-token", "--max-upload", "1") as served:
        yield served


class TestBeyondThisMachine:
    def test_who_does_not_know_the_token_is_not_let_in(self, guarded: Cloud) -> None:
        for path in ("/_live/", "/_live/api/about", "/bucket/key"):
            assert status(guarded.url + path) == 403
        with pytest.raises(botocore.exceptions.ClientError, match="token is missing"):
            guarded.client("s3").list_buckets()

    def test_an_aws_client_gives_the_token_as_its_access_key_id(self, guarded: Cloud) -> None:
        assert guarded.client("s3", aws_access_key_id="s3cret-token").list_buckets()["Buckets"]

    def test_a_browser_gives_it_once(self, guarded: Cloud) -> None:
        with urllib.request.urlopen(f"{guarded.url}/_live/?token=s3cret-token") as answer:
            cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert status(f"{guarded.url}/_live/api/about", Cookie=cookie.partition(";")[0]) == 200

    def test_a_larger_upload_is_refused(self, guarded: Cloud) -> None:
        s3 = guarded.client("s3", aws_access_key_id="s3cret-token")
        with pytest.raises(botocore.exceptions.ClientError, match="more than 1 MB"):
            s3.put_object(Bucket=guarded.bucket, Key="uploads/large.tiff", Body=bytes(2**20 + 1))


def test_pages_of_somebody_else_can_do_nothing(cloud: Cloud) -> None:
    assert status(f"{cloud.url}/", Origin="http://evil.example") == 403
    assert status(f"{cloud.url}/", Host="evil.example") == 403
    assert status(f"{cloud.url}/_live/api/act/redrive", b"", **{"Content-Type": "text/plain"}) == 403
    assert status(f"{cloud.url}/moto-api/reset", b"") in (404, 501)


def test_it_listens_on_loopback_only_unless_it_is_told_otherwise(cloud: Cloud) -> None:
    port = int(cloud.url.rpartition(":")[2])
    for family, *_, address in socket.getaddrinfo(socket.gethostname(), port, type=socket.SOCK_STREAM):
        if not address[0].startswith(("127.", "::1")):
            with socket.socket(family, socket.SOCK_STREAM) as other:
                other.settimeout(2)
                assert socket.socket.connect_ex(other, address) != 0
    with serving("--speed", "max", "--host", "0.0.0.0") as open_to_all:
        assert len(open_to_all.token) > 16
        assert status(f"{open_to_all.url}/_live/") == 403


def status(url: str, body: bytes | None = None, **headers: str) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_a_bucket_may_stand_in_the_name_of_the_host(cloud: Cloud) -> None:
    request = urllib.request.Request(
        f"{cloud.url}/uploads/none.txt", b"", {"Host": f"{cloud.bucket}.localhost"}, method="PUT"
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200
    assert cloud.client("s3").head_object(Bucket=cloud.bucket, Key="uploads/none.txt")["ContentLength"] == 0


def test_looking_takes_no_time_and_is_on_no_bill(cloud: Cloud) -> None:
    before = cloud.wait(lambda state: state["idle"])
    s3, sqs = cloud.client("s3"), cloud.client("sqs")
    for _ in range(5):
        s3.list_objects_v2(Bucket=cloud.bucket)
        sqs.list_queues()
    after = cloud.state()
    assert (after["now"], after["cost"]) == (before["now"], before["cost"])


@pytest.mark.parametrize("name", ["a b.tiff", "ä+ö & 1%20.tiff", "deep/er/x~y'(1).tiff", "二.tiff"])
def test_names_of_any_kind_come_through(cloud: Cloud, name: str) -> None:
    cloud.put(sorted(builders.sample().glob("*.tiff"))[0], name)
    state = cloud.wait(lambda state: any(one["name"] == name and one["result"] for one in state["files"]))
    (key,) = [one["result"] for one in state["files"] if one["name"] == name]
    body = cloud.client("s3").get_object(Bucket=cloud.bucket, Key=key)["Body"].read()
    assert json.loads(body)["s3Key"] == f"uploads/{name}"
