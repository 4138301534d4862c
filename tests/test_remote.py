"""Executors whose programs run on workers elsewhere: here in this process, by way of a folder and a queue in memory."""

from __future__ import annotations

import numpy as np
import pytest

import numpywren as npywren


@pytest.fixture
def remote(tmp_path):
    with npywren.aws_executor(tmp_path / "store", "memory", workers=2, progress=False) as executor:
        yield executor


def test_same_bits(ex, remote, spd):
    A, B = spd(300), np.random.default_rng(1).standard_normal((300, 40))
    found = []
    for e in (ex, remote):
        a, b = e.matrix_init(A, block_shape=(64, 64)), e.matrix_init(B, block_shape=(64, 40))
        found.append((e.linalg.solve(a, b, assume_a="pos").numpy(), (a @ b).sum(axis=0).numpy(), e.linalg.cholesky(a).numpy()))
    for here, there in zip(*found, strict=True):
        np.testing.assert_array_equal(here, there)


def test_surface(remote, tmp_path):
    X = np.arange(12.0).reshape(3, 4)
    A = remote.matrix_init(X, name="A", block_shape=(2, 2))
    assert remote.list() == ["A"]
    np.testing.assert_array_equal((A * 2 + 1).numpy(), X * 2 + 1)
    np.testing.assert_array_equal(A.T.persist("T").numpy(), X.T)
    A.save(tmp_path / "x.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), X)
    np.testing.assert_array_equal(remote.random.standard_normal((5, 5), seed=1).numpy().shape, (5, 5))
    assert "memory" in repr(remote)
    remote.delete("T")
    assert remote.list() == ["A"]


def test_failure(remote):
    A = remote.matrix_init(np.diag([1.0, -1.0, 1.0]), block_shape=(1, 1))
    with pytest.raises(np.linalg.LinAlgError, match="cholesky"):
        remote.linalg.cholesky(A).numpy()
    assert [job["state"] for job in remote.jobs()] == ["failed"]


def test_jobs(remote, spd):
    A = spd(200)
    L = remote.linalg.cholesky(remote.matrix_init(A, block_shape=(50, 50)))
    job = remote.submit(L, name="L")
    assert job.wait(60) is job
    status = job.status()
    assert status["state"] == "done" and status["done"] == status["total"] > 10
    np.testing.assert_allclose(remote.open("L").numpy() @ remote.open("L").numpy().T, A, atol=1e-10)
    np.testing.assert_array_equal(job.result().numpy(), remote.open("L").numpy())
    report = remote.job(job.id).report()
    assert report["tasks"] == status["total"] and report["prices_as_of"]
    (temporary,) = [name for name in job.matrices() if name.startswith("temp(")]
    assert job.open(temporary).ndim == 3
    assert isinstance(job.logs(), list)
    assert [j["name"] for j in remote.jobs()] == ["L"]
    with pytest.raises(KeyError, match="has no matrix"):
        job.open("nothing")


def test_outlives(tmp_path, spd):
    A = spd(200)
    with npywren.aws_executor(tmp_path, "memory", workers=1, progress=False) as first:
        job = first.submit(first.linalg.cholesky(first.matrix_init(A, block_shape=(50, 50))), name="L")
        number = job.id
    with npywren.aws_executor(tmp_path, "memory", workers=1, progress=False) as second:
        again = second.job(number)
        if again.status()["state"] == "running":  # its queue went with its process: it goes on from the tiles that exist
            again.resume()
        again.wait(60)
        L = second.open("L").numpy()
        np.testing.assert_allclose(L @ L.T, A, atol=1e-10)
        would = second.gc()
        assert {g["kind"] for g in would["items"]} == {"intermediate", "run"} and not would["freed"]
        assert second.gc(dry_run=False)["objects"] == would["objects"] > 0
        assert second.gc()["objects"] == 0
        np.testing.assert_array_equal(second.open("L").numpy(), L)


def test_cancel(remote):
    A = remote.random.standard_normal((2000, 2000), seed=0, block_shape=(50, 50))
    job = remote.submit(A @ A)
    job.cancel()
    with pytest.raises(RuntimeError, match="cancelled"):
        job.wait(60)
    with pytest.raises(TimeoutError):
        job.resume().wait(0)
    job.cancel()


def test_bad_input(remote, ex, tmp_path):
    with pytest.raises(KeyError, match=r"no job 2020-1: jobs\(\) lists"):
        remote.job("2020-1")
    with pytest.raises(ValueError, match="is no job"):
        remote.job("../../x")
    with pytest.raises(NotImplementedError, match="aws_executor"):
        ex.submit(ex.ones((2, 2)))
    with pytest.raises(NotImplementedError, match="aws_executor"):
        ex.jobs()
    with pytest.raises(ValueError, match="computed already"):
        remote.submit(remote.matrix_init(np.ones((2, 2))))
    with pytest.raises(ValueError, match="at least one"):
        remote.submit()
    with pytest.raises(ValueError, match="not gs"):
        npywren.aws_executor("gs://bucket", "memory")
    with pytest.raises(ValueError, match="queue must not be empty"):
        npywren.aws_executor(tmp_path, "")
    with pytest.raises(ValueError, match="budget is -1"):
        npywren.aws_executor(tmp_path, "memory", budget=-1)


def test_default_executor(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMPYWREN_STORAGE", str(tmp_path))
    monkeypatch.setenv("NUMPYWREN_QUEUE", "memory")
    with npywren.default_executor(workers=1) as e:
        assert e.describe()["storage"] == str(tmp_path)
        np.testing.assert_array_equal(e.ones((3, 3)).numpy(), np.ones((3, 3)))
