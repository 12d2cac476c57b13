"""A stranger's template, files and habits: each gets a run, or one line that helps."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from harness.commands import cli
from tests.builders import PROJECT

HEAD = "AWSTemplateFormatVersion: '2010-09-09'\nTransform: AWS::Serverless-2016-10-31\n"
QUEUE = """
Resources:
  Inbox:
    Type: AWS::SQS::Queue
    Properties: {VisibilityTimeout: 60, RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 2}}
  Dead: {Type: AWS::SQS::Queue}
  Work:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.handler
      Runtime: python3.12
      CodeUri: src
      Timeout: 5
      Events: {E: {Type: SQS, Properties: {Queue: !GetAtt Inbox.Arn}}}
"""
GOOD = "def handler(event, context):\n    print(len(event['Records']))\n"


def environment(**extra: str) -> dict[str, str]:
    return {**os.environ, **extra}


def command(*arguments: object) -> list[str]:
    return [str(Path(sys.executable).with_name("harness")), *map(str, arguments)]


class Stranger:
    """A folder of somebody else's, with a template, code and one input."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("src", "in"):
            (folder / name).mkdir()
        (folder / "in" / "a.json").write_text('{"a": 1}')
        self.write(QUEUE, GOOD)

    def write(self, template: str, code: str = GOOD) -> None:
        (self.folder / "template.yaml").write_text(HEAD + template)
        (self.folder / "src" / "app.py").write_text(textwrap.dedent(code))

    def run(self, *arguments: object, **extra: str) -> subprocess.CompletedProcess[str]:
        words = command("run", "in", "--template", "template.yaml", "--out", "out", *arguments)
        return subprocess.run(
            words,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            env=environment(**extra),
            errors="replace",
        )

    def summary(self) -> dict:
        return json.loads((self.folder / "out" / "summary.json").read_text())


@pytest.fixture
def stranger(tmp_path: Path) -> Stranger:
    return Stranger(tmp_path)


def test_a_system_without_configuration_or_results_runs_and_says_what_is_not_known(
    stranger: Stranger,
) -> None:
    done = stranger.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no pyproject.toml with [tool.harness] lies beside template.yaml" in " ".join(done.stdout.split())
    assert "input goes to Inbox" in done.stdout
    assert stranger.summary()["inputs"]["total"] == 1
    assert stranger.summary()["invocations"]["Work"]["count"] == 1
    assert (stranger.folder / "out" / "report.html").is_file()


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (
            "Parameters: {Stage: {Type: String}}" + QUEUE,
            "has parameters without a default: give --parameter Stage=VALUE",
        ),
        (
            QUEUE.replace("python3.12", "nodejs20.x"),
            "Work has the runtime nodejs20.x; only Python functions are run here",
        ),
        (QUEUE.replace("Runtime: python3.12", "PackageType: Image"), "Work is a container image"),
        (QUEUE.replace("CodeUri: src", "CodeUri: gone"), "the code of Work should lie in"),
        (QUEUE.replace("CodeUri: src", "CodeUri: s3://bucket/key.zip"), "which is no local folder"),
        (
            QUEUE.replace(
                "Inbox.Arn}",
                'Inbox.Arn, FilterCriteria: {Filters: [{Pattern: \'{"body": [{"cidr": "10.0.0.0/8"}]}\'}]}}',
            ),
            "'cidr' is no rule of Lambda's",
        ),
        (
            QUEUE.replace("Inbox.Arn}", "Inbox.Arn, FilterCriteria: {Filters: [{Pattern: '{body'}]}}"),
            "its filter pattern {body is wrong",
        ),
        (
            QUEUE.replace("Handler: app.handler", "Handler: handler"),
            "Work has no Handler of the form module.function",
        ),
        ("Resources: {Table: {Type: AWS::S3::Bucket}}", "where does input go in template.yaml?"),
        ("Resources: [", "is not YAML"),
        ("Nothing: {}", "has no Resources"),
    ],
)
def test_what_cannot_be_run_is_one_line_and_exit_code_2(
    stranger: Stranger, template: str, message: str
) -> None:
    stranger.write(template)
    done = stranger.run()
    assert done.returncode == 2, done.stdout + done.stderr
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("import no_such_module\n" + GOOD, "No module named 'no_such_module'"),
        ("raise ValueError('no table given')\n", "no table given"),
        ("import sys\nsys.exit(3)\n", "exit code 3"),
        ("def other(event, context): pass\n", "no attribute 'handler'"),
    ],
)
def test_a_handler_that_cannot_be_imported_is_said_once_with_its_error(
    stranger: Stranger, code: str, error: str
) -> None:
    stranger.write(QUEUE, code)
    done = stranger.run()
    assert done.returncode == 1, done.stdout + done.stderr
    said = " ".join(done.stdout.split())
    assert said.count("the handler of Work cannot be imported") == 1
    assert error in said
    assert any(error in violation["detail"] for violation in stranger.summary()["invariants"]["violations"])
    assert done.stderr == ""


