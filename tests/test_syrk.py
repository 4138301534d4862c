"""Products of a matrix with its own transpose: half of the work, and symmetric to the bit."""

from __future__ import annotations

import numpy as np
import pytest

import numpywren as npywren

SHAPES = [(1, 1), (1, 7), (7, 1), (16, 16), (50, 33), (33, 50), (300, 4), (4, 300)]
BLOCKS = [(16, 16), (13, 9), (5, 40), (300, 300)]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("shape", SHAPES)
def test_products_with_the_transpose(ex, rng, shape, block, dtype):
    X = rng.standard_normal(shape).astype(dtype)
    A, exact = ex.matrix_init(X, block_shape=block), np.float64(X)
    for product, wanted in (
        (A @ A.T, exact @ exact.T),
        (A.T @ A, exact.T @ exact),
        (ex.dot(A + 1, (A + 1).T) * 2, 2 * ((exact + 1) @ (exact + 1).T)),
        (ex.linalg.multi_dot([A, A.T]), exact @ exact.T),
    ):
        found = product.numpy()
        assert (found.shape, found.dtype) == (wanted.shape, dtype)
        np.testing.assert_allclose(found, wanted, atol=30 * max(shape) * np.finfo(dtype).eps * np.abs(wanted).max())
        np.testing.assert_array_equal(found, found.T)


def test_it_says_so_and_does_half(ex):
    A = ex.ones((2048, 1024), block_shape=(256, 256)).persist()
    assert "<syrk shape=(2048, 2048)" in repr(A @ A.T)

    def counted(product):
        text = str(ex.explain(product, blocks=1))
        assert "syrk " in text
        return float(next(line for line in text.splitlines() if line.startswith("total ")).split()[2])

    assert counted(A @ A.T) == pytest.approx(2048**2 * 1024 / 1e9, rel=0.01)
    assert counted(A.T @ A) == pytest.approx(1024**2 * 2048 / 1e9, rel=0.01)


def test_other_products_are_not(ex, rng):
    X = rng.integers(-5, 5, (20, 12))
    A = ex.matrix_init(X, block_shape=(8, 8))
    np.testing.assert_array_equal((A @ A.T).numpy(), X @ X.T)  # of integers
    B = ex.matrix_init(X + 1.0, block_shape=(8, 8))
    np.testing.assert_array_equal((A.astype(float) @ B.T).numpy(), X @ (X + 1.0).T)
    assert "matmul" in repr(A @ B.T)
    assert "matmul" in repr(B @ B[:, :12].T @ B)


def test_not_finite(ex):
    X = np.ones((30, 10))
    X[3, 4], X[17, 2] = np.inf, np.nan
    with np.errstate(invalid="ignore"):
        wanted = X @ X.T
    A = ex.matrix_init(X, block_shape=(8, 4))
    np.testing.assert_array_equal((A @ A.T).numpy(), wanted)


def test_zeros_are_left_out(ex, spd):
    """Of a triangular factor, whose other tiles do not exist."""
    L = ex.linalg.cholesky(ex.matrix_init(spd(60), block_shape=(16, 16))).persist()
    np.testing.assert_allclose((L @ L.T).numpy(), spd(60), atol=1e-13)
    np.testing.assert_allclose((L.T @ L).numpy(), L.numpy().T @ L.numpy(), atol=1e-13)


def test_same_bits_with_any_number_of_workers(rng):
    X = rng.standard_normal((300, 200))
    found = []
    for workers in (1, 2):
        with npywren.local_executor(workers=workers, progress=False) as ex:
            A = ex.matrix_init(X, block_shape=(64, 48))
            found.append([x.tobytes() for x in ex.compute(A @ A.T, A.T @ A)])
    assert found[0] == found[1]
