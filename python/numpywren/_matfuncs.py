"""Functions of matrices: the exponential, the square root, the polar decomposition."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ._factors import norm_estimate
from ._spectral import floating, square, symmetric

if TYPE_CHECKING:
    from ._array import BigMatrix
    from ._executor import Executor


class PolarResult(NamedTuple):
    """A = U P, or P U: `U`, in the shape of A, has orthonormal columns, or rows if it is wide; `P`, square, is symmetric and
    positive semidefinite."""

    U: BigMatrix
    P: BigMatrix


def finite(ex: Executor, A: BigMatrix) -> BigMatrix:
    """A itself, computed; NumPy's error if it has infinities or NaNs."""
    (everywhere,) = ex.persist(ex.all(ex.isfinite(A)))
    if not everywhere.item():
        raise np.linalg.LinAlgError("Array must not contain infs or NaNs")
    return A


# ---- Polar ----------------------------------------------------------------------------------------------------------


def polar(ex: Executor, A: BigMatrix, side: str) -> PolarResult:
    """U from the taller of A and Aᵀ, and P from it: Uᵀ A or A Uᵀ, which is symmetric but for rounding."""
    if side not in ("right", "left"):
        raise ValueError("`side` must be either 'right' or 'left'")
    if A.ndim != 2:
        raise ValueError("`a` must be a 2-D array.")
    A = floating(ex, A)
    if A.size == 0:
        n = A.shape[1] if side == "right" else A.shape[0]
        return PolarResult(ex.zeros(A.shape, A.dtype), ex.zeros((n, n), A.dtype))
    A = finite(ex, A)
    U = _orthogonal(ex, A) if A.shape[0] >= A.shape[1] else _orthogonal(ex, A.T).T
    P = ex.matmul(U.T, A) if side == "right" else ex.matmul(A, U.T)
    return PolarResult(U, _halves(ex, P))


def _halves(ex: Executor, P: BigMatrix) -> BigMatrix:
    """The symmetric matrix nearest to P."""
    return P * 0.5 + P.T * 0.5


# The longest that the shorter side of a matrix may be whose polar factors come from its SVD; for larger ones QDWH is faster.
_BY_SVD = 1024


def _orthogonal(ex: Executor, A: BigMatrix) -> BigMatrix:
    """The U of a matrix that is not wide."""
    m, n = A.shape
    if n <= _BY_SVD:
        V, _, Wh = ex.linalg.svd(A, full_matrices=False)
        return ex.matmul(V, Wh)
    largest = ex.max(abs(A)).item()
    if largest == 0:
        return ex.eye(m, n, dtype=A.dtype)
    X = A / largest  # nothing overflows in its norms
    X = X / math.sqrt(ex.linalg.norm(X, 1).item() * ex.linalg.norm(X, np.inf).item())  # at least ‖X‖₂
    if m == n:
        return _qdwh(ex, *ex.persist(X, ex.linalg.qr(X, mode="r")))
    Q, R = ex.persist(*ex.linalg.qr(X))
    return ex.matmul(Q, _qdwh(ex, R, R))


def _qdwh(ex: Executor, X: BigMatrix, R: BigMatrix) -> BigMatrix:
    """The U of a square X with ‖X‖₂ <= 1 whose QR factor is R: about six iterations X (a I + b XᵀX) (I + c XᵀX)⁻¹, whose
    weights a, b, c take the singular values from [l, 1] to 1 fastest; the first ones by QR of [√c X; I], those with c <= 100 by
    Cholesky (Y. Nakatsukasa, Z. Bai, F. Gygi, Optimizing Halley's iteration for computing the matrix polar decomposition, SIAM
    J. Matrix Anal. Appl. 31, 2010; Y. Nakatsukasa, N. Higham, SIAM J. Sci. Comput. 35, 2013)."""
    n, eps = X.shape[0], float(np.finfo(X.dtype).eps)
    side = _side(n)
    X = X.rechunk((side, side))
    low, moved, missing = max(_least(ex, R), eps), math.inf, math.inf
    for _ in range(_MOST_STEPS):
        if 1 - low <= 4 * eps and moved <= eps ** (1 / 3) and missing < 0.5:  # it converges cubically
            break
        a, b, c, low = _weights(low)
        if c > 100:
            Q1, Q2 = _stacked(ex, X * math.sqrt(c))
            step = X * (b / c) + ex.matmul(Q1, Q2.T) * ((a - b / c) / math.sqrt(c))
        else:
            Z = ex.matmul(X.T, X) * c + ex.eye(n, dtype=X.dtype)
            step = X * (b / c) + ex.linalg.solve(Z, X.T, assume_a="pos").T * (a - b / c)
        _, change, size = ex.persist(step, ex.linalg.norm(step - X), ex.linalg.norm(step))
        X, moved = step, float(change.item())
        missing = n - float(size.item()) ** 2  # about as many singular values as are far from 1
    return X


