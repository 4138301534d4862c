"""Products of several matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from . import _operand
from ._spectral import square

if TYPE_CHECKING:
    from ._array import BigMatrix
    from ._executor import Executor


def matrix_power(ex: Executor, A: Any, n: SupportsIndex) -> BigMatrix:
    """A to the power n, by squaring."""
    A, power = square(ex._array(A)), _operand.integer("n", n)
    if power == 0:
        return ex.eye(A.shape[0], dtype=A.dtype, block_shape=A.block_shape)
    doubled: BigMatrix = A if power > 0 else ex.linalg.inv(A)  # A to the power 1, 2, 4, …
    result, left = doubled, abs(power) - 1
    while left:
        if left & 1:
            result = ex.matmul(result, doubled)
        doubled, left = ex.matmul(doubled, doubled), left >> 1
    return result


def multi_dot(ex: Executor, arrays: Sequence[Any]) -> BigMatrix:
    """The product of several matrices, in the order that takes the fewest operations."""
    given = [ex._array(x) for x in arrays]
    if len(given) < 2:
        raise ValueError("Expecting at least two arrays.")
    first, last = given[0].ndim == 1, given[-1].ndim == 1
    if first:
        given[0] = ex.expand_dims(given[0], 0)
    if last:
        given[-1] = ex.expand_dims(given[-1], 1)
    for x in given:
        if x.ndim != 2:
            raise np.linalg.LinAlgError(f"{x.ndim}-dimensional array given. Array must be two-dimensional")
    for k in range(len(given) - 1):
        if given[k].shape[1] != given[k + 1].shape[0]:
            raise ValueError(f"shapes {given[k].shape} and {given[k + 1].shape} of arrays {k} and {k + 1} do not fit")
    out = _chain(ex, given, _splits([given[0].shape[0], *(x.shape[1] for x in given)]), 0, len(given) - 1)
    axes = (*((0,) if first else ()), *((1,) if last else ()))
    return ex.squeeze(out, axes) if axes else out


def _splits(sides: Sequence[int]) -> dict[tuple[int, int], int]:
    """Where to split the product of matrices i to j, for all i < j: matrix k is sides[k] by sides[k + 1]."""
    n = len(sides) - 1
    cost, splits = {(i, i): 0 for i in range(n)}, {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            ways = [(cost[i, k] + cost[k + 1, j] + sides[i] * sides[k + 1] * sides[j + 1], k) for k in range(i, j)]
            cost[i, j], splits[i, j] = min(ways)
    return splits


def _chain(ex: Executor, arrays: Sequence[BigMatrix], splits: dict[tuple[int, int], int], i: int, j: int) -> BigMatrix:
    if i == j:
        return arrays[i]
    k = splits[i, j]
    return ex.matmul(_chain(ex, arrays, splits, i, k), _chain(ex, arrays, splits, k + 1, j))
