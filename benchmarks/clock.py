"""What one measurement needs: its clock, its inputs, an executor that is warm, and the register of jobs."""

from __future__ import annotations

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

THREADS = 2
BLOCK = 1024  # Dask's chunks: the best of 512, 1024, 2048 and 4096 on the development machine
WARM = 4 << 30  # bytes: more than any job's results and copies, the out-of-core ones apart


class Clock:
    """`with clock:` times its block; memory is the most that was resident from the first block on."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.workers = 0  # numpywren's
        self._elsewhere: dict[str, Any] = {}
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

    def told(self, seconds: float, peak_bytes: int) -> None:
        """What other processes measured themselves."""
        self._elsewhere = {"seconds": seconds, "peak_bytes": peak_bytes}

    def result(self) -> dict[str, Any]:
        if self._elsewhere:
            return self._elsewhere
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


def general(n: int, columns: int | None) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((n, columns or n))


# ---- Dask ----------------------------------------------------------------------------------------------------------------


def dask_arrays() -> Any:
    """dask.array, on as many threads as every side has."""
    import dask
    import dask.array

    dask.config.set(scheduler="threads", num_workers=THREADS)
    return dask.array


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


def limit_for(n: int) -> int:
    """A quarter of an n × n matrix: what the out-of-core jobs may keep in memory."""
    return n * n * 8 // 4


@contextmanager
def storage(clock: Clock, n: int, side: str) -> Iterator[Any]:
    """With room for everything, or with a quarter of one matrix and a folder for the rest."""
    if side == "numpywren in memory":
        with executor(clock, memory_limit=4 * n * n * 8) as npwex:
            yield npwex
    else:
        with tempfile.TemporaryDirectory() as scratch, executor(clock, memory_limit=limit_for(n), scratch=scratch) as npwex:
            yield npwex
