"""Dense linear algebra by worker processes over real S3 and SQS servers: the bits of threads here."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator

import cloudsite
import numpy as np
import pytest

import numpywren as npywren


@contextlib.contextmanager
def site_executor() -> Iterator[tuple[cloudsite.Site, npywren.Executor]]:
    """A deployment, and an executor whose workers are processes."""
    s3, sqs = os.environ.get("NUMPYWREN_TEST_VERSITYGW"), os.environ.get("NUMPYWREN_TEST_ELASTICMQ")
    if s3 is None or sqs is None:
        pytest.skip("no servers: make py-test, or python tools/servers.py run versitygw elasticmq -- python -m pytest")
    with pytest.MonkeyPatch.context() as patch, cloudsite.Site(s3, sqs) as site:
        for name, value in site.environment().items():
            patch.setenv(name, value)
        with npywren.aws_executor(site.storage, site.name, progress=False) as executor:
            yield site, executor


@pytest.fixture(scope="module")
def far() -> Iterator[npywren.Executor]:
    """With two workers."""
    with site_executor() as (site, executor):
        for _ in range(2):
            site.worker()
        yield executor


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(shape).standard_normal(shape)


def cut(e: npywren.Executor, A: np.ndarray, rows: int = 24, columns: int = 24) -> npywren.BigMatrix:
    return e.matrix_init(A, block_shape=(rows, columns))


JOBS: dict[str, Callable[[npywren.Executor], tuple]] = {
    "solve": lambda e: (e.linalg.solve(cut(e, normal(100, 100)), cut(e, normal(100, 9))),),
    "lu": lambda e: tuple(e.linalg.lu(cut(e, normal(90, 60), 24, 17))),
    "tournament": lambda e: (e.linalg.lu_factor(cut(e, normal(80, 80)), pivoting="tournament").solve(normal(80)),),
    "inv": lambda e: (e.linalg.inv(cut(e, normal(75, 75))), e.linalg.det(cut(e, normal(75, 75)))),
    "qr": lambda e: tuple(e.linalg.qr(cut(e, normal(100, 70)))),
    "tall qr": lambda e: tuple(e.linalg.qr(cut(e, normal(900, 20), 64, 20))),
    "svd": lambda e: tuple(e.linalg.svd(cut(e, normal(300, 30), 64, 16), full_matrices=False)),
    "svd in two stages": lambda e: tuple(e.linalg.svd(cut(e, normal(800, 800), 300, 300))),
    "eigh in two stages": lambda e: tuple(e.linalg.eigh(cut(e, normal(1100, 1100), 400, 400))),
    "syrk": lambda e: ((a := cut(e, normal(60, 90))) @ a.T,),
    "pinv": lambda e: (e.linalg.pinv(cut(e, normal(60, 40))),),
    "lstsq": lambda e: (e.linalg.lstsq(cut(e, normal(120, 30)), normal(120), rcond=None)[0],),
}


@pytest.mark.parametrize("job", JOBS)
def test_same_bits(ex, far, job):
    for here, there in zip(ex.compute(*JOBS[job](ex)), far.compute(*JOBS[job](far)), strict=True):
        np.testing.assert_array_equal(np.asarray(here), np.asarray(there))


def test_failure(far):
    """LinAlgError comes from a worker as it would from here."""
    with pytest.raises(np.linalg.LinAlgError, match="ingular"):
        far.linalg.solve(cut(far, np.ones((60, 60))), np.ones(60)).numpy()


def test_factors_by_name(far):
    """Factors are opened by name, and serve again."""
    A, b = normal(64, 64), normal(64)
    far.linalg.lu_factor(cut(far, A)).persist("factors")
    np.testing.assert_allclose(A @ far.linalg.open_factor("factors").solve(b).numpy(), b, atol=1e-10)


UNITS = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}


def told(e: npywren.Executor, *arrays: npywren.BigMatrix) -> dict[str, float]:
    """The totals of explain."""
    line = next(line for line in str(e.explain(*arrays, blocks=1)).splitlines() if line.startswith("total "))
    _, tasks, _, read, unit, written, also = line.split()
    return {"tasks": int(tasks), "read": float(read) * UNITS[unit], "written": float(written) * UNITS[also]}


COUNTED: dict[str, Callable[[npywren.Executor], tuple]] = {
    "cholesky": lambda e: (e.linalg.cholesky(cut(e, normal(600, 600) + 80 * np.eye(600), 100, 100)),),
    "solve": lambda e: (e.linalg.solve(cut(e, normal(600, 600), 100, 100), cut(e, normal(600, 100), 100, 100)),),
    "qr": lambda e: tuple(e.linalg.qr(cut(e, normal(600, 400), 100, 100))),
    "svd in two stages": lambda e: tuple(e.linalg.svd(cut(e, normal(1024, 1024), 512, 512))),
}  # in whole tiles: one at the edge would be stored as large as the others, and explain counts what it has


def test_bytes():
    """What explain counts is what runs: each tile is written once, and read no more often than tasks name it."""
    with site_executor() as (site, executor):
        workers = [site.worker() for _ in range(2)]
        counts, jobs = {}, {}
        for name, arrays in COUNTED.items():
            results = arrays(executor)
            counts[name] = told(executor, *results)
            jobs[name] = executor.submit(*results)
            jobs[name].wait()
        for worker in workers:
            worker.terminate()  # its last heartbeat has all of its counts
        for name, job in jobs.items():
            report, count = job.report(), counts[name]
            assert report["tasks"] == count["tasks"], name
            # A claim is some bytes, too.
            assert report["traffic"]["bytes_written"] == pytest.approx(count["written"], rel=0.02), name
            assert report["traffic"]["bytes_read"] <= 1.02 * count["read"], name
