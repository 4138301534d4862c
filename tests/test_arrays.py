"""Every function on random shapes, tilings and dtypes, against NumPy."""

from __future__ import annotations

import math
import operator

import numpy as np
import pytest

import numpywren as npywren

DTYPES = ["float64", "float32", "int64", "bool"]
BLOCKS = [7, 16, 1000]
SHAPES = [(), (1,), (23,), (1, 1), (16, 16), (5, 40), (33, 17), (40, 1), (1, 29), (5, 6, 7)]


def data(shape, dtype, seed=0, low=-5, high=6):
    rng = np.random.default_rng([seed, len(shape), *shape])
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype == "int64":
        return rng.integers(low, high, shape)
    return np.asarray(rng.standard_normal(shape)).astype(dtype)


def put(ex, X, block=7):
    return ex.matrix_init(X, block_shape=(block,) * X.ndim)


def same(ours, theirs, exact=False):
    """Equal in shape, dtype and, but for rounding, value."""
    theirs = np.asarray(theirs)
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    value = ours.numpy()
    assert np.shape(value) == theirs.shape
    assert value.dtype == theirs.dtype
    if exact or theirs.dtype.kind != "f":
        np.testing.assert_array_equal(value, theirs)
    else:
        size = np.abs(theirs[np.isfinite(theirs)]).max(initial=1)
        np.testing.assert_allclose(
            value, theirs, rtol=1e2 * np.finfo(theirs.dtype).eps, atol=1e2 * np.finfo(theirs.dtype).eps * size
        )


# ---- In and out -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [*SHAPES, (0,), (0, 5), (3, 0), (2, 3, 4, 5)])
def test_round_trip(ex, shape, dtype):
    X = data(shape, dtype)
    for block in BLOCKS:
        A = put(ex, X, block)
        assert (A.shape, A.dtype, A.ndim, A.size, A.nbytes) == (X.shape, X.dtype, X.ndim, X.size, X.nbytes)
        assert len(A.block_shape) == X.ndim
        assert A.computed
        same(A, X, exact=True)
        np.testing.assert_array_equal(np.asarray(A), X)


@pytest.mark.parametrize(
    "make",
    [
        np.asfortranarray,
        lambda X: X[::-1, ::2],
        lambda X: X.T,
        lambda X: X.astype(">f8"),
        lambda X: np.broadcast_to(X[:, :1], X.shape),
        lambda X: np.frombuffer(b"\0" + X.tobytes(), dtype=np.uint8)[1:].view(X.dtype).reshape(X.shape),
        lambda X: X.tolist(),
        np.matrix,
        lambda X: type("Interface", (), {"__array_interface__": X.__array_interface__, "keep": X})(),
        lambda X: type(
            "DLPack", (), {"__dlpack__": lambda s, **k: X.__dlpack__(**k), "__dlpack_device__": lambda s: X.__dlpack_device__()}
        )(),
    ],
)
@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_data_of_any_form(ex, make):
    X = data((20, 31), "float64")
    given = make(X)
    want = np.from_dlpack(given) if hasattr(given, "__dlpack__") and not hasattr(given, "__array__") else np.asarray(given)
    same(ex.matrix_init(given, block_shape=(8, 8)), want.astype(np.float64), exact=True)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32"])
def test_smaller_integers_become_int64(ex, dtype):
    X = data((20, 15), "int64", low=-100 if dtype.startswith("i") else 0, high=100).astype(dtype)
    same(put(ex, X), X.astype(np.int64), exact=True)
    same(put(ex, X.T), X.T.astype(np.int64), exact=True)


def test_data_is_copied(ex):
    X = data((10, 10), "float64")
    kept = X.copy()
    A = ex.matrix_init(X)
    X[:] = 0
    same(A, kept, exact=True)


def test_a_scalar_comes_back_as_numpys(ex):
    X = data((9, 9), "float64")
    for total in (ex.sum(X), ex.linalg.norm(X), ex.max(X), ex.matrix_init(X).mean()):
        assert isinstance(total.numpy(), np.float64)
    assert isinstance(ex.argmin(X).numpy(), np.int64)
    assert isinstance(ex.all(X > 0).numpy(), np.bool_)


# ---- Element by element -----------------------------------------------------------------------------------------------

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


# ---- Reductions -------------------------------------------------------------------------------------------------------

