"""Factorisations, solves and norms: scaled residuals, every tiling, and inputs that must fail."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from numpy.linalg import LinAlgError

import numpywren as npywren

SIZES = [1, 2, 15, 16, 17, 64, 101]
BLOCKS = [16, 30, 200]


def residual(difference, n, *factors):
    """‖difference‖ / (n ‖factors‖… ε): about 1 or less when an algorithm is backward stable."""
    size = np.prod([np.linalg.norm(np.float64(f), 1) for f in factors])
    return np.linalg.norm(np.float64(difference), 1) / (n * size * np.finfo(factors[0].dtype).eps)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("n", SIZES)
def test_cholesky(ex, spd, n, block, dtype):
    X = spd(n, dtype)
    L = ex.linalg.cholesky(ex.matrix_init(X, block_shape=(block, block)))
    assert (L.shape, L.dtype) == (X.shape, X.dtype)
    found = L.numpy()
    np.testing.assert_array_equal(found, np.tril(found))
    assert residual(np.float64(X) - np.float64(found) @ np.float64(found).T, n, X) < 10
    lower_only = np.tril(X) + np.triu(np.full_like(X, np.nan), 1)  # the other triangle is not read
    again = ex.linalg.cholesky(ex.matrix_init(lower_only, block_shape=(block, block))).numpy()
    np.testing.assert_array_equal(again, found)


def test_numpys_cholesky(ex, spd):
    X = spd(50)
    A = ex.matrix_init(X, block_shape=(20, 20))
    np.testing.assert_allclose(np.linalg.cholesky(A).numpy(), np.linalg.cholesky(X), rtol=1e-10, atol=1e-12)
    if int(np.__version__.split(".")[0]) >= 2:
        np.testing.assert_allclose(np.linalg.cholesky(A, upper=True).numpy(), np.linalg.cholesky(X).T, rtol=1e-10, atol=1e-12)


def test_upper_cholesky(ex, spd):
    X = spd(50)
    upper_only = np.triu(X) + np.tril(np.full_like(X, np.nan), -1)  # the other triangle is not read
    U, found = ex.linalg.cholesky(ex.matrix_init(upper_only, block_shape=(20, 20)), upper=True, check=True)
    np.testing.assert_allclose(U.numpy(), np.linalg.cholesky(X).T, rtol=1e-10, atol=1e-12)
    assert found.backward_error < 1e-15


def test_cholesky_of_an_integer_matrix(ex):
    X = np.array([[4, 2], [2, 5]])
    np.testing.assert_allclose(ex.linalg.cholesky(X).numpy(), np.linalg.cholesky(X))


@pytest.mark.parametrize("where", [(0, 0), (20, 20), (47, 47), (63, 63)])
def test_not_positive_definite(ex, spd, where):
    X = spd(64)
    X[where] = -1
    L = ex.linalg.cholesky(ex.matrix_init(X, block_shape=(16, 16)))
    with pytest.raises(LinAlgError, match=r"(?i)not positive definite") as e:
        L.numpy()
    tile = where[0] // 16
    assert f"[{tile}, {tile}]" in str(e.value), "the tile is named"
    assert "cholesky" in str(e.value), "the task is named"
    np.testing.assert_allclose(ex.dot(X, X).numpy(), X @ X)  # the session goes on


@pytest.mark.parametrize("where", [(0, 0), (33, 2), (40, 40)])
def test_nan_in_cholesky(ex, spd, where):
    X = spd(64)
    X[where] = np.nan
    with pytest.raises(LinAlgError):
        ex.linalg.cholesky(ex.matrix_init(X, block_shape=(16, 16))).numpy()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("n", "rhs"), [(1, 1), (16, 3), (50, 64), (101, 17), (64, 1)])
def test_solve(ex, spd, n, rhs, dtype):
    A, B = spd(n, dtype), np.random.default_rng(n).standard_normal((n, rhs)).astype(dtype)
    for block in BLOCKS:
        x = ex.linalg.solve(
            ex.matrix_init(A, block_shape=(block, block)), ex.matrix_init(B, block_shape=(block, 7)), assume_a="pos"
        ).numpy()
        assert x.dtype == dtype
        assert residual(np.float64(A) @ np.float64(x) - B, n, A, x) < 10


def test_solve_a_vector(ex, spd):
    A, b = spd(40), np.arange(40.0)
    x = ex.linalg.solve(ex.matrix_init(A, block_shape=(15, 15)), b, assume_a="pos")
    assert x.shape == (40,)
    np.testing.assert_allclose(A @ x.numpy(), b, atol=1e-9)


@pytest.mark.parametrize("unit", [False, True])
@pytest.mark.parametrize("trans", ["N", "T", 0, 1])
@pytest.mark.parametrize("lower", [True, False])
def test_solve_triangular(ex, lower, trans, unit):
    rng = np.random.default_rng(4)
    for n, rhs in [(1, 1), (33, 5), (64, 40), (50, 1)]:
        A = rng.standard_normal((n, n)) / n + 2 * np.eye(n)
        T = np.tril(A) if lower else np.triu(A)
        if unit:
            np.fill_diagonal(T, 1)
        B = rng.standard_normal((n, rhs))
        for block in (16, 30, 100):
            x = ex.linalg.solve_triangular(
                ex.matrix_init(A, block_shape=(block, block)), B, trans=trans, lower=lower, unit_diagonal=unit
            ).numpy()
            np.testing.assert_allclose((T if trans in ("N", 0) else T.T) @ x, B, rtol=1e-10, atol=1e-10)


def test_singular(ex):
    T = np.tril(np.ones((40, 40)))
    T[20, 20] = 0
    with pytest.raises(LinAlgError, match=r"(?i)singular"):
        ex.linalg.solve_triangular(ex.matrix_init(T, block_shape=(16, 16)), np.ones((40, 2)), lower=True).numpy()


def test_the_steps_make_one_program(ex, spd):
    """A factorisation and both substitutions run without a barrier: they are explained as one."""
    A = ex.matrix_init(spd(60), block_shape=(20, 20))
    text = ex.linalg.solve(A, np.ones((60, 2)), assume_a="pos").explain()
    for word in ("chol", "trsm", "gemm"):
        assert word in text.lower()


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64"])
def test_norms(ex, dtype):
    rng = np.random.default_rng(8)
    X = (rng.standard_normal((37, 22)) * 5).astype(dtype)
    A = ex.matrix_init(X, block_shape=(10, 9))
    tolerance = {"rtol": 1e-5 if dtype == "float32" else 1e-12}

    def same(ours, theirs):
        assert ours.shape == np.shape(theirs)
        assert ours.dtype == np.asarray(theirs).dtype
        np.testing.assert_allclose(ours.numpy(), theirs, **tolerance)

    for order in (None, "fro", 1, -1, np.inf, -np.inf):
        same(ex.linalg.norm(A, order), np.linalg.norm(X, order))
        same(np.linalg.norm(A, order), np.linalg.norm(X, order))
        same(ex.linalg.norm(X, order, keepdims=True), np.linalg.norm(X, order, keepdims=True))
        same(np.linalg.norm(A, order, axis=(1, 0)), np.linalg.norm(X, order, axis=(1, 0)))
    for order in (None, 0, 1, 2, 3, 0.5, np.inf, -np.inf):
        for axis in (0, 1, -1):
            same(ex.linalg.norm(A, order, axis=axis), np.linalg.norm(X, order, axis=axis, keepdims=True))
            same(np.linalg.norm(A, order, axis=axis), np.linalg.norm(X, order, axis=axis))
    same(ex.linalg.norm(X[0]), np.linalg.norm(X[0]))


def test_bad_norms(ex):
    A = ex.ones((4, 5))
    with pytest.raises(ValueError, match=r"(?i)norm order"):
        ex.linalg.norm(A, 7)
    with pytest.raises(ValueError, match=r"(?i)norm order"):
        ex.linalg.norm(A, "fro", axis=0)
    with pytest.raises(TypeError, match="ord is"):
        ex.linalg.norm(A, [1])


@pytest.mark.parametrize(
    "call",
    [
        lambda ex: ex.linalg.cholesky(np.ones((3, 4))),
        lambda ex: ex.linalg.cholesky(np.ones(3)),
        lambda ex: ex.linalg.solve(np.eye(3), np.ones((4, 1)), assume_a="pos"),
        lambda ex: ex.linalg.solve(np.ones((3, 4)), np.ones((3, 1)), assume_a="pos"),
        lambda ex: ex.linalg.solve_triangular(np.eye(3), np.ones((4, 1))),
    ],
)
def test_shapes_that_do_not_fit(ex, call):
    with pytest.raises((ValueError, LinAlgError), match=r"\d"):
        call(ex)


def test_same_bits_with_any_number_of_workers(spd):
    A, B = spd(150), np.random.default_rng(1).standard_normal((150, 30))
    found = []
    for workers in (1, 2, 4):
        with npywren.local_executor(workers=workers) as ex:
            x = ex.linalg.solve(ex.matrix_init(A, block_shape=(32, 32)), B, assume_a="pos")
            found.append(x.numpy().tobytes())
    assert len(set(found)) == 1


def test_types_of_results_can_be_named(ex, spd):
    """Whoever annotates with them finds them in the package, and `help` tells what every function and attribute is."""
    la, S = ex.linalg, spd(5)
    given = [la.qr(S), la.svd(S), la.eigh(S), la.svd_lowrank(S, 2), la.pca(S, 2), la.polar(S), la.slogdet(S)]
    given += [la.lu_factor(S), la.cho_factor(S), la.qr(S, "raw"), la.solve(S, S, check=True)[1], la.cholesky(S, check=True)[1]]
    kinds = [type(result) for result in given]
    assert [getattr(npywren, kind.__name__) for kind in kinds] == kinds
    assert {kind.__name__ for kind in kinds} < set(npywren.__all__)
    for kind in (type(la), npywren.LU, npywren.Cholesky, npywren.QRFactors):
        for name in dir(kind):
            assert name.startswith("_") or inspect.getdoc(getattr(kind, name)), name


def test_how_results_look(ex, spd):
    la, S = ex.linalg, spd(5)
    assert repr(la) == f"<the linear algebra of {ex!r}>"
    for F in (la.lu_factor(S), la.cho_factor(S), la.qr(S, "raw")):
        assert repr(F) == f"<numpywren.{type(F).__name__} of a 5 × 5 matrix, float64>"
