"""What goes wrong with deployments is a clear error within seconds, on the client, never a hang."""

from __future__ import annotations

import concurrent.futures
import http.server
import json
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator

import cloudsite
import faultproxy
import numpy as np
import pytest

import numpywren as npywren

SECONDS = 25.0  # the most that an error may take; the slowest waits for an address where nobody answers


@pytest.fixture
def site(monkeypatch, tmp_path) -> Iterator[cloudsite.Site]:
    """A deployment, which AWS's variables name."""
    where = [os.environ.get(f"NUMPYWREN_TEST_{name}") for name in ("VERSITYGW", "ELASTICMQ")]
    if None in where:
        pytest.skip("no servers: make py-test, or python tools/servers.py run versitygw elasticmq -- python -m pytest")
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    with cloudsite.Site(*where) as site:
        for name, value in site.environment().items():
            if name.startswith("AWS_"):
                monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
        yield site


@pytest.fixture(autouse=True)
def soon() -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < SECONDS


def product(ex: npywren.Executor) -> np.ndarray:
    A = ex.matrix_init(np.ones((4, 4)), block_shape=(2, 2))
    return (A @ A).numpy()


NOBODY = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("variables", "arguments", "error", "words"),
    [
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, {}, OSError, "no AWS credentials"),
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, {}, PermissionError, r"credentials are not valid \(SignatureDoesNotMatch"),
        ({"AWS_REGION": ""}, {}, ValueError, "no AWS region"),
        ({}, {"region": "eu-north-7"}, ValueError, 'in the region "us-east-1", not "eu-north-7"'),
        ({}, {"storage": "s3://no-such-bucket-anywhere/x"}, FileNotFoundError, "no-such-bucket-anywhere"),
        ({}, {"storage": "s3://Not_A_Bucket/x"}, ValueError, "Not_A_Bucket"),
        ({}, {"queue": "no-such-queue"}, FileNotFoundError, "no-such-queue"),
        ({}, {"queue": "no such queue"}, ValueError, "no such queue"),
        ({"AWS_ENDPOINT_URL_S3": NOBODY}, {}, OSError, "cannot be reached"),
        ({"AWS_ENDPOINT_URL_SQS": NOBODY}, {}, OSError, "cannot be reached"),
        ({"AWS_ENDPOINT_URL_S3": "nonsense"}, {}, ValueError, "nonsense"),
        ({"AWS_ENDPOINT_URL_SQS": "nonsense"}, {}, ValueError, "nonsense"),
        ({"AWS_ENDPOINT_URL_SQS": "http://nowhere.invalid"}, {}, OSError, r"nowhere\.invalid"),
    ],
    ids=lambda value: ",".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, dict) else "",
)
def test_opening(site, monkeypatch, variables, arguments, error, words):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with (
        pytest.raises(error, match=words),
        npywren.aws_executor(**{"storage": site.storage, "queue": site.name} | arguments, progress=False) as ex,
    ):
        product(ex)


@pytest.mark.skipif(not os.environ.get("NUMPYWREN_SOAK"), reason="it takes 25 seconds: NUMPYWREN_SOAK=1")
@pytest.mark.parametrize("service", ["S3", "SQS"])
def test_a_host_that_does_not_answer(site, monkeypatch, service):
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:  # it takes connections, and says nothing
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(OSError, match=r"reached|answer"):
            npywren.aws_executor(site.storage, site.name)


