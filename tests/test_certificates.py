"""What check=True says of factors: true of good ones, and of bad ones too."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.linalg

from numpywren import _certify

EPS = np.finfo(float).eps
SHAPES = [(1, 1), (40, 40), (50, 20), (20, 50)]


def near(found, exact):
    """An estimate of a condition number: never too small by much, seldom a few times too large."""
    assert exact / 1.1 <= found <= 10 * exact


@pytest.mark.parametrize("mode", ["reduced", "complete"])
@pytest.mark.parametrize("shape", SHAPES)
def test_qr(ex, rng, shape, mode):
    X = rng.standard_normal(shape)
    (Q, R), found = ex.linalg.qr(ex.matrix_init(X, block_shape=(16, 16)), mode, check=True)
    q, r = ex.compute(Q, R)
    np.testing.assert_allclose(found.backward_error, np.linalg.norm(X - q @ r) / np.linalg.norm(X), atol=EPS)
    np.testing.assert_allclose(found.orthogonality, np.linalg.norm(np.eye(q.shape[1]) - q.T @ q), atol=EPS * max(shape))
    assert max(found.backward_error, found.orthogonality) <= 30 * max(shape) * EPS
    if shape[0] >= shape[1]:
        near(found.rcond, 1 / np.linalg.cond(r[: shape[1]], 1))
    else:
        assert np.isnan(found.rcond)


@pytest.mark.parametrize("shape", SHAPES)
def test_svd(ex, rng, shape):
    X = rng.standard_normal(shape)
    (U, S, Vh), found = ex.linalg.svd(ex.matrix_init(X, block_shape=(16, 16)), full_matrices=False, check=True)
    assert (U.shape[1], Vh.shape[0]) == S.shape * 2
    assert max(found.backward_error, found.orthogonality) <= 30 * max(shape) * EPS
    np.testing.assert_allclose(found.rcond, 1 / np.linalg.cond(X), rtol=1e-10)


@pytest.mark.parametrize("uplo", ["L", "U"])
@pytest.mark.parametrize("n", [1, 16, 50])
def test_eigh(ex, rng, n, uplo):
    X = rng.standard_normal((n, n))
    X = X + X.T
    half = np.tril(X) if uplo == "L" else np.triu(X)
    (w, V), found = ex.linalg.eigh(ex.matrix_init(half, block_shape=(16, 16)), uplo, check=True)
    np.testing.assert_allclose((V * w @ V.T).numpy(), X, atol=30 * n * EPS * np.linalg.norm(X))
    assert max(found.backward_error, found.orthogonality) <= 30 * n * EPS
    np.testing.assert_allclose(found.rcond, 1 / np.linalg.cond(X), rtol=1e-9)


@pytest.mark.parametrize("n", [1, 16, 50])
def test_cholesky(ex, spd, n):
    X = spd(n)
    lower = np.tril(X) + np.triu(np.full((n, n), 9.0), 1)
    L, found = ex.linalg.cholesky(ex.matrix_init(lower, block_shape=(16, 16)), check=True)
    np.testing.assert_allclose(L.numpy(), np.linalg.cholesky(X), atol=1e-13)
    assert found.backward_error <= 30 * n * EPS
    assert found.orthogonality == 0
    near(found.rcond, 1 / np.linalg.cond(X, 1))


@pytest.mark.parametrize("options", [{}, {"permute_l": True}, {"p_indices": True}, {"pivoting": "tournament"}])
@pytest.mark.parametrize("shape", SHAPES)
def test_lu(ex, rng, shape, options):
    X = rng.standard_normal(shape)
    out, found = ex.linalg.lu(ex.matrix_init(X, block_shape=(16, 16)), check=True, **options)
    assert len(out) == (2 if "permute_l" in options else 3)
    assert found.backward_error <= 30 * max(shape) * EPS
    if shape[0] == shape[1]:
        near(found.rcond, 1 / np.linalg.cond(X, 1))
    else:
        assert np.isnan(found.rcond)


def test_singular_and_ill_conditioned(ex, rng):
    X = rng.standard_normal((30, 29))
    X = np.hstack([X, np.zeros((30, 1))])
    assert ex.linalg.qr(X, check=True)[1].rcond == 0
    assert ex.linalg.svd(X, check=True)[1].rcond <= EPS
    assert ex.linalg.lu(X, check=True)[1].rcond == 0
    H = scipy.linalg.hilbert(9)
    for found in (ex.linalg.lu(H, check=True)[1], ex.linalg.cholesky(H, check=True)[1]):
        near(found.rcond, 1 / np.linalg.cond(H, 1))
        assert found.backward_error <= 30 * 9 * EPS
    assert ex.linalg.qr(np.zeros((5, 3)), check=True)[1].backward_error == 0


def test_factors_that_are_wrong(ex, rng):
    """The certificate tells: an error of 1e-5 in R, a Q that is not orthonormal by 1e-6."""
    X = rng.standard_normal((30, 20))
    q, r = np.linalg.qr(X)
    A = ex.matrix_init(X, block_shape=(8, 8))
    r[3, 7] += 1e-5
    found = _certify.qr(ex, A, ex.matrix_init(q), ex.matrix_init(r))
    np.testing.assert_allclose(found.backward_error, 1e-5 / np.linalg.norm(X), rtol=1e-3)
    found = _certify.qr(ex, A, ex.matrix_init(q * (1 + 1e-6)), ex.matrix_init(r))
    np.testing.assert_allclose(found.orthogonality, 2e-6 * np.sqrt(20), rtol=1e-3)


def test_bad_arguments(ex):
    for mode in ("r", "raw"):
        with pytest.raises(ValueError, match="nothing to check"):
            ex.linalg.qr(np.eye(3), mode, check=True)
    with pytest.raises(ValueError, match="nothing to check"):
        ex.linalg.svd(np.eye(3), compute_uv=False, check=True)


@pytest.mark.parametrize("refine", [None, "float32"])
def test_a_solution_without_a_certain_digit(ex, refine):
    """Who asks is warned of it as by SciPy."""
    H, b = scipy.linalg.hilbert(14), np.ones(14)
    with pytest.warns(scipy.linalg.LinAlgWarning, match="(?i)ill-conditioned matrix"):
        scipy.linalg.solve(H, b)
    with pytest.warns(RuntimeWarning) as warned:
        found = ex.linalg.solve(H, b, refine=refine, check=True)[1]
    message = f"solve: A is ill-conditioned (rcond={found.rcond:.6g}), the result may not be accurate"
    assert [w.filename for w in warned if str(w.message) == message] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ex.linalg.solve(H[:5, :5], b[:5], refine=refine, check=True)
        if refine is None:
            ex.linalg.solve(H, b).persist()
