"""The jobs of singular values and eigenvalues, each with all of its sides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from clock import Clock, executor, job, square, workers_of


def symmetric(n: int) -> np.ndarray:
    A = square(n)
    return A + A.T


def spectrum(name: str, matrix: Callable[[int], np.ndarray], function: str, **arguments: Any) -> None:
    """One function of numpy.linalg, by us with two workers and with one, and by NumPy."""

    @job(name, "numpywren", "numpywren, 1 worker")
    def _(clock: Clock, n: int, side: str) -> None:
        with executor(clock, workers_of(side)) as npwex:
            A = npwex.matrix_init(matrix(n))
            with clock:
                out = getattr(npwex.linalg, function)(A, **arguments)
                npwex.persist(*(out if isinstance(out, tuple) else (out,)))
            del out

    @job(name, "NumPy")
    def _(clock: Clock, n: int) -> None:
        A = matrix(n)
        getattr(np.linalg, function)(matrix(600), **arguments)
        with clock:
            getattr(np.linalg, function)(A, **arguments)


spectrum("svd", square, "svd")
spectrum("svd, values", square, "svd", compute_uv=False)
spectrum("eigh", symmetric, "eigh")
spectrum("eigh, values", symmetric, "eigvalsh")
