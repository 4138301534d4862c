"""Symmetric and triangular results, such as products with the own transpose: what is implied is neither computed nor stored."""

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


def used(ex):
    return ex.describe()["memory_used"]


def test_half_of_a_result_is_stored(ex, rng):
    """Of 16 × 16 tiles 136, and everything that reads it sees them all."""
    X = rng.standard_normal((256, 100))
    A, before = ex.matrix_init(X, block_shape=(16, 50)), used(ex)
    G = (A.T.T @ A.T).persist()
    assert used(ex) - before < 0.6 * G.nbytes
    exact = G.numpy()
    np.testing.assert_allclose(exact, X @ X.T, atol=1e-12)
    np.testing.assert_array_equal(exact, exact.T)
    B = rng.standard_normal((256, 9))
    b = ex.matrix_init(B, block_shape=(16, 9))
    for lazy, wanted in (
        (G + 1, exact + 1),
        (G - G.T, exact * 0),
        (G[3:200, 100:], exact[3:200, 100:]),
        (G.rechunk((100, 30)), exact),
        (ex.sum(G, axis=0), exact.sum(axis=0, keepdims=True)),
        (ex.triu(G, 1), np.triu(exact, 1)),
        (G @ b, exact @ B),
        (G @ G, exact @ exact),
        (G.T @ b, exact @ B),
        (ex.linalg.solve(G + ex.eye(256), b), np.linalg.solve(exact + np.eye(256), B)),
        (ex.linalg.solve((G + ex.eye(256)).T, b, assume_a="pos"), np.linalg.solve(exact + np.eye(256), B)),
        (ex.argmax(G, axis=1), exact.argmax(axis=1)),
        (G.copy(), exact),
    ):
        np.testing.assert_allclose(lazy.numpy(), wanted, rtol=1e-9, atol=1e-9)
    double = (A @ A.T, (A @ A.T) * 2)  # of one that is read in the same program all is stored
    np.testing.assert_array_equal(ex.compute(*double)[1], 2 * exact)


def test_half_of_an_uneven_result(ex, rng):
    """Whose last tiles are no squares, and in float32."""
    X = rng.standard_normal((75, 40)).astype(np.float32)
    G = (ex.matrix_init(X, block_shape=(20, 40)) @ ex.matrix_init(X, block_shape=(20, 40)).T).persist()
    assert "matmul" in repr(G)
    A = ex.matrix_init(X, block_shape=(20, 40))
    G = (A @ A.T).persist()
    np.testing.assert_array_equal((G + 0).numpy(), G.numpy())
    np.testing.assert_allclose((G @ A).numpy(), np.float64(X) @ X.T @ X, rtol=1e-3, atol=1e-2)


def test_names_saves_and_spills(tmp_path, rng):
    X = rng.standard_normal((300, 60))
    with npywren.local_executor(workers=2, memory_limit="8MiB", path=tmp_path / "store", progress=False) as ex:
        A = ex.matrix_init(X, name="A", block_shape=(64, 60))
        exact = (A @ A.T).numpy()
        named = (A @ A.T).persist("G")
        half = (A.T @ A).persist()
        later = half.persist("H")
        (A @ A.T).save(tmp_path / "G.npy")
        np.testing.assert_array_equal(np.load(tmp_path / "G.npy"), exact)
        np.testing.assert_array_equal(named.numpy(), exact)
        np.testing.assert_allclose(later.numpy(), X.T @ X, atol=1e-12)
    assert len(list((tmp_path / "store" / "G" / "c").glob("*/*"))) == 25, "others read all of what has a name"
    with npywren.local_executor(workers=2, path=tmp_path / "store", progress=False) as ex:
        A = ex.open("A")
        again = A @ A.T  # it is computed already, in part of its tiles
        np.testing.assert_array_equal((again + 1).numpy(), exact + 1)
        np.testing.assert_array_equal(ex.open("G").numpy(), exact)
    with npywren.local_executor(workers=2, memory_limit="8MiB", progress=False) as ex:
        A = ex.matrix_init(rng.standard_normal((1500, 100)), block_shape=(128, 100))
        G = (A @ A.T).persist()  # 18 MB
        whole = G.numpy()
        np.testing.assert_array_equal(whole, whole.T)
        np.testing.assert_allclose((G @ A).numpy(), whole @ A.numpy(), rtol=1e-9, atol=1e-9)


def test_workers_elsewhere(tmp_path, rng):
    X = rng.standard_normal((90, 40))
    with npywren.aws_executor(tmp_path, "memory", workers=2, progress=False) as ex:
        A = ex.matrix_init(X, name="A", block_shape=(20, 20))
        G = (A @ A.T).persist()
        np.testing.assert_allclose(G.numpy(), X @ X.T, atol=1e-12)
        np.testing.assert_array_equal((G + 1).numpy(), G.numpy() + 1)
        np.testing.assert_array_equal((A @ A.T).persist("G").numpy(), G.numpy())
    with npywren.local_executor(path=tmp_path, progress=False) as ex:
        A = ex.open("A")
        np.testing.assert_allclose(((A @ A.T) + 1).numpy(), X @ X.T + 1, atol=1e-12)


@pytest.mark.parametrize("block", [(16, 16), (20, 10), (10, 20)])
def test_triangular_results(ex, rng, block):
    """They have no tiles of zeros, and everything that reads them sees zeros."""
    X = rng.standard_normal((160, 160))
    A, B = ex.matrix_init(X, block_shape=block), rng.standard_normal((160, 5))
    before = used(ex)
    L, U = ex.persist(ex.tril(A), ex.triu(A, 1))
    assert used(ex) - before < 0.7 * (L.nbytes + U.nbytes)
    for T, wanted in ((L, np.tril(X)), (U, np.triu(X, 1))):
        np.testing.assert_array_equal(T.numpy(), wanted)
        np.testing.assert_array_equal((T + 1).numpy(), wanted + 1)
        np.testing.assert_array_equal(T.T.numpy(), wanted.T)
        np.testing.assert_array_equal(T[30:100, 5:90].numpy(), wanted[30:100, 5:90])
        np.testing.assert_allclose((T @ B).numpy(), wanted @ B, atol=1e-12)
        np.testing.assert_allclose((T.T @ T).numpy(), wanted.T @ wanted, atol=1e-12)


def test_triangular_factors(tmp_path, rng):
    X, S = rng.standard_normal((120, 70)), rng.standard_normal((70, 70))
    with npywren.local_executor(path=tmp_path, progress=False) as ex:
        A, B = ex.matrix_init(X, block_shape=(10, 10)), ex.matrix_init(S, block_shape=(10, 10))
        R = ex.linalg.qr(A).R.persist("R")  # by tiles: without the rows of zeros below
        P, L, U = ex.persist(*ex.linalg.lu(B))
        L.persist("L")
        r = R.numpy()
        np.testing.assert_allclose(r.T @ r, X.T @ X, atol=1e-11)
        np.testing.assert_allclose((P @ L @ U).numpy(), S, atol=1e-12)
        np.testing.assert_array_equal(np.diag(L.numpy()), np.ones(70))
        cholesky = ex.linalg.cholesky(B @ B.T).persist("C").numpy()
        np.testing.assert_allclose(cholesky @ cholesky.T, S @ S.T, atol=1e-11)
    for name in "RLC":
        assert len(list((tmp_path / name / "c").glob("*/*"))) == 7 * 8 // 2, name
    zarr = pytest.importorskip("zarr")
    np.testing.assert_array_equal(zarr.open_array(tmp_path / "R", mode="r")[:], r)
