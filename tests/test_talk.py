"""The talk's programs, word for word, against NumPy and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import datasets, metrics, model_selection
from sklearn.neighbors import KNeighborsClassifier

import numpywren as npywren


def nearest_neighbor_numpywren(X_train, X_test, y_train, y_test):
    npwex = npywren.default_executor()

    X_train_sharded = npwex.matrix_init(X_train)
    X_test_sharded = npwex.matrix_init(X_test)

    XYT = npwex.dot(X_train_sharded, X_test_sharded.T)
    XYT *= -2
    norms_train = npwex.linalg.norm(X_train, axis=1)
    norms_test = npwex.linalg.norm(X_test, axis=1)
    distances = norms_train + XYT + norms_test.T
    argmins = npwex.argmin(distances, axis=0).numpy()

    return metrics.accuracy_score(y_train[argmins], y_test)


def talk_in_numpy(X_train, X_test):
    D = np.linalg.norm(X_train, axis=1)[:, None] - 2 * (X_train @ X_test.T) + np.linalg.norm(X_test, axis=1)
    return np.argmin(D, axis=0)


def neighbors(npwex, X_train, X_test, block=None):
    """The squared variant: the Euclidean nearest neighbour."""
    A = npwex.matrix_init(X_train, block_shape=block)
    B = npwex.matrix_init(X_test, block_shape=block)
    XYT = npwex.dot(A, B.T)
    XYT *= -2
    distances = npwex.linalg.norm(A, axis=1) ** 2 + XYT + npwex.linalg.norm(B, axis=1).T ** 2
    return npwex.argmin(distances, axis=0).numpy()


@pytest.fixture(scope="module")
def digits():
    X, y = datasets.load_digits(return_X_y=True)
    return model_selection.train_test_split(X, y, test_size=0.3, random_state=1)


def test_word_for_word(digits):
    X_train, X_test, y_train, y_test = digits
    found = nearest_neighbor_numpywren(X_train, X_test, y_train, y_test)
    assert found == metrics.accuracy_score(y_train[talk_in_numpy(X_train, X_test)], y_test)


def test_squared_variant(ex, digits):
    X_train, X_test, y_train, y_test = digits
    found = neighbors(ex, X_train, X_test)
    assert found.ndim == 1
    assert found.dtype == np.int64
    classifier = KNeighborsClassifier(n_neighbors=1, algorithm="brute").fit(X_train, y_train)
    assert metrics.accuracy_score(y_train[found], y_test) == classifier.score(X_test, y_test)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("block", [(1000, 1000), (97, 10), (50, 17), (20, 23), (13, 5)])
@pytest.mark.parametrize("sizes", [(211, 67, 23), (128, 64, 32), (101, 1, 5), (1, 30, 1)])
def test_tilings(ex, sizes, block, dtype):
    m, n, k = sizes
    rng = np.random.default_rng(m + n)
    X_train = rng.integers(-40, 40, (m, k)).astype(dtype)  # all exact, so ties and all must agree
    X_test = rng.integers(-40, 40, (n, k)).astype(dtype)
    A, B = ex.matrix_init(X_train, block_shape=block), ex.matrix_init(X_test, block_shape=block)
    squares = ex.sum(A * A, axis=1) - 2 * ex.dot(A, B.T) + ex.sum(B * B, axis=1).T
    exact = ((X_train[:, None, :] - X_test) ** 2).sum(axis=2)
    np.testing.assert_array_equal(squares.numpy(), exact)
    np.testing.assert_array_equal(ex.argmin(squares, axis=0).numpy(), exact.argmin(axis=0))
    rooted = exact[neighbors(ex, X_train, X_test, block), np.arange(n)]  # the norms round, so a tie may go either way
    np.testing.assert_allclose(rooted, exact.min(axis=0), rtol=1e-3, atol=0.1)


def test_thousands_of_tiles(ex):
    rng = np.random.default_rng(3)
    X_train, X_test = rng.standard_normal((500, 12)), rng.standard_normal((110, 12))
    found = neighbors(ex, X_train, X_test, (9, 7))
    np.testing.assert_array_equal(found, ((X_train[:, None] - X_test) ** 2).sum(axis=2).argmin(axis=0))


def test_meanings(ex):
    X = np.arange(12.0).reshape(4, 3)
    column = ex.linalg.norm(X, axis=1)
    assert column.shape == (4, 1)
    assert column.T.shape == (1, 4)
    np.testing.assert_allclose(column.numpy()[:, 0], np.linalg.norm(X, axis=1))
    assert ex.argmin(X, axis=0).numpy().shape == (3,)


def test_in_place_leaves_others_alone(ex):
    X = np.arange(6.0).reshape(2, 3)
    A = ex.matrix_init(X)
    B, view = A, A.T
    A *= -2
    np.testing.assert_array_equal(A.numpy(), X * -2)
    assert B is A
    np.testing.assert_array_equal(view.numpy(), X.T)


PRINTED = """\
numpywren.cholesky
cholesky(iter=0)
  0 = LOAD BigMatrix(X)[0, 0]
  1 = CHOL 0
  2 = WRITE chol(BigMatrix(X))[0, 0]
col_update(row=1, col=0)
  3 = LOAD chol(BigMatrix(X))[0, 0]
  4 = LOAD BigMatrix(X)[1, 0]
  5 = TRSM 3 4
  6 = WRITE chol(BigMatrix(X))[1, 0]
"""


def test_the_ir_prints_as_in_the_talk(ex, spd):
    X = ex.matrix_init(spd(90), name="X", block_shape=(30, 30))
    L = ex.linalg.cholesky(X)
    text = ex.explain(L)
    assert text == L.explain()
    assert PRINTED in text
    blocks = text[text.index(PRINTED) :].splitlines()
    at = blocks.index("low_rank_update(iter=0, row=1, col=2)")
    assert blocks[at + 1] == "  15 = LOAD BigMatrix(X)[2, 1]"
    assert {line.split(" = ")[1] for line in blocks[at + 2 : at + 4]} == {
        "LOAD chol(BigMatrix(X))[1, 0]",
        "LOAD chol(BigMatrix(X))[2, 0]",
    }
    assert blocks[at + 4 : at + 6] == ["  18 = SYRK 15 16 17", "  19 = WRITE temp(BigMatrix(X))[0, 1, 2]"]
    ex.delete("X")


def test_solving(ex, spd):
    A, B = spd(131), np.random.default_rng(5).standard_normal((131, 7))
    L = ex.linalg.cholesky(ex.matrix_init(A, block_shape=(40, 40)))
    z = ex.linalg.solve_triangular(L, B, lower=True)
    x = ex.linalg.solve_triangular(L, z, lower=True, trans="T")
    np.testing.assert_allclose(A @ x.numpy(), B, rtol=1e-10, atol=1e-10)
