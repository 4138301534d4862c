"""PyWren on workers elsewhere: calls and map_blocks by way of a real S3 server, real queues and worker processes."""

from __future__ import annotations

import concurrent.futures
import os
import pathlib
import signal
import sys
import time

import cloudsite
import numpy as np
import pytest
from waiting import gone, until

import numpywren as npywren


@pytest.fixture(scope="module")
def site():
    s3, sqs = os.environ.get("NUMPYWREN_TEST_VERSITYGW"), os.environ.get("NUMPYWREN_TEST_ELASTICMQ")
    if s3 is None or sqs is None:
        pytest.skip("no servers: make py-test, or python tools/servers.py run versitygw elasticmq -- python -m pytest")
    with cloudsite.Site(s3, sqs) as site:
        yield site


@pytest.fixture(scope="module")
def crew(site):
    """Two workers, which replace those that a test killed."""

    def full():
        while sum(worker.alive for worker in site.crew) < 2:
            environment = site.environment() | {"NUMPYWREN_PYTHON": sys.executable}
            site.worker("--memory-limit", "256MiB", "--pipeline-width", "1", environment=environment)
        return [worker for worker in site.crew if worker.alive]

    return full


@pytest.fixture(scope="module")
def pwex(site, crew):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in site.environment().items():
            if name.startswith("AWS_"):
                patch.setenv(name, value)
        crew()
        with npywren.aws_executor(site.storage, site.name, progress=False) as executor:
            yield executor
        left = site.keys(".numpywren/calls/")
        assert left == [], left


def myfunc(x):
    return x + 1


class Point:
    """A class of a module that workers do not have."""

    def __init__(self, x):
        self.x = x


def move(point):
    return Point(point.x + 1)


def test_a_thousand_calls(pwex):
    npywren.get_all_results(pwex.map(myfunc, range(10)))
    started = time.perf_counter()
    futures = pwex.map(myfunc, range(1000))
    assert npywren.get_all_results(futures) == list(range(1, 1001))
    print(f"1,000 calls: {time.perf_counter() - started:.1f} s")


def test_both_workers_take_part(pwex, tmp_path):
    """Two calls that wait for each other, in processes of the two workers."""

    def meet(me, other):
        pathlib.Path(tmp_path, me).touch()
        while not pathlib.Path(tmp_path, other).exists():
            time.sleep(0.005)
        return os.getppid()

    a, b = (future.result(60) for future in pwex.map(meet, "ab", "ba"))
    assert a != b


def test_modules_of_ones_own_go_along(pwex, monkeypatch):
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if not entry.endswith("tests")])
    point = pwex.call_async(move, Point(1)).result(60)
    assert type(point) is Point
    assert point.x == 2


def test_tracebacks_and_logs(pwex):
    def fail(x):
        print("about to fail")
        return 1 / x

    future = pwex.call_async(fail, 0)
    e = future.exception(60)
    assert type(e) is ZeroDivisionError
    assert "return 1 / x" in str(e.__cause__)
    assert __file__ in str(e.__cause__)
    assert future.log == "about to fail\n"


def test_processes_that_die(pwex):
    with pytest.raises(concurrent.futures.BrokenExecutor, match="exit status 3 while it ran _exit"):
        pwex.call_async(os._exit, 3).result(60)
    assert pwex.call_async(myfunc, 1).result(60) == 2


def test_a_time_limit(pwex):
    with pytest.raises(TimeoutError, match="sleep ran longer than its time limit of 1 seconds"):
        pwex.map(time.sleep, [100], time_limit=1)[0].result(60)


def test_a_large_result(pwex, site):
    def make(n):
        return np.random.default_rng(0).standard_normal((n, 1000))

    future = pwex.call_async(make, 2500)  # 20 MB
    result = future.result(60)
    np.testing.assert_array_equal(result, make(2500))
    X = np.ones((2500, 1000))
    assert pwex.call_async(np.sum, X).result(60) == 2_500_000
    del future, result
    until(lambda: not site.keys(".numpywren/calls/results/"))


def work(path):
    with pathlib.Path(path, "pids").open("a") as file:
        file.write(f"{os.getpid()} {os.getppid()}\n")
    while not pathlib.Path(path, "go").exists():
        time.sleep(0.01)
    return "done"


def begun(path):
    pids = path / "pids"
    return [tuple(map(int, line.split())) for line in pids.read_text().splitlines()] if pids.exists() else []


