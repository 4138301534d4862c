"""Matrices of random numbers."""

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
