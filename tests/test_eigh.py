"""Symmetric eigenproblems: LAPACK's scaled residuals, every tiling, matrices known to be hard, and inputs that must fail."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.linalg import LinAlgError
from residuals import THRESHOLD, orthogonal, relative

import numpywren as npywren

SMALL = 1024  # up to this side a matrix is one task


def check_eigh(X, w, Z):
    """X Z is Z diag(w), Z is orthogonal, and w ascends, and is NumPy's in float64."""
    n, dtype = len(X), X.dtype
    assert (w.shape, Z.shape, w.dtype, Z.dtype) == ((n,), (n, n), dtype, dtype)
    scale = np.abs(X).max() or 1
    X, w, Z = np.float64(X) / scale, np.float64(w) / scale, np.float64(Z)
    assert np.all(np.diff(w) >= 0)
    assert relative(X @ Z - Z * w, X, dtype) <= THRESHOLD
    assert orthogonal(Z, dtype) <= THRESHOLD
    check_values(X, w, np.finfo(dtype).eps)


def check_values(X, w, eps):
    X = np.float64(X)
    assert np.abs(w - np.linalg.eigvalsh(X)).max() <= len(X) * eps * max(np.linalg.norm(X, 1), np.finfo(float).tiny)


def symmetric(rng, n, dtype=np.float64):
    X = rng.standard_normal((n, n)).astype(dtype)
    return X + X.T


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("block", [(8, 8), (7, 30), (64, 64), (300, 300)])
@pytest.mark.parametrize("n", [1, 2, 3, 16, 65, 130])
def test_small(ex, rng, n, block, dtype):
    X = symmetric(rng, n, dtype)
    A = ex.matrix_init(X, block_shape=block)
    w, Z = ex.linalg.eigh(A)
    assert (w.shape, Z.shape, w.dtype, Z.dtype) == ((n,), (n, n), X.dtype, X.dtype)
    check_eigh(X, *ex.compute(w, Z))
    check_values(X, np.float64(ex.linalg.eigvalsh(A).numpy()), np.finfo(dtype).eps)


@pytest.mark.parametrize(
    ("n", "block", "dtype"),
    [
        (SMALL + 1, (512, 512), np.float64),
        (SMALL + 64, (100, 300), np.float32),
        (SMALL + 64, (1088, 1088), np.float64),
        (1217, (256, 256), np.float64),
        (1100, (1100, 37), np.float64),
        (1100, (37, 1100), np.float32),
        (1537, (700, 200), np.float64),
    ],
)
def test_two_stages(ex, rng, n, block, dtype):
    X = symmetric(rng, n, dtype)
    A = ex.matrix_init(X, block_shape=block)
    found = ex.linalg.eigh(A)
    assert found.eigenvectors.block_shape == A.block_shape or block[0] != block[1]
    check_eigh(X, *ex.compute(*found))
    check_values(X, np.float64(ex.linalg.eigvalsh(A).numpy()), np.finfo(dtype).eps)


@pytest.mark.parametrize(("n", "block"), [(90, (400, 400)), (SMALL + 30, (400, 400)), (SMALL + 30, (150, 600))])
def test_one_triangle_is_read(ex, rng, n, block):
    X = symmetric(rng, n)
    above, below = X.copy(), X.copy()
    above[np.tril_indices(n, -1)] = np.nan
    below[np.triu_indices(n, 1)] = np.inf
    for Y, uplo in [(below, "L"), (above, "U"), (above, "u")]:
        A = ex.matrix_init(Y, block_shape=block)
        check_eigh(X, *ex.compute(*ex.linalg.eigh(A, UPLO=uplo)))
        check_values(X, ex.linalg.eigvalsh(A, uplo).numpy(), np.finfo(float).eps)


