"""The array-API namespace of an executor's arrays: the part of the standard that the core computes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _protocol
from ._factors import SlogdetResult
from ._orthogonal import EighResult, QRResult, SVDResult

if TYPE_CHECKING:
    from ._array import BigMatrix
    from ._executor import Executor

VERSIONS = ("2022.12", "2023.12", "2024.12")

_DTYPES = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64")
# Functions of one or two arrays whose meaning is that of NumPy's ufunc; the standard's name → NumPy's.
_UFUNCS = {
    name: name
    for name in (
        *(
            "add",
            "subtract",
            "multiply",
            "divide",
            "floor_divide",
            "remainder",
            "maximum",
            "minimum",
            "negative",
            "positive",
        ),
        *(
            "reciprocal",
            "sign",
            "floor",
            "ceil",
            "exp",
            "log",
            "sqrt",
            "square",
            "isnan",
            "isfinite",
            "isinf",
            "matmul",
        ),
        *("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"),
        *("logical_and", "logical_or", "logical_xor", "logical_not"),
    )
} | {"abs": "absolute", "pow": "power", "bitwise_invert": "invert", "bitwise_and": "bitwise_and"}
_UFUNCS |= {"bitwise_or": "bitwise_or", "bitwise_xor": "bitwise_xor"}
_REDUCTIONS = ("min", "max", "mean", "any", "all", "argmin", "argmax")
_ONE_ARRAY = ("broadcast_to", "expand_dims", "squeeze", "tril", "triu", "where")
_CREATION = ("zeros", "ones", "full", "eye", "arange")


class Linalg:
    """The namespace's `linalg`."""

    def __init__(self, ex: Executor) -> None:
        self._ex = ex

    def cholesky(self, x: Any, /, *, upper: bool = False) -> BigMatrix:
        """The Cholesky factor."""
        return self._ex.linalg.cholesky(self._ex._array(x).T).T if upper else self._ex.linalg.cholesky(x)

    def solve(self, x1: Any, x2: Any, /) -> BigMatrix:
        """The solution of x1 X = x2."""
        return self._ex.linalg.solve(x1, x2)

    def inv(self, x: Any, /) -> BigMatrix:
        """The inverse."""
        return self._ex.linalg.inv(x)

    def matrix_power(self, x: Any, n: int, /) -> BigMatrix:
        """A power of a matrix."""
        return self._ex.linalg.matrix_power(x, n)

    def det(self, x: Any, /) -> BigMatrix:
        """The determinant."""
        return self._ex.linalg.det(x)

    def slogdet(self, x: Any, /) -> SlogdetResult:
        """The sign of the determinant, and the logarithm of its magnitude."""
        return self._ex.linalg.slogdet(x)

    def qr(self, x: Any, /, *, mode: str = "reduced") -> QRResult:
        """The QR factorisation; mode is "reduced" or "complete"."""
        if mode not in ("reduced", "complete"):
            raise ValueError(f'mode is {mode!r}: "reduced" or "complete" was expected')
        return self._ex.linalg.qr(x, "complete" if mode == "complete" else "reduced")

    def svd(self, x: Any, /, *, full_matrices: bool = True) -> SVDResult:
        """The singular value decomposition."""
        return self._ex.linalg.svd(x, full_matrices)

    def svdvals(self, x: Any, /) -> BigMatrix:
        """The singular values."""
        return self._ex.linalg.svdvals(x)

    def eigh(self, x: Any, /) -> EighResult:
        """The eigenvalues and eigenvectors of a symmetric matrix."""
        return self._ex.linalg.eigh(x)

    def eigvalsh(self, x: Any, /) -> BigMatrix:
        """The eigenvalues of a symmetric matrix."""
        return self._ex.linalg.eigvalsh(x)

    def matmul(self, x1: Any, x2: Any, /) -> BigMatrix:
        """The matrix product."""
        return self._ex.matmul(x1, x2)

    def matrix_transpose(self, x: Any, /) -> BigMatrix:
        """The transposed matrix."""
        return self._ex._array(x).mT

    def diagonal(self, x: Any, /, *, offset: int = 0) -> BigMatrix:
        """A diagonal."""
        return _protocol.diagonal(self._ex, x, offset)

    def trace(self, x: Any, /, *, offset: int = 0, dtype: Any = None) -> BigMatrix:
        """The sum of a diagonal."""
        x = x if dtype is None else self._ex.astype(x, dtype)
        return self._ex.sum(self.diagonal(x, offset=offset)) if offset else self._ex.trace(x)

    def matrix_norm(self, x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> BigMatrix:
        """The norm of a matrix."""
        return self._ex.linalg.matrix_norm(x, ord, keepdims)

    def vector_norm(self, x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> BigMatrix:
        """The norm of vectors; of all elements without an axis."""
        return self._ex.linalg.vector_norm(x, ord, axis, bool(keepdims))

    def pinv(self, x: Any, /, *, rtol: float | None = None) -> BigMatrix:
        """The pseudo-inverse."""
        return self._ex.linalg.pinv(x, rtol=rtol)

    def matrix_rank(self, x: Any, /, *, rtol: float | None = None) -> BigMatrix:
        """The rank."""
        return self._ex.linalg.matrix_rank(x, rtol=rtol)


class Namespace:
    """The functions of the array API on the arrays of one executor. Two of the same executor are equal."""

    e, pi, inf, nan, newaxis = math.e, math.pi, math.inf, math.nan, None
    __array_api_version__ = VERSIONS[-1]

    def __init__(self, ex: Executor) -> None:
        self._ex = ex
        self.linalg = Linalg(ex)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Namespace) and other._ex is self._ex

    def __hash__(self) -> int:
        return id(self._ex)

    def __repr__(self) -> str:
        return f"<the array API on {self._ex!r}>"

    def __dir__(self) -> list[str]:
        given = (*_DTYPES, *_UFUNCS, *_REDUCTIONS, *_ONE_ARRAY, *_CREATION)
        return sorted({name for name in super().__dir__() if not name.startswith("_")} | set(given))

    def __getattr__(self, name: str) -> Any:
        if name in _DTYPES:
            return np.dtype(name)
        if name in _UFUNCS:
            return self._ufunc(getattr(np, _UFUNCS[name]))
        if name in _REDUCTIONS:
            return self._reduction(name)
        if name in _ONE_ARRAY:
            return getattr(self._ex, name)
        if name in _CREATION:
            return self._creation(name)
        raise AttributeError(f"the array API of numpywren has no {name!r}")

    def _ufunc(self, ufunc: np.ufunc) -> Callable[..., BigMatrix]:
        def function(*arrays: Any) -> BigMatrix:
            result: BigMatrix = _protocol.array_ufunc(self._ex, ufunc, "__call__", arrays, {})
            return result

        return function

    def _reduction(self, name: str) -> Callable[..., BigMatrix]:
        def function(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> BigMatrix:
            return self._ex._reduce(name, x, axis, keepdims)

        return function

    def _creation(self, name: str) -> Callable[..., BigMatrix]:
        def function(*arguments: Any, device: str | None = None, **named: Any) -> BigMatrix:
            _on_cpu(device)
            if named.get("dtype", 0) is None:  # the standard's way to ask for the default
                del named["dtype"]
            result: BigMatrix = getattr(self._ex, name)(*arguments, **named)
            return result

        return function

    def asarray(self, obj: Any, /, *, dtype: Any = None, device: str | None = None, copy: bool | None = None) -> BigMatrix:
        """Anything array-like as an array."""
        _on_cpu(device)
        x = self._ex._array(obj)
        if x is not obj and copy is False:
            raise ValueError("data of other libraries is always copied into tiles")
        return x if dtype is None or x.dtype == dtype else x.astype(dtype)

    def astype(self, x: BigMatrix, dtype: Any, /, *, copy: bool = True, device: str | None = None) -> BigMatrix:
        """The array in another dtype."""
        _on_cpu(device)
        return x.astype(dtype)

    def sum(self, x: Any, /, *, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> BigMatrix:
        """The sum along an axis."""
        return self._ex.sum(x if dtype is None else self._ex.astype(x, dtype), axis, keepdims)

    def prod(self, x: Any, /, *, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> BigMatrix:
        """The product along an axis."""
        return self._ex.prod(x if dtype is None else self._ex.astype(x, dtype), axis, keepdims)

    def permute_dims(self, x: Any, /, axes: Any) -> BigMatrix:
        """The array with its dimensions in another order."""
        return self._ex.transpose(x, axes)

    def matrix_transpose(self, x: Any, /) -> BigMatrix:
        """The transposed matrix."""
        return self.linalg.matrix_transpose(x)

    def zeros_like(self, x: Any, /, *, dtype: Any = None, device: str | None = None) -> BigMatrix:
        """Zeros in the shape of x."""
        _on_cpu(device)
        return _protocol.zeros_like(self._ex, x, dtype)

    def ones_like(self, x: Any, /, *, dtype: Any = None, device: str | None = None) -> BigMatrix:
        """Ones in the shape of x."""
        _on_cpu(device)
        return _protocol.ones_like(self._ex, x, dtype)

    def full_like(self, x: Any, /, fill_value: Any, *, dtype: Any = None, device: str | None = None) -> BigMatrix:
        """One value in the shape of x."""
        _on_cpu(device)
        return _protocol.full_like(self._ex, x, fill_value, dtype)

    def result_type(self, *arrays_and_dtypes: Any) -> np.dtype[Any]:
        """The dtype that arithmetic of these gives."""
        return np.result_type(*(getattr(x, "dtype", x) for x in arrays_and_dtypes))

    def can_cast(self, from_: Any, to: Any, /) -> bool:
        """Whether a conversion keeps every value."""
        return np.can_cast(getattr(from_, "dtype", from_), to)

    def finfo(self, type: Any, /) -> Any:
        """The limits of a float dtype."""
        return np.finfo(getattr(type, "dtype", type))

    def iinfo(self, type: Any, /) -> Any:
        """The limits of an integer dtype."""
        return np.iinfo(getattr(type, "dtype", type))

    def isdtype(self, dtype: Any, kind: Any) -> bool:
        """Whether a dtype is of a kind."""
        kinds = {"bool": "b", "signed integer": "i", "unsigned integer": "u", "integral": "iu", "real floating": "f"}
        kinds |= {"numeric": "iuf", "complex floating": "c"}
        if isinstance(kind, tuple):
            return any(self.isdtype(dtype, k) for k in kind)
        if isinstance(kind, str):
            if kind not in kinds:
                raise ValueError(f"kind is {kind!r}: one of {', '.join(kinds)} was expected")
            return np.dtype(dtype).kind in kinds[kind]
        return bool(np.dtype(dtype) == np.dtype(kind))


def _on_cpu(device: str | None) -> None:
    if device not in (None, "cpu"):
        raise ValueError(f'device is {device!r}: there is only "cpu"')