REDUCTIONS = ["sum", "prod", "mean", "min", "max", "any", "all"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions(ex, name, dtype):
    function = getattr(np, name)
    for shape in [(), (23,), (33, 17), (40, 1), (5, 6, 7)]:
        X = data(shape, dtype, low=1, high=3)
        axes = [None, *range(-len(shape), len(shape)), *([(0, -1)] if len(shape) > 1 else [])]
        for axis in axes:
            want = function(X, axis=axis, keepdims=True)
            if name == "prod" and dtype == "int64" and X.size > 60 and axis is None:
                continue  # overflows in NumPy too
            A = put(ex, X)
            same(function(A, axis=axis), function(X, axis=axis))
            same(getattr(A, name)(axis, keepdims=True), want)
            talk = getattr(ex, name)(A, axis=axis)
            same(talk, want if axis is not None else function(X))
            same(getattr(ex, name)(X, axis=axis, keepdims=False), function(X, axis=axis))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["argmin", "argmax"])
def test_arg_reductions(ex, name, dtype):
    function = getattr(np, name)
    for shape in [(), (1,), (50,), (33, 17), (1, 29), (5, 6, 7)]:
        X = data(shape, dtype, low=0, high=4)  # with many ties: the first counts
        for block in (3, 7, 1000):
            A = put(ex, X, block)
            for axis in [None, *range(-len(shape), len(shape))]:
                same(getattr(ex, name)(A, axis=axis), function(X, axis=axis))
                same(function(A, axis=axis), function(X, axis=axis))
                same(getattr(A, name)(axis, keepdims=True), function(X, axis=axis, keepdims=True))


def test_nan_wins(ex):
    X = data((30, 20), "float64")
    X[[3, 17, 17], [4, 2, 4]] = np.nan
    A = put(ex, X)
    for name in ("min", "max", "argmin", "argmax", "sum", "mean"):
        for axis in (None, 0, 1):
            same(getattr(A, name)(axis), getattr(np, name)(X, axis=axis))


def test_sums_are_as_accurate_as_numpys(ex):
    X = np.full(1_000_003, 0.1, np.float32)
    exact = math.fsum(X.tolist())
    for block in (1_000_003, 65_536, 1000):
        found = float(ex.sum(ex.matrix_init(X, block_shape=(block,))))
        assert abs(found - exact) <= 2 * abs(float(np.sum(X)) - exact) + 1e-6 * exact


def test_reductions_of_expressions(ex):
    X, Y = data((41, 30), "float64", 1), data((30,), "float64", 2)
    A = put(ex, X)
    same(ex.sum(ex.exp(A) * Y, axis=0), np.sum(np.exp(X) * Y, axis=0, keepdims=True))
    same(np.max(abs(A - Y) @ Y[:, None], axis=0), np.max(abs(X - Y) @ Y[:, None], axis=0))
    same((A - ex.mean(A, axis=0)) / ex.sqrt(ex.mean(A**2, axis=0)), (X - X.mean(0)) / np.sqrt((X**2).mean(0)))


# ---- Shapes and parts -------------------------------------------------------------------------------------------------


def test_views(ex):
    X = data((21, 34), "float64")
    A = put(ex, X)
    same(A.T, X.T)
    same(A.T.T, X)
    same(ex.transpose(A), X.T)
    same(A.T + ex.matrix_init(X.T.copy()), 2 * X.T)
    same(np.expand_dims(A, 1), X[:, None])
    same(ex.squeeze(np.expand_dims(A, 0)), X)
    same(ex.broadcast_to(A[:1], (21, 34)), np.broadcast_to(X[:1], (21, 34)))
    same(A.astype(np.float32), X.astype(np.float32))
    same((A * 10).astype("int64"), (X * 10).astype("int64"))
    same(A.rechunk((34, 3)) + A, 2 * X)
    assert A.rechunk((20, 3)).block_shape == (20, 3)


KEYS = [
    *(0, -1, (3, 4), (-1, -1), slice(None), slice(5, 20), slice(-5, None), slice(10, 3), slice(0, 0), slice(100, 200)),
    *((slice(3, 30), slice(2, 5)), (Ellipsis, 2), (2, Ellipsis), None, (None, 3), (slice(None), None), (slice(7), None, 2)),
    *((..., None), (np.int64(3), slice(None)), ()),
]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_indexing(ex, key):
    X = data((33, 25), "float64")
    for block in (7, 16, 1000):
        same(put(ex, X, block)[key], X[key], exact=True)
        same(put(ex, X, block).T[key], X.T[key], exact=True)
        same((put(ex, X, block) * 2)[key], X[key] * 2, exact=True)