def hard(n):
    """Matrices of which LAPACK's tests are made."""
    k = np.arange(n)
    rng = np.random.default_rng(5)
    Q = np.linalg.qr(rng.standard_normal((n, n)))[0]
    half = np.abs(k - (n - 1) // 2).astype(float)
    graded = 10.0 ** -(16.0 * k / n)

    def spread(values):
        X = Q * values @ Q.T
        return (X + X.T) / 2

    return {
        "zero": np.zeros((n, n)),
        "identity": np.eye(n),
        "diagonal": np.diag(np.float64(k % 7)),
        "Wilkinson": np.diag(half) + np.eye(n, k=1) + np.eye(n, k=-1),
        "Hilbert": 1 / (k[:, None] + k + 1.0),
        "ones": np.ones((n, n)),
        "clustered": spread(1 + 1e-14 * rng.standard_normal(n)),
        "twofold": spread(np.float64(k // 2)),
        "rank one half": spread(np.where(k < n // 2, 0.0, 1.0 + k)),
        "graded": graded[:, None] * symmetric(rng, n) * graded,
        "graded values": spread(graded),
        "arrow": np.diag(np.float64(k)) + np.where((k[:, None] == 0) ^ (k == 0), 1.0, 0.0),
        "huge": symmetric(rng, n) * 1e300,
        "tiny": symmetric(rng, n) * 1e-300,
        "denormal": np.diag(np.full(n, 5e-324)),
        "wide": np.diag(np.where(k == 3, 1e300, 1e-300)) + np.eye(n, k=1) * 1e-160 + np.eye(n, k=-1) * 1e-160,
    }


LARGE = ["zero", "identity", "Wilkinson", "clustered", "twofold", "graded", "huge", "tiny"]


@pytest.mark.parametrize(("kind", "n"), [(kind, 67) for kind in hard(2)] + [(kind, SMALL + 27) for kind in LARGE])
def test_hard(ex, kind, n):
    X = hard(n)[kind]
    A = ex.matrix_init(X, block_shape=(512, 512))
    w, Z = ex.compute(*ex.linalg.eigh(A))
    check_eigh(X, w, Z)
    values = ex.linalg.eigvalsh(A).numpy()
    np.testing.assert_allclose(values, w, atol=THRESHOLD * np.finfo(float).eps * n * np.abs(w).max(), rtol=0)


def test_huge_and_tiny_float32(ex, rng):
    X = symmetric(rng, SMALL + 40, np.float32)
    for factor in (1e35, 1e-35):
        Y = X * np.float32(factor)
        check_eigh(Y, *ex.compute(*ex.linalg.eigh(ex.matrix_init(Y, block_shape=(300, 300)))))


def test_other_types(ex):
    X = np.array([[2, 1], [1, 2]])
    w, Z = ex.linalg.eigh(X)
    np.testing.assert_allclose(w.numpy(), [1, 3])
    assert (w.dtype, Z.dtype) == (np.float64, np.float64)
    np.testing.assert_allclose(ex.linalg.eigvalsh(X > 1).numpy(), [1, 1])


def test_empty(ex):
    w, Z = ex.linalg.eigh(np.zeros((0, 0)))
    assert (w.shape, Z.shape) == ((0,), (0, 0))
    assert (w.numpy().shape, Z.numpy().shape) == ((0,), (0, 0))
    assert ex.linalg.eigvalsh(np.zeros((0, 0), np.float32)).numpy().dtype == np.float32


@pytest.mark.parametrize("n", [5, SMALL + 5])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_not_finite(ex, rng, n, bad):
    X = symmetric(rng, n)
    X[n - 1, 2] = bad
    for lazy in (ex.linalg.eigvalsh(X), *ex.linalg.eigh(X)):
        with pytest.raises(LinAlgError, match="Eigenvalues did not converge"):
            lazy.numpy()
    check_eigh(np.triu(X) + np.triu(X, 1).T, *ex.compute(*ex.linalg.eigh(X, "U")))


def test_refuses(ex):
    for f in (ex.linalg.eigh, ex.linalg.eigvalsh):
        with pytest.raises(LinAlgError, match="Last 2 dimensions of the array must be square"):
            f(np.ones((3, 2)))
        with pytest.raises(LinAlgError, match=r"1-dimensional array given\. Array must be at least two-dimensional"):
            f(np.ones(3))
        with pytest.raises(ValueError, match="UPLO argument must be 'L' or 'U'"):
            f(np.eye(3), UPLO="x")


def test_numpy_functions(ex, rng):
    X = symmetric(rng, 20)
    A = ex.matrix_init(X)
    found = np.linalg.eigh(A)
    assert isinstance(found.eigenvectors, npywren.BigMatrix)
    check_eigh(X, *ex.compute(*found))
    np.testing.assert_allclose(np.linalg.eigvalsh(A, UPLO="U").numpy(), np.linalg.eigvalsh(X), atol=1e-12)
    xp = A.__array_namespace__()
    np.testing.assert_array_equal(xp.linalg.eigvalsh(A).numpy(), ex.linalg.eigvalsh(A).numpy())
    np.testing.assert_array_equal(xp.linalg.eigh(A).eigenvectors.numpy(), ex.linalg.eigh(A).eigenvectors.numpy())


def test_the_same_bits_with_any_number_of_workers(rng):
    found = []
    X = symmetric(rng, 1100)
    for workers, limit in [(1, "512MiB"), (2, "512MiB"), (2, "100MiB")]:
        with npywren.local_executor(workers=workers, memory_limit=limit, progress=False) as ex:
            A = ex.matrix_init(X, block_shape=(350, 350))
            found.append(ex.compute(*ex.linalg.eigh(A), ex.linalg.eigvalsh(A)))
    for others in found[1:]:
        for one, two in zip(found[0], others, strict=True):
            np.testing.assert_array_equal(one, two)


@npywren.lambdapack
def divided(T, side=64):
    W, Z = eigh_divide(T, side=side)  # noqa: F821
    return W, Z


def tridiagonals(n):
    """Diagonals of matrices whose joins deflate nothing, nearly all, or what is nearly equal."""
    k, rng = np.arange(n), np.random.default_rng(6)
    line, noise = np.float64(k), rng.standard_normal(n)
    graded = 10.0 ** -(20 * k / n)
    return {
        "random": (noise, rng.standard_normal(n)),
        "Laplace": (np.full(n, 2.0), np.full(n, -1.0)),
        "zero": (np.zeros(n), np.zeros(n)),
        "identity": (np.ones(n), np.zeros(n)),
        "Wilkinson": (np.abs(line - (n - 1) // 2), np.ones(n)),
        "glued": (np.abs(line % 21 - 10), np.where(k % 21 == 20, 1e-7, 1.0)),
        "glued by little": (np.abs(line % 21 - 10), np.where(k % 21 == 20, 1e-14, 1.0)),
        "graded": (graded, graded / 2),
        "graded upwards": (graded[::-1], graded[::-1] / 2),
        "in parts": (noise, rng.standard_normal(n) * (k % 3)),
        "clustered": (1 + 1e-14 * noise, 1e-14 * noise),
        "Clement": (np.zeros(n), np.sqrt((line + 1) * (n - 1 - line))),
        "low rank": (1 + np.where(k < 3, noise, 0), np.where(k < 3, 1.0, 0.0)),
        "negative": (np.full(n, -3.0), np.full(n, -1.0)),
        "huge": (1e30 * noise, 1e30 * noise[::-1]),
        "tiny": (1e-30 * noise, 1e-30 * noise[::-1]),
    }


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("n", "side"), [(1, 64), (64, 64), (65, 64), (150, 64), (300, 64), (333, 50)])
def test_divided(ex, n, side, dtype):
    for name, (d, e) in tridiagonals(n).items():
        band = np.zeros((128, n), dtype)
        band[0], band[1, :-1] = d, e[:-1]
        W, Z = ex.compute(*divided(ex.matrix_init(band, block_shape=band.shape), side=side))
        off = np.float64(band[1, :-1])
        X = (np.diag(np.float64(band[0])) + np.diag(off, 1) + np.diag(off, -1)).astype(dtype)
        try:
            check_eigh(X, W[:, 0], Z)
        except AssertionError as error:
            raise AssertionError(f"{name}, n={n}") from error


DIVIDED = 2048  # from here on a tridiagonal matrix is decomposed in parts


def test_divided_has_the_same_bits_with_little_memory(rng):
    """A matrix of 34 MB, for which one task would hold three times as much."""
    found = []
    X = symmetric(rng, DIVIDED + 13)
    for workers, limit in [(1, "512MiB"), (2, "64MiB")]:
        with npywren.local_executor(workers=workers, memory_limit=limit, progress=False) as ex:
            found.append(ex.compute(*ex.linalg.eigh(ex.matrix_init(X, block_shape=(500, 700)))))
    check_eigh(X, *found[0])
    for one, two in zip(*found, strict=True):
        np.testing.assert_array_equal(one, two)


def test_no_size_is_refused(ex):
    w, Z = ex.linalg.eigh(ex.zeros((20000, 20000)))
    assert (w.shape, Z.shape) == ((20000,), (20000, 20000))
