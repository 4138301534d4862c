"""The jobs of LU, QR and the SVD, each with all of its sides."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
from collections.abc import Callable
from typing import Any

import numpy as np
from clock import BLOCK, JOBS, THREADS, Clock, dask_arrays, executor, general, job, spd, square, storage, workers_of

# ---- numpywren, NumPy and Dask -------------------------------------------------------------------------------------------


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


def dask_tall(name: str, columns: int, results: Callable[[Any, Any], tuple]) -> None:
    @job(name, "Dask")
    def _(clock: Clock, n: int) -> None:
        import dask

        da = dask_arrays()
        A = da.from_array(general(n, columns), chunks=(-(-n // 16), columns)).persist()
        with clock:
            parts = dask.persist(*results(da.linalg, A))
        del parts


dask_tall("tall qr", 128, lambda linalg, A: linalg.qr(A))
dask_tall("tall qr, R", 64, lambda linalg, A: linalg.qr(A)[1:])
dask_tall("tall svd", 128, lambda linalg, A: linalg.svd(A))


@job("solve general", "Dask")
def _(clock: Clock, n: int) -> None:
    """Its pivots are those of the diagonal blocks: on other matrices than these its answers can be wrong."""
    da = dask_arrays()
    A, b = (da.from_array(x, chunks=BLOCK).persist() for x in (square(n), square(n, 1)[:, :1].copy()))
    with clock:
        x = da.linalg.solve(A, b).persist()
    del x


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


# What one executor does, by name, with a matrix and a right side of n columns.
PROGRAMS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "cholesky": lambda npwex, A, _: npwex.linalg.cholesky(A),
    "solve general, n right sides": lambda npwex, A, B: npwex.linalg.solve(A, B),
    "qr, R": lambda npwex, A, _: npwex.linalg.qr(A, mode="r"),
    "matmul": lambda npwex, A, B: A @ B,
    "solve general": lambda npwex, A, B: npwex.linalg.solve(A, B),
    "inv": lambda npwex, A, _: npwex.linalg.inv(A),
    "qr": lambda npwex, A, _: npwex.linalg.qr(A),
    "eigh, values": lambda npwex, A, _: npwex.linalg.eigvalsh(A),
    "svd, values": lambda npwex, A, _: npwex.linalg.svdvals(A),
}
SINGLE = ("cholesky", "solve general, n right sides", "qr, R", "matmul")
OUT_OF_CORE = ("solve general", "solve general, n right sides", "inv", "qr", "qr, R", "eigh, values", "svd, values")


def single(name: str) -> None:
    @job(f"{name}, float32", "numpywren", "numpywren, float64")
    def _(clock: Clock, n: int, side: str) -> None:
        dtype = np.float64 if side.endswith("float64") else np.float32
        with executor(clock) as npwex:
            A, B = (npwex.matrix_init(x.astype(dtype)) for x in (spd(n), square(n, 1)))
            with clock:
                X = PROGRAMS[name](npwex, A, B).persist()
            del X


def out_of_core(name: str) -> None:
    @job(f"out-of-core {name}", "numpywren", "numpywren in memory")
    def _(clock: Clock, n: int, side: str) -> None:
        with storage(clock, n, side) as npwex:
            A = npwex.random.standard_normal((n, n), seed=0).persist()
            B = npwex.random.standard_normal((n, n if name.endswith("sides") else 1), seed=1).persist()
            with clock:
                X = PROGRAMS[name](npwex, A, B)
                parts = npwex.persist(*(X if isinstance(X, tuple) else (X,)))
            del X, parts


for name in SINGLE:
    single(name)
for name in OUT_OF_CORE:
    out_of_core(name)


@job("solve general, refined", "numpywren")
def _(clock: Clock, n: int) -> None:
    with executor(clock) as npwex:
        A, b = npwex.matrix_init(square(n)), npwex.matrix_init(square(n, 1)[:, :1].copy())
        with clock:
            x = npwex.linalg.solve(A, b, refine="float32").persist()
        del x


# ---- SciPy ---------------------------------------------------------------------------------------------------------------


@job("solve general", "SciPy")
def _(clock: Clock, n: int) -> None:
    _scipy("solve", clock, square(n), square(n, 1)[:, :1].copy())


JOBS["solve general, refined", "SciPy"] = JOBS["solve general", "SciPy"]


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


# ---- ScaLAPACK -----------------------------------------------------------------------------------------------------------

HERE = pathlib.Path(__file__).parent
SCALAPACK_BLOCK = 64  # the best of 32, 64, 128 and 256 on the development machine
SCALAPACK = {
    "cholesky": "cholesky",
    "solve general": "solve",
    "solve general, n right sides": "solve",
    "qr": "qr",
    "qr, R": "qr-r",
}  # and the names of scalapack.c


def scalapack(name: str) -> None:
    @job(name, "ScaLAPACK")
    def _(clock: Clock, n: int) -> None:
        """Two processes of one thread each. Its own clock counts, which starts when all processes have their matrices."""
        columns = n if name.endswith("n right sides") else 1
        program = scalapack_program()
        command = ["mpirun", "--allow-run-as-root", "--oversubscribe", "-np", str(THREADS), str(program)]
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
        arguments = [SCALAPACK[name], str(n), str(columns), str(SCALAPACK_BLOCK)]
        done = subprocess.run([*command, *arguments], env=environment, text=True, stdout=subprocess.PIPE, check=True)
        found: dict[str, Any] = json.loads(done.stdout)
        clock.told(found["seconds"], found["peak_bytes"])


def scalapack_program() -> pathlib.Path:
    """scalapack.c, compiled: with Debian's libscalapack-openmpi-dev and libopenblas0-pthread."""
    program = HERE.parent / "build" / "scalapack"
    source = HERE / "scalapack.c"
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        blas = "/usr/lib/x86_64-linux-gnu/openblas-pthread"
        program.parent.mkdir(exist_ok=True)
        libraries = ["-lscalapack-openmpi", f"-L{blas}", "-l:libopenblas.so.0", f"-Wl,-rpath,{blas}"]
        subprocess.run(["mpicc", "-O2", str(source), "-o", str(program), *libraries], check=True)
    return program


for name in SCALAPACK:
    scalapack(name)