def test_functions_with_modules_of_one_name_layers_and_inline_code_are_each_their_own(
    stranger: Stranger,
) -> None:
    for name in ("other", "layer/python"):
        (stranger.folder / name).mkdir(parents=True)
    (stranger.folder / "other" / "app.py").write_text("def handler(event, context):\n    print('other')\n")
    (stranger.folder / "layer" / "python" / "shared.py").write_text("WORD = 'layered'\n")
    stranger.write(
        QUEUE.replace(
            "Timeout: 5",
            "Timeout: 5\n      Layers: [!Ref Shared]\n      Environment: {Variables: {NEXT: !Ref Next}}\n"
            "      Policies: [{Statement: [{Effect: Allow, Action: 'sqs:SendMessage', Resource: '*'}]}]",
        )
        + """
  Shared: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: layer}}
  Next: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 60}}
  Other:
    Type: AWS::Serverless::Function
    Properties: {Handler: app.handler, Runtime: python3.12, CodeUri: other, Events: {E: {Type: SQS, Properties: {Queue: !GetAtt Next.Arn}}}}
  Inline:
    Type: AWS::Serverless::Function
    Properties:
      Handler: index.handler
      Runtime: python3.12
      InlineCode: "def handler(event, context): print('inline')"
      Events: {E: {Type: SQS, Properties: {Queue: !GetAtt Dead.Arn}}}
  Api: {Type: AWS::SNS::Topic}
""",
        """
        import os, boto3
        from shared import WORD
        def handler(event, context):
            print(WORD)
            boto3.client("sqs").send_message(QueueUrl=os.environ["NEXT"], MessageBody="m")
        """,
    )
    done = stranger.run()
    assert done.returncode == 0, done.stdout + done.stderr
    logs = [
        json.loads(line)["text"]
        for line in (stranger.folder / "out" / "trace.jsonl").open()
        if '"event":"log"' in line
    ]
    assert logs == ["layered", "other"]
    assert "Api (AWS::SNS::Topic) is not emulated" in " ".join(done.stdout.split())


def test_a_message_that_nothing_catches_is_named_with_how_often_it_failed(stranger: Stranger) -> None:
    stranger.write(
        QUEUE.replace(
            ", RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 2}",
            ", MessageRetentionPeriod: 600",
        ),
        "def handler(event, context):\n    raise RuntimeError('never')\n",
    )
    done = stranger.run()
    assert done.returncode == 1
    (violation,) = stranger.summary()["invariants"]["violations"]
    assert (
        "of Inbox was received 10 times, never succeeded and expired: no dead-letter queue catches it"
        in violation["detail"]
    )


RESULT = '[tool.harness]\ninputs = "Inbox"\nresults = "Dead"\n[tool.harness.result]\nkey = "id"\nstatus = "state"\n'
ANSWERING = """
import os, boto3
def handler(event, context):
    boto3.client("sqs").send_message(QueueUrl=os.environ["OUT"], MessageBody='{"id": "a.json"}')
"""


