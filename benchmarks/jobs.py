"""One measurement: ``python benchmarks/jobs.py JOB SIDE SIZE`` prints it as a line of JSON.

run.py starts each in a fresh process, with the same rules for every side: two threads, inputs made and brought into the
form that the side computes on before the clock starts (unless the job's name says otherwise), results whole when it stops.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import mmap
import pathlib
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import singular

THREADS = 2
BLOCK = 1024  # Dask's chunks: the best of 512, 1024, 2048 and 4096 on the development machine
WARM = 4 << 30  # bytes: more than any job's results and copies, the out-of-core ones apart


class Clock:
    """`with clock:` times its block; memory is the most that was resident from the first block on."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.workers = 0  # numpywren's
        self._kernels = KernelSeconds()

    def __enter__(self) -> None:
        if not self.times:
            warm_memory(WARM)
            _reset_peak()
        self._kernels.start()
        self._started = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.times.append(time.perf_counter() - self._started)
        self._kernels.stop()

    def result(self) -> dict[str, Any]:
        shown = {"seconds": statistics.median(self.times), "peak_bytes": _peak()}
        if self.workers:
            shown["kernel_share"] = self._kernels.total / (self.workers * sum(self.times))
        return shown


class KernelSeconds:
    """What numpywren's jobs spend in kernels, all workers together: each job is asked when it has ended."""

    def __init__(self) -> None:
        self.total = 0.0
        self._jobs: Any = None

    def start(self) -> None:
        self._jobs = sys.modules.get("numpywren._jobs")  # numpywren was imported, or this side is another
        if self._jobs is not None:
            self._wait, self._jobs._wait = self._jobs._wait, self._counted

    def stop(self) -> None:
        if self._jobs is not None:
            self._jobs._wait = self._wait

    def _counted(self, job: Any, *arguments: Any) -> None:
        self._wait(job, *arguments)
        self.total += self._jobs._abi.call_json("npw_job_progress", job)["kernel_seconds"]


def warm_memory(size: int) -> None:
    """Has the machine own what a job will touch, for every side alike.

    The host of a virtual machine takes free memory back. Touching it again then costs ten times what clearing a page costs,
    for whichever side comes first; measured: 2.5 s a GB.
    """
    with mmap.mmap(-1, size) as memory:
        memory.madvise(mmap.MADV_HUGEPAGE)
        zeros = bytes(1 << 20)
        for at in range(0, size, len(zeros)):
            memory[at : at + len(zeros)] = zeros


def _reset_peak() -> None:
    pathlib.Path("/proc/self/clear_refs").write_text("5")


def _peak() -> int:
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


JOBS: dict[tuple[str, str], Callable[[Clock, int], None]] = {}


def job(name: str, *sides: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Registers a function as the body of these sides of a job; with several, it is told which."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        for side in sides:
            body = (lambda clock, size, side=side: function(clock, size, side)) if len(sides) > 1 else function
            JOBS[name, side] = body
        return function

    return register


# ---- Inputs --------------------------------------------------------------------------------------------------------------


def square(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, n))


def spd(n: int) -> np.ndarray:
    """Symmetric and diagonally dominant, hence positive definite."""
    A = square(n)
    A += A.T.copy()
    A[np.diag_indices(n)] += 4 * n
    return A


