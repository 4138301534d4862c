"""The largest singular values, their bounds, and principal components."""

from __future__ import annotations

import numpy as np
import pytest


def slow(rng, m, n):
    """A matrix with the singular values 1, 1/√2, 1/√3 …, which decay slowly, and these."""
    q, p = np.linalg.qr(rng.standard_normal((m, n)))[0], np.linalg.qr(rng.standard_normal((n, n)))[0]
    values = 1 / np.sqrt(1 + np.arange(n))
    return q * values @ p.T, values


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("transposed", [False, True])
def test_svd_lowrank(ex, rng, transposed, dtype):
    X, values = slow(rng, 300, 200)
    X = (X.T if transposed else X).astype(dtype)
    U, S, Vh, error, bounds = ex.linalg.svd_lowrank(ex.matrix_init(X, block_shape=(64, 64)), 10)
    assert (U.shape, S.shape, Vh.shape, bounds.shape, S.dtype) == ((X.shape[0], 10), (10,), (10, X.shape[1]), (10,), dtype)
    np.testing.assert_allclose(S.numpy(), values[:10], rtol=1e-2)
    assert (bounds.numpy() <= 0.01 * S.numpy() + 1e-5).all()
    assert (np.abs(S.numpy() - values[:10]) <= bounds.numpy() + 1e-5).all()
    left = np.linalg.norm(X - (U * S @ Vh).numpy())
    np.testing.assert_allclose(error.item(), left, rtol=1e-8 if dtype == np.float64 else 1e-3)
    for a, b in ((U.numpy(), np.eye(10)), (Vh.numpy().T, np.eye(10))):
        np.testing.assert_allclose(a.T @ a, b, atol=1e3 * np.finfo(dtype).eps)


def test_bounds_of_svd_lowrank(ex, rng):
    """They hold for every number of iterations, and fall."""
    X, values = slow(rng, 200, 120)
    A = ex.matrix_init(X, block_shape=(64, 64))
    before = np.inf
    for n in range(0, 9, 2):
        _, S, _, _, bounds = ex.linalg.svd_lowrank(A, 6, iterations=n)
        nearest = np.abs(S.numpy()[:, None] - values).min(axis=1)
        assert (nearest <= bounds.numpy() + 1e-14).all()
        assert bounds.numpy().max() < before
        before = bounds.numpy().max()
    sharp = ex.linalg.svd_lowrank(A, 3, tol=1e-9)
    np.testing.assert_allclose(sharp.S.numpy(), values[:3], rtol=1e-9)


def test_as_many_iterations_as_are_asked_for(ex, recwarn):
    """Each takes the vector 0.98 times as far from the first singular one. Without a number a hundred do not do."""
    A = ex.matrix_init(np.diag([1, 0.99, *np.full(18, 0.5)]))
    hundred, more = (ex.linalg.svd_lowrank(A, 1, oversample=0, iterations=n).bounds.item() for n in (100, 150))
    assert 0 < more < hundred / 2
    assert not recwarn
    with pytest.warns(RuntimeWarning, match=r"after 100 iterations .* not known to 1e-09 .* give the number") as warned:
        assert ex.linalg.svd_lowrank(A, 1, oversample=0, tol=1e-9).bounds.item() == hundred
    assert warned[0].filename == __file__


def test_svd_lowrank_of_low_ranks(ex, rng):
    X = rng.standard_normal((300, 200))
    exact = ex.linalg.svd_lowrank(X[:, :4] @ X[:4, :], 6)
    assert float(exact.error.item()) <= 1e-4
    np.testing.assert_allclose(exact.S.numpy()[4:], 0, atol=1e-10)
    assert not ex.linalg.svd_lowrank(np.zeros((30, 20)), 2).S.numpy().any()
    np.testing.assert_allclose(ex.linalg.svd_lowrank(np.full((1, 5), 2), 1).S.numpy(), [np.sqrt(20)])
    for bad in ({"tol": 0}, {"tol": 1}, {"iterations": -1}, {"oversample": -1}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            ex.linalg.svd_lowrank(X, 3, **bad)
    with pytest.raises(ValueError, match="k is 201: 1 to 200"):
        ex.linalg.svd_lowrank(X, 201)


def test_pca(ex, rng):
    X = rng.standard_normal((100, 6)) @ rng.standard_normal((6, 6)) + 5
    components, variance, mean, scores = ex.linalg.pca(ex.matrix_init(X, block_shape=(30, 30)), 2)
    centred = X - X.mean(axis=0)
    w, v = np.linalg.eigh(centred.T @ centred / 99)
    np.testing.assert_allclose(variance.numpy(), w[::-1][:2], rtol=1e-10)
    np.testing.assert_allclose(mean.numpy().ravel(), X.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(np.abs(components.numpy()), np.abs(v[:, ::-1][:, :2].T), atol=1e-9)
    np.testing.assert_allclose(scores.numpy(), centred @ components.numpy().T, atol=1e-9)