class _Denying(http.server.BaseHTTPRequestHandler):
    """Refuses all rights, as S3 and SQS word it."""

    protocol_version = "HTTP/1.1"

    def _deny(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if "x-amz-target" in self.headers:
            body = json.dumps({"__type": "com.amazonaws.sqs#AccessDeniedException", "message": "not authorized"}).encode()
        else:
            body = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
        self.send_response(403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _deny  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(("service", "action"), [("S3", "s3:"), ("SQS", "sqs:")])
def test_missing_rights(site, monkeypatch, service, action):
    """The error names the action that is missing."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Denying) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", f"http://127.0.0.1:{server.server_address[1]}")
        try:
            with pytest.raises(PermissionError, match=action):
                npywren.aws_executor(site.storage, site.name)
        finally:
            server.shutdown()


@pytest.mark.parametrize(("minutes", "words"), [(20, "behind"), (-20, "ahead of")])
@pytest.mark.parametrize("service", ["S3", "SQS"])
def test_clock(site, monkeypatch, service, minutes, words):
    """A clock that is too far off is named, and by how much, by clients and by workers; the SDK does not try another time."""
    with faultproxy.FaultProxy(site.s3 if service == "S3" else site.sqs) as proxy:
        proxy.ahead = minutes * 60.0
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", proxy.url)
        off = rf"clock is (20m[01]s|19m5[89]s) {words} the service's: set it"
        with pytest.raises(OSError, match=off):
            npywren.aws_executor(site.storage, site.name)
        where = {"s3": proxy.url} if service == "S3" else {"sqs": proxy.url}
        worker = site.worker(environment=site.environment(**where))
        assert worker.wait(10) != 0
        assert re.search(off, worker.log.read_text())
        assert proxy.counts["requests"] == 0
        assert 2 <= proxy.counts["skewed"] <= 2 * (1 + cloudsite.BANDS)  # SQS's queues are looked for at once
        if service == "S3":
            # This asks with a HEAD, whose answers have no words.
            with npywren.local_executor(progress=False) as ex, pytest.raises(OSError, match=off):
                ex.matrix_init(f"s3://{site.name}/x.npy")


@pytest.mark.parametrize("service", ["S3", "SQS"])
def test_a_clock_that_is_off_a_little(site, monkeypatch, service):
    with faultproxy.FaultProxy(site.s3 if service == "S3" else site.sqs) as proxy:
        proxy.ahead = 14 * 60.0
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", proxy.url)
        with npywren.aws_executor(site.storage, site.name, progress=False) as ex:
            assert ex.jobs() == []
        assert proxy.counts["requests"] > 0
        assert proxy.counts["skewed"] == 0


def test_no_such_function(site, monkeypatch):
    moto = os.environ.get("NUMPYWREN_TEST_MOTO")
    if moto is None:
        pytest.skip("no server for Lambda: make py-test, or python tools/servers.py run versitygw elasticmq moto -- ...")
    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", moto)
    with (
        npywren.aws_executor(site.storage, site.name, function="no-such-function", progress=False) as ex,
        pytest.raises(FileNotFoundError, match="no-such-function"),
    ):
        product(ex)


def protocol(site: cloudsite.Site, number: int, change: Callable[[], str]) -> str:
    """Writes another protocol into a job's manifest; gives the job's number."""
    job = change()
    key = f".numpywren/jobs/{job}/job.json"
    manifest = json.loads(site.get(key))
    site.put(key, json.dumps(manifest | {"protocol": manifest["protocol"] + number, "version": "9.9"}).encode())
    return job


@pytest.mark.parametrize("number", [-1, 1])
def test_another_version(site, number):
    """A worker does not run a job of a client that is older or newer, and says both versions; neither does a client."""

    def submitted() -> str:
        end = time.monotonic() + SECONDS
        while not (keys := [key for key in site.keys(".numpywren/jobs/") if key.endswith("job.json")]):
            assert time.monotonic() < end
        return keys[0].split("/")[-2]

    with npywren.aws_executor(site.storage, site.name, progress=False) as ex, concurrent.futures.ThreadPoolExecutor() as pool:
        waiting = pool.submit(product, ex)
        job = protocol(site, number, submitted)
        with pytest.raises(NotImplementedError, match=r"numpywren 9\.9.*same version"):
            ex.job(job).status()
        site.worker()
        with pytest.raises(NotImplementedError, match=r"numpywren 9\.9.*same version"):
            waiting.result(SECONDS)
