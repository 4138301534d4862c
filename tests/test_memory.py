"""The memory limit, as the operating system sees it."""

from __future__ import annotations

import re

import numpy as np
import pytest

import numpywren as npywren

ALLOWANCE = 200_000_000  # above the limit, whatever the sizes

MEASURED = """
    import sys
    import numpy as np
    import numpywren

    def peak():
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))

    limit = int(sys.argv[1])
    before = peak()
    ex = numpywren.local_executor(workers=2, memory_limit=limit, progress=False, scratch=sys.argv[2])
    {work}
    print(peak() - before, ex.describe()["memory_used"])
"""

JOBS = {
    "matmul": """
        n, block = 3000, 300
        A = ex.random.standard_normal((n, n), seed=0, block_shape=(block, block)).persist()
        B = ex.random.standard_normal((n, n), seed=1, block_shape=(block, block)).persist()
        C = (A @ B).persist()
        v = np.random.default_rng(0).standard_normal((n, 1))
        exact = (A @ (B @ v)).numpy()
        assert np.abs((C @ v).numpy() - exact).max() < 1e-8 * np.abs(exact).max()
    """,
    "cholesky": """
        n, block = 3000, 300
        R = ex.random.standard_normal((n, n), seed=0, block_shape=(block, block))
        A = (R + R.T + ex.eye(n, block_shape=(block, block)) * (4 * n)).persist()
        L = ex.linalg.cholesky(A).persist()
        v = np.random.default_rng(0).standard_normal((n, 1))
        exact = (A @ v).numpy()
        assert np.abs((L @ (L.T @ v)).numpy() - exact).max() < 1e-10 * np.abs(exact).max()
    """,
    "solve": """
        n, block = 3000, 300
        A = ex.random.standard_normal((n, n), seed=0, block_shape=(block, block)).persist()
        B = ex.random.standard_normal((n, n), seed=1, block_shape=(block, block)).persist()
        X = ex.linalg.solve(A, B).persist()
        v = np.random.default_rng(0).standard_normal((n, 1))
        residual = (A @ (X @ v)).numpy() - (B @ v).numpy()
        assert np.abs(residual).max() < 1e-12 * n * float(ex.linalg.norm(A, 1)) * float(ex.linalg.norm(X, 1))
    """,
    "qr": """
        n, block = 3000, 300
        A = ex.random.standard_normal((n, n), seed=0, block_shape=(block, block)).persist()
        Q, R = (x.persist() for x in ex.linalg.qr(A))
        v = np.random.default_rng(0).standard_normal((n, 1))
        assert np.abs((Q @ (R @ v)).numpy() - (A @ v).numpy()).max() < 1e-9
        assert np.abs((Q.T @ (Q @ v)).numpy() - v).max() < 1e-11
    """,
    "tall svd": """
        A = ex.random.standard_normal((100_000, 100), seed=0, block_shape=(5_000, 100)).persist()
        U, s, Vh = (x.persist() for x in ex.linalg.svd(A, full_matrices=False))
        v = np.random.default_rng(0).standard_normal((100, 1))
        assert np.abs((U @ (s.numpy()[:, None] * (Vh @ v).numpy())).numpy() - (A @ v).numpy()).max() < 1e-9
    """,
    "elementwise": """
        A = ex.random.uniform(size=(20_000, 500), seed=0, block_shape=(1000, 500)).persist()
        B = (ex.exp(A) * 2 - A).persist()
        total = float(ex.sum(B))
        assert abs(total / 1e7 - (2 * (np.e - 1) - 0.5)) < 1e-3
        assert ex.argmin(B, axis=0).numpy().shape == (500,)
    """,
}


@pytest.mark.parametrize("job", JOBS)
def test_peak_stays_within_the_limit(python, tmp_path, job):
    limit = 32 * 2**20  # of matrices of 72 to 80 MB each
    work = JOBS[job].strip().replace("\n    ", "\n")
    peak, used = map(int, python(MEASURED.format(work=work), limit, tmp_path).stdout.split())
    assert used <= limit
    assert peak <= limit + ALLOWANCE


def test_streamed_files(python, tmp_path):
    """A .npy file six times the limit goes in and out, a block of rows at a time."""
    X = np.lib.format.open_memmap(tmp_path / "x.npy", mode="w+", dtype=np.float64, shape=(6000, 4000))
    X[:, 7] = np.arange(6000)
    X.flush()
    del X
    work = f"""A = ex.matrix_init({str(tmp_path / "x.npy")!r}, block_shape=(500, 500))
    (A + 1).save({str(tmp_path / "y.npy")!r})"""
    limit = 32 * 2**20
    peak, _ = map(int, python(MEASURED.format(work=work), limit, tmp_path).stdout.split())
    assert peak <= limit + ALLOWANCE
    found = np.load(tmp_path / "y.npy", mmap_mode="r")
    np.testing.assert_array_equal(found[:, 7], np.arange(6000) + 1)
    assert found[:, 8].max() == 1


def test_what_cannot_fit_is_refused_with_a_block_shape_that_does():
    n, limit = 3000, 16 * 2**20
    with npywren.local_executor(memory_limit=limit) as ex:
        A = ex.random.standard_normal((n, n), seed=0, block_shape=(2000, 2000))
        with pytest.raises(MemoryError, match=r"block_shape=\(\d+, \d+\)") as e:
            (A @ A).persist()
        block = tuple(map(int, re.search(r"block_shape=\((\d+), (\d+)\)", str(e.value)).groups()))
        assert 3 * 8 * block[0] * block[1] <= limit
        A = ex.random.standard_normal((n, n), seed=0, block_shape=block)
        assert (A @ A).persist().computed


@pytest.mark.parametrize(
    ("shape", "block", "call"),
    [
        ((1500, 1500), (1000, 1500), lambda A: A.T @ A),
        ((2500, 700), (1000, 2500), lambda A: A @ A.T[:, :1500]),
        ((1500, 1500), (100, 600), lambda A: A.executor.linalg.solve_triangular(A, A[:, :500], lower=True, trans="T")),
        ((3000, 1), (1200, 1), lambda A: A.executor.diag(A)),
        ((1500, 1500), (1000, 2500), lambda A: A[500:, 500:]),
        ((900_000,), (900_000,), lambda A: A * 2),
    ],
)
def test_the_block_shape_of_a_refusal_works(shape, block, call):
    with npywren.local_executor(memory_limit=3 * 2**20) as ex:

        def computed(block):
            block = [min(b, n) for b, n in zip(block, shape, strict=True)]
            call(ex.random.standard_normal(shape, seed=0, block_shape=block)).numpy()

        with pytest.raises(MemoryError, match=r"block_shape=\([\d, ]+\)") as e:
            computed(block)
        computed(map(int, re.findall(r"\d+", re.search(r"block_shape=\((.*?)\)", str(e.value))[1])))


def test_what_can_be_computed_can_be_read():
    """A tile that fits once but not twice is refused before it is computed, not when it is read."""
    with npywren.local_executor(memory_limit=6 * 2**20) as ex, pytest.raises(MemoryError, match=r"reading tiles.*block_shape="):
        ex.zeros((1000, 1000), np.float32, block_shape=(1000, 1000)).persist()


def test_memory_comes_back():
    with npywren.local_executor(memory_limit="64MiB") as ex:
        for seed in range(20):
            A = ex.random.standard_normal((1000, 1000), seed=seed).persist()
            assert ex.describe()["memory_used"] <= 64 * 2**20
        del A
        assert ex.describe()["memory_used"] < 16 * 2**20