def test_bad_indices(ex):
    A = put(ex, data((4, 5), "float64"))
    for key in (4, -5, (0, 5), (0, 0, 0), (..., ...), "a", 1.5):
        with pytest.raises(IndexError):
            A[key]
    for key in (slice(None, None, 2), slice(None, None, -1), [0, 1], np.array([True] * 4), True, A > 0):
        with pytest.raises(NotImplementedError):
            A[key]
    with pytest.raises(TypeError, match="never change"):
        A[0] = 1


def test_diagonals(ex):
    for shape in [(20, 20), (31, 18), (18, 31), (1, 9)]:
        X = data(shape, "float64")
        for block in (7, 1000):
            A = put(ex, X, block)
            for k in (0, 1, -1, 6, -9, 40, -40):
                if -shape[0] < k < shape[1]:
                    same(ex.diag(A, k), np.diag(X, k), exact=True)
                same(ex.tril(A, k), np.tril(X, k), exact=True)
                same(np.triu(A, k), np.triu(X, k), exact=True)
            same(ex.trace(A), np.trace(X))
            same(np.trace(A, 2), np.trace(X, 2)) if shape[1] > 2 else None
    v = data((23,), "float32")
    same(ex.diag(put(ex, v)), np.diag(v), exact=True)
    with pytest.raises(NotImplementedError, match="k=3"):
        ex.diag(v, 3)
    same(ex.diag(put(ex, v[:, None])), np.diag(v), exact=True)
    for column in (v[:, None], v[None, :]):  # matrices, to NumPy
        same(np.diag(put(ex, column)), np.diag(column), exact=True)
        same(np.diagonal(put(ex, column)), np.diagonal(column), exact=True)
        same(np.trace(put(ex, column.T), -1), np.trace(column.T, -1)) if column.shape[0] == 1 else None


@pytest.mark.parametrize("block", [(8, 3), (3, 2), (2, 3), (13, 1), (7, 5)])
def test_diagonals_of_matrices_that_are_one_tile_wide(ex, block):
    X = data((13, 3), "float64")
    for k in range(-12, 3):
        same(ex.diag(ex.matrix_init(X, block_shape=block), k), np.diag(X, k), exact=True)
        same(ex.diag(ex.matrix_init(X.T, block_shape=block[::-1]), -k), np.diag(X.T, -k), exact=True)


# ---- Products ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64"])
@pytest.mark.parametrize("block", [(8, 8), (13, 7), (1000, 1000)])
def test_products(ex, dtype, block):
    for m, k, n in [(1, 1, 1), (30, 40, 20), (17, 65, 1), (1, 33, 9), (50, 3, 50)]:
        X, Y = data((m, k), dtype, 1), data((k, n), dtype, 2)
        A, B = ex.matrix_init(X, block_shape=block), ex.matrix_init(Y, block_shape=block[::-1])
        same(A @ B, X @ Y)
        same(ex.dot(A, Y), X @ Y)
        same(X @ B, X @ Y)
        same(B.T @ A.T, (X @ Y).T)
        same(ex.matmul(A.T, X), X.T @ X)
        same(-2 * (A @ B) + 1, -2 * (X @ Y) + 1)


def test_products_of_vectors(ex):
    X, v, w = data((30, 21), "float64"), data((21,), "float64"), data((30,), "float64")
    A = put(ex, X)
    same(A @ v, X @ v)
    same(w @ A, w @ X)
    same(np.dot(put(ex, v), v), np.dot(v, v))
    same(ex.dot(A, 2), X * 2)
    same(np.matmul(A, v), X @ v)


# ---- New arrays -------------------------------------------------------------------------------------------------------


