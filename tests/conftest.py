"""What the tests share. They run on the installed package; nothing here puts python/ on the path."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import uuid
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pytest

import numpywren as npywren
from numpywren import _cli

os.environ["NUMPYWREN_CONFIG"] = os.devnull  # the settings of whoever runs the tests are not theirs
for variable in [name for name in os.environ if name.startswith("NUMPYWREN_")]:
    # NUMPYWREN_TEST_* say where the servers are: see tools/servers.py.
    if variable not in ("NUMPYWREN_CONFIG", "NUMPYWREN_SOAK") and not variable.startswith("NUMPYWREN_TEST_"):
        del os.environ[variable]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Ignored, as for a shell's background jobs, it would be for the processes of the tests too: they could not hear Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a new bucket on the S3 server of the tests, which AWS's variables name then."""
    endpoint = os.environ.get("NUMPYWREN_TEST_VERSITYGW")
    if endpoint is None:
        pytest.skip("no S3 server: make py-test, or python tools/servers.py run versitygw -- python -m pytest")
    botocore = pytest.importorskip("botocore.session")  # it comes with moto
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
    name = f"test-{uuid.uuid4().hex}"
    botocore.get_session().create_client("s3", endpoint_url=endpoint).create_bucket(Bucket=name)
    return f"s3://{name}"


@pytest.fixture(scope="module")
def ex() -> Iterator[npywren.Executor]:
    """An ephemeral executor with two workers."""
    with npywren.local_executor(workers=2, memory_limit="512MiB", progress=False) as executor:
        yield executor


@pytest.fixture(scope="module", params=["local", "far"])
def pwex(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[npywren.Executor]:
    """An executor of this process, and one whose calls go by way of a folder and a queue to a worker, in this process too."""
    settings = {"workers": 2, "memory_limit": "512MiB", "progress": False}
    if request.param == "local":
        with npywren.local_executor(**settings) as executor:
            yield executor
        return
    storage = tmp_path_factory.mktemp("storage")
    with npywren.aws_executor(storage, "memory", pipeline_width=1, **settings) as executor:
        yield executor
    left = [path for path in storage.glob(".numpywren/calls/**/*") if path.is_file()]
    assert not left


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20)


@pytest.fixture(scope="session")
def python() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a text in another Python; what it prints comes back, and it fails the test unless it ends with `code`."""

    def run(text: str, *arguments: object, code: int = 0, timeout: float = 120, **more: object):
        command = [sys.executable, "-c", textwrap.dedent(text), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, **more)
        assert done.returncode == code, f"exit status {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    return run


class Result(NamedTuple):
    """How a command line ended, and what it printed."""

    status: int
    out: str
    err: str


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


@pytest.fixture(scope="session")
def spd() -> Callable[..., np.ndarray]:
    """Makes symmetric positive definite matrices."""

    def make(n: int, dtype: type = np.float64, seed: int = 0) -> np.ndarray:
        M = np.random.default_rng(seed).standard_normal((n, n))
        return (M @ M.T / n + np.eye(n)).astype(dtype)

    return make
