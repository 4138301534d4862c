"""Workers on Lambda: AWS's own emulators run the worker as a function's bootstrap, and a client invokes it by Lambda's API."""

from __future__ import annotations

import json
import os

import cloudsite
import lambdasite
import numpy as np
import pytest

import numpywren as npywren

FUNCTION = "jobs"


@pytest.fixture(scope="module")
def site():
    s3, sqs = os.environ.get("NUMPYWREN_TEST_VERSITYGW"), os.environ.get("NUMPYWREN_TEST_ELASTICMQ")
    if s3 is None or sqs is None or lambdasite.emulator() is None:
        pytest.skip(
            "no servers: make py-test, or python tools/servers.py run versitygw elasticmq lambda-emulator -- python -m pytest"
        )
    with cloudsite.Site(s3, sqs) as site:
        yield site


@pytest.fixture
def client(site, monkeypatch):
    """Makes a client whose function is that of `cloud`."""

    def client(cloud, **more):
        for name, value in site.environment().items():
            if name.startswith("AWS_"):
                monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", cloud.url)
        return npywren.aws_executor(site.storage, site.name, function=FUNCTION, progress=False, **more)

    return client


def test_a_factorisation_by_invocations_alone(site, client, ex, spd):
    """No worker runs when the client begins: all that work are those that it invokes."""
    A = spd(1280)
    want = ex.linalg.cholesky(ex.matrix_init(A, block_shape=(64, 64))).numpy()
    with lambdasite.Lambda(site, FUNCTION, containers=2) as cloud, client(cloud, workers=2) as e:
        L = e.linalg.cholesky(e.matrix_init(A, block_shape=(64, 64)))
        job = e.submit(L, name="L")
        try:
            job.wait(120)
        except BaseException:
            print(cloud.logs())
            raise
        np.testing.assert_array_equal(e.open("L").numpy(), want)
        report = job.report()
        assert [json.loads(event) for event in cloud.events] == [{"work": {}}] * len(cloud.events)
        assert report["workers"] == len(cloud.events) == 2, "no more than are allowed, at once or one after the other"
        assert report["tasks"] == 1540
        assert e.describe()["calls"]["made"] == 0


def test_a_function_that_is_not_there(site, client, spd):
    with lambdasite.Lambda(site, "another", containers=0) as cloud, client(cloud) as e:
        A = e.matrix_init(spd(64), block_shape=(32, 32))
        with pytest.raises(FileNotFoundError, match="there is no Lambda function jobs: numpywren deploy makes it"):
            e.linalg.cholesky(A).numpy()


@pytest.fixture
def layered(site, tmp_path):
    """A container whose function has a layer with Python in it."""
    if not lambdasite.can_mount():
        pytest.skip("no process here may have an /opt of its own: unshare --user --map-root-user --mount is refused")
    opt = lambdasite.layer(tmp_path / "opt")
    with lambdasite.Lambda(site, FUNCTION, containers=1, opt=opt) as cloud:
        yield cloud


def where(x):
    import cloudpickle
    import numpy

    return x + 1, [package.__file__ for package in (numpy, cloudpickle, npywren)]


def test_calls_with_a_layer(layered, client):
    """map runs in the Python of the layer, with the packages of the layer."""
    with client(layered, workers=1) as e:
        futures = e.map(where, range(20))
        try:
            found = [future.result(120) for future in futures]
        except BaseException:
            print(layered.logs())
            raise
        assert [x for x, _ in found] == list(range(1, 21))
        for _, files in found:
            assert all(file.startswith("/opt/python/") for file in files), files
        spent = e.describe()["calls"]
        assert (spent["made"], spent["ended"]) == (20, 20)
        assert spent["core_seconds"] > 0
        assert 0 < spent["dollars"] < 0.01
        assert len(layered.events) == 1, "one container was enough"

        failing = e.call_async(lambda x: 1 / x, 0)
        assert type(failing.exception(60)) is ZeroDivisionError
        assert "1 / x" in failing.traceback
        with pytest.raises(RuntimeError, match="exit status 3"):
            e.call_async(os._exit, 3).result(60)
        X = np.arange(36.0).reshape(6, 6)
        A = e.matrix_init(X, block_shape=(3, 3))
        np.testing.assert_array_equal(e.map_blocks(np.cbrt, A).numpy(), np.cbrt(X))


def test_calls_without_a_layer(site, client):
    """Without one, the exception says what is missing, and where it is wanted."""
    with (
        lambdasite.Lambda(site, FUNCTION, containers=1, environment={"PATH": "/nowhere"}) as cloud,
        client(cloud, workers=1) as e,
        pytest.raises(RuntimeError, match=r"cannot run Python functions: python3 cannot be started[\s\S]*in a layer"),
    ):
        e.call_async(abs, -1).result(60)
