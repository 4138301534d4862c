"""The largest singular values of matrices too large for a whole SVD."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from . import _operand
from ._orthogonal import LowRankResult
from ._spectral import floating

if TYPE_CHECKING:
    from ._array import BigMatrix
    from ._executor import Executor

MOST_ITERATIONS = 100


def svd_lowrank(
    ex: Executor,
    A: BigMatrix,
    k: SupportsIndex,
    oversample: SupportsIndex,
    iterations: SupportsIndex | None,
    seed: Any,
    tol: float,
) -> LowRankResult:
    """Subspace iteration with a Rayleigh-Ritz step in each round: with Q of the round before, Aᵀ Q = V diag(s) Wᵀ is a small
    SVD, and A V is both the next space and, less Q W diag(s), the residuals, so that the bound costs no product of its own."""
    if A.ndim != 2:
        raise np.linalg.LinAlgError(f"{A.ndim}-dimensional array given. Array must be two-dimensional")
    k, extra = _operand.integer("k", k), _operand.integer("oversample", oversample)
    steps, least = None if iterations is None else _operand.integer("iterations", iterations), min(A.shape)
    tol = float(_operand.number("tol", tol))
    if least == 0:
        raise ValueError(f"A has the shape {A.shape}: there are no singular values of an array without elements")
    if not 1 <= k <= least:
        raise ValueError(f"k is {k}: 1 to {least}, the shorter side of A, were expected")
    if extra < 0:
        raise ValueError(f"oversample is {extra}: a number of 0 or more was expected")
    if steps is not None and steps < 0:
        raise ValueError(f"iterations is {steps}: a number of 0 or more was expected, or None")
    if not 0 < tol < 1:
        raise ValueError(f"tol is {tol}: a number between 0 and 1 was expected")
    A = floating(ex, A)
    width, noise = min(k + extra, least), float(np.finfo(A.dtype).eps) * math.sqrt(max(A.shape))
    space = ex.dot(A, ex.random.standard_normal((A.shape[1], width), A.dtype, seed=seed))
    for _ in range(1 + (MOST_ITERATIONS if steps is None else steps)):
        Q = ex.linalg.qr(space).Q
        V, s, Wh = ex.linalg.svd(ex.dot(A.T, Q), full_matrices=False)
        U, space = ex.dot(Q, Wh.T), ex.dot(A, V)
        bounds = ex.linalg.norm(space - U * s, axis=0, keepdims=False)[:k] / math.sqrt(2)
        worst = ex.max(bounds - s[:k] * tol - s[0] * noise)
        ex.persist(U, s, V, space, bounds, worst)
        if steps is None and worst.item() <= 0:
            break
    else:
        if steps is None:
            warnings.warn(
                f"svd_lowrank: after {MOST_ITERATIONS} iterations the values are not known to {tol:g} of themselves, see "
                "`bounds`: they hardly decay, use a larger oversample, or give the number of iterations",
                RuntimeWarning,
                stacklevel=3,
            )
    S = s[:k]
    whole, found = ex.linalg.norm(A), ex.linalg.norm(S)
    error = ex.sqrt(ex.maximum(whole - found, 0)) * ex.sqrt(whole + found)
    result = LowRankResult(U[:, :k], S, V.T[:k], error, bounds)
    ex.persist(*result)
    return result
