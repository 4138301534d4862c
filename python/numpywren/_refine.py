"""Solutions with more than a factorisation: refined from a faster one, or with a certificate."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

import numpy as np

from . import _certify
from ._certify import Certificate, columns, nonzero
from ._factors import LU, Factorization
from ._spectral import symmetric

if TYPE_CHECKING:
    from ._array import BigMatrix
    from ._executor import Executor

MOST_STEPS = 30  # LAPACK's dsgesv
MOST_OUTER, MOST_INNER = 10, 30  # steps of refinement by GMRES, and of each GMRES
INNER = 1e-4  # by how much GMRES reduces the residual: less would not help, as its right side is known to no more digits


def certified(ex: Executor, A: BigMatrix, b: BigMatrix, assume_a: str) -> tuple[BigMatrix, Certificate]:
    """The solution, and what its residual and the condition of A say of it."""
    F = ex.linalg.cho_factor(A) if assume_a == "pos" else ex.linalg.lu_factor(A)
    if assume_a == "pos":  # only the lower triangle counts
        A = symmetric(ex, A)
    (x,) = ex.persist(F.solve(b))
    return x, _certify.solution(ex, A, b, x, F)


def refined(ex: Executor, A: BigMatrix, b: BigMatrix, check: bool) -> BigMatrix | tuple[BigMatrix, Certificate]:
    """The solution from factors in float32, refined to float64's accuracy (J. Langou and others, Exploiting the performance of
    32 bit floating point arithmetic in obtaining 64 bit accuracy, SC 2006: LAPACK's dsgesv). Where that stalls, corrections are
    found by GMRES, with the factors as preconditioner (E. Carson, N. Higham, A new analysis of iterative refinement and its
    application to accurate solution of ill-conditioned sparse linear systems, SIAM J. Sci. Comput. 39, 2017); where that stalls
    too, or A has no factors in float32, it is solved in float64. Warnings say so."""
    if np.result_type(A.dtype, b.dtype) == np.float32:
        raise ValueError('refine="float32" is for float64: these arrays are float32, solve them without it')
    A, b = A.astype(np.float64), b.astype(np.float64)
    x, F, method = _refined(ex, A, b)
    if not check:
        return x
    if method == _Krylov.name:  # of a condition number above 1e8 or so factors in float32 know no more than that
        F = ex.linalg.lu_factor(A)
    return x, _certify.solution(ex, A, b, x, F, method)


def _refined(ex: Executor, A: BigMatrix, b: BigMatrix) -> tuple[BigMatrix, Factorization, str]:
    """The solution, the factors that it is from, and how it was found."""
    if not b.size:
        return _direct(ex, A, b, "direct")
    largest = ex.persist(ex.linalg.norm(A, np.inf), ex.linalg.vector_norm(A, np.inf), ex.linalg.vector_norm(b, np.inf))
    norm, *sizes = (float(x.item()) for x in largest)
    for name, size in zip("Ab", sizes, strict=True):
        if not math.isfinite(size):
            return _without(ex, A, b, f"{name} has NaNs or infinities")
    if not 0 < norm < float(np.finfo(np.float32).max) / 2:
        return _without(ex, A, b, "A is zero, or too large for float32")
    wanted = norm * np.finfo(np.float64).eps * math.sqrt(A.shape[0])
    F = ex.linalg.lu_factor(A.astype(np.float32))
    x, r = ex.zeros(b.shape), b
    for make in (_Plain, _Krylov):
        step, best = make(ex, A, F), math.inf
        for _ in range(step.most):
            scale = columns(ex, r)  # a small residual has no numbers in float32
            scale = ex.where(scale > 0, scale, 1.0)
            try:
                found = x + step.correction(r / scale) * scale
                left = b - ex.matmul(A, found)
                ratio = ex.max(columns(ex, left) / ex.maximum(columns(ex, found) * wanted, np.finfo(np.float64).tiny))
                ex.persist(found, left, ratio)
            except np.linalg.LinAlgError:
                return _without(ex, A, b, "A is singular in float32")
            now = float(ratio.item())
            if now <= 1:
                return found, F, step.name
            if not now < best / 2:
                break
            x, r, best = found, left, now
        if make is _Plain:
            _warn("the refinement stalls, as A is nearly singular in float32; it goes on by GMRES")
    return _without(ex, A, b, "refinement by GMRES stalls, as A is nearly singular")


class _Plain:
    """Corrections by the factors alone."""

    name, most = "refinement", MOST_STEPS

    def __init__(self, ex: Executor, A: BigMatrix, F: LU) -> None:
        self._F = F

    def correction(self, r: BigMatrix) -> BigMatrix:
        """About A⁻¹ r."""
        return self._F.solve(r.astype(np.float32)).astype(np.float64)


class _Krylov:
    """Corrections by GMRES in float64 on M A d = M r, M being what the factors in float32 make of a vector in float64. Each
    column of r has a space of its own; they take their steps together."""

    name, most = "GMRES", MOST_OUTER

    def __init__(self, ex: Executor, A: BigMatrix, F: LU) -> None:
        (factors,) = ex.persist(F.factors.astype(np.float64))
        self._ex, self._A, self._F = ex, A, LU(ex, factors, F.pivots, F._norm)

    def correction(self, r: BigMatrix) -> BigMatrix:
        """About A⁻¹ r, with a residual of INNER times r, if MOST_INNER steps reach that."""
        ex, vector = self._ex, r.ndim == 1
        r = ex.expand_dims(r, 1) if vector else r
        z = self._F.solve(r)
        size = ex.linalg.norm(z, axis=0)
        space, triangle = [z / nonzero(ex, size)], list[list["BigMatrix"]]()
        turns, right = list[tuple["BigMatrix", "BigMatrix"]](), [size]
        ex.persist(space[0], size)
        for _ in range(MOST_INNER):
            w, h = self._arnoldi(space)
            for i, (c, s) in enumerate(turns):
                h[i], h[i + 1] = c * h[i] + s * h[i + 1], c * h[i + 1] - s * h[i]
            length = ex.sqrt(h[-2] * h[-2] + h[-1] * h[-1])
            c, s = ex.where(length > 0, h[-2] / nonzero(ex, length), 1.0), h[-1] / nonzero(ex, length)
            turns.append((c, s))
            triangle.append([*h[:-2], length])
            right[-1:] = [c * right[-1], -s * right[-1]]
            space.append(w)
            reached = ex.max(abs(right[-1]) / nonzero(ex, size))
            ex.persist(w, *triangle[-1], c, s, *right[-2:], reached)
            if not reached.item() > INNER:
                break
        return self._combined(space, triangle, right, vector)

    def _arnoldi(self, space: list[BigMatrix]) -> tuple[BigMatrix, list[BigMatrix]]:
        """The next direction, and the last one's image in terms of them all: modified Gram-Schmidt."""
        ex = self._ex
        w, h = self._F.solve(ex.matmul(self._A, space[-1])), list["BigMatrix"]()
        for v in space:
            h.append(ex.sum(v * w, axis=0))
            w = w - v * h[-1]
        h.append(ex.linalg.norm(w, axis=0))
        return w / nonzero(ex, h[-1]), h

    def _combined(
        self, space: list[BigMatrix], triangle: list[list[BigMatrix]], right: list[BigMatrix], vector: bool
    ) -> BigMatrix:
        """What the least-squares solution makes of the directions: back substitution, for each column."""
        ex, n = self._ex, len(triangle)
        y: list[BigMatrix] = [right[i] for i in range(n)]
        for i in reversed(range(n)):
            for k in range(i + 1, n):
                y[i] = y[i] - triangle[k][i] * y[k]
            y[i] = y[i] / nonzero(ex, triangle[i][i])
        d = space[0] * y[0]
        for v, weight in zip(space[1:], y[1:], strict=False):
            d = d + v * weight
        return ex.squeeze(d, 1) if vector else d


def _without(ex: Executor, A: BigMatrix, b: BigMatrix, why: str) -> tuple[BigMatrix, Factorization, str]:
    _warn(f"{why}; it is solved in float64", 6)
    return _direct(ex, A, b, "fallback")


def _direct(ex: Executor, A: BigMatrix, b: BigMatrix, method: str) -> tuple[BigMatrix, Factorization, str]:
    F = ex.linalg.lu_factor(A)
    (x,) = ex.persist(F.solve(b))
    return x, F, method


def _warn(what: str, stacklevel: int = 5) -> None:
    warnings.warn(f'solve with refine="float32": {what}', RuntimeWarning, stacklevel=stacklevel)
