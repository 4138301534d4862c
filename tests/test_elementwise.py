"""Functions of elements on random shapes, tilings and dtypes, against NumPy."""

from __future__ import annotations

import math
import operator

import numpy as np
import pytest
from arraydata import DTYPES, data, put, same

BINARY = [
    *(operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.pow),
    *(operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge),
    *(np.maximum, np.minimum, np.logical_and, np.logical_or, np.logical_xor),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", BINARY, ids=lambda op: op.__name__)
def test_binary(ex, op, dtype):
    with np.errstate(all="ignore"):
        for one, two in [((17, 23), (17, 23)), ((17, 1), (1, 23)), ((23,), (17, 23)), ((5, 17, 1), (23,)), ((), (4, 4))]:
            X, Y = data(one, dtype, 1), data(two, dtype, 2)
            if op is operator.pow:
                Y = np.abs(Y)
            try:
                want = op(X, Y)
            except TypeError:
                with pytest.raises(TypeError):
                    op(put(ex, X), put(ex, Y))
                continue
            same(op(put(ex, X), put(ex, Y)), want)
            if X.ndim:
                same(op(put(ex, X, 16), Y), want)
            if Y.ndim:
                same(op(X, put(ex, Y, 5)), want)


@pytest.mark.parametrize("other", DTYPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_promotion(ex, dtype, other):
    X, Y = data((9, 11), dtype, 1), data((9, 11), other, 2, 0, 9)
    with np.errstate(all="ignore"):
        for op in (operator.add, operator.mul, operator.truediv, operator.lt):
            same(op(put(ex, X), put(ex, Y)), op(X, Y))


@pytest.mark.parametrize("scalar", [2, -3, 0.5, True, np.float32(2), np.float64(0.5), np.int64(3), math.inf, math.nan])
@pytest.mark.parametrize("dtype", DTYPES)
def test_scalars_are_weak_as_in_nep_50(ex, dtype, scalar):
    if int(np.__version__.split(".")[0]) < 2:
        pytest.skip("NumPy 1 looks at values")
    X = data((13, 8), dtype)
    A = put(ex, X)
    with np.errstate(all="ignore"):
        for op in (operator.add, operator.mul, operator.truediv, operator.ge, np.maximum):
            same(op(A, scalar), op(X, scalar))
            same(op(scalar, A), op(scalar, X))


UNARY = [
    np.exp,
    np.log,
    np.sqrt,
    np.square,
    np.abs,
    np.sign,
    np.floor,
    np.ceil,
    np.negative,
    np.positive,
    np.isnan,
    np.isfinite,
]
UNARY += [np.isinf, np.logical_not, np.reciprocal, np.fabs]


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64"])
@pytest.mark.parametrize("ufunc", UNARY, ids=lambda f: f.__name__)
def test_unary(ex, ufunc, dtype):
    X = data((19, 22), dtype)
    if dtype.startswith("float"):
        X[3, 4:8] = [np.nan, np.inf, -np.inf, 0]
    elif ufunc in (np.reciprocal, np.ceil, np.fabs):
        pytest.skip("NumPy has loops of its own for integers")
    with np.errstate(all="ignore"):
        same(ufunc(put(ex, X)), ufunc(X))
        name = ufunc.__name__.replace("absolute", "abs")
        if hasattr(ex, name):
            same(getattr(ex, name)(X), ufunc(X))


def test_special_values(ex):
    special = np.array([0.0, -0.0, 1, -1, np.inf, -np.inf, np.nan, 5e-324, 1.7e308, 3.5])
    X, Y = (a.copy() for a in np.meshgrid(special, special))
    with np.errstate(all="ignore"):
        for op in BINARY:
            same(op(put(ex, X), put(ex, Y)), op(X, Y))


def test_where(ex):
    C, X, Y = data((20, 30), "bool"), data((20, 1), "float32"), data((30,), "float64")
    same(ex.where(put(ex, C), X, put(ex, Y)), np.where(C, X, Y))
    same(np.where(put(ex, C), 1, put(ex, Y)), np.where(C, 1, Y))
    same(ex.where(X > 0, put(ex, X), 0), np.where(X > 0, X, np.float32(0)))


def test_bools(ex):
    X, Y = data((15, 20), "bool", 1), data((15, 20), "bool", 2)
    A, B = put(ex, X), put(ex, Y)
    same(A & B, X & Y)
    same(A | Y, X | Y)
    same(Y ^ A, X ^ Y)
    same(~A, ~X)
    same(~(put(ex, X * 3.0) > 1) & True, ~(X * 3.0 > 1))
    with pytest.raises(TypeError, match="only bool"):
        ~put(ex, X.astype(int))


def test_in_place(ex):
    X = data((12, 13), "float32")
    A, Y = put(ex, X), X.copy()
    A += 1
    A -= data((13,), "float64")
    A *= 3
    A /= 2
    A **= 2
    A //= 0.5
    A %= 7
    Y += 1
    Y -= data((13,), "float64")
    Y *= 3
    Y /= 2
    Y **= 2
    same(A, Y // np.float32(0.5) % 7)
    square = put(ex, data((9, 9), "float64"))
    square @= np.eye(9)
    same(square, data((9, 9), "float64"))
    with pytest.raises(ValueError, match="non-broadcastable"):
        A += np.ones((4, 12, 13))
    integers = put(ex, data((4, 4), "int64"))
    with pytest.raises(TypeError, match="int64"):
        integers /= 2
    np.add(A, 1, out=A)
    out = np.empty((12, 13), np.float32)
    np.add(A, 1, out=out)
    np.testing.assert_array_equal(out, A.numpy() + 1)
    out += A
    np.testing.assert_array_equal(out, A.numpy() + 1 + A.numpy())


def test_broadcasting_of_large_and_small_tiles(ex):
    X, Y = data((100, 90), "float64"), data((100, 1), "float64")
    A, B = ex.matrix_init(X, block_shape=(13, 90)), ex.matrix_init(Y, block_shape=(40, 1))
    same(A * B + B.T[:, :90], X * Y + Y.T[:, :90])


@pytest.mark.parametrize("seed", range(12))
def test_random_expressions(ex, seed):
    """Trees of operations on random shapes and tilings."""
    rng = np.random.default_rng(seed)
    m, n = rng.integers(1, 60, 2)
    leaves = [data(s, d, seed + i) for i, (s, d) in enumerate([((m, n), "float64"), ((m, 1), "float32"), ((n,), "float64")])]
    pairs = [(ex.matrix_init(X, block_shape=rng.integers(1, 40, X.ndim).tolist()), X) for X in leaves]
    for _ in range(12):
        a, b = (pairs[i] for i in rng.integers(0, len(pairs), 2))
        step = rng.integers(7)
        f = [
            lambda x, y: x + y,
            lambda x, y: x - 2 * y,
            lambda x, y: x * y,
            lambda x, y: np.maximum(x, y),
            lambda x, y: np.where(x > y, x, -y),
            lambda x, y: np.max(abs(x), axis=0, keepdims=True) + y,
            lambda x, y: np.mean(x, axis=-1, keepdims=True) + y,
        ][step]
        want = f(a[1], b[1])
        if want.ndim <= 2 and want.size < 10_000 and np.abs(want).max() < 1e6:
            pairs.append((f(a[0], b[0]), want))
    for ours, theirs in pairs:
        assert ours.shape == theirs.shape
        tolerance = 1e-4 if theirs.dtype == np.float32 else 1e-5
        np.testing.assert_allclose(ours.numpy(), theirs, rtol=tolerance, atol=tolerance * np.abs(theirs).max())
