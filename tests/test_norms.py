"""Norms of any order, and what singular values tell: against NumPy, and where NumPy overflows."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.linalg import LinAlgError

NEW = hasattr(np.linalg, "matrix_norm")  # NumPy 2


def same(ours, theirs, rtol=1e-12):
    assert ours.shape == np.shape(theirs)
    assert ours.dtype == np.asarray(theirs).dtype
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=rtol)


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64"])
@pytest.mark.parametrize("shape", [(37, 22), (22, 37), (1, 5), (5, 1), (1, 1)])
def test_spectral_norms(ex, rng, shape, dtype):
    X = (rng.standard_normal(shape) * 5).astype(dtype)
    A = ex.matrix_init(X, block_shape=(10, 9))
    rtol = 1e-5 if dtype == "float32" else 1e-12
    for order in (2, -2, "nuc"):
        wanted = np.linalg.norm(np.float64(X), order).astype(np.linalg.norm(X, order).dtype)
        same(ex.linalg.norm(A, order), wanted, rtol)
        same(np.linalg.norm(A, order, axis=(1, 0), keepdims=True), wanted.reshape(1, 1), rtol)
        same(ex.linalg.matrix_norm(A, order), wanted, rtol)


@pytest.mark.parametrize("order", [0, 1, 2, 2.5, -1, np.inf, -np.inf])
def test_vector_norms(ex, rng, order):
    X = rng.standard_normal((12, 9, 4))
    A = ex.matrix_init(X, block_shape=(5, 4, 4))
    if NEW:
        for axis in (None, 0, -1, (0, 2), (2, 1)):
            for keep in (False, True):
                same(ex.linalg.vector_norm(A, order, axis, keep), np.linalg.vector_norm(X, ord=order, axis=axis, keepdims=keep))
                same(
                    np.linalg.vector_norm(A, ord=order, axis=axis, keepdims=keep),
                    ex.linalg.vector_norm(A, order, axis, keep).numpy(),
                )
        if order not in (0, 2, 2.5):
            same(ex.linalg.matrix_norm(A, order), np.linalg.matrix_norm(X, ord=order))
    assert ex.linalg.vector_norm(A, order, axis=1).shape == (12, 1, 4)


def test_norms_of_nothing(ex):
    for shape in [(0, 3), (3, 0), (0, 0)]:
        X = np.zeros(shape)
        for order in (None, "fro", "nuc", 2, 1, np.inf):
            if order in (1, np.inf) and not hasattr(np, "vecdot"):
                continue
            assert ex.linalg.norm(X, order).item() == 0
        with pytest.raises(ValueError, match="zero-size array"):
            ex.linalg.norm(X, -2)
    assert ex.linalg.norm(np.zeros(0)).item() == 0


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("scale", ["huge", "tiny", "both"])
def test_norms_neither_overflow_nor_underflow(ex, rng, scale, dtype):
    """Squares of these are infinite, or zero."""
    limits = np.finfo(dtype)
    X = np.longdouble(rng.uniform(0.5, 1, (50, 40)))
    factor = {"huge": float(limits.max) / 64, "tiny": float(limits.tiny) * 8}
    X = X * (np.where(np.arange(40) % 2, *factor.values()) if scale == "both" else factor[scale])
    A = ex.matrix_init(X.astype(dtype), block_shape=(16, 15))
    exact = np.longdouble(X.astype(dtype))
    for axis in (None, 0, 1):
        with np.errstate(under="ignore"):  # of what does not count
            wanted = np.sqrt((exact**2).sum(axis=axis, keepdims=axis is not None))
        found = ex.linalg.norm(A, axis=axis).numpy()
        assert np.isfinite(found).all()
        np.testing.assert_allclose(np.longdouble(found), wanted, rtol=8 * limits.eps)
    largest = np.linalg.norm(np.float64(exact / exact.max()), 2) * exact.max()
    if scale != "both":
        np.testing.assert_allclose(np.longdouble(ex.linalg.norm(A, 2).item()), largest, rtol=1e3 * limits.eps)


def test_norms_of_what_is_not_finite(ex):
    X = np.ones((30, 20))
    X[3, 4], X[25, 7] = np.inf, np.nan
    A = ex.matrix_init(X, block_shape=(8, 8))
    np.testing.assert_allclose(ex.linalg.norm(A, axis=0).numpy().ravel(), np.linalg.norm(X, axis=0), rtol=1e-15)
    assert np.isnan(ex.linalg.norm(A).item())
    with pytest.raises(LinAlgError, match="did not converge"):
        ex.linalg.norm(A, 2).numpy()


def test_bad_norms(ex):
    A = ex.ones((4, 5))
    with pytest.raises(NotImplementedError, match="stack"):
        ex.linalg.norm(ex.ones((2, 3, 3)), 2, axis=(1, 2))
    with pytest.raises(ValueError, match=r"(?i)norm order"):
        ex.linalg.vector_norm(A, "fro")
    with pytest.raises(TypeError, match="ord is"):
        ex.linalg.vector_norm(A, [1])
    with pytest.raises(TypeError, match="p is"):
        ex.linalg.cond(A, [1])


@pytest.mark.parametrize("block", [(8, 8), (16, 10), (100, 100)])
@pytest.mark.parametrize("rank", [1, 7, 20])
@pytest.mark.parametrize("shape", [(40, 20), (20, 40), (20, 20)])
def test_pinv_and_rank(ex, rng, shape, rank, block):
    X = rng.standard_normal((shape[0], rank)) @ rng.standard_normal((rank, shape[1]))
    A = ex.matrix_init(X, block_shape=block)
    assert ex.linalg.matrix_rank(A).item() == rank == np.linalg.matrix_rank(A).item()
    P = ex.linalg.pinv(A)
    assert (P.shape, P.dtype) == (shape[::-1], X.dtype)
    inverse, limit = P.numpy(), 1e-10 * np.linalg.cond(X) ** (rank == min(shape))
    np.testing.assert_allclose(X @ inverse @ X, X, atol=limit)  # Penrose's four
    np.testing.assert_allclose(inverse @ X @ inverse, inverse, atol=limit)
    np.testing.assert_allclose(X @ inverse, (X @ inverse).T, atol=limit)
    np.testing.assert_allclose(inverse @ X, (inverse @ X).T, atol=limit)
    np.testing.assert_allclose(np.linalg.pinv(A, rcond=1e-10).numpy(), inverse, atol=limit)


def test_tolerances(ex):
    X = np.diag([4.0, 1.0, 1e-3, 1e-9])
    for tol in (None, 0, 1e-8, 1e-2, 2, 5):
        assert ex.linalg.matrix_rank(X, tol).item() == np.linalg.matrix_rank(X, tol)
        assert ex.linalg.matrix_rank(X, rtol=tol).item() == np.sum(np.diag(X) > 4 * (8.9e-16 if tol is None else tol))
        if tol is not None:
            np.testing.assert_allclose(ex.linalg.pinv(X, tol).numpy(), np.linalg.pinv(X, tol), rtol=1e-12)
            np.testing.assert_allclose(ex.linalg.pinv(X, rtol=tol).numpy(), np.linalg.pinv(X, tol), rtol=1e-12)
    with pytest.raises(ValueError, match="can't be both set"):
        ex.linalg.pinv(X, 1e-3, rtol=1e-3)
    with pytest.raises(ValueError, match="can't be both set"):
        ex.linalg.matrix_rank(X, 1e-3, rtol=1e-3)
    with pytest.raises(TypeError, match="rcond"):
        ex.linalg.pinv(X, "small")


def test_hermitian(ex, rng):
    X = rng.standard_normal((30, 5))
    X = X @ X.T
    lower = ex.matrix_init(np.tril(X) + np.triu(np.full_like(X, 7.0), 1), block_shape=(8, 8))  # the other triangle is not read
    np.testing.assert_allclose(ex.linalg.pinv(lower, hermitian=True).numpy(), np.linalg.pinv(X, 1e-10), atol=1e-12)
    assert ex.linalg.matrix_rank(lower, hermitian=True).item() == 5
    with pytest.raises(LinAlgError, match="square"):
        ex.linalg.pinv(X[:, :3], hermitian=True)


def test_ranks_of_what_is_no_matrix(ex):
    assert [ex.linalg.matrix_rank(x).item() for x in (np.zeros(3), np.ones(3), 0.0, 2, np.zeros((0, 3)), np.zeros((4, 4)))] == [
        0,
        1,
        0,
        1,
        0,
        0,
    ]
    assert ex.linalg.pinv(np.zeros((0, 3))).shape == (3, 0)
    assert not ex.linalg.pinv(np.zeros((4, 3))).numpy().any()
    for f in (ex.linalg.pinv, ex.linalg.matrix_rank, ex.linalg.cond):
        with pytest.raises(NotImplementedError, match="stack"):
            f(np.ones((2, 3, 3)))
    with pytest.raises(LinAlgError, match="at least two-dimensional"):
        ex.linalg.pinv(np.ones(3))


@pytest.mark.parametrize("p", [None, 1, -1, 2, -2, np.inf, -np.inf, "fro", "nuc"])
def test_cond(ex, rng, p):
    X = rng.standard_normal((30, 30))
    A = ex.matrix_init(X, block_shape=(8, 12))
    same(ex.linalg.cond(A, p), np.linalg.cond(X, p), 1e-10)
    same(np.linalg.cond(A, p), np.linalg.cond(X, p), 1e-10)
    for singular in (np.ones((3, 3)), np.zeros((3, 3)), np.diag([1.0, 0, 2])):
        if p in (-2, 2, None) and not singular[0, 1]:
            assert ex.linalg.cond(singular, p).item() == np.linalg.cond(singular, p)
        elif p not in (-2, 2, None):
            assert ex.linalg.cond(singular, p).item() == np.inf


def test_cond_of_other_shapes(ex, rng):
    X = rng.standard_normal((30, 12))
    np.testing.assert_allclose(ex.linalg.cond(X).item(), np.linalg.cond(X), rtol=1e-12)
    np.testing.assert_allclose(ex.linalg.cond(X.T, -2).item(), np.linalg.cond(X, -2), rtol=1e-12)
    with pytest.raises(LinAlgError, match="square"):
        ex.linalg.cond(X, 1)
    with pytest.raises(LinAlgError, match="empty"):
        ex.linalg.cond(np.zeros((0, 0)))
    with pytest.raises(ValueError, match=r"(?i)norm order"):
        ex.linalg.cond(np.eye(3), 7)


def test_the_array_api(ex, rng):
    X = rng.standard_normal((20, 12))
    A = ex.matrix_init(X, block_shape=(8, 8))
    xp = A.__array_namespace__()
    same(xp.linalg.vector_norm(A, ord=1), np.abs(X).sum())
    same(xp.linalg.matrix_norm(A, ord="nuc"), np.linalg.norm(X, "nuc"))
    same(xp.linalg.matrix_rank(A), np.int64(12))
    np.testing.assert_allclose(xp.linalg.pinv(A).numpy(), np.linalg.pinv(X), atol=1e-13)
    np.testing.assert_allclose(np.linalg.multi_dot([A, X.T, A]).numpy(), X @ X.T @ X, rtol=1e-10)
