"""What users pass in, made into what the core takes: JSON for operands and parameters, NumPy arrays for data."""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, SupportsIndex

import numpy as np
import numpy.typing as npt

REAL = "biuf"  # the kinds of dtype that have arithmetic

Axis = SupportsIndex | Sequence[SupportsIndex] | None
Shape = SupportsIndex | Sequence[SupportsIndex]


def scalar(x: object) -> str | None:
    """The JSON of a Python number, whose dtype is weak as NumPy's NEP 50 says; None for anything else."""
    if isinstance(x, np.generic):  # np.float64 is a float too, but its dtype counts
        return None
    if isinstance(x, bool):
        return '{"b":true}' if x else '{"b":false}'
    if isinstance(x, int):
        if not -(2**63) <= x < 2**63:
            raise OverflowError(f"{x} does not fit in 64 bits")
        return f'{{"i":{x}}}'
    if isinstance(x, float):
        return f'{{"f":{_float(x)}}}'
    if isinstance(x, complex):
        raise TypeError(f"{x} is complex: numpywren computes with real numbers")
    return None


def _float(x: float) -> str:
    if math.isfinite(x):
        return repr(x)
    return '"nan"' if math.isnan(x) else '"inf"' if x > 0 else '"-inf"'


def params(values: Mapping[str, Any]) -> bytes | None:
    """The JSON of an operation's parameters; those that are None are left out."""
    given = {name: _param(value) for name, value in values.items() if value is not None}
    return json.dumps(given).encode() if given else None


def _param(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return {"f": json.loads(_float(value))}
    return list(value) if isinstance(value, tuple) else value


def axis(value: Axis) -> int | list[int] | None:
    """An axis, several, or None."""
    if value is None:
        return None
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return [integer("axis", a) for a in value]
    return integer("axis", value)


def shape(name: str, value: Shape) -> list[int]:
    """A list of lengths; one number is one dimension."""
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return [integer(name, n) for n in value]
    return [integer(name, value)]


def block(value: Sequence[SupportsIndex] | None) -> list[int] | None:
    """A block_shape: one length for each dimension."""
    if value is None:
        return None
    if not isinstance(value, Iterable) or isinstance(value, str | bytes):
        raise TypeError(f"block_shape is {value!r}: a tuple with one length for each dimension was expected")
    lengths = [integer("block_shape", n) for n in value]
    if any(n < 1 for n in lengths):
        raise ValueError(f"block_shape is {tuple(lengths)}: lengths of at least 1 were expected")
    return lengths


def choice(name: str, value: Any, choices: Sequence[str]) -> str:
    """`value`, if it is one of several names."""
    if not isinstance(value, str) or value not in choices:
        known = ", ".join(f'"{x}"' for x in choices[:-1])
        raise ValueError(f'{name} is {value!r}: {known} or "{choices[-1]}" was expected')
    return value


def integer(name: str, value: Any) -> int:
    """`value` as an int; it may be any integer type, but no bool."""
    if isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} is {value!r}: an integer was expected")
    try:
        n = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is {value!r}: an integer was expected") from None
    if not -(2**63) <= n < 2**63:
        raise OverflowError(f"{name} is {n}: it does not fit in 64 bits")
    return n


def number(name: str, value: Any) -> bool | int | float:
    """`value` as a Python number."""
    plain = value.item() if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0) else value
    if not isinstance(plain, bool | int | float):
        raise TypeError(f"{name} is {value!r}: a real number was expected")
    if isinstance(plain, int) and not -(2**63) <= plain < 2**63:
        raise OverflowError(f"{name} is {plain}: it does not fit in 64 bits")
    return plain


def real(name: str, value: Any) -> float:
    """`value` as a float; it may be any real number, but no bool."""
    plain = number(name, value)
    if isinstance(plain, bool):
        raise TypeError(f"{name} is {value!r}: a real number was expected")
    return float(plain)


def dtype(value: npt.DTypeLike) -> str:
    """The name of a real dtype."""
    d = np.dtype(value)
    if d.kind not in REAL or d.itemsize > 8 or d.name == "float16":
        raise TypeError(f"dtype {d} is not supported: use float64, float32, int64, bool or another integer type")
    return d.name


def ndarray(X: Any, name: str = "X") -> np.ndarray[Any, Any]:
    """The data of anything array-like as a NumPy array of a real dtype, without a copy where that is possible."""
    if isinstance(X, np.ma.MaskedArray):
        raise TypeError(f"{name} is a masked array, whose mask would be lost: pass {name}.filled(value)")
    if not isinstance(X, np.ndarray):
        known = hasattr(X, "__array_interface__") or hasattr(X, "__array__")
        given, X = X, np.from_dlpack(X) if hasattr(X, "__dlpack__") and not known else np.asarray(X)
        if X.dtype == object and X.ndim == 0:
            hint = f"pass {name}.toarray()" if hasattr(given, "toarray") else "an array of real numbers was expected"
            what = "None" if given is None else type(given).__name__
            raise TypeError(f"{name} is {what}, an object that is no dense array: {hint}")
    a: np.ndarray[Any, Any] = X.view(np.ndarray)
    if a.dtype.kind not in REAL:
        hint = "pass its real and imaginary parts" if a.dtype.kind == "c" else f"convert it with {name}.astype(float)"
        raise TypeError(f"{name} has dtype {a.dtype}: real numbers were expected, {hint}")
    if a.dtype.name == "float16" or a.dtype.itemsize > 8:
        raise TypeError(f"{name} has dtype {a.dtype}, which has no kernels: convert it with {name}.astype(np.float64)")
    if not (a.dtype.isnative and a.flags.aligned):
        a = a.astype(a.dtype.newbyteorder("="))
    return a
