"""BigMatrix: an array in tiles, or the expression of one that is not computed yet."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, SupportsIndex

import numpy as np
import numpy.typing as npt

from . import _abi, _html, _index, _operand, _protocol

if TYPE_CHECKING:
    from ._executor import Executor


def _binary(op: str, reflected: bool = False) -> Callable[[BigMatrix, Any], BigMatrix]:
    """An operator of two operands."""

    def operator(self: BigMatrix, other: Any) -> BigMatrix:
        if not _protocol.operand(other):
            return NotImplemented  # type: ignore[no-any-return]
        return _protocol.binary(self.executor, op, *((other, self) if reflected else (self, other)))

    return operator


def _in_place(op: str) -> Callable[[BigMatrix, Any], BigMatrix]:
    """An in-place operator: this array becomes the result; arrays made from it before keep the old value."""

    def operator(self: BigMatrix, other: Any) -> BigMatrix:
        if not _protocol.operand(other):
            return NotImplemented  # type: ignore[no-any-return]
        return self._become(_protocol.binary(self.executor, op, self, other))

    return operator


class BigMatrix:
    """An array of an executor, made of tiles.

    It behaves as a NumPy array does, but nothing is computed before `numpy()`, `persist()`, `save()`, a conversion
    such as `float(A)`, or the executor's `compute`. NumPy's own functions and operators work on it, mixed with NumPy
    arrays too, and give such arrays. `Executor.matrix_init` makes one.
    """

    __slots__ = ("__weakref__", "_executor", "_fixed", "_owned")
    __hash__ = None  # type: ignore[assignment]  # as NumPy's: == is element by element

    def __init__(self, executor: Executor, owned: _abi.Owned) -> None:
        self._executor = executor
        self._owned = owned
        self._fixed: tuple[tuple[int, ...], np.dtype[Any], tuple[int, ...]] | None = None

    # ---- What it is -----------------------------------------------------------------------------------------------

    def _info(self) -> dict[str, Any]:
        info: dict[str, Any] = _abi.call_json("npw_info", self._owned.value)
        return info

    def _known(self) -> tuple[tuple[int, ...], np.dtype[Any], tuple[int, ...]]:
        if self._fixed is None:
            info = self._info()
            self._fixed = tuple(info["shape"]), np.dtype(info["dtype"]), tuple(info["block_shape"])
        return self._fixed

    @property
    def executor(self) -> Executor:
        """Where it lives."""
        return self._executor

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each dimension."""
        return self._known()[0]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the elements."""
        return self._known()[1]

    @property
    def block_shape(self) -> tuple[int, ...]:
        """The lengths of a tile; tiles at the end of a dimension may be shorter."""
        return self._known()[2]

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        n = 1
        for length in self.shape:
            n *= length
        return n

    @property
    def itemsize(self) -> int:
        """The bytes of an element."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """The bytes of all elements."""
        return self.size * self.itemsize

    @property
    def name(self) -> str | None:
        """The name under which `Executor.open` finds it, if it has one."""
        name: str | None = self._info()["name"]
        return name

    @property
    def computed(self) -> bool:
        """Whether its tiles exist."""
        return bool(self._info()["computed"])

    @property
    def T(self) -> BigMatrix:  # noqa: N802
        """The array with its dimensions reversed."""
        return self.transpose()

    @property
    def mT(self) -> BigMatrix:  # noqa: N802
        """The transposed matrix."""
        if self.ndim != 2:
            raise ValueError(f"matrix transpose of an array with {self.ndim} dimensions: 2 were expected")
        return self.transpose()

    @property
    def device(self) -> str:
        """ "cpu", for the array API."""
        return "cpu"

    def __repr__(self) -> str:
        return _html.line(self._info())

    def _repr_html_(self) -> str:
        return _html.table(self._info())

    def __format__(self, spec: str) -> str:
        return format(self.numpy(), spec) if self.ndim == 0 else format(str(self), spec)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    # ---- Running it -----------------------------------------------------------------------------------------------

    def numpy(self) -> Any:
        """The value as a NumPy array; a NumPy scalar when there are no dimensions."""
        return self._executor._read([self], "numpy")[0][()]

    def persist(self, name: str | None = None) -> BigMatrix:
        """Computes the tiles and keeps them here, under `name` if one is given; gives the array itself."""
        self._executor._submit([self], None if name is None else [name])
        return self

    def save(self, path: str | os.PathLike[str]) -> None:
        """Computes the array and writes it to a .npy file, tile by tile; the file appears whole or not at all.

        `path` may also be a URL, s3://bucket/y.npy.
        """
        self._executor._save(self, path)

    def explain(self, blocks: int = 0) -> str:
        """What computing it would run: see `Executor.explain`."""
        return self._executor.explain(self, blocks=blocks)

    def item(self) -> Any:
        """The only element as a Python number."""
        if self.size != 1:
            raise ValueError("can only convert an array of size 1 to a Python scalar")
        return self._executor._read([self], "item")[0].item()

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(f"the truth value of an array of shape {self.shape} is ambiguous: use A.any() or A.all()")
        return bool(self.item())

    def __float__(self) -> float:
        return float(self._single())

    def __int__(self) -> int:
        return int(self._single())

    def __index__(self) -> int:
        if self.ndim or self.dtype.kind not in "iu":
            raise TypeError("only integer scalar arrays can be converted to a scalar index")
        return int(self.item())

    def _single(self) -> Any:
        if self.size != 1:
            raise TypeError(f"only arrays of one element can be converted to Python scalars, not one of shape {self.shape}")
        return self.item()

    def __iter__(self) -> Iterator[BigMatrix]:
        if not self.shape:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(self.shape[0]))

    def __contains__(self, value: Any) -> bool:
        return bool((self == value).any())

    def __getitem__(self, key: Any) -> BigMatrix:
        return _index.select(self, key)

    def __setitem__(self, key: Any, value: Any) -> NoReturn:
        raise TypeError("elements cannot be set, tiles never change: build a new array, with npwex.where for instance")

    # ---- Other forms ----------------------------------------------------------------------------------------------

    def copy(self) -> BigMatrix:
        """Another handle of the same value: tiles never change, so nothing is copied."""
        return BigMatrix(self._executor, self._owned)

    __copy__ = copy

    def __deepcopy__(self, memo: dict[int, Any]) -> BigMatrix:
        return self.copy()

    def astype(self, dtype: npt.DTypeLike) -> BigMatrix:
        """The array in another dtype."""
        return self._executor.astype(self, dtype)

    def rechunk(self, block_shape: Sequence[SupportsIndex]) -> BigMatrix:
        """The array in other tiles."""
        return self._executor._apply("rechunk", [self], block_shape=_operand.block(block_shape))

    def transpose(self, *axes: Any) -> BigMatrix:
        """The array with its dimensions reversed."""
        given = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
        return self._executor.transpose(self, given or None)

    def squeeze(self, axis: _operand.Axis = None) -> BigMatrix:
        """The array without its dimensions of length 1."""
        return self._executor.squeeze(self, axis)

    def to_device(self, device: str, /, *, stream: Any = None) -> BigMatrix:
        """The array itself, for the array API."""
        if device != "cpu" or stream is not None:
            raise ValueError(f'device is {device!r}: there is only "cpu", without streams')
        return self

    def dot(self, other: Any) -> BigMatrix:
        """The product of two matrices, of a matrix and a vector, or with a number."""
        return self._executor.dot(self, other)

    # ---- Reductions, with NumPy's meaning --------------------------------------------------------------------------

    def sum(self, axis: _operand.Axis = None, keepdims: bool = False) -> BigMatrix:
        """The sum along `axis`, or of all elements."""
        return self._executor.sum(self, axis, keepdims)

    def prod(self, axis: _operand.Axis = None, keepdims: bool = False) -> BigMatrix:
        """The product along `axis`, or of all elements."""
        return self._executor.prod(self, axis, keepdims)

    def mean(self, axis: _operand.Axis = None, keepdims: bool = False) -> BigMatrix:
        """The mean along `axis`, or of all elements."""
        return self._executor.mean(self, axis, keepdims)

    def min(self, axis: _operand.Axis = None, keepdims: bool = False) -> BigMatrix:
        """The minimum along `axis`, or of all elements; NaN if there is one."""
        return self._executor.min(self, axis, keepdims)

    def max(self, axis: _operand.Axis = None, keepdims: bool = False) -> BigMatrix:
        """The maximum along `axis`, or of all elements; NaN if there is one."""
        return self._executor.max(self, axis, keepdims)

    def any(self, axis: _operand.Axis = None, keepdims: bool = False) -> BigMatrix:
        """Whether any element is not zero."""
        return self._executor.any(self, axis, keepdims)

    def all(self, axis: _operand.Axis = None, keepdims: bool = False) -> BigMatrix:
        """Whether no element is zero."""
        return self._executor.all(self, axis, keepdims)

    def argmin(self, axis: SupportsIndex | None = None, keepdims: bool = False) -> BigMatrix:
        """Where the minimum is along `axis`, or in the flattened array."""
        return self._executor.argmin(self, axis, keepdims)

    def argmax(self, axis: SupportsIndex | None = None, keepdims: bool = False) -> BigMatrix:
        """Where the maximum is along `axis`, or in the flattened array."""
        return self._executor.argmax(self, axis, keepdims)

    def trace(self) -> BigMatrix:
        """The sum of the diagonal."""
        return self._executor.trace(self)

    # ---- Operators ------------------------------------------------------------------------------------------------

    __add__, __radd__, __iadd__ = _binary("add"), _binary("add", True), _in_place("add")
    __sub__, __rsub__, __isub__ = _binary("subtract"), _binary("subtract", True), _in_place("subtract")
    __mul__, __rmul__, __imul__ = _binary("multiply"), _binary("multiply", True), _in_place("multiply")
    __truediv__, __rtruediv__, __itruediv__ = _binary("divide"), _binary("divide", True), _in_place("divide")
    __floordiv__, __rfloordiv__ = _binary("floor_divide"), _binary("floor_divide", True)
    __ifloordiv__ = _in_place("floor_divide")
    __mod__, __rmod__, __imod__ = _binary("mod"), _binary("mod", True), _in_place("mod")
    __pow__, __rpow__, __ipow__ = _binary("power"), _binary("power", True), _in_place("power")
    __matmul__, __rmatmul__, __imatmul__ = _binary("matmul"), _binary("matmul", True), _in_place("matmul")
    __and__, __rand__, __iand__ = _binary("bitwise_and"), _binary("bitwise_and", True), _in_place("bitwise_and")
    __or__, __ror__, __ior__ = _binary("bitwise_or"), _binary("bitwise_or", True), _in_place("bitwise_or")
    __xor__, __rxor__, __ixor__ = _binary("bitwise_xor"), _binary("bitwise_xor", True), _in_place("bitwise_xor")
    __eq__ = _binary("equal")  # type: ignore[assignment]
    __ne__ = _binary("not_equal")  # type: ignore[assignment]
    __lt__, __le__ = _binary("less"), _binary("less_equal")
    __gt__, __ge__ = _binary("greater"), _binary("greater_equal")

    def __neg__(self) -> BigMatrix:
        return self._executor._apply("negative", [self])

    def __pos__(self) -> BigMatrix:
        return self.copy()

    def __abs__(self) -> BigMatrix:
        return self._executor.abs(self)

    def __invert__(self) -> BigMatrix:
        return _protocol.invert(self._executor, self)

    def _become(self, result: BigMatrix) -> BigMatrix:
        """Takes on the result of an in-place operation, in this array's shape and dtype."""
        if result.shape != self.shape:
            raise ValueError(
                f"non-broadcastable output operand with shape {self.shape} doesn't match the broadcast shape {result.shape}"
            )
        if result.dtype != self.dtype:
            if not np.can_cast(result.dtype, self.dtype, "same_kind"):
                raise TypeError(f"an in-place result of dtype {result.dtype} does not fit in an array of dtype {self.dtype}")
            result = result.astype(self.dtype)
        self._owned, self._fixed = result._owned, result._fixed
        return self

    # ---- Protocols ------------------------------------------------------------------------------------------------

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        if copy is False:
            raise ValueError("the elements are in tiles: a NumPy array of them is always a copy")
        array = self._executor._read([self], "numpy")[0]
        return array if dtype is None else array.astype(dtype, copy=False)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return _protocol.array_ufunc(self._executor, ufunc, method, inputs, kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return _protocol.array_function(self._executor, func, types, args, kwargs)

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        return _protocol.array_namespace(self._executor, api_version)

    def __reduce__(self) -> str:
        raise TypeError("an array of an executor cannot be pickled: send A.numpy(), or the name and path of a persisted one")
