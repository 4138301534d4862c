"""Linear algebra larger than memory: a memory limit of a quarter of the matrix, which has eight blocks a side."""

from __future__ import annotations

import re

import numpy as np
import pytest

import numpywren as npywren

N = 2048
BLOCKS = (N // 8, N // 8)  # default blocks have this part of a matrix from 16,384 on; of one as small as this a third
QUARTER = N * N * 8 // 4


def definite(ex):
    R = general(ex)
    return R + R.T + ex.eye(N, block_shape=BLOCKS) * (4 * N)


def general(ex):
    return ex.random.standard_normal((N, N), seed=0, block_shape=BLOCKS)


def column(ex):
    return ex.random.standard_normal((N, 1), seed=1)


def factors(F):
    return [F.solve(np.ones(N)), F.det()]


JOBS = {
    "solve": (general, lambda ex, A: [ex.linalg.solve(A, column(ex))]),
    "solve, n right sides": (general, lambda ex, A: [ex.linalg.solve(A, A.T)]),
    "solve, pos": (definite, lambda ex, A: [ex.linalg.solve(A, column(ex), assume_a="pos")]),
    "solve, float32": (general, lambda ex, A: [ex.linalg.solve(A.astype(np.float32), column(ex).astype(np.float32))]),
    "lu": (general, lambda ex, A: list(ex.linalg.lu(A))),
    "lu_factor": (general, lambda ex, A: factors(ex.linalg.lu_factor(A))),
    "inv": (general, lambda ex, A: [ex.linalg.inv(A)]),
    "det, slogdet": (general, lambda ex, A: [ex.linalg.det(A), *ex.linalg.slogdet(A)]),
    "cholesky": (definite, lambda ex, A: [ex.linalg.cholesky(A)]),
    "qr": (general, lambda ex, A: list(ex.linalg.qr(A))),
    "qr, r": (general, lambda ex, A: [ex.linalg.qr(A, mode="r")]),
    "eigvalsh": (definite, lambda ex, A: [ex.linalg.eigvalsh(A)]),
    "svdvals": (general, lambda ex, A: [ex.linalg.svdvals(A)]),
    "matmul": (general, lambda ex, A: [A @ A]),
}


def checksums(ex, arrays):
    """Of every bit, some megabytes at a time."""
    found = []
    for array in ex.persist(*arrays):
        rows = max(1, (1 << 20) // max(1, array.nbytes // max(1, array.shape[0] if array.ndim else 1)))
        parts = [array] if array.ndim < 2 else [array[k : k + rows] for k in range(0, array.shape[0], rows)]
        found.append([hash(part.numpy().tobytes()) for part in parts])
    return found


@pytest.mark.parametrize("job", JOBS)
def test_a_quarter_of_the_matrix_is_enough(job):
    """The same bits as in memory."""
    make, call = JOBS[job]
    found = []
    for limit in ("1GiB", QUARTER // 2 if job.endswith("float32") else QUARTER):
        with npywren.local_executor(workers=2, memory_limit=limit, progress=False) as ex:
            (A,) = ex.persist(make(ex))
            found.append(checksums(ex, call(ex, A)))
            if limit != "1GiB":
                assert ex.describe()["bytes_spilled"] > 0
    assert found[0] == found[1]


@pytest.mark.parametrize(
    "call",
    [lambda ex, A: ex.linalg.eigh(A), lambda ex, A: ex.linalg.svd(A)],
    ids=["eigh", "svd"],
)
def test_what_has_whole_matrices_in_one_task_says_how_much_it_needs(call):
    n = 1100
    with npywren.local_executor(workers=2, memory_limit=n * n * 2, progress=False) as ex:
        A = ex.random.standard_normal((n, n), seed=0).persist()
        with pytest.raises(MemoryError, match=r"other blocks change nothing, raise memory_limit to \d+ MiB") as e:
            ex.persist(*call(ex, A))
    least = re.search(r"raise memory_limit to (\d+ MiB)", str(e.value))[1]
    with npywren.local_executor(workers=2, memory_limit=least, progress=False) as ex:
        A = ex.random.standard_normal((n, n), seed=0).persist()
        ex.persist(*call(ex, A))
