"""NumPy's own functions and operators on our arrays, with NumPy's meaning."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from . import _operand

if TYPE_CHECKING:
    from ._array import BigMatrix
    from ._executor import Executor

# ---- Operators and ufuncs -------------------------------------------------------------------------------------------

# NumPy's ufuncs that are operations of the core; most have the same name there.
_UFUNCS = {
    name: name
    for name in (
        *(
            "add",
            "subtract",
            "multiply",
            "divide",
            "floor_divide",
            "power",
            "maximum",
            "minimum",
            "negative",
            "exp",
            "log",
        ),
        *("sqrt", "square", "sign", "floor", "equal", "not_equal", "less", "less_equal", "greater", "greater_equal"),
        *("logical_and", "logical_or", "logical_not", "isnan", "isfinite", "matmul"),
        *("bitwise_and", "bitwise_or", "bitwise_xor"),
    )
} | {"remainder": "mod", "absolute": "abs", "fabs": "abs"}

_REDUCTIONS = {"add": "sum", "multiply": "prod", "minimum": "min", "maximum": "max"}
_REDUCTIONS |= {"logical_and": "all", "logical_or": "any", "bitwise_and": "all", "bitwise_or": "any"}
_ON_BOOLS = {"bitwise_and": "logical_and", "bitwise_or": "logical_or", "bitwise_xor": "not_equal"}


def operand(x: Any) -> bool:
    """Whether an operator takes x; what it does not take may know better what to do with us."""
    if isinstance(x, str | bytes | dict | set) or x is None:
        return False
    if getattr(x, "__array_ufunc__", _operand) is None:
        return False
    return (
        isinstance(x, bool | int | float | complex | np.generic | np.ndarray | list | tuple)
        or hasattr(x, "__array__")
        or hasattr(x, "__dlpack__")
    )


def binary(ex: Executor, op: str, a: Any, b: Any) -> BigMatrix:
    """An operation on two operands."""
    if op in _ON_BOOLS:
        a, b = _bool(ex, op, a), _bool(ex, op, b)
        op = _ON_BOOLS[op]
    if op == "matmul":
        return ex.matmul(a, b)
    return ex._apply(op, [a, b])


def invert(ex: Executor, x: Any) -> BigMatrix:
    """`~x`, of bools."""
    return ex._apply("logical_not", [_bool(ex, "invert", x)])


def _bool(ex: Executor, op: str, x: Any) -> Any:
    if isinstance(x, bool):
        return x
    x = ex._array(x)
    if x.dtype != np.bool_:
        raise TypeError(f"{op} of an array of dtype {x.dtype}: only bool is supported")
    return x


def _ceil(ex: Executor, x: Any) -> BigMatrix:
    x = ex._array(x)
    return ex.floor(x) if x.dtype == np.bool_ else -ex.floor(-x)


def _isinf(ex: Executor, x: Any) -> BigMatrix:
    x = ex._array(x)
    return invert(ex, binary(ex, "bitwise_or", ex.isfinite(x), ex.isnan(x)))


# Ufuncs that are made of operations.
_COMPOSED: dict[str, Callable[..., BigMatrix]] = {
    "positive": lambda ex, x: ex._array(x).copy(),
    "conjugate": lambda ex, x: ex._array(x).copy(),
    "reciprocal": lambda ex, x: ex._apply("divide", [1, x]),
    "invert": invert,
    "ceil": _ceil,
    "isinf": _isinf,
    "logical_xor": lambda ex, a, b: binary(ex, "not_equal", ex.astype(a, np.bool_), ex.astype(b, np.bool_)),
}


def array_ufunc(ex: Executor, ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`BigMatrix.__array_ufunc__`."""
    out = kwargs.pop("out", None)
    name = ufunc.__name__
    if method == "reduce" and name in _REDUCTIONS:
        result = _reduced(ex, _REDUCTIONS[name], inputs[0], **kwargs)
    elif method != "__call__" or any(value is not None for value in kwargs.values()):
        return NotImplemented
    elif name in _COMPOSED:
        result = _COMPOSED[name](ex, *inputs)
    elif name not in _UFUNCS:
        return NotImplemented
    elif len(inputs) == 2:
        result = binary(ex, _UFUNCS[name], *inputs)
    else:
        result = ex._apply(_UFUNCS[name], inputs)
    return result if out is None else _into(out[0], result)


