"""What singular values tell: pseudo-inverses, ranks and condition numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _operand

if TYPE_CHECKING:
    from ._array import BigMatrix
    from ._executor import Executor


def symmetric(ex: Executor, A: BigMatrix) -> BigMatrix:
    """The symmetric matrix whose lower triangle is A's."""
    return ex.tril(A) + ex.tril(A, -1).T


def square(A: BigMatrix) -> BigMatrix:
    """A itself, if it is one square matrix; NumPy's errors otherwise."""
    matrix(A)
    if A.shape[0] != A.shape[1]:
        raise np.linalg.LinAlgError("Last 2 dimensions of the array must be square")
    return A


def matrix(A: BigMatrix) -> BigMatrix:
    """A itself, if it is one matrix."""
    if A.ndim < 2:
        raise np.linalg.LinAlgError(f"{A.ndim}-dimensional array given. Array must be at least two-dimensional")
    if A.ndim > 2:
        raise NotImplementedError(f"an array of shape {A.shape}: only one matrix is supported, not a stack of them")
    return A


def floating(ex: Executor, A: BigMatrix) -> BigMatrix:
    """A in the dtype in which it is computed with."""
    return A if np.issubdtype(A.dtype, np.floating) else ex.astype(A, np.float64)


def tolerance(name: str, given: float | None, A: BigMatrix, default: float | None = None) -> float:
    """A tolerance relative to the largest singular value: by default the machine's precision times A's longer side."""
    if given is None:
        return float(max(A.shape) * np.finfo(A.dtype).eps) if default is None else default
    return float(_operand.number(name, given))


def pinv(ex: Executor, A: BigMatrix, rcond: float | None, hermitian: bool, rtol: float | None) -> BigMatrix:
    """The pseudo-inverse."""
    A = floating(ex, matrix(A))
    if rcond is not None and rtol is not None:
        raise ValueError("`rtol` and `rcond` can't be both set.")
    if hermitian:
        square(A)
    if A.size == 0:
        return ex.zeros((A.shape[1], A.shape[0]), A.dtype)
    limit = tolerance("rcond" if rtol is None else "rtol", rcond if rtol is None else rtol, A)
    if hermitian:
        s, V = ex.linalg.eigh(A)
        left, right, sizes = V, V.T, abs(s)
    else:
        U, s, Vh = ex.linalg.svd(A, full_matrices=False)
        left, right, sizes = Vh.T, U.T, s
    kept = sizes > ex.max(sizes) * limit
    return ex.matmul(left * ex.where(kept, 1 / ex.where(kept, s, 1), 0).astype(A.dtype), right)


def matrix_rank(ex: Executor, A: BigMatrix, tol: float | None, hermitian: bool, rtol: float | None) -> BigMatrix:
    """How many singular values count."""
    if tol is not None and rtol is not None:
        raise ValueError("`tol` and `rtol` can't be both set.")
    if A.ndim < 2:
        return ex.any(A).astype(np.int64)
    A = floating(ex, matrix(A))
    if hermitian:
        square(A)
    if A.size == 0:
        return ex.full((), 0, np.int64)
    s = abs(ex.linalg.eigvalsh(A)) if hermitian else ex.linalg.svdvals(A)
    limit: Any = ex.max(s) * tolerance("rtol", rtol, A) if tol is None else float(_operand.number("tol", tol))
    return ex.sum((s > limit).astype(np.int64))


def cond(ex: Executor, A: BigMatrix, p: Any) -> BigMatrix:
    """The condition number in the norm p."""
    A = floating(ex, matrix(A))
    if A.size == 0:
        raise np.linalg.LinAlgError("cond is not defined on empty arrays")
    if p is None or (isinstance(p, int | float) and abs(p) == 2):
        S = ex.linalg.svdvals(A)
        largest, least = ex.max(S), ex.min(S)
        ratio = least / largest if p == -2 else largest / least
        return ex.where(largest == 0, math.inf, ratio).astype(A.dtype)
    if p not in (1, -1, math.inf, -math.inf, "fro", "nuc"):
        raise ValueError(f'Invalid norm order: p is {p!r}; None, 1, -1, 2, -2, inf, -inf, "fro" or "nuc" was expected')
    norm = ex.linalg.norm(square(A), p)
    try:
        (result,) = ex.persist(norm * ex.linalg.norm(ex.linalg.inv(A), p))
    except np.linalg.LinAlgError:
        unknown = ex.any(ex.isnan(A)).item()
        return ex.full((), math.nan if unknown else math.inf, A.dtype)
    return result
