"""How far results can be trusted: backward errors and condition numbers, from residuals that are computed tile by tile."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ._factors import EMPTY, Factorization, norm_estimate, reciprocal
from ._spectral import symmetric

if TYPE_CHECKING:
    from ._array import BigMatrix
    from ._executor import Executor


class Certificate(NamedTuple):
    """How far a solution can be trusted."""

    backward_error: float
    """The x found is the exact one for an A and b that differ by this much, relative to ‖A‖ and ‖b‖: the largest of ‖b - A x‖ /
    (‖A‖ ‖x‖ + ‖b‖), in maximum norms, of all right sides."""
    rcond: float
    """An estimate of 1 / (‖A‖₁ ‖A⁻¹‖₁)."""
    method: str = "direct"
    """How x was found: "direct", by factors in its own precision; by such of float32, with plain "refinement" or by "GMRES"; or
    "fallback": these failed, and it is direct."""

    @property
    def forward_error(self) -> float:
        """About how much x differs from the true one, relative to it."""
        return self.backward_error / self.rcond if self.rcond else math.inf


class FactorCertificate(NamedTuple):
    """How far the factors of a matrix A can be trusted."""

    backward_error: float
    """They are the exact factors of a matrix that differs from A by this much, relative to ‖A‖, in Frobenius norms."""
    orthogonality: float
    """The largest ‖I - QᵀQ‖ of the factors Q whose columns, or rows, are to be orthonormal, in the Frobenius norm; 0 if there
    is none."""
    rcond: float
    """1 / (‖A‖ ‖A⁻¹‖): from an SVD or eigenvalues that of the 2-norm; from others an estimate of that of the 1-norm, of R's
    for QR; NaN where A has no inverse because of its shape."""


def solution(ex: Executor, A: BigMatrix, b: BigMatrix, x: BigMatrix, F: Factorization, method: str = "direct") -> Certificate:
    """What the residual of a solution, and the condition of A, say of it. The caller of `solve` is warned
    of one that cannot be trusted."""
    residual, norm = columns(ex, b - ex.matmul(A, x)), ex.linalg.norm(A, np.inf)
    size = norm * columns(ex, x) + columns(ex, b)
    error = ex.linalg.vector_norm(residual / nonzero(ex, size), np.inf)  # where b is zero the residual is
    found = Certificate(float(error.item()), F.rcond(), method)
    if found.rcond < np.finfo(x.dtype).eps:
        message = f"solve: A is ill-conditioned (rcond={found.rcond:.6g}), the result may not be accurate"
        warnings.warn(message, RuntimeWarning, stacklevel=4)
    return found


def columns(ex: Executor, x: Any) -> BigMatrix:
    """The largest magnitude of each column; 0 of one without elements."""
    return ex.linalg.vector_norm(x, np.inf, axis=0)


def nonzero(ex: Executor, x: BigMatrix) -> BigMatrix:
    """x with ones in place of zeros, to divide by."""
    return ex.where(x == 0, 1.0, x)


def factors(ex: Executor, A: BigMatrix, product: BigMatrix, orthonormal: list[BigMatrix], rcond: float) -> FactorCertificate:
    """What the product of factors, and those whose columns are to be orthonormal, say of them. A's and the product's difference
    is never stored."""
    size, wrong = ex.linalg.norm(A), ex.linalg.norm(A - product)
    off = [ex.linalg.norm(ex.matmul(Q.T, Q) - ex.eye(Q.shape[1], dtype=Q.dtype)) for Q in orthonormal]
    ex.persist(size, wrong, *off)
    error, norm = float(wrong.item()), float(size.item())
    return FactorCertificate(error / norm if norm else error, max((float(x.item()) for x in off), default=0.0), rcond)


def inverse_rcond(ex: Executor, A: BigMatrix, *triangles: tuple[BigMatrix, bool]) -> float:
    """The estimate of 1 / (‖A‖₁ ‖A⁻¹‖₁) for an A that is, but for orthogonal factors or the order of its rows, the product of
    triangles, each with whether it is lower."""

    def solved(x: BigMatrix, order: list[tuple[BigMatrix, bool]], trans: int) -> BigMatrix:
        for T, lower in order:
            x = ex.linalg.solve_triangular(T, x, trans=trans, lower=lower)
        return x

    T, given = triangles[0][0], list(triangles)
    if not T.size:
        return EMPTY
    try:
        inverse = norm_estimate(*(ex, T.shape[0], T.dtype), lambda x: solved(x, given, 0), lambda x: solved(x, given[::-1], 1))
    except np.linalg.LinAlgError:
        return 0.0
    return reciprocal(float(ex.linalg.norm(A, 1).item()), inverse)


def qr(ex: Executor, A: BigMatrix, Q: BigMatrix, R: BigMatrix) -> FactorCertificate:
    """That of A = Q R."""
    ex.persist(Q, R)
    m, n = A.shape
    rcond = inverse_rcond(ex, R[:n], (R[:n], False)) if m >= n else math.nan
    return factors(ex, A, ex.matmul(Q, R), [Q], rcond)


def svd(ex: Executor, A: BigMatrix, U: BigMatrix, S: BigMatrix, Vh: BigMatrix) -> FactorCertificate:
    """That of A = U diag(S) Vh."""
    ex.persist(U, S, Vh)
    k = S.shape[0]
    return factors(ex, A, ex.matmul(U[:, :k] * S, Vh[:k]), [U, Vh.T], _ratio(ex, S))


def _ratio(ex: Executor, sizes: BigMatrix) -> float:
    """The least of some sizes over the largest."""
    if not sizes.size:
        return EMPTY
    largest = float(ex.max(sizes).item())
    return float(ex.min(sizes).item()) / largest if largest else 0.0


def eigh(ex: Executor, A: BigMatrix, w: BigMatrix, V: BigMatrix, uplo: str) -> FactorCertificate:
    """That of A = V diag(w) Vᵀ, for a symmetric A of which only one triangle counts."""
    ex.persist(w, V)
    A = symmetric(ex, A if uplo == "L" else A.T)
    return factors(ex, A, ex.matmul(V * w, V.T), [V], _ratio(ex, abs(w)))


def cholesky(ex: Executor, A: BigMatrix, L: BigMatrix) -> FactorCertificate:
    """That of A = L Lᵀ, for a symmetric A of which only the lower triangle counts."""
    ex.persist(L)
    A = symmetric(ex, A)
    return factors(ex, A, ex.matmul(L, L.T), [], inverse_rcond(ex, A, (L, True), (L.T, False)))


def lu(ex: Executor, A: BigMatrix, P: BigMatrix | None, L: BigMatrix, U: BigMatrix) -> FactorCertificate:
    """That of A = P L U: of a matrix P, of a vector of the rows of L, or of an L that has its rows exchanged already."""
    if P is None:
        ex.persist(L, U)
    else:
        ex.persist(P, L, U)
    product = ex.matmul(L, U)
    if P is not None:
        order = ex.expand_dims(P, 1) == ex.arange(P.shape[0]) if P.ndim == 1 else P
        product = ex.matmul(order.astype(L.dtype), product)
    rcond = math.nan
    if A.shape[0] == A.shape[1]:
        F = ex.linalg.lu_factor(A) if P is None else None  # L is no triangle
        rcond = F.rcond() if F else inverse_rcond(ex, A, (L, True), (U, False))
    return factors(ex, A, product, [], rcond)