def _reduced(ex: Executor, op: str, x: Any, axis: Any = 0, dtype: Any = None, keepdims: bool = False) -> BigMatrix:
    if dtype is not None:
        x = ex.astype(x, dtype)
    return ex._reduce(op, x, axis, keepdims)


def _into(out: Any, result: BigMatrix) -> Any:
    """What `out=` asks for: our arrays take the result on, NumPy's get a copy of it."""
    if isinstance(out, np.ndarray):
        np.copyto(out, result.numpy(), casting="same_kind")
        return out
    return out._become(result)


# ---- Functions ------------------------------------------------------------------------------------------------------

_FUNCTIONS: dict[Any, Callable[..., Any]] = {}

Function = Callable[..., Any]
F = TypeVar("F", bound=Function)


def _implements(*functions: Function) -> Callable[[F], F]:
    def register(f: F) -> F:
        for function in functions:
            _FUNCTIONS[function] = f
        return f

    return register


def array_function(ex: Executor, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
    """`BigMatrix.__array_function__`."""
    from ._array import BigMatrix

    ours = _FUNCTIONS.get(func)
    if ours is None or not all(issubclass(t, BigMatrix | np.ndarray) for t in types):
        return NotImplemented
    try:
        _signature(ours).bind(ex, *args, **kwargs)
    except TypeError as e:
        raise TypeError(f"numpy.{func.__name__} of a BigMatrix: {e}") from None
    return ours(ex, *args, **kwargs)


@functools.cache
def _signature(f: Function) -> inspect.Signature:
    return inspect.signature(f)


def _reduction(name: str) -> Function:
    def reduction(ex: Executor, a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False) -> Any:
        result = _reduced(ex, name, a, axis, dtype, keepdims)
        return result if out is None else _into(out, result)

    return reduction


def _reduction_without_dtype(name: str) -> Function:
    def reduction(ex: Executor, a: Any, axis: Any = None, out: Any = None, keepdims: Any = False) -> Any:
        result = _reduced(ex, name, a, axis, None, keepdims)
        return result if out is None else _into(out, result)

    return reduction


def _arg(name: str) -> Function:
    def arg(ex: Executor, a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
        result = ex._reduce(name, a, axis, bool(keepdims))
        return result if out is None else _into(out, result)

    return arg


_FUNCTIONS.update({np.sum: _reduction("sum"), np.prod: _reduction("prod"), np.mean: _reduction("mean")})
_FUNCTIONS.update({np.min: _reduction_without_dtype("min"), np.max: _reduction_without_dtype("max")})
_FUNCTIONS.update({np.amin: _FUNCTIONS[np.min], np.amax: _FUNCTIONS[np.max]})
_FUNCTIONS.update({np.any: _reduction_without_dtype("any"), np.all: _reduction_without_dtype("all")})
_FUNCTIONS.update({np.argmin: _arg("argmin"), np.argmax: _arg("argmax")})


@_implements(np.dot)
def _dot(ex: Executor, a: Any, b: Any) -> BigMatrix:
    return ex.dot(a, b)


@_implements(np.where)
def _where(ex: Executor, condition: Any, x: Any, y: Any) -> BigMatrix:
    return ex.where(condition, x, y)


@_implements(np.transpose)
def _transpose(ex: Executor, a: Any, axes: Any = None) -> BigMatrix:
    return ex.transpose(a, axes)


@_implements(np.squeeze)
def _squeeze(ex: Executor, a: Any, axis: Any = None) -> BigMatrix:
    return ex.squeeze(a, axis)


@_implements(np.expand_dims)
def _expand_dims(ex: Executor, a: Any, axis: Any) -> BigMatrix:
    return ex.expand_dims(a, axis)


@_implements(np.broadcast_to)
def _broadcast_to(ex: Executor, array: Any, shape: Any) -> BigMatrix:
    return ex.broadcast_to(array, shape)


@_implements(np.diag)
def _diag(ex: Executor, v: Any, k: Any = 0) -> BigMatrix:
    v = ex._array(v)
    return diagonal(ex, v, k) if v.ndim == 2 else ex.diag(v, k)  # a column is a matrix to NumPy


@_implements(np.diagonal)
def diagonal(ex: Executor, a: Any, offset: Any = 0) -> BigMatrix:
    """A diagonal of a matrix, be it a column."""
    return ex._apply("diagonal", [a], k=_operand.integer("offset", offset))


@_implements(np.trace)
def _trace(ex: Executor, a: Any, offset: Any = 0) -> BigMatrix:
    return ex.trace(a) if not offset else ex.sum(diagonal(ex, a, offset))


@_implements(np.tril)
def _tril(ex: Executor, m: Any, k: Any = 0) -> BigMatrix:
    return ex.tril(m, k)


@_implements(np.triu)
def _triu(ex: Executor, m: Any, k: Any = 0) -> BigMatrix:
    return ex.triu(m, k)


@_implements(np.shape)
def _shape(ex: Executor, a: Any) -> tuple[int, ...]:
    return ex._array(a).shape


@_implements(np.ndim)
def _ndim(ex: Executor, a: Any) -> int:
    return ex._array(a).ndim


@_implements(np.size)
def _size(ex: Executor, a: Any, axis: Any = None) -> int:
    x = ex._array(a)
    return x.size if axis is None else x.shape[_operand.integer("axis", axis)]


@_implements(np.copy)
def _copy(ex: Executor, a: Any) -> BigMatrix:
    return ex._array(a).copy()


@_implements(np.full_like)
def full_like(ex: Executor, a: Any, fill_value: Any, dtype: Any = None) -> BigMatrix:
    """An array of one value, with the shape, the tiles and, unless one is given, the dtype of another."""
    a = ex._array(a)
    return ex.full(a.shape, fill_value, a.dtype if dtype is None else dtype, a.block_shape)


@_implements(np.zeros_like)
def zeros_like(ex: Executor, a: Any, dtype: Any = None) -> BigMatrix:
    """Zeros, as `full_like`."""
    return full_like(ex, a, 0, dtype)


@_implements(np.ones_like)
def ones_like(ex: Executor, a: Any, dtype: Any = None) -> BigMatrix:
    """Ones, as `full_like`."""
    return full_like(ex, a, 1, dtype)


@_implements(np.isclose)
def _isclose(ex: Executor, a: Any, b: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: Any = False) -> BigMatrix:
    x, y = ex._array(a), ex._array(b)
    close: BigMatrix = (abs(x - y) <= atol + rtol * abs(y)) & ex.isfinite(y) | (x == y)
    return close | ex.isnan(x) & ex.isnan(y) if equal_nan else close


@_implements(np.allclose)
def _allclose(ex: Executor, a: Any, b: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: Any = False) -> bool:
    return bool(ex.all(_isclose(ex, a, b, rtol, atol, equal_nan)))


@_implements(np.array_equal)
def _array_equal(ex: Executor, a1: Any, a2: Any) -> bool:
    a1, a2 = ex._array(a1), ex._array(a2)
    return a1.shape == a2.shape and bool(ex.all(a1 == a2))


@_implements(np.linalg.norm)
def _norm(ex: Executor, x: Any, ord: Any = None, axis: Any = None, keepdims: Any = False) -> BigMatrix:
    return ex.linalg.norm(x, ord, axis, bool(keepdims))


@_implements(np.linalg.cholesky)
def _cholesky(ex: Executor, a: Any, /, *, upper: bool = False) -> BigMatrix:
    return ex.linalg.cholesky(a, upper=upper)


@_implements(np.linalg.solve)
def _solve(ex: Executor, a: Any, b: Any) -> BigMatrix:
    return ex.linalg.solve(a, b)


@_implements(np.linalg.inv)
def _inv(ex: Executor, a: Any) -> BigMatrix:
    return ex.linalg.inv(a)


@_implements(np.linalg.matrix_power)
def _matrix_power(ex: Executor, a: Any, n: Any) -> BigMatrix:
    return ex.linalg.matrix_power(a, n)


@_implements(np.linalg.det)
def _det(ex: Executor, a: Any) -> BigMatrix:
    return ex.linalg.det(a)


@_implements(np.linalg.slogdet)
def _slogdet(ex: Executor, a: Any) -> tuple[BigMatrix, BigMatrix]:
    return ex.linalg.slogdet(a)


@_implements(np.linalg.qr)
def _qr(ex: Executor, a: Any, mode: str = "reduced") -> Any:
    if mode == "raw":
        raise NotImplementedError('mode="raw" of numpy.linalg.qr: use linalg.qr(A, mode="raw") of the executor')
    return ex.linalg.qr(a, mode)


@_implements(np.linalg.svd)
def _svd(ex: Executor, a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    return ex.linalg.svd(a, full_matrices, compute_uv)


@_implements(np.linalg.eigh)
def _eigh(ex: Executor, a: Any, UPLO: str = "L") -> tuple[BigMatrix, BigMatrix]:
    return ex.linalg.eigh(a, UPLO)


@_implements(np.linalg.eigvalsh)
def _eigvalsh(ex: Executor, a: Any, UPLO: str = "L") -> BigMatrix:
    return ex.linalg.eigvalsh(a, UPLO)


@_implements(np.linalg.lstsq)
def _lstsq(ex: Executor, a: Any, b: Any, rcond: Any = None) -> Any:
    return ex.linalg.lstsq(a, b, rcond)


_UNSET: Any = object()


@_implements(np.linalg.pinv)
def _pinv(ex: Executor, a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = _UNSET) -> BigMatrix:
    if rcond is None and rtol is _UNSET:
        rcond = 1e-15  # NumPy's
    return ex.linalg.pinv(a, rcond, hermitian, rtol=None if rtol is _UNSET else rtol)


@_implements(np.linalg.matrix_rank)
def _matrix_rank(ex: Executor, A: Any, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> BigMatrix:
    return ex.linalg.matrix_rank(A, tol, hermitian, rtol=rtol)


@_implements(np.linalg.cond)
def _cond(ex: Executor, x: Any, p: Any = None) -> BigMatrix:
    return ex.linalg.cond(x, p)


@_implements(np.linalg.multi_dot)
def _multi_dot(ex: Executor, arrays: Any, *, out: None = None) -> BigMatrix:
    return ex.linalg.multi_dot(arrays)


if hasattr(np.linalg, "svdvals"):  # NumPy 2

    @_implements(np.linalg.matrix_norm)
    def _matrix_norm(ex: Executor, x: Any, /, *, keepdims: Any = False, ord: Any = "fro") -> BigMatrix:
        return ex.linalg.matrix_norm(x, ord, bool(keepdims))

    @_implements(np.linalg.vector_norm)
    def _vector_norm(ex: Executor, x: Any, /, *, axis: Any = None, keepdims: Any = False, ord: Any = 2) -> BigMatrix:
        return ex.linalg.vector_norm(x, ord, axis, bool(keepdims))

    @_implements(np.linalg.svdvals)
    def _svdvals(ex: Executor, x: Any, /) -> BigMatrix:
        return ex.linalg.svdvals(x)


# ---- The array API --------------------------------------------------------------------------------------------------


def array_namespace(ex: Executor, api_version: str | None) -> Any:
    """`BigMatrix.__array_namespace__`."""
    from ._namespace import VERSIONS, Namespace

    if api_version is not None and api_version not in VERSIONS:
        raise ValueError(f"api_version is {api_version!r}: one of {', '.join(VERSIONS)} was expected")
    return Namespace(ex)
