"""One measurement: ``python benchmarks/jobs.py JOB SIDE SIZE`` prints it as a line of JSON.

run.py starts each in a fresh process, with the same rules for every side: two threads, inputs made and brought into the
form that the side computes on before the clock starts (unless the job's name says otherwise), results whole when it stops.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import pathlib
import sys
import tempfile
from typing import Any

import factorisations  # noqa: F401
import numpy as np
import spectra  # noqa: F401
from clock import BLOCK, JOBS, Clock, dask_arrays, executor, job, spd, square, storage, workers_of


def points(train: int) -> tuple[np.ndarray, np.ndarray]:
    """MNIST's shape: `train` points of 784 features, and a sixth of that to look up."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((train, 784)), rng.standard_normal((train // 6, 784))


# ---- numpywren -----------------------------------------------------------------------------------------------------------


@job("matmul", "numpywren", "numpywren, 1 worker")
def _(clock: Clock, n: int, side: str) -> None:
    with executor(clock, workers_of(side)) as npwex:
        A, B = npwex.matrix_init(square(n)), npwex.matrix_init(square(n, 1))
        with clock:
            C = (A @ B).persist()
        del C


@job("matmul with copies", "numpywren")
def _(clock: Clock, n: int) -> None:
    A, B = square(n), square(n, 1)
    with executor(clock) as npwex, clock:
        (npwex.matrix_init(A) @ npwex.matrix_init(B)).numpy()


@job("cholesky", "numpywren", "numpywren, 1 worker")
def _(clock: Clock, n: int, side: str) -> None:
    with executor(clock, workers_of(side)) as npwex:
        A = npwex.matrix_init(spd(n))
        with clock:
            L = npwex.linalg.cholesky(A).persist()
        del L


@job("solve", "numpywren")
def _(clock: Clock, n: int) -> None:
    with executor(clock) as npwex:
        A, B = npwex.matrix_init(spd(n)), npwex.matrix_init(square(n, 1))
        with clock:
            X = npwex.linalg.solve(A, B, assume_a="pos").persist()
        del X


@job("nearest neighbour", "numpywren")
def _(clock: Clock, n: int) -> None:
    X, Y = points(n)
    with executor(clock) as npwex, clock:
        A, B = npwex.matrix_init(X), npwex.matrix_init(Y)
        D = npwex.linalg.norm(A, axis=1) ** 2 - 2 * npwex.dot(A, B.T) + npwex.linalg.norm(B, axis=1).T ** 2
        npwex.argmin(D, axis=0).numpy()


@job("latency", "numpywren")
def _(clock: Clock, n: int) -> None:
    A, B = square(n), square(n, 1)
    with executor(clock) as npwex:
        for _ in range(300):
            with clock:
                npwex.dot(A, B).numpy()


@job("out-of-core matmul", "numpywren", "numpywren in memory")
def _(clock: Clock, n: int, side: str) -> None:
    with storage(clock, n, side) as npwex:
        A = npwex.random.standard_normal((n, n), seed=0).persist()
        B = npwex.random.standard_normal((n, n), seed=1).persist()
        with clock:
            C = (A @ B).persist()
        del C


@job("out-of-core cholesky", "numpywren", "numpywren in memory")
def _(clock: Clock, n: int, side: str) -> None:
    with storage(clock, n, side) as npwex:
        R = npwex.random.standard_normal((n, n), seed=0)
        A = (R + R.T + npwex.eye(n) * (4 * n)).persist()
        with clock:
            L = npwex.linalg.cholesky(A).persist()
        del L


# ---- NumPy, SciPy, scikit-learn ------------------------------------------------------------------------------------------


@job("matmul", "NumPy")
def _(clock: Clock, n: int) -> None:
    A, B = square(n), square(n, 1)
    square(600) @ square(600)
    with clock:
        A @ B


JOBS["matmul with copies", "NumPy"] = JOBS["matmul", "NumPy"]


@job("cholesky", "NumPy")
def _(clock: Clock, n: int) -> None:
    A = spd(n)
    np.linalg.cholesky(spd(600))
    with clock:
        np.linalg.cholesky(A)


