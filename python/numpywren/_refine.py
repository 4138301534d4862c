"""Solutions with more than a factorisation: refined from a faster one, or with a certificate."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from ._array import BigMatrix
    from ._executor import Executor

MOST_STEPS = 30  # LAPACK's dsgesv


class Certificate(NamedTuple):
    """How far a solution can be trusted."""

    backward_error: float
    """The x found is the exact one for an A and b that differ by this much, relative to ‖A‖ and ‖b‖: the largest of ‖b - A x‖ /
    (‖A‖ ‖x‖ + ‖b‖), in maximum norms, of all right sides."""
    rcond: float
    """An estimate of 1 / (‖A‖₁ ‖A⁻¹‖₁)."""

    @property
    def forward_error(self) -> float:
        """About how much x differs from the true one, relative to it."""
        return self.backward_error / self.rcond if self.rcond else math.inf


def certified(ex: Executor, A: BigMatrix, b: BigMatrix, assume_a: str) -> tuple[BigMatrix, Certificate]:
    """The solution, and what its residual and the condition of A say of it."""
    F = ex.linalg.cho_factor(A) if assume_a == "pos" else ex.linalg.lu_factor(A)
    if assume_a == "pos":  # only the lower triangle counts
        A = ex.tril(A) + ex.tril(A, -1).T
    (x,) = ex.persist(F.solve(b))
    residual, norm = _columns(ex, b - ex.matmul(A, x)), ex.linalg.norm(A, np.inf)
    error = ex.max(residual / (norm * _columns(ex, x) + _columns(ex, b)))
    return x, Certificate(float(error.item()), F.rcond())


def refined(ex: Executor, A: BigMatrix, b: BigMatrix) -> BigMatrix:
    """The solution from factors in float32, refined to float64's accuracy (J. Langou and others, Exploiting the performance of
    32 bit floating point arithmetic in obtaining 64 bit accuracy, SC 2006: LAPACK's dsgesv). Where that stalls, or A has no
    factors in float32, it is solved in float64, and a warning says so."""
    if np.result_type(A.dtype, b.dtype) == np.float32:
        raise ValueError('refine="float32" is for float64: these arrays are float32, solve them without it')
    A, b = A.astype(np.float64), b.astype(np.float64)
    norm = float(ex.linalg.norm(A, np.inf).item()) if A.size else 0.0
    if not 0 < norm < float(np.finfo(np.float32).max) / 2:
        return _without(ex, A, b, "A is zero, not finite, or too large for float32")
    wanted = norm * np.finfo(np.float64).eps * math.sqrt(A.shape[0])
    F = ex.linalg.lu_factor(A.astype(np.float32))
    x = ex.zeros(b.shape)
    r, before = b, math.inf
    for _ in range(MOST_STEPS):
        scale = ex.max(abs(r), axis=0)  # a small residual has no numbers in float32
        scale = ex.where(scale > 0, scale, 1.0)
        try:
            x = x + F.solve((r / scale).astype(np.float32)).astype(np.float64) * scale
            r = b - ex.matmul(A, x)
            ratio = ex.max(_columns(ex, r) / ex.maximum(_columns(ex, x) * wanted, np.finfo(np.float64).tiny))
            ex.persist(x, r, ratio)
        except np.linalg.LinAlgError:
            return _without(ex, A, b, "A is singular in float32")
        now = float(ratio.item())
        if now <= 1:
            return x
        if not now < before / 2:
            break
        before = now
    return _without(ex, A, b, "the refinement stalls, as A is nearly singular in float32")


def _columns(ex: Executor, x: Any) -> BigMatrix:
    """The largest magnitude of each column."""
    return ex.max(abs(x), axis=0)


def _without(ex: Executor, A: BigMatrix, b: BigMatrix, why: str) -> BigMatrix:
    warnings.warn(f'solve with refine="float32": {why}; it is solved in float64', RuntimeWarning, stacklevel=4)
    return ex.linalg.solve(A, b)