def points(train: int) -> tuple[np.ndarray, np.ndarray]:
    """MNIST's shape: `train` points of 784 features, and a sixth of that to look up."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((train, 784)), rng.standard_normal((train // 6, 784))


# ---- numpywren -----------------------------------------------------------------------------------------------------------


@contextmanager
def executor(clock: Clock, workers: int = THREADS, **settings: Any) -> Iterator[Any]:
    """An executor whose threads and code are warm."""
    import numpywren

    clock.workers = workers
    with numpywren.local_executor(workers=workers, progress=False, **settings) as npwex:
        warm = npwex.matrix_init(spd(600), block_shape=(256, 256))
        (warm @ warm + npwex.linalg.cholesky(warm)).numpy()
        yield npwex


def workers_of(side: str) -> int:
    return 1 if side.endswith("1 worker") else THREADS


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


@job("solve general", "numpywren", "numpywren, 1 worker")
def _(clock: Clock, n: int, side: str) -> None:
    with executor(clock, workers_of(side)) as npwex:
        A, b = npwex.matrix_init(square(n)), npwex.matrix_init(square(n, 1)[:, :1].copy())
        with clock:
            x = npwex.linalg.solve(A, b).persist()
        del x


@job("solve general, n right sides", "numpywren")
def _(clock: Clock, n: int) -> None:
    with executor(clock) as npwex:
        A, B = npwex.matrix_init(square(n)), npwex.matrix_init(square(n, 1))
        with clock:
            X = npwex.linalg.solve(A, B).persist()
        del X


@job("inv", "numpywren")
def _(clock: Clock, n: int) -> None:
    with executor(clock) as npwex:
        A = npwex.matrix_init(square(n))
        with clock:
            X = npwex.linalg.inv(A).persist()
        del X


QR = {
    "qr": ("reduced", None),
    "qr, R": ("r", None),
    "tall qr": ("reduced", 128),
    "tall qr, R": ("r", 64),
}  # the mode, and how many columns; None: as many as rows


def general(n: int, columns: int | None) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((n, columns or n))


def qr_jobs(name: str, mode: str, columns: int | None) -> None:
    @job(name, "numpywren", "numpywren, 1 worker")
    def _(clock: Clock, n: int, side: str) -> None:
        with executor(clock, workers_of(side)) as npwex:
            A = npwex.matrix_init(general(n, columns))
            with clock:
                factors = npwex.linalg.qr(A, mode=mode)
                npwex.persist(*([factors] if mode == "r" else factors))
            del factors

    @job(name, "NumPy")
    def _(clock: Clock, n: int) -> None:
        A = general(n, columns)
        np.linalg.qr(general(600, columns), mode)
        with clock:
            np.linalg.qr(A, mode)


for name, (mode, columns) in QR.items():
    qr_jobs(name, mode, columns)


@job("tall qr", "Dask")
def _(clock: Clock, n: int) -> None:
    import dask
    import dask.array as da

    dask.config.set(scheduler="threads", num_workers=THREADS)
    A = da.from_array(general(n, 128), chunks=(-(-n // 16), 128)).persist()
    with clock:
        factors = dask.persist(*da.linalg.qr(A))
    del factors


@job("tall svd", "numpywren")
def _(clock: Clock, n: int) -> None:
    with executor(clock) as npwex:
        A = npwex.matrix_init(general(n, 128))
        with clock:
            parts = npwex.persist(*npwex.linalg.svd(A, full_matrices=False))
        del parts


@job("tall svd", "NumPy")
def _(clock: Clock, n: int) -> None:
    A = general(n, 128)
    np.linalg.svd(general(600, 128), full_matrices=False)
    with clock:
        np.linalg.svd(A, full_matrices=False)


singular.register(job, executor, square)


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


def limit_for(n: int) -> int:
    """A quarter of an n × n matrix: what the out-of-core jobs may keep in memory."""
    return n * n * 8 // 4


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


@contextmanager
def storage(clock: Clock, n: int, side: str) -> Iterator[Any]:
    """With room for everything, or with a quarter of one matrix and a folder for the rest."""
    if side == "numpywren in memory":
        with executor(clock, memory_limit=4 * n * n * 8) as npwex:
            yield npwex
    else:
        with tempfile.TemporaryDirectory() as scratch, executor(clock, memory_limit=limit_for(n), scratch=scratch) as npwex:
            yield npwex


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


@job("solve general", "SciPy")
def _(clock: Clock, n: int) -> None:
    _scipy("solve", clock, square(n), square(n, 1)[:, :1].copy())


@job("solve general, n right sides", "SciPy")
def _(clock: Clock, n: int) -> None:
    _scipy("solve", clock, square(n), square(n, 1))


@job("inv", "SciPy")
def _(clock: Clock, n: int) -> None:
    _scipy("inv", clock, square(n))


def _scipy(function: str, clock: Clock, *operands: np.ndarray) -> None:
    """A function of scipy.linalg that knows nothing of its matrices, and need not look for it."""
    from scipy import linalg

    if function == "solve":
        linalg.solve(square(600), square(600, 1), assume_a="gen")
        with clock:
            linalg.solve(*operands, assume_a="gen", check_finite=False)
    else:
        linalg.inv(square(600))
        with clock:
            linalg.inv(*operands, check_finite=False)


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
    import dask
    import dask.array as da

    dask.config.set(scheduler="threads", num_workers=THREADS)
    return da.from_array(A, chunks=(BLOCK, min(BLOCK, A.shape[1]))).persist()


@job("cholesky", "Dask")
def _(clock: Clock, n: int) -> None:
    import dask.array as da

    A = dask_array(spd(n))
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
    import dask
    import dask.array as da

    dask.config.set(scheduler="threads", num_workers=THREADS)
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
