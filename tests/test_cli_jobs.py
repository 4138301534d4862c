"""The command's groups for jobs, garbage and workers: in this process over a folder, and as processes over real servers."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pytest

import numpywren as npywren
from numpywren import _cli, _cli_workers

COMMAND = [sys.executable, "-m", "numpywren._cli"]


class Result(NamedTuple):
    status: int
    out: str
    err: str


@pytest.fixture
def store(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """The storage of a deployment whose workers are in each client's process."""
    monkeypatch.setenv("NUMPYWREN_STORAGE", str(tmp_path / "store"))
    monkeypatch.setenv("NUMPYWREN_QUEUE", "memory")
    return tmp_path / "store"


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Runs a command line in this process."""

    def run(*arguments: object) -> Result:
        capfd.readouterr()
        try:
            status = _cli.main([str(a) for a in arguments])
        except SystemExit as e:
            status = int(e.code or 0)
        return Result(status, *capfd.readouterr())

    return run


def submit(store: pathlib.Path, A: np.ndarray, name: str, block: int = 50) -> str:
    """A factorisation that is over."""
    with npywren.aws_executor(store, "memory", workers=2, progress=False) as e:
        job = e.submit(e.linalg.cholesky(e.matrix_init(A, block_shape=(block, block))), name=name)
        with contextlib.suppress(np.linalg.LinAlgError):
            job.wait(60)
        return job.id


def abandon(store: pathlib.Path, name: str) -> str:
    """A job whose workers and messages went with its client: it runs, for all that the store knows."""
    with npywren.aws_executor(store, "memory", workers=1, progress=False) as e:
        X = e.random.standard_normal((1500, 1500), seed=0, block_shape=(50, 50))
        return e.submit(X @ X.T, name=name).id


def age(store: pathlib.Path, hours: float) -> None:
    """Makes all objects look older."""
    at = time.time() - hours * 3600
    for path in store.rglob("*"):
        if path.is_file():
            os.utime(path, (at, at))


def test_jobs(store, run, spd):
    assert run("jobs").out.split() == ["ID", "NAME", "STATE", "PROGRESS", "WORKERS", "AGE"]
    assert json.loads(run("jobs", "--json").out) == []
    done = submit(store, spd(200), "L")
    failed = submit(store, np.diag([1.0, 2.0, -1.0]), "M", 1)
    head, *rows = run("jobs").out.splitlines()
    assert head.split() == ["ID", "NAME", "STATE", "PROGRESS", "WORKERS", "AGE"]
    found = {row.split()[0]: row.split()[1:] for row in rows}
    assert found[done][:4] == ["L", "done", "20/20", "100%"]
    assert found[failed][:2] == ["M", "failed"]
    assert all(re.fullmatch(r"\d+[smhd]", row[-1]) for row in found.values())
    assert len({len(row) for row in rows}) == 1, "the columns stand below each other"
    assert {j["id"] for j in json.loads(run("jobs", "--json").out)} == {done, failed}

    status = run("status", failed)
    assert status.status == 0
    assert re.search(r"^state +failed$", status.out, re.M) and re.search(r"^message .*cholesky\(iter=2\)", status.out, re.M)
    assert json.loads(run("status", done, "--json").out)["state"] == "done"
    report = run("report", done)
    assert re.search(r"^tasks +20, computed 2\d times$", report.out, re.M), report.out
    assert re.search(r"^cost +\$\d", report.out, re.M)
    assert json.loads(run("report", done, "--json").out)["tasks"] == 20
    logs = run("logs", failed)
    assert logs.status == 0 and "failed" in logs.out

    assert run("wait", done) == (0, f"{done} is done\n", "")
    waited = run("wait", failed)
    assert waited.status == 1 and waited.out == ""
    assert re.fullmatch(r"numpywren wait: .*cholesky\(iter=2\).*\n", waited.err)
    assert run("resume", done, "--wait") == (0, f"{done} is done\n", "")
    refused = run("cancel", done)
    assert refused.status == 1 and f"{done} is over already: done" in refused.err


def test_life_of_an_abandoned_job(store, run):
    job = abandon(store, "P")
    assert json.loads(run("status", job, "--json").out)["state"] == "running"
    waited = run("wait", job, "--timeout", "0.2")
    assert waited.status == 124 and "not done after 0.2 seconds" in waited.err
    assert "--wait" in run("resume", job).err
    assert run("cancel", job) == (0, f"{job} is cancelled\n", "")
    assert run("wait", job).status == 1
    assert run("resume", job, "--wait").out == f"{job} is done\n"
    with npywren.aws_executor(store, "memory", workers=1, progress=False) as e:
        P = e.open("P").numpy()
        X = e.random.standard_normal((1500, 1500), seed=0, block_shape=(50, 50)).numpy()
    np.testing.assert_allclose(P, X @ X.T, atol=1e-9)


def test_gc(store, run, spd):
    A = spd(200)
    done = submit(store, A, "L")
    running = abandon(store, "P")
    kept = {p for p in store.rglob("*") if "P" in p.parts or running in p.parts}
    plan = run("gc", "--dry-run")
    assert plan.status == 0
    assert re.search(rf"^intermediate +\d+ +[\d.]+ \w+ +\.numpywren/[0-9a-f.]+\w* .*job {done}", plan.out, re.M), plan.out
    assert re.search(rf"^run +\d+ .*\.numpywren/jobs/{done}/1/claims ", plan.out, re.M)
    assert re.search(r"^would free \d+ objects", plan.out, re.M)
    assert "left for now" in plan.out
    asked = run("gc")
    assert asked.status == 1 and "nothing was freed: --yes" in asked.err
    assert run("gc", "--dry-run").out == plan.out
    assert re.search(r"^freed \d+ objects", run("gc", "--yes").out, re.M)
    assert "would free 0 objects" in run("gc", "--dry-run").out
    age(store, 2)
    found = json.loads(run("gc", "--json", "--yes", "--keep-days", "0").out)
    assert found["freed"] and {g["kind"] for g in found["items"]} == {"unnamed", "job"}
    assert [job["id"] for job in json.loads(run("jobs", "--json").out)] == [running]
    assert all(p.exists() for p in kept), "a job that runs keeps its tiles"
    run("cancel", running)
    found = json.loads(run("gc", "--json", "--yes", "--keep-days", "0").out)
    assert ("unfinished", "P") in {(g["kind"], g["place"]) for g in found["items"]} or not (store / "P" / ".computing").exists()
    with npywren.aws_executor(store, "memory", workers=1, progress=False) as e:
        assert e.list() == ["L"]
        np.testing.assert_allclose(np.tril(e.open("L").numpy() @ e.open("L").numpy().T), np.tril(A), atol=1e-10)


def test_gc_of_a_path(tmp_path, run, ex, python):
    python(
        """
        import os, sys
        import numpywren
        ex = numpywren.local_executor(path=sys.argv[1], workers=1, progress=False)
        A = ex.random.standard_normal((400, 400), seed=0, block_shape=(100, 100)).persist("A")
        (A @ A.T + 1).numpy()
        os.makedirs(os.path.join(sys.argv[1], "half", "c"))
        for name in (".computing", "c/0"):
            open(os.path.join(sys.argv[1], "half", name), "w").close()
        ex.random.standard_normal((400, 400), seed=1).persist()
        os._exit(0)
        """,
        tmp_path,
    )
    (tmp_path / "A" / ".part-0123456789abcdef").write_bytes(b"x" * 100)
    os.utime(tmp_path / "A" / ".part-0123456789abcdef", (0, 0))
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("mine")
    with npywren.local_executor(path=tmp_path, workers=1) as other:
        found = other.gc()
        assert {g["kind"] for g in found["items"]} >= {"part", "unfinished", "unnamed"}
        spared = json.loads(run("gc", "--path", tmp_path, "--dry-run", "--json").out)
        assert {g["kind"] for g in spared["items"]} == {"part"}, "another executor has the folder open"
        assert spared["recent"]["objects"] > 0
    found = run("gc", "--path", tmp_path, "--yes")
    assert found.status == 0 and "half" in found.out and ".part-0123456789abcdef" in found.out
    assert sorted(p.name for p in tmp_path.iterdir()) == ["A", "notes"]
    assert not list(tmp_path.rglob(".part-*"))
    with npywren.local_executor(path=tmp_path) as again:
        assert again.list() == ["A"] and again.open("A").numpy().shape == (400, 400)
    with pytest.raises(NotImplementedError, match="path="):
        ex.gc()


@pytest.mark.parametrize("days", [-1, float("inf"), float("nan"), "7", True])
def test_gc_of_wrong_days(store, days):
    with npywren.aws_executor(store, "memory", workers=1) as e, pytest.raises((ValueError, TypeError), match="keep_days is"):
        e.gc(keep_days=days)


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["status"], 2, "ID"),
        (["status", "2020-1"], 1, "no job 2020-1"),
        (["status", "../../x"], 1, "is no job"),
        (["wait", "2020-1", "--timeout", "-1"], 1, "no job 2020-1"),
        (["wait", "x", "--timeout", "soon"], 2, "--timeout"),
        (["wait", "x", "--budget", "-1"], 1, "budget is -1"),
        (["wait", "x", "--workers", "0"], 1, "workers is 0"),
        (["jobs", "--storage", "gs://bucket"], 1, "not gs://"),
        (["jobs", "--storage", "s3://B"], 1, "is no S3 URL"),
        (["jobs", "--queue", ""], 1, "queue must not be empty"),
        (["jobs", "--profile", "none"], 1, "no profile [none]"),
        (["gc", "--keep-days", "-3", "--dry-run"], 1, "keep_days is -3"),
        (["gc", "--keep-days", "week"], 2, "--keep-days"),
        (["provision"], 1, "function is missing"),
        (["provision", "--function", "f"], 1, "cannot see"),
        (["nonsense"], 2, "nonsense"),
    ],
)
def test_refusals(store, run, monkeypatch, tmp_path, arguments, status, words):
    (tmp_path / "config.toml").write_text("[default]\n")
    monkeypatch.setenv("NUMPYWREN_CONFIG", str(tmp_path / "config.toml"))
    result = run(*arguments)
    assert (result.status, result.out) == (status, "")
    assert words in result.err
    if status == 1:
        assert re.fullmatch(rf"numpywren {arguments[0]}: [^\n]+\n", result.err), "one line"


def test_nothing_is_given(run):
    assert "no storage is given: --storage, NUMPYWREN_STORAGE" in run("jobs").err
    assert "no queue is given: --queue" in run("jobs", "--storage", "s3://abc").err
    assert "no place is given" in run("gc", "--dry-run").err


def test_settings_of_a_file(run, tmp_path):
    config = tmp_path / "mine.toml"
    config.write_text(f'[default]\npath = "/nowhere"\n[there]\nstorage = "{tmp_path / "store"}"\nqueue = "memory"\n')
    assert json.loads(run("jobs", "--config", config, "--profile", "there", "--json").out) == []
    assert json.loads(run("gc", "--config", config, "--path", tmp_path / "p", "--dry-run", "--json").out)["items"] == []
    assert "no profile [here]" in run("jobs", "--config", config, "--profile", "here").err
    assert "No such file" in run("jobs", "--config", tmp_path / "none.toml").err


def test_help(run):
    listed = run("--help").out
    for command in ("jobs", "status", "logs", "report", "wait", "cancel", "resume", "gc", "worker", "provision"):
        assert re.search(rf"^ +{command}\s", listed, re.M)
        text = run(command, "--help").out
        assert f"example:\n  numpywren {command}" in text
        assert max(map(len, text.splitlines())) <= 130


def test_arguments_of_a_worker(tmp_path):
    config = tmp_path / "config.toml"
    config.write_text(
        '[default]\nstorage = "s3://b/p"\nqueue = "q"\nregion = "eu-west-1"\n'
        'workers = 200\nworker_memory = "2GiB"\nlease = "5s"\n'
    )
    environ = {"NUMPYWREN_CONFIG": str(config), "NUMPYWREN_QUEUE": "of the environment", "NUMPYWREN_LEASE": "9s"}
    given = {"region": "us-east-1", "workers": "3"}
    assert _cli_workers.arguments_of(given, None, environ) == [
        *("--storage", "s3://b/p"),
        *("--region", "us-east-1"),
        *("--memory-limit", "2GiB"),
        *("--workers", "3"),
    ]


# ---- Processes over real servers -----------------------------------------------------------------------------------------


class Deployment(NamedTuple):
    storage: str
    queue: str

    def executor(self, **more: object) -> npywren.Executor:
        return npywren.aws_executor(self.storage, self.queue, progress=False, **more)

    @property
    def place(self) -> list[str]:
        return ["--storage", self.storage, "--queue", self.queue]


@pytest.fixture
def deployment(s3: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    """A bucket and queues on real servers."""
    endpoint = os.environ.get("NUMPYWREN_TEST_ELASTICMQ")
    if endpoint is None:
        pytest.skip("no SQS server: make py-test, or python tools/servers.py run versitygw elasticmq -- python -m pytest")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", endpoint)
    sqs = pytest.importorskip("botocore.session").get_session().create_client("sqs", "us-east-1", endpoint_url=endpoint)
    name = f"cli-{uuid.uuid4().hex[:12]}"
    dead = sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 5})
    urls = [
        sqs.create_queue(QueueName=f"{name}-{band}", Attributes={"RedrivePolicy": policy, "VisibilityTimeout": "900"})[
            "QueueUrl"
        ]
        for band in range(3)
    ]
    yield Deployment(f"{s3}/work", name)
    for url in (*urls, dead):
        sqs.delete_queue(QueueUrl=url)


def command(*arguments: str, **more: str) -> subprocess.Popen[str]:
    """Starts the command as a process."""
    return subprocess.Popen(
        [*COMMAND, *arguments], env=os.environ | more, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
    )


def test_worker(deployment, run, spd):
    """A worker's process does a job, and SIGTERM ends it."""
    A = spd(300)
    with deployment.executor() as e:
        job = e.submit(e.linalg.cholesky(e.matrix_init(A, block_shape=(60, 60))), name="L").id
    assert re.search(rf"^{job} +L +running +0/\d+ ", run("jobs", *deployment.place).out, re.M)
    worker = command(
        *("worker", *deployment.place, "--workers", "1", "--memory-limit", "64MiB"), NUMPYWREN_LEASE="5s", NUMPYWREN_GRACE="2s"
    )
    try:
        assert run("wait", job, *deployment.place, "--timeout", "60") == (0, f"{job} is done\n", "")
    finally:
        worker.send_signal(signal.SIGTERM)
        _, errors = worker.communicate(timeout=30)
    assert worker.returncode == 0, errors
    assert "begins" in errors and "ends" in errors
    assert re.search(r"^workers +1$", run("report", job, *deployment.place).out, re.M), "its last heartbeat tells"
    with deployment.executor() as e:
        L = e.open("L").numpy()
    np.testing.assert_allclose(L @ L.T, A, atol=1e-10)
    found = json.loads(run("gc", *deployment.place, "--yes", "--json").out)
    assert {g["kind"] for g in found["items"]} == {"intermediate", "run"}
    assert found["recent"]["objects"] > 0
    assert json.loads(run("gc", *deployment.place, "--dry-run", "--json").out)["objects"] == 0
    with deployment.executor() as e:
        np.testing.assert_array_equal(e.open("L").numpy(), L)


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        ([], 1, "storage and queue are needed"),
        (["--storage", "s3://abc", "--queue", "memory"], 1, 'queue is "memory"'),
        (["--workers", "none"], 2, "a number of at least 1 was expected"),
        (["--lease", "soon"], 2, "a time such as 30s was expected"),
        (["--profile", "none"], 1, "no profile [none]"),
    ],
)
def test_worker_refuses(tmp_path, arguments, status, words):
    (tmp_path / "config.toml").write_text("[default]\n")
    worker = command("worker", *arguments, NUMPYWREN_CONFIG=str(tmp_path / "config.toml"))
    out, errors = worker.communicate(timeout=60)
    assert (worker.returncode, out) == (status, "")
    assert words in errors


