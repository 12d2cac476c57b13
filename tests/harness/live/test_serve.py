"""`harness serve`: a living cloud that does what a run does, no more and no less."""

import subprocess
import sys
import threading
from pathlib import Path

import botocore.exceptions
import pytest

from tests import builders
from tests.harness.live.cloud import Cloud, serving


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
