"""The command's groups for workers, as processes over real servers."""

from __future__ import annotations

import http.server
import json
import os
import re
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pytest

import numpywren as npywren
from numpywren import _cli_workers


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
        [sys.executable, "-m", "numpywren._cli", *arguments],
        env=os.environ | more,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
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