class Functions(http.server.ThreadingHTTPServer):
    """Lambda's Invoke API, whose function is the worker's program: each invocation starts a process."""

    def __init__(self, deployment: Deployment) -> None:
        super().__init__(("127.0.0.1", 0), Invocation)
        self.deployment = deployment
        self.workers: list[subprocess.Popen[str]] = []
        self.refusals = 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def close(self) -> None:
        self.shutdown()
        self.server_close()
        for worker in self.workers:
            worker.kill()
            worker.communicate()


class Invocation(http.server.BaseHTTPRequestHandler):
    server: Functions

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        known = self.path == "/2015-03-31/functions/jobs/invocations"
        if known and self.server.refusals:
            self.server.refusals -= 1
            self.send_response(403)
            self.send_header("X-Amzn-ErrorType", "AccessDeniedException")
        elif known:
            place = self.server.deployment.place
            limits = ["--workers", "1", "--memory-limit", "64MiB", "--idle-timeout", "2s"]
            self.server.workers.append(command("worker", *place, *limits))
            self.send_response(202)
        else:
            self.send_response(404)
            self.send_header("X-Amzn-ErrorType", "ResourceNotFoundException")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing: the test reads what the command prints."""


@pytest.fixture
def functions(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Iterator[Functions]:
    server = Functions(deployment)
    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", server.url)
    yield server
    server.close()


def test_provision(deployment, functions, run, spd):
    """Nobody waits for the jobs: provision starts workers for both, no more than allowed, and ends with the last."""
    A = spd(300)
    with deployment.executor() as e:
        X = e.matrix_init(A, block_shape=(60, 60))
        jobs = [e.submit(e.linalg.cholesky(X), name="L").id, e.submit(X @ X, name="S").id]
    done = run("provision", *deployment.place, "--function", "jobs", "--workers", "2")
    assert (done.status, done.err) == (0, "")
    for job, name in zip(jobs, "LS", strict=True):
        assert f"job {job} ({name}) runs\n" in done.out
        assert f"job {job} ({name}) is over: done\n" in done.out
    assert 1 <= len(functions.workers) <= 2
    with deployment.executor() as e:
        np.testing.assert_allclose(e.open("S").numpy(), A @ A, atol=1e-10)
    assert run("provision", *deployment.place, "--function", "jobs") == (0, "", ""), "no job runs"
    with deployment.executor() as e:
        e.submit(e.matrix_init(A, block_shape=(60, 60)) + 1)
    missing = run("provision", *deployment.place, "--function", "none")
    assert missing.status == 1 and "there is no Lambda function none" in missing.err


def test_provision_with_a_budget(deployment, functions, run, spd):
    """Each job is paused when it has cost that much, over all its runs, and goes on with more."""
    A = spd(720)
    with deployment.executor() as e:
        job = e.submit(e.linalg.cholesky(e.matrix_init(A, block_shape=(40, 40))), name="L").id
    provision = ["provision", *deployment.place, "--function", "jobs", "--workers", "1", "--budget"]
    paused = re.compile(
        rf"job {job} \(L\) is over: paused, it has cost about \$\S+ of a budget of \$1e-06: "
        r"resume\(\) goes on, with a larger budget\n"
    )
    done = run(*provision, "1e-6")
    assert (done.status, done.err) == (0, "")
    assert paused.search(done.out), done.out
    status = json.loads(run("status", job, *deployment.place, "--json").out)
    assert status["state"] == "paused"
    assert 0 < status["done"] < status["total"]
    waited = run("wait", job, *deployment.place)
    assert waited.status == 1 and "the job is paused: it has cost about $" in waited.err

    assert run("resume", job, *deployment.place).status == 0
    done = run(*provision, "1e-6")
    assert paused.search(done.out), "the money of the first run is not there again"
    assert run("resume", job, *deployment.place).status == 0
    done = run(*provision, "100")
    assert f"job {job} (L) is over: done\n" in done.out, done
    with deployment.executor() as e:
        L = e.open("L").numpy()
    np.testing.assert_allclose(L @ L.T, A, atol=1e-10)


def test_provision_is_refused_at_first(deployment, functions, run):
    """What keeps workers from being started is told, and waited for."""
    with deployment.executor() as e:
        job = e.submit(e.matrix_init(np.eye(100), block_shape=(50, 50)) + 1, name="S").id
    functions.refusals = 2
    done = run("provision", *deployment.place, "--function", "jobs", "--workers", "1")
    assert (done.status, done.err) == (0, "")
    assert done.out.count("no worker can be started, tried again: ") == 1
    assert f"job {job} (S) is over: done\n" in done.out


def test_provision_forever(deployment, functions, spd):
    """It waits for jobs, and Ctrl-C ends it."""
    provision = command("provision", *deployment.place, "--function", "jobs", "--workers", "1", "--forever")
    try:
        assert provision.stdout is not None
        assert provision.stdout.readline() == "no job runs: waiting for the next\n"
        with deployment.executor() as e:
            job = e.submit(e.linalg.cholesky(e.matrix_init(spd(120), block_shape=(60, 60))), name="L").id
        assert provision.stdout.readline() == f"job {job} (L) runs\n"
        assert provision.stdout.readline() == f"job {job} (L) is over: done\n"
        provision.send_signal(signal.SIGINT)
        _, errors = provision.communicate(timeout=30)
    finally:
        provision.kill()
    assert provision.returncode == 130
    assert errors == "numpywren: interrupted\n"