def test_creation(ex):
    same(ex.zeros((9, 20)), np.zeros((9, 20)), exact=True)
    same(ex.ones(7, np.float32), np.ones(7, np.float32), exact=True)
    same(ex.full((30, 3), -2.5, block_shape=(7, 2)), np.full((30, 3), -2.5), exact=True)
    same(ex.full((3, 4), 7), np.full((3, 4), 7), exact=True)
    same(ex.full((3, 4), True), np.full((3, 4), True), exact=True)
    same(ex.full((2, 2), np.nan, "float32"), np.full((2, 2), np.nan, "float32"), exact=True)
    for n, m, k in [(5, None, 0), (20, 31, 3), (31, 20, -4)]:
        same(ex.eye(n, m, k, block_shape=(7, 6)), np.eye(n, m, k), exact=True)
    same(ex.eye(8, dtype=np.int64), np.eye(8, dtype=np.int64), exact=True)
    same(ex.arange(50, block_shape=(7,)), np.arange(50), exact=True)
    same(ex.arange(3, 40, 4), np.arange(3, 40, 4), exact=True)
    same(ex.arange(0, 5, 0.25), np.arange(0, 5, 0.25))
    same(ex.arange(10, 0, -3), np.arange(10, 0, -3), exact=True)
    A = put(ex, data((9, 4), "float32"))
    same(np.zeros_like(A), np.zeros((9, 4), "float32"), exact=True)
    same(np.ones_like(A, dtype=int), np.ones((9, 4), int), exact=True)
    same(np.full_like(A, 3), np.full((9, 4), 3, "float32"), exact=True)


def test_random_numbers_do_not_depend_on_tiles_or_workers(ex):
    for name in ("standard_normal", "uniform"):
        draw = getattr(ex.random, name)
        one = draw(size=(100, 37), seed=5).numpy()
        np.testing.assert_array_equal(draw(size=(100, 37), seed=5, block_shape=(9, 11)).numpy(), one)
        with npywren.local_executor(workers=1) as other:
            np.testing.assert_array_equal(
                getattr(other.random, name)(size=(100, 37), seed=5, block_shape=(100, 1)).numpy(), one
            )
        assert not np.array_equal(draw(size=(100, 37), seed=6).numpy(), one)
        assert not np.array_equal(draw(size=(100, 37)).numpy(), draw(size=(100, 37)).numpy())


def test_random_numbers_are_of_their_distribution(ex):
    n = 200_000
    normal = np.sort(ex.random.standard_normal(n, seed=1).numpy())
    uniform = np.sort(ex.random.uniform(size=n, seed=2).numpy())
    ranks = (np.arange(n) + 0.5) / n
    cdf = 0.5 * (1 + np.array([math.erf(x / math.sqrt(2)) for x in normal[::100]]))
    assert np.abs(cdf - ranks[::100]).max() < 2 / math.sqrt(n)  # Kolmogorov-Smirnov, one in a thousand
    assert np.abs(uniform - ranks).max() < 2 / math.sqrt(n)
    shifted = ex.random.uniform(-3, 5, (300, 40), np.float32, seed=3).numpy()
    assert shifted.dtype == np.float32
    assert -3 <= shifted.min() < -2.9 < 4.9 < shifted.max() <= 5
    assert ex.random.uniform((3, 4), seed=1).shape == (3, 4)


# ---- Conversions and protocols ----------------------------------------------------------------------------------------


def test_conversions(ex):
    A = put(ex, np.array([[3.5]]))
    assert (float(A), int(A), bool(A), A.item()) == (3.5, 3, True, 3.5)
    assert [1, 2, 3][ex.argmax([1, 5, 2])] == 2
    assert f"{ex.sum([1.0, 2.0]):.2f}" == "3.00"
    assert len(put(ex, np.ones((4, 2)))) == 4
    assert [float(row) for row in put(ex, np.arange(3.0))] == [0, 1, 2]
    assert 2.0 in put(ex, np.arange(3.0))
    with pytest.raises(ValueError, match="ambiguous"):
        bool(put(ex, np.ones((2, 2))))
    with pytest.raises(TypeError, match="one element"):
        float(put(ex, np.ones((2, 2))))
    with pytest.raises(TypeError, match="unsized"):
        len(ex.sum([1]))
    with pytest.raises(TypeError, match="0-d"):
        iter(ex.sum([1]))
    with pytest.raises(TypeError, match="unhashable"):
        hash(A)
    with pytest.raises(ValueError, match="always a copy"):
        A.__array__(copy=False)
    assert np.asarray(A, dtype=np.float32).dtype == np.float32


