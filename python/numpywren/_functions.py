"""The NumPy-like functions of an executor.

Arguments may be arrays of this executor, NumPy arrays, lists or numbers; all results are lazy. The meaning is NumPy's,
but for one thing: a reduction along a given axis keeps it, with length 1, so that matrices stay matrices.
``keepdims=False`` drops it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np
import numpy.typing as npt

from . import _operand

if TYPE_CHECKING:
    from ._array import BigMatrix

Block = Sequence[SupportsIndex] | None


class Functions:
    """What `Executor` inherits; `_apply` and `_array` are its own."""

    def _apply(self, op: str, operands: Sequence[Any] = (), **params: Any) -> BigMatrix:
        raise NotImplementedError

    def _array(self, x: Any, name: str = "X") -> BigMatrix:
        raise NotImplementedError

    # ---- Products -------------------------------------------------------------------------------------------------

    def dot(self, a: Any, b: Any) -> BigMatrix:
        """The product of two matrices, of a matrix and a vector, or with a number."""
        a, b = self._array(a), self._array(b)
        if a.ndim == 0 or b.ndim == 0:
            return self._apply("multiply", [a, b])
        if a.ndim > 2 or b.ndim > 2:
            raise NotImplementedError(f"dot of arrays with {a.ndim} and {b.ndim} dimensions: use matmul for stacks of matrices")
        return self._apply("matmul", [a, b])

    def matmul(self, a: Any, b: Any) -> BigMatrix:
        """The matrix product `a @ b`."""
        return self._apply("matmul", [self._array(a), self._array(b)])

    # ---- Element by element ---------------------------------------------------------------------------------------

    def exp(self, x: Any) -> BigMatrix:
        """e to the power of each element."""
        return self._apply("exp", [x])

    def log(self, x: Any) -> BigMatrix:
        """The natural logarithm."""
        return self._apply("log", [x])

    def sqrt(self, x: Any) -> BigMatrix:
        """The square root."""
        return self._apply("sqrt", [x])

    def square(self, x: Any) -> BigMatrix:
        """The square."""
        return self._apply("square", [x])

    def abs(self, x: Any) -> BigMatrix:
        """The absolute value."""
        return self._apply("abs", [x])

    def sign(self, x: Any) -> BigMatrix:
        """-1, 0 or 1; NaN for NaN."""
        return self._apply("sign", [x])

    def floor(self, x: Any) -> BigMatrix:
        """The largest whole number that is not greater."""
        return self._apply("floor", [x])

    def isnan(self, x: Any) -> BigMatrix:
        """Where elements are NaN."""
        return self._apply("isnan", [x])

    def isfinite(self, x: Any) -> BigMatrix:
        """Where elements are neither NaN nor infinite."""
        return self._apply("isfinite", [x])

    def maximum(self, a: Any, b: Any) -> BigMatrix:
        """The larger of two elements; NaN if either is."""
        return self._apply("maximum", [a, b])

    def minimum(self, a: Any, b: Any) -> BigMatrix:
        """The smaller of two elements; NaN if either is."""
        return self._apply("minimum", [a, b])

    def where(self, condition: Any, a: Any, b: Any) -> BigMatrix:
        """`a` where the condition holds, `b` elsewhere."""
        return self._apply("where", [condition, a, b])

    # ---- Reductions -----------------------------------------------------------------------------------------------

    def _reduce(self, op: str, x: Any, axis: _operand.Axis, keepdims: bool | None, **more: Any) -> BigMatrix:
        keep = axis is not None if keepdims is None else bool(keepdims)
        return self._apply(op, [x], axis=_operand.axis(axis), keepdims=keep, **more)

    def sum(self, x: Any, axis: _operand.Axis = None, keepdims: bool | None = None) -> BigMatrix:
        """The sum along `axis`, or of all elements."""
        return self._reduce("sum", x, axis, keepdims)

    def prod(self, x: Any, axis: _operand.Axis = None, keepdims: bool | None = None) -> BigMatrix:
        """The product along `axis`, or of all elements."""
        return self._reduce("prod", x, axis, keepdims)

    def mean(self, x: Any, axis: _operand.Axis = None, keepdims: bool | None = None) -> BigMatrix:
        """The mean along `axis`, or of all elements."""
        return self._reduce("mean", x, axis, keepdims)

    def min(self, x: Any, axis: _operand.Axis = None, keepdims: bool | None = None) -> BigMatrix:
        """The minimum along `axis`, or of all elements; NaN if there is one."""
        return self._reduce("min", x, axis, keepdims)

    def max(self, x: Any, axis: _operand.Axis = None, keepdims: bool | None = None) -> BigMatrix:
        """The maximum along `axis`, or of all elements; NaN if there is one."""
        return self._reduce("max", x, axis, keepdims)

    def any(self, x: Any, axis: _operand.Axis = None, keepdims: bool | None = None) -> BigMatrix:
        """Whether any element along `axis`, or of all, is not zero."""
        return self._reduce("any", x, axis, keepdims)

    def all(self, x: Any, axis: _operand.Axis = None, keepdims: bool | None = None) -> BigMatrix:
        """Whether all elements along `axis`, or all of them, are not zero."""
        return self._reduce("all", x, axis, keepdims)

    def argmin(self, x: Any, axis: SupportsIndex | None = None, keepdims: bool = False) -> BigMatrix:
        """Where the minimum is along `axis`, or in the flattened array: an array that can index, as NumPy gives it."""
        return self._reduce("argmin", x, axis, keepdims)

    def argmax(self, x: Any, axis: SupportsIndex | None = None, keepdims: bool = False) -> BigMatrix:
        """Where the maximum is along `axis`, or in the flattened array: an array that can index, as NumPy gives it."""
        return self._reduce("argmax", x, axis, keepdims)

    def trace(self, x: Any) -> BigMatrix:
        """The sum of the diagonal."""
        return self._apply("trace", [x])

    # ---- Shapes and parts -----------------------------------------------------------------------------------------

    def transpose(self, x: Any, axes: Sequence[SupportsIndex] | None = None) -> BigMatrix:
        """The array with its dimensions reversed."""
        return self._apply("transpose", [x], axes=None if axes is None else _operand.shape("axes", axes))

    def squeeze(self, x: Any, axis: _operand.Axis = None) -> BigMatrix:
        """The array without its dimensions of length 1."""
        return self._apply("squeeze", [x], axis=_operand.axis(axis))

    def expand_dims(self, x: Any, axis: SupportsIndex | Sequence[SupportsIndex]) -> BigMatrix:
        """The array with dimensions of length 1 put in."""
        return self._apply("expand_dims", [x], axis=_operand.axis(axis))

    def broadcast_to(self, x: Any, shape: _operand.Shape) -> BigMatrix:
        """The array repeated to `shape`."""
        return self._apply("broadcast_to", [x], shape=_operand.shape("shape", shape))

    def astype(self, x: Any, dtype: npt.DTypeLike) -> BigMatrix:
        """The array in another dtype."""
        return self._apply("astype", [x], dtype=_operand.dtype(dtype))

    def diag(self, x: Any, k: SupportsIndex = 0) -> BigMatrix:
        """The k-th diagonal of a matrix, or (with k=0 only) the matrix that has a vector or a column on its diagonal."""
        return self._apply("diag", [x], k=_operand.integer("k", k))

    def tril(self, x: Any, k: SupportsIndex = 0) -> BigMatrix:
        """The matrix with zeros above its k-th diagonal."""
        return self._apply("tril", [x], k=_operand.integer("k", k))

    def triu(self, x: Any, k: SupportsIndex = 0) -> BigMatrix:
        """The matrix with zeros below its k-th diagonal."""
        return self._apply("triu", [x], k=_operand.integer("k", k))

    # ---- New arrays -----------------------------------------------------------------------------------------------

    def full(
        self, shape: _operand.Shape, fill_value: Any, dtype: npt.DTypeLike | None = None, block_shape: Block = None
    ) -> BigMatrix:
        """An array of one value; its dtype is the value's if none is given."""
        value = _operand.number("fill_value", fill_value)
        kind = np.asarray(fill_value).dtype if dtype is None else dtype
        lengths, block = _operand.shape("shape", shape), _operand.block(block_shape)
        return self._apply("full", shape=lengths, value=value, dtype=_operand.dtype(kind), block_shape=block)

    def zeros(self, shape: _operand.Shape, dtype: npt.DTypeLike = np.float64, block_shape: Block = None) -> BigMatrix:
        """An array of zeros."""
        return self.full(shape, 0, dtype, block_shape)

    def ones(self, shape: _operand.Shape, dtype: npt.DTypeLike = np.float64, block_shape: Block = None) -> BigMatrix:
        """An array of ones."""
        return self.full(shape, 1, dtype, block_shape)

    def eye(
        self,
        n: SupportsIndex,
        m: SupportsIndex | None = None,
        k: SupportsIndex = 0,
        dtype: npt.DTypeLike = np.float64,
        block_shape: Block = None,
    ) -> BigMatrix:
        """An n by m matrix (m is n if not given) with ones on its k-th diagonal."""
        rows = _operand.integer("n", n)
        cols = rows if m is None else _operand.integer("m", m)
        kind, block = _operand.dtype(dtype), _operand.block(block_shape)
        return self._apply("eye", n=rows, m=cols, k=_operand.integer("k", k), dtype=kind, block_shape=block)

    def arange(
        self, start: Any, stop: Any = None, step: Any = 1, dtype: npt.DTypeLike | None = None, block_shape: Block = None
    ) -> BigMatrix:
        """Numbers from `start` (0 when only one is given) up to `stop`, `step` apart."""
        if stop is None:
            start, stop = 0, start
        first, last = _operand.number("start", start), _operand.number("stop", stop)
        by = _operand.number("step", step)
        kind = np.result_type(np.asarray(first), np.asarray(last), np.asarray(by)) if dtype is None else dtype
        name, block = _operand.dtype(kind), _operand.block(block_shape)
        return self._apply("arange", start=first, stop=last, step=by, dtype=name, block_shape=block)
