"""Indexing: integers, slices of step 1, ``...`` and ``None``."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ._array import BigMatrix

HINT = "integers, slices of step 1, ... and None are supported"


def select(array: BigMatrix, key: Any) -> BigMatrix:
    """`array[key]` with NumPy's meaning."""
    items = _expanded(key if isinstance(key, tuple) else (key,), array.ndim)
    start, stop = [0] * array.ndim, list(array.shape)
    dropped: list[int] = []
    added: list[int] = []  # in the result
    source = result = 0
    for item in items:
        if item is None:
            added.append(result)
            result += 1
            continue
        if isinstance(item, slice):
            start[source], stop[source] = _bounds(item, array.shape[source])
            result += 1
        else:
            i = _position(item, source, array.shape[source])
            start[source], stop[source] = i, i + 1
            dropped.append(source)
        source += 1
    apply = array.executor._apply
    out = apply("slice", [array], start=start, stop=stop)
    if dropped:
        out = apply("squeeze", [out], axis=dropped)
    return apply("expand_dims", [out], axis=added) if added else out


def _expanded(items: tuple[Any, ...], ndim: int) -> list[Any]:
    """The items with full slices for ``...`` and for what is left out."""
    ellipses = [k for k, item in enumerate(items) if item is Ellipsis]
    if len(ellipses) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    used = sum(item is not None and item is not Ellipsis for item in items)
    if used > ndim:
        raise IndexError(f"too many indices for array: array is {ndim}-dimensional, but {used} were indexed")
    at = ellipses[0] if ellipses else len(items)
    return [*items[:at], *[slice(None)] * (ndim - used), *items[at + 1 :]]


def _bounds(item: slice, length: int) -> tuple[int, int]:
    start, stop, step = item.indices(length)
    if step != 1:
        raise NotImplementedError(f"a slice of step {step}: {HINT}; for others index A.numpy()")
    return start, max(start, stop)


def _position(item: Any, axis: int, length: int) -> int:
    if isinstance(item, bool | np.bool_ | list) or getattr(item, "ndim", 0) > 0:
        raise NotImplementedError(f"an index of type {type(item).__name__}: {HINT}; for others index A.numpy()")
    try:
        i = operator.index(item)
    except TypeError:
        raise IndexError(f"an index of type {type(item).__name__}: {HINT}") from None
    if not -length <= i < length:
        raise IndexError(f"index {i} is out of bounds for axis {axis} with size {length}")
    return i + length if i < 0 else i
