"""Matrices that are hard to eliminate, by name and size, and some that are not."""

from __future__ import annotations

import numpy as np


def normal(*shape, dtype=np.float64, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(dtype)


def wilkinson(n):
    """Elements of U grow to 2^(n-1) with partial pivoting."""
    A = np.eye(n) - np.tril(np.ones((n, n)), -1)
    A[:, -1] = 1
    return A


def gfpp(n, c=0.4):
    """Growth with any partial pivoting (N. Higham, D. Higham, SIAM J. Matrix Anal. Appl. 10, 1989)."""
    A = np.eye(n) - c * np.tril(np.ones((n, n)), -1)
    A[:, -1] = 1
    return A


def nearly_singular_corner(n, sigma=1e-12):
    """The leading quarter has rank one but for sigma."""
    A, h = normal(n, n), n // 2
    A[:h, :h] = np.outer(A[:h, 0], A[0, :h]) + sigma * A[:h, :h]
    return A


HARD = {
    "swap": lambda n: np.roll(np.eye(n), n // 2, axis=0),
    "nearly singular corner": nearly_singular_corner,
    "wilkinson": wilkinson,
    "gfpp": gfpp,
    "graded": lambda n: normal(n, n) * np.logspace(0, -15, n)[:, None],
    "graded columns": lambda n: normal(n, n) * np.logspace(0, -15, n),
    "hilbert": lambda n: 1 / (np.arange(n)[:, None] + np.arange(n) + 1.0),
    "tiny": lambda n: normal(n, n) * 1e-300,
    "huge": lambda n: normal(n, n) * 1e300,
    "symmetric indefinite": lambda n: normal(n, n) + normal(n, n).T,
    "orthogonal": lambda n: np.linalg.qr(normal(n, n))[0],
}
