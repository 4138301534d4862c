"""The jobs of singular values: jobs.py registers them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def register(job: Callable[..., Any], executor: Callable[..., Any], square: Callable[[int], np.ndarray]) -> None:
    """Adds the jobs, with the functions that all jobs share."""

    def svd_jobs(name: str, vectors: bool) -> None:
        @job(name, "numpywren", "numpywren, 1 worker")
        def _(clock: Any, n: int, side: str) -> None:
            with executor(clock, 1 if side.endswith("1 worker") else 2) as npwex:
                A = npwex.matrix_init(square(n))
                out = npwex.linalg.svd(A, compute_uv=vectors)
                with clock:
                    parts = npwex.persist(*out) if vectors else npwex.persist(out)
                del parts

        @job(name, "NumPy")
        def _(clock: Any, n: int) -> None:
            A = square(n)
            np.linalg.svd(square(600), compute_uv=vectors)
            with clock:
                np.linalg.svd(A, compute_uv=vectors)

    svd_jobs("svd", True)
    svd_jobs("svd, values", False)
