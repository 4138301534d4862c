"""Arrays in and out, their parts, products and protocols, on random shapes, tilings and dtypes, against NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from arraydata import BLOCKS, DTYPES, SHAPES, data, put, same

import numpywren as npywren

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