def test_a_worker_that_is_killed(pwex, crew, tmp_path):
    """The call that it ran is run again by the other; its process is gone with it."""
    future = pwex.call_async(work, tmp_path)
    until(lambda: begun(tmp_path))
    process, parent = begun(tmp_path)[0]
    (victim,) = [worker for worker in crew() if worker.pid == parent]
    victim.kill()
    until(lambda: gone(process))
    until(lambda: len(begun(tmp_path)) == 2)
    assert begun(tmp_path)[1][1] != parent
    (tmp_path / "go").touch()
    assert future.result(60) == "done"
    crew()


def test_a_worker_that_is_told_to_stop(pwex, crew, site, tmp_path):
    environment = site.environment() | {"NUMPYWREN_PYTHON": sys.executable}
    for worker in crew():
        worker.kill()
    short = site.worker("--pipeline-width", "1", "--grace", "1s", environment=environment)
    future = pwex.call_async(work, tmp_path)
    until(lambda: begun(tmp_path))
    assert short.terminate() == 0
    crew()
    until(lambda: len(begun(tmp_path)) == 2)
    (tmp_path / "go").touch()
    assert future.result(60) == "done"


def test_cancel(pwex, tmp_path):
    future = pwex.call_async(work, tmp_path)
    until(lambda: begun(tmp_path))
    until(future.running)
    assert future.cancel()
    with pytest.raises(concurrent.futures.CancelledError):
        future.result(0)
    until(lambda: gone(begun(tmp_path)[0][0]))
    assert pwex.call_async(myfunc, 1).result(60) == 2


def test_a_worker_without_python(pwex, crew, site):
    for worker in crew():
        worker.kill()
    environment = site.environment() | {"NUMPYWREN_PYTHON": "/bin/false"}
    site.worker(environment=environment)
    with pytest.raises(RuntimeError, match=r"cannot run Python functions: .*/bin/false[\s\S]*Install Python and numpywren"):
        pwex.call_async(myfunc, 1).result(60)
    A = pwex.ones((4, 4), block_shape=(2, 2))
    with pytest.raises(RuntimeError, match=r"cannot run Python functions: .*/bin/false"):
        pwex.map_blocks(np.cos, A, dtype=float).numpy()
    for worker in crew():
        worker.kill()
    crew()
    assert pwex.call_async(myfunc, 1).result(60) == 2


def test_map_blocks_in_a_program(pwex, spd):
    M = spd(300)
    A = pwex.matrix_init(M, block_shape=(64, 64))
    half = pwex.map_blocks(lambda x: x / 2, A)
    assert half.dtype == np.float64
    L = pwex.linalg.cholesky(half + half)
    np.testing.assert_allclose(L.numpy(), np.linalg.cholesky(M), atol=1e-12)
    B = pwex.map_blocks(np.exp, -(A @ A)) * 3
    np.testing.assert_allclose(pwex.sum(B, axis=1).numpy(), (np.exp(-(M @ M)) * 3).sum(axis=1, keepdims=True))
    job = pwex.submit(pwex.map_blocks(np.cbrt, A), name="roots").wait(60)
    np.testing.assert_array_equal(job.result().numpy(), np.cbrt(M))


def test_map_blocks_that_fail(pwex):
    def refuse(x):
        if x[0, 0] == 21:
            raise KeyError("not this one")
        return x

    A = pwex.matrix_init(np.arange(36.0).reshape(6, 6), block_shape=(3, 3))
    says = r"task map_blocks\(i=1, j=1\), tile .*\[1, 1\]: .*refuse raised KeyError: 'not this"
    with pytest.raises(RuntimeError, match=says) as e:
        pwex.map_blocks(refuse, A, dtype=float).numpy()
    assert 'raise KeyError("not this one")' in str(e.value.__cause__)


def test_a_client_that_is_gone(pwex, site, crew, python, tmp_path):
    """Its calls are still run, and what they leave says when they were made; a client that ends well leaves nothing."""
    text = """
        import os, sys
        import numpywren
        ex = numpywren.aws_executor(sys.argv[1], sys.argv[2], progress=False)
        futures = ex.map(lambda x: x + 1, range(20))
        if sys.argv[3] == "well":
            assert numpywren.get_all_results(futures) == list(range(1, 21))
        else:
            os.kill(os.getpid(), 9)
    """
    before = set(site.keys(".numpywren/calls/"))
    python(text, site.storage, site.name, "well", env=site.environment())
    assert set(site.keys(".numpywren/calls/")) == before
    python(text, site.storage, site.name, "badly", code=-signal.SIGKILL, env=site.environment())
    until(lambda: len(set(site.keys(".numpywren/calls/results/")) - before) == 20)
    (batch,) = set(site.keys(".numpywren/calls/batches/")) - before
    assert b'"created":"20' in site.get(batch.removeprefix("work/"))
    for key in set(site.keys(".numpywren/calls/")) - before:
        site.delete(key.removeprefix("work/"))
