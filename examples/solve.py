"""Solves A x = B for a symmetric positive definite A: factorise, substitute forward, substitute backward.

    python examples/solve.py [n]

A = L Lᵀ, then L z = B, then Lᵀ x = z. Nothing runs until `.numpy()`: the three steps become one program, in which a
substitution starts on the first columns of L while the factorisation still goes on. `explain` prints the program's tasks.
"""

from __future__ import annotations

import sys
import time

import numpy as np

import numpywren as npywren


def spd(n: int) -> np.ndarray:
    """A well-conditioned symmetric positive definite matrix."""
    M = np.random.default_rng(0).standard_normal((n, n))
    return M @ M.T / n + np.eye(n)


def main() -> int:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1500
    block = -(-n // 3)  # three blocks a side: few enough to read
    X, B = spd(n), np.random.default_rng(1).standard_normal((n, 4))

    with npywren.local_executor() as npwex:
        A = npwex.matrix_init(X, name="X", block_shape=(block, block))
        L = npwex.linalg.cholesky(A)
        z = npwex.linalg.solve_triangular(L, B, lower=True)
        x = npwex.linalg.solve_triangular(L, z, lower=True, trans="T")

        print("The factorisation, as its workers see it:\n")
        print(npwex.explain(L))
        started = time.perf_counter()
        solution = x.numpy()
        seconds = time.perf_counter() - started

    error = np.linalg.norm(X @ solution - B, 1)
    error /= n * np.linalg.norm(X, 1) * np.linalg.norm(solution, 1) * np.finfo(float).eps
    print(f"\nSolved {n} equations for {B.shape[1]} right sides in {seconds:.3f} s")
    print(f"|A x - B| / (n |A| |x| eps) = {error:.4f}; below 1 is as good as rounding allows")
    return 0 if error < 1 else 1


if __name__ == "__main__":
    sys.exit(main())
