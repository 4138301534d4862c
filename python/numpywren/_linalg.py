"""``npwex.linalg`` and ``npwex.random``."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np
import numpy.typing as npt

from . import _operand
from ._functions import Block

if TYPE_CHECKING:
    from ._array import BigMatrix
    from ._executor import Executor


class Linalg:
    """Linear algebra, as `numpy.linalg` and `scipy.linalg` name it."""

    __slots__ = ("_executor",)

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def norm(
        self, x: Any, ord: float | str | None = None, axis: _operand.Axis = None, keepdims: bool | None = None
    ) -> BigMatrix:
        """The Frobenius norm, or that of `ord`: 1, -1, inf, -inf, and for vectors 0, 2 or any other.

        With an axis the norms of the vectors along it, with two those of the matrices; the axis is kept with length 1,
        so that `norm(X, axis=1)` is a column. `keepdims=False` drops it.
        """
        if isinstance(ord, np.generic):
            ord = ord.item()
        if ord is not None and not isinstance(ord, int | float | str):
            raise TypeError(f"ord is {ord!r}: a number or a name was expected")
        return self._executor._reduce("norm", x, axis, keepdims, ord=ord)

    def cholesky(self, A: Any) -> BigMatrix:
        """The lower triangular L with L Lᵀ = A. Only A's lower triangle is read.

        `numpy.linalg.LinAlgError` when it is computed and A is not positive definite.
        """
        return self._executor._apply("cholesky", [self._executor._array(A)])

    def solve(self, A: Any, B: Any, assume_a: str = "gen") -> BigMatrix:
        """The X with A X = B.

        `assume_a="pos"` says that A is symmetric and positive definite; only its lower triangle is read. It is the only
        kind that this version solves.
        """
        ex = self._executor
        return ex._apply("solve", [ex._array(A), ex._array(B)], assume_a=assume_a)

    def solve_triangular(
        self, A: Any, B: Any, trans: int | str = "N", lower: bool = False, unit_diagonal: bool = False
    ) -> BigMatrix:
        """The X with A X = B, or Aᵀ X = B with `trans="T"`, for a triangular A. The other triangle is not read."""
        names = {0: "N", 1: "T", "N": "N", "T": "T"}
        if trans not in names:
            raise ValueError(f'trans is {trans!r}: "N" or 0, for A X = B, or "T" or 1, for Aᵀ X = B, were expected')
        ex = self._executor
        operands = [ex._array(A), ex._array(B)]
        unit = bool(unit_diagonal)
        return ex._apply("solve_triangular", operands, lower=bool(lower), trans=names[trans], unit_diagonal=unit)


class Random:
    """Random arrays. An element depends on the seed and its place alone, not on tiles or workers."""

    __slots__ = ("_executor",)

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def standard_normal(
        self,
        size: _operand.Shape = (),
        dtype: npt.DTypeLike = np.float64,
        *,
        seed: SupportsIndex | None = None,
        block_shape: Block = None,
    ) -> BigMatrix:
        """Numbers of mean 0 and standard deviation 1; without a seed others each time."""
        return self._executor._apply(
            "normal",
            shape=_operand.shape("size", size),
            seed=_seed(seed),
            loc=0.0,
            scale=1.0,
            dtype=_operand.dtype(dtype),
            block_shape=_operand.block(block_shape),
        )

    def uniform(
        self,
        low: Any = 0.0,
        high: Any = 1.0,
        size: _operand.Shape | None = None,
        dtype: npt.DTypeLike = np.float64,
        *,
        seed: SupportsIndex | None = None,
        block_shape: Block = None,
    ) -> BigMatrix:
        """Numbers between `low` and `high`, as NumPy's `uniform(low, high, size)`; `uniform(size)`: from 0 to 1."""
        if size is None:
            if isinstance(low, Sequence):
                low, size = 0.0, low
            else:
                size = ()
        return self._executor._apply(
            "uniform",
            shape=_operand.shape("size", size),
            seed=_seed(seed),
            low=float(_operand.number("low", low)),
            high=float(_operand.number("high", high)),
            dtype=_operand.dtype(dtype),
            block_shape=_operand.block(block_shape),
        )


def _seed(seed: SupportsIndex | None) -> str:
    """A uint64 as a decimal string: JSON's readers lose digits of large numbers."""
    if seed is None:
        return str(secrets.randbits(64))
    try:
        n = seed.__index__()
    except AttributeError:
        raise TypeError(f"seed is {seed!r}: an integer was expected") from None
    if not 0 <= n < 2**64:
        raise ValueError(f"seed is {n}: 0 to 2**64 - 1 were expected")
    return str(n)