def test_numpys_functions(ex):
    X, Y = data((20, 9), "float64", 1), data((20, 9), "float64", 2)
    A = put(ex, X)
    assert np.shape(A) == (20, 9)
    assert np.ndim(A) == 2
    assert np.size(A) == 180
    assert isinstance(np.sum(A), npywren.BigMatrix)
    assert isinstance(Y + A, npywren.BigMatrix)
    assert isinstance(np.float64(2) * A, npywren.BigMatrix)
    assert np.allclose(A, X)
    assert not np.allclose(A, Y)
    assert np.array_equal(A, X)
    assert not np.array_equal(A, X.T)
    same(np.isclose(A, np.where(X > 0, X, Y)), np.isclose(X, np.where(X > 0, X, Y)))
    same(np.add.reduce(A), np.add.reduce(X))
    same(np.sum(A, dtype=np.float32), np.sum(X, dtype=np.float32))
    same(np.squeeze(A[:, :1]), np.squeeze(X[:, :1]))
    np.testing.assert_allclose(A, X)
    for call in (
        lambda: np.sin(A),
        lambda: np.fft.fft(A),
        lambda: np.sort(A),
        lambda: np.add.accumulate(A),
        lambda: np.sum(A, where=X > 0),
        lambda: np.add(A, 1, where=X > 0),
        lambda: np.linalg.eig(A),
    ):
        with pytest.raises(TypeError):
            call()


def test_array_namespace(ex):
    X = data((12, 7), "float64")
    A = put(ex, X)
    xp = A.__array_namespace__()
    assert xp == A.__array_namespace__(api_version="2022.12")
    with pytest.raises(ValueError, match="api_version"):
        A.__array_namespace__(api_version="1999")
    same(xp.sum(A, axis=1), X.sum(axis=1))
    same(xp.sqrt(xp.abs(A)), np.sqrt(np.abs(X)))
    same(xp.pow(A, 2), X**2)
    same(xp.matmul(xp.matrix_transpose(A), A), X.T @ X)
    same(xp.argmin(A, axis=0), X.argmin(axis=0))
    same(xp.linalg.vector_norm(A), np.linalg.norm(X))
    same(xp.linalg.matrix_norm(A), np.linalg.norm(X))
    same(xp.astype(xp.zeros((3, 4), dtype=None), xp.int64), np.zeros((3, 4), int))
    same(xp.asarray([[1.0, 2.0]], dtype=xp.float32), np.array([[1, 2]], np.float32))
    assert xp.isdtype(A.dtype, "real floating")
    assert A.device == "cpu"
    assert A.to_device("cpu") is A
    assert "sum" in dir(xp)
    with pytest.raises(AttributeError, match="cross"):
        xp.cross  # noqa: B018


def test_looks(ex):
    A = ex.matrix_init(np.ones((100, 50)), block_shape=(30, 30))
    lazy = ex.exp(A)
    assert "(100, 50)" in repr(A)
    assert "8 tiles of (30, 30)" in repr(A)
    assert "float64" in repr(A)
    assert "computed, in memory" in repr(A)
    assert "not computed" in repr(lazy)
    html = A._repr_html_()
    assert html.count("<line") == 3 + 1
    assert "100 × 50" in html
    for odd in (ex.zeros(()), ex.zeros((0, 4)), ex.zeros(5), ex.zeros((100_000, 3), block_shape=(10, 3)), ex.zeros((2, 3, 4))):
        assert odd._repr_html_().startswith("<table>")
        assert repr(odd)
    named = ex.matrix_init(np.ones(3), name="<b>")
    assert "<b>" not in named._repr_html_()
    ex.delete("<b>")
    assert "2 workers" in repr(ex)


def test_computing_several_runs_shared_parts_once(ex):
    X = data((50, 50), "float64")
    A = put(ex, X)
    shared = A @ A
    one, two = ex.compute(shared + 1, ex.sum(shared))
    np.testing.assert_allclose(one, X @ X + 1)
    np.testing.assert_allclose(two, (X @ X).sum())
    a, b = ex.persist(A + 1, A + 2)
    assert a.computed
    assert b.computed
    assert (A + 1).numpy().tolist() == a.numpy().tolist()
    assert ex.compute() == ()


def test_long_chains(ex):
    A = ex.matrix_init(np.zeros((10, 10)), block_shape=(4, 4))
    for _ in range(300):
        A += 1
    same(A, np.full((10, 10), 300.0), exact=True)


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