def _side(n: int) -> int:
    """The side of the tiles in which an n × n matrix is factored best by QR."""
    return 1024 if n >= 4096 else min(n, max(256, -(-n // 512) * 128))


def _stacked(ex: Executor, X: BigMatrix) -> tuple[BigMatrix, BigMatrix]:
    """Q₁ and Q₂ of the QR factorisation of [X; I]. Rows of X, which are large, and of I are in tiles of their own: elimination
    within a tile that has both would leave errors as large as X's in I's rows."""
    n, side = X.shape[0], X.block_shape[0]
    start = -(-n // side) * side
    above = ex._apply("pad", [X], before=[0, 0], after=[start, 0])
    Q = ex.linalg.qr(above + ex.eye(start + n, n, -start, X.dtype)).Q
    return Q[:n], Q[start:]


_MOST_STEPS = 40  # six take [1e-16, 1] to 1; after them what was smaller, if only by rounding, grows three times a step


def _least(ex: Executor, R: BigMatrix) -> float:
    """A number below the least singular value of R, 0 for a singular one."""
    n, solve = R.shape[0], ex.linalg.solve_triangular
    try:
        inverse = norm_estimate(ex, n, R.dtype, lambda x: solve(R, x), lambda x: solve(R, x, trans=1))
    except np.linalg.LinAlgError:
        return 0.0
    return 1 / (2 * math.sqrt(n) * inverse) if 0 < inverse < math.inf else 0.0


def _weights(low: float) -> tuple[float, float, float, float]:
    """The weights for singular values in [low, 1], and what low becomes."""
    square = low * low
    d = (4 * (1 - square) / (square * square)) ** (1 / 3)
    root = math.sqrt(1 + d)
    a = root + math.sqrt(max(8 - 4 * d + 8 * (2 - square) / (square * root), 0.0)) / 2
    b = (a - 1) ** 2 / 4
    c = a + b - 1
    return a, b, c, min(low * (a + b * square) / (1 + c * square), 1.0)


# ---- Square root ----------------------------------------------------------------------------------------------------


def sqrtm(ex: Executor, A: BigMatrix) -> BigMatrix:
    """The symmetric square root of a symmetric positive semidefinite matrix: with A = Rᵀ R by Cholesky and R = U H by the polar
    decomposition, H (N. Higham, Functions of Matrices, SIAM 2008, algorithm 6.21); by eigenvalues where Cholesky fails."""
    A = floating(ex, square(A))
    if A.size == 0:
        return A
    A = finite(ex, A)
    eps = float(np.finfo(A.dtype).eps)
    off, size = (float(x.item()) for x in ex.persist(ex.max(abs(A - A.T)), ex.max(abs(A))))
    if off > 100 * eps * size:
        raise ValueError(
            f"A is not symmetric: A and A.T differ by up to {off:.3g}; the square root of a symmetric matrix is supported"
        )
    A = symmetric(ex, A)
    try:
        (L,) = ex.persist(ex.linalg.cholesky(A))
    except np.linalg.LinAlgError:
        return _semidefinite(ex, A)
    return polar(ex, L.T, "right").P


def _semidefinite(ex: Executor, A: BigMatrix) -> BigMatrix:
    """The root of a symmetric matrix without a Cholesky factor, by its eigenvalues."""
    w, V = ex.persist(*ex.linalg.eigh(A))
    least, largest = float(ex.min(w).item()), float(ex.max(abs(w)).item())
    if least < -largest * A.shape[0] * float(np.finfo(A.dtype).eps):
        raise np.linalg.LinAlgError(f"Matrix is not positive semidefinite: it has the eigenvalue {least:.6g}")
    return _halves(ex, ex.matmul(V * ex.sqrt(ex.maximum(w, 0)), V.T))


# ---- Exponential ----------------------------------------------------------------------------------------------------

# For each order m of the Padé approximants of e^x: up to which norm it is as good as double precision, and the constant of its
# leading error term's bound (tables 3.1 of the paper below; scipy.linalg.expm has the same).
_THETA = {3: 1.495585217958292e-2, 5: 2.539398330063230e-1, 7: 9.504178996162932e-1, 9: 2.097847961257068, 13: 4.25}
_ERROR = {3: 100800.0, 5: 10059033600.0, 7: 4487938430976000.0, 9: 5914384781877411840000.0, 13: 1.1325077560602111e38}


def _pade(m: int) -> list[float]:
    """The coefficients of the numerator of order m, which are whole numbers."""
    f = math.factorial
    return [float(f(2 * m - j) // (f(m - j) * f(j))) for j in range(m + 1)]


def expm(ex: Executor, A: BigMatrix) -> BigMatrix:
    """The exponential by scaling and squaring (A. Al-Mohy, N. Higham, A new scaling and squaring algorithm for the matrix
    exponential, SIAM J. Matrix Anal. Appl. 31, 2009). What the powers of A say of its norm chooses the order and the
    scaling."""
    A = floating(ex, square(A))
    if A.size == 0:
        return A
    before = _halvings(float(ex.linalg.norm(finite(ex, A), 1).item()), 2.0 ** (10 if A.dtype == np.float32 else 100))
    norms = _Norms(ex, A * 2.0**-before if before else A)
    A = norms.powers[1]  # whose tenth power does not overflow
    if not before:
        for m, of in ((3, (4, 6)), (5, (4, 6)), (7, (6, 8)), (9, (6, 8))):
            if max(norms.root(p) for p in of) < _THETA[m] and _extra(ex, A, m) == 0:
                return _quotient(ex, norms.powers, m)
    eta = min(max(norms.root(6), norms.root(8)), max(norms.root(8), norms.root(10)))
    s = _halvings(eta, _THETA[13])
    s += _extra(ex, A * 2.0**-s, 13)
    X = _quotient(ex, {k: power * 2.0 ** (-s * k) for k, power in norms.powers.items() if k <= 6}, 13)
    for _ in range(before + s):
        X = ex.matmul(X, X)
    return X


def _halvings(norm: float, limit: float) -> int:
    """How often a norm is to be halved until it is not above a limit; for one that is below it none."""
    return max(math.ceil(math.log2(norm / limit)), 0) if norm > limit else 0


class _Norms:
    """Roots of the 1-norms of powers of A, each computed when it is asked for; of the eighth and the tenth power estimates."""

    def __init__(self, ex: Executor, A: BigMatrix) -> None:
        self._ex, self._known = ex, dict[int, float]()
        self.powers = {1: A}

    def root(self, p: int) -> float:
        """‖Aᵖ‖₁ to the power 1/p."""
        if p not in self._known:
            self._known[p] = self._norm(p) ** (1 / p)
        return self._known[p]

    def _norm(self, p: int) -> float:
        ex, powers = self._ex, self.powers
        if p <= 6:
            if 4 not in powers:
                powers[2] = ex.matmul(powers[1], powers[1])
                powers[4] = ex.matmul(powers[2], powers[2])
                powers[6] = ex.matmul(powers[4], powers[2])
                ex.persist(powers[2], powers[4], powers[6])
            return float(ex.linalg.norm(powers[p], 1).item())
        left, right = powers[4], powers[p - 4]
        return norm_estimate(
            *(ex, left.shape[0], left.dtype),
            lambda x: ex.matmul(left, ex.matmul(right, x)),
            lambda x: ex.matmul(right.T, ex.matmul(left.T, x)),
        )


def _extra(ex: Executor, A: BigMatrix, m: int) -> int:
    """How many more halvings the backward error of order m asks for, from the norm of |A| to the power 2m + 1."""
    magnitude, v = abs(A.astype(np.float64)), ex.ones((A.shape[0],))
    for _ in range(2 * m + 1):
        v = ex.matmul(magnitude.T, v)
    power, norm = (float(x.item()) for x in ex.persist(ex.max(v), ex.linalg.norm(A, 1)))
    if power == 0 or norm == 0:
        return 0
    if power == math.inf:
        return _halvings(norm, _THETA[m])
    return max(math.ceil(math.log2(power / (norm * _ERROR[m]) * 2.0**53) / (2 * m)), 0)


def _quotient(ex: Executor, powers: dict[int, BigMatrix], m: int) -> BigMatrix:
    """The Padé approximant of order m: p(A) / p(-A), p(A) = U + V with U of odd powers and V of even ones."""
    b, A = _pade(m), powers[1]
    one = ex.eye(A.shape[0], dtype=A.dtype, block_shape=A.block_shape)
    if m == 13:
        A2, A4, A6 = powers[2], powers[4], powers[6]
        odd = ex.matmul(A6, A6 * b[13] + A4 * b[11] + A2 * b[9]) + A6 * b[7] + A4 * b[5] + A2 * b[3] + one * b[1]
        V = ex.matmul(A6, A6 * b[12] + A4 * b[10] + A2 * b[8]) + A6 * b[6] + A4 * b[4] + A2 * b[2] + one * b[0]
    else:
        odd, V = one * b[1], one * b[0]
        for k in range(2, m, 2):
            if k == 8 and k not in powers:
                powers[8] = ex.matmul(powers[4], powers[4])
            odd, V = odd + powers[k] * b[k + 1], V + powers[k] * b[k]
    U = ex.matmul(A, odd)
    return ex.linalg.solve(V - U, V + U)