@job("cholesky", "SciPy")
def _(clock: Clock, n: int) -> None:
    from scipy import linalg

    A = spd(n)
    linalg.cholesky(spd(600), lower=True)
    with clock:
        linalg.cholesky(A, lower=True)


@job("solve", "SciPy")
def _(clock: Clock, n: int) -> None:
    from scipy import linalg

    A, B = spd(n), square(n, 1)
    linalg.cho_solve(linalg.cho_factor(spd(600)), square(600))
    with clock:
        linalg.cho_solve(linalg.cho_factor(A), B)


@job("nearest neighbour", "NumPy")
def _(clock: Clock, n: int) -> None:
    X, Y = points(n)
    with clock:
        D = X @ Y.T
        D *= -2
        D += np.linalg.norm(X, axis=1, keepdims=True) ** 2
        D += np.linalg.norm(Y, axis=1) ** 2
        np.argmin(D, axis=0)


@job("nearest neighbour", "scikit-learn")
def _(clock: Clock, n: int) -> None:
    from sklearn.neighbors import KNeighborsClassifier

    X, Y = points(n)
    model = KNeighborsClassifier(n_neighbors=1, algorithm="brute")
    model.fit(X[:600], np.zeros(600)).kneighbors(Y[:100], return_distance=False)
    with clock:
        model.fit(X, np.zeros(n)).kneighbors(Y, return_distance=False)


@job("latency", "NumPy")
def _(clock: Clock, n: int) -> None:
    A, B = square(n), square(n, 1)
    for _ in range(300):
        with clock:
            np.dot(A, B)


@job("import", "numpywren")
def _(clock: Clock, _: int) -> None:
    """What comes on top of NumPy, which is here already."""
    with clock:
        importlib.import_module("numpywren")


# ---- Dask ----------------------------------------------------------------------------------------------------------------


def dask_array(A: np.ndarray) -> Any:
    return dask_arrays().from_array(A, chunks=(BLOCK, min(BLOCK, A.shape[1]))).persist()


@job("cholesky", "Dask")
def _(clock: Clock, n: int) -> None:
    da, A = dask_arrays(), dask_array(spd(n))
    with clock:
        L = da.linalg.cholesky(A, lower=True).persist()
    del L


@job("nearest neighbour", "Dask")
def _(clock: Clock, n: int) -> None:
    X, Y = points(n)
    with clock:
        A, B = dask_array(X), dask_array(Y)
        D = (A**2).sum(axis=1, keepdims=True) - 2 * (A @ B.T) + (B**2).sum(axis=1)
        D.argmin(axis=0).compute()


@job("out-of-core matmul", "Dask")
def _(clock: Clock, n: int) -> None:
    """From Zarr to Zarr, in the chunks that keep it near the memory that ours is given."""
    da = dask_arrays()
    chunk = min(2 * BLOCK, -(-n // 4))
    with tempfile.TemporaryDirectory() as scratch:
        for name in "AB":
            da.random.standard_normal((n, n), chunks=chunk).to_zarr(f"{scratch}/{name}.zarr")
        A, B = (da.from_zarr(f"{scratch}/{name}.zarr") for name in "AB")
        with clock:
            (A @ B).to_zarr(f"{scratch}/C.zarr")


# ---- Which kernels run ---------------------------------------------------------------------------------------------------


def kernels() -> dict[str, str]:
    """The CPU that each OpenBLAS chose its kernels for."""
    from threadpoolctl import threadpool_info

    import numpywren

    ours = ctypes.CDLL(str(pathlib.Path(numpywren.__file__).parent / "libnpw_openblas.so"))
    ours.npw_openblas_get_corename.restype = ctypes.c_char_p
    found = {"numpywren": ours.npw_openblas_get_corename().decode()}
    for pool in threadpool_info():
        if pool["user_api"] == "blas":
            found["NumPy"] = f"{pool['architecture']} ({pool['internal_api']} {pool['version']})"
    return found


def main() -> None:
    if sys.argv[1:] == ["kernels"]:
        print(json.dumps(kernels()))
        return
    name, side, size = sys.argv[1:]
    clock = Clock()
    JOBS[name, side](clock, int(size))
    print(json.dumps(clock.result()))


if __name__ == "__main__":
    main()