def test_a_field_that_results_lack_is_said(stranger: Stranger) -> None:
    (stranger.folder / "pyproject.toml").write_text(RESULT)
    allowed = "Policies: [{Statement: [{Effect: Allow, Action: 'sqs:SendMessage', Resource: '*'}]}]"
    template = QUEUE.replace(
        "Timeout: 5", f"Timeout: 5\n      Environment: {{Variables: {{OUT: !Ref Dead}}}}\n      {allowed}"
    )
    stranger.write(template, ANSWERING)
    done = stranger.run()
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 results have no field state of its kind" in " ".join(done.stdout.split())


def test_names_that_are_not_utf8_are_refused_and_long_or_odd_ones_are_taken(stranger: Stranger) -> None:
    long = "x" * 250 + ".json"
    for name in (long, "日本 $a$ [bold].json"):
        (stranger.folder / "in" / name).write_text("{}")
    done = stranger.run(PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", LC_ALL="C")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert stranger.summary()["inputs"]["total"] == 3

    with open(os.fsencode(stranger.folder / "in") + b"/\xff.json", "wb"):
        done = stranger.run()
    assert done.returncode == 2
    assert "\\xff.json is not UTF-8" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("outs", [("out", "out"), ("one", "two")], ids=["one folder", "one ledger"])
def test_two_runs_at_once_end_right_or_say_why_not(stranger: Stranger, outs: tuple[str, str]) -> None:
    pair = [
        subprocess.Popen(
            command("run", "in", "--template", "template.yaml", "--out", out),
            cwd=stranger.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for out in outs
    ]
    ended = [(one.communicate()[1], one.returncode) for one in pair]
    assert {code for _, code in ended} <= ({0, 2} if outs[0] == outs[1] else {0}), ended
    assert all("another harness is writing to out" in said for said, code in ended if code == 2)
    assert any(code == 0 for _, code in ended)


def test_a_full_disk_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def full(**options: object) -> None:
        with open("/dev/full", "w") as file:
            file.write("x")

    monkeypatch.setattr(cli, "app", full)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("harness: the disk is full, free some or give --out elsewhere")


def test_an_interrupt_of_compiled_code_is_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(**options: object) -> None:
        try:
            raise SystemError(
                "the inner call returned a result with an exception set"
            ) from KeyboardInterrupt()
        except SystemError as error:
            raise SystemError("so did the outer one") from error

    monkeypatch.setattr(cli, "app", interrupted)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert (ended.value.code, capsys.readouterr().err) == (130, "harness: interrupted\n")


def test_a_damaged_ledger_is_one_line(stranger: Stranger) -> None:
    (stranger.folder / ".harness").mkdir()
    (stranger.folder / ".harness" / "ledger.sqlite").write_text("no database, though it was one once")
    done = stranger.run()
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert "the ledger .harness/ledger.sqlite cannot be used: file is not a database" in done.stderr


@pytest.mark.parametrize("ended_by", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_with_130_and_keeps_what_there_is(
    stranger: Stranger, ended_by: signal.Signals
) -> None:
    began = stranger.folder / "began"
    stranger.write(
        QUEUE.replace(", RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 2}", ""),
        f"def handler(event, context):\n    open({str(began)!r}, 'w').close()\n    raise RuntimeError('never')\n",
    )
    words = command("run", "in", "--template", "template.yaml", "--out", "out", "--compute", "modelled")
    process = subprocess.Popen(
        words, cwd=stranger.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while not began.exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(ended_by)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, out + err
    assert err.strip().splitlines()[-1].startswith("harness: interrupted; 0 of 1 results came before that")
    assert stranger.summary()["interrupted"] is True


def test_a_closed_pipe_ends_quietly() -> None:
    script = f"{command()[0]} --help | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_sample_or_fixtures_elsewhere_need_a_maker(stranger: Stranger) -> None:
    (stranger.folder / "pyproject.toml").write_text(RESULT)
    for words in (["run", "--sample", "--template", "template.yaml"], ["fixtures", "made"]):
        done = subprocess.run(
            command(*words), cwd=stranger.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert "there is no maker of a sample here" in done.stderr


def test_outside_of_any_project_nobody_elses_configuration_is_taken(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"")
    done = subprocess.run(command("run", "a.tif"), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no pyproject.toml with [tool.harness] lies in" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["sweep", "in", "--batch-pages", ","], "--batch-pages has no values: give some, parted by commas"),
        (["sweep", "in", "--batch-pages", "a,5"], "--batch-pages a,5: a is no whole number"),
        (["sweep", "in", "--batch-pages", "5,1.5"], "--batch-pages 5,1.5: 1.5 is no whole number"),
        (["sweep", "in", "--batch-pages=-1,5"], "parameter BatchPages is -1; it must lie between 1 and 100"),
        (["sweep", "in", "--memory", "99999"], "parameter OcrMemory is 99999; it must lie between"),
        (["sweep", "in", "--parameter", "=1"], "--parameter =1 is not of the form NAME=VALUE,VALUE"),
        (["sweep", "in", "--batch-pages", "5", "--rate", "3"], "--rate would have no effect: an emulation"),
        (
            ["sweep", "in", "--batch-pages", "5", "--files", "9", "--pages-per-file", "3"],
            "--files and --pages-per-file would have no effect",
        ),
        (
            ["search", "in", "--parameter", "BatchPages=1:5", "--fleet", "--bytes-per-file", "9"],
            "--bytes-per-file would have no effect: without --pages-per-file",
        ),
        (["sweep", "in", "--batch-pages", "5", "--where", "p95"], '--where p95: it must be like "p95<15min"'),
        (
            ["sweep", "in", "--batch-pages", "5", "--backend", "dask", "--address", "nonsense"],
            "no scheduler of Dask answers at nonsense",
        ),
        (["sweep", "in", "--batch-pages", "5", "--out", "src"], "src holds something that is no sweep"),
        (["search", "in"], "nothing to search: give --parameter NAME=LOW:HIGH"),
        (["search", "in", "--parameter", "BatchPages=,"], "BatchPages=, has no values: give some"),
        (["search", "in", "--parameter", "=1:5"], "--parameter =1:5 is neither NAME=LOW:HIGH[:STEP] nor"),
        (["search", "in", "--parameter", "BatchPages=1:inf"], "has more than 10,000 values: take larger"),
        (["search", "in", "--parameter", "BatchPages=1:5:1e-320"], "has more than 10,000 values"),
        (["search", "in", "--parameter", "BatchPages=1:5:inf"], "LOW is at most HIGH, and STEP more than 0"),
        (
            ["search", "in", "--parameter", "OcrEngine=a:b"],
            "a range is LOW:HIGH or LOW:HIGH:STEP, in numbers",
        ),
    ],
)
def test_what_cannot_be_tuned_is_one_line_before_anything_is_tried(
    stranger: Stranger, words: list[str], message: str
) -> None:
    template = PROJECT / "template.yaml"
    done = subprocess.run(
        command(*words, "--template", template, *([] if "--out" in words else ["--out", "out"])),
        cwd=stranger.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (stranger.folder / "out").exists()


@pytest.mark.parametrize("words", [["--help"], ["run", "/no/such/place"], ["fly"]])
def test_the_front_door_opens_without_the_wind_tunnel(words: list[str]) -> None:
    script = (
        "import sys; from harness.commands import cli; sys.argv[1:] = sys.argv[1:]\n"
        "try: cli.main()\nexcept SystemExit: pass\n"
        "print([name for name in ('moto', 'boto3', 'numpy', 'matplotlib', 'samtranslator') if name in "
        "sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *words], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.stderr.strip().splitlines()[-1] == "[]"
