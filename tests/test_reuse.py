"""Programs that share a file of definitions and their inputs are not taken for one another: not by the plans that an executor
keeps, nor by the tiles that a store keeps."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import numpywren as npywren

SIZES = [2, 33, 100]


def normal(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


@pytest.fixture
def npwex():
    with npywren.local_executor(workers=2) as ex:
        yield ex


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_solve_and_solve_transposed(npwex, n, order):
    A, b = normal(n, n), normal(n, 5)
    F = npwex.linalg.lu_factor(npwex.matrix_init(A, block_shape=(16, 16)))
    B = npwex.matrix_init(b, block_shape=(16, 16))
    for trans in order:
        expected = np.linalg.solve(A.T if trans else A, b)
        np.testing.assert_allclose(F.solve(B, trans).numpy(), expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("order", [(False, True), (True, False)])
def test_q_and_its_transpose(npwex, n, order):
    a, x = normal(n, n), normal(n, n, seed=1)
    Q = npwex.linalg.qr(npwex.matrix_init(a, block_shape=(16, 16)), "raw").persist()
    X = npwex.matrix_init(x, block_shape=(16, 16))
    q = Q.multiply(np.eye(n)).numpy()
    for transposed in order:
        got = (Q.multiply_transposed if transposed else Q.multiply)(X).numpy()
        np.testing.assert_allclose(got, (q.T if transposed else q) @ x, atol=1e-10)


def factors(A, npwex):
    """What is made of one LU factorisation, by name: each a call that computes, and its value by SciPy's rules."""
    F = npwex.linalg.lu_factor(A)
    return {
        "inv": lambda: F.inv().numpy(),
        "unpack": lambda: F.unpack(p_indices=True)[0].numpy(),
        "det": lambda: np.array([float(v) for v in npwex.compute(F.det(), *F.slogdet())]),
        "diagonal": lambda: F.inv_diag().numpy(),
    }


@pytest.mark.parametrize("order", list(itertools.permutations(["inv", "unpack", "det", "diagonal"], 2)))
def test_factors_in_any_order(npwex, order):
    a = normal(40, 40)
    expected = {name: call() for name, call in factors(a, npwex).items()}
    # in an executor of its own nothing was planned before
    with npywren.local_executor(workers=2) as other:
        again = factors(other.matrix_init(a, block_shape=(16, 16)), other)
        for name in order:
            np.testing.assert_allclose(again[name](), expected[name], rtol=1e-8, atol=1e-8, err_msg=name)


@pytest.mark.parametrize("order", [("r", "raw"), ("raw", "r")])
def test_qr_modes_in_any_order(npwex, order):
    a = normal(40, 40)
    A = npwex.matrix_init(a, block_shape=(16, 16))
    for mode in order:
        R = npwex.linalg.qr(A, "r").numpy() if mode == "r" else npwex.linalg.qr(A, "raw").persist().R.numpy()
        np.testing.assert_allclose(np.abs(R), np.abs(np.linalg.qr(a, "r")), atol=1e-10)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_tiles_that_are_kept(tmp_path, order):
    """A later process finds the first one's tiles, of the same program only."""
    n = 60
    A, b = normal(n, n), normal(n, 5)
    with npywren.local_executor(path=tmp_path, workers=2) as ex:
        ex.linalg.lu_factor(ex.matrix_init(A, block_shape=(16, 16)), name="F")
        ex.matrix_init(b, block_shape=(16, 16)).persist("B")
    for trans in order:
        with npywren.local_executor(path=tmp_path, workers=2) as ex:
            got = ex.linalg.open_factor("F").solve(ex.open("B"), trans).numpy()
            np.testing.assert_allclose(got, np.linalg.solve(A.T if trans else A, b), rtol=1e-8, atol=1e-8)


EVERYTHING = {
    "solve": (lambda la, A, S, B: la.solve(A, B), lambda a, s, b: np.linalg.solve(a, b)),
    "solve pos": (lambda la, A, S, B: la.solve(S, B, assume_a="pos"), lambda a, s, b: np.linalg.solve(s, b)),
    "solve sym": (lambda la, A, S, B: la.solve(S, B, assume_a="sym"), lambda a, s, b: np.linalg.solve(s, b)),
    "solve transposed": (lambda la, A, S, B: la.solve(A.T, B), lambda a, s, b: np.linalg.solve(a.T, b)),
    "inv": (lambda la, A, S, B: la.inv(A), lambda a, s, b: np.linalg.inv(a)),
    "det": (lambda la, A, S, B: la.det(A), lambda a, s, b: np.linalg.det(a)),
    "slogdet": (lambda la, A, S, B: la.slogdet(A).logabsdet, lambda a, s, b: np.linalg.slogdet(a)[1]),
    "cholesky": (lambda la, A, S, B: la.cholesky(S), lambda a, s, b: np.linalg.cholesky(s)),
    "qr r": (lambda la, A, S, B: abs(la.qr(A, "r")), lambda a, s, b: np.abs(np.linalg.qr(a, "r"))),
    "qr q": (lambda la, A, S, B: abs(la.qr(A).Q), lambda a, s, b: np.abs(np.linalg.qr(a).Q)),
    "lstsq": (lambda la, A, S, B: la.lstsq(A, B)[0], lambda a, s, b: np.linalg.lstsq(a, b)[0]),
    "svdvals": (lambda la, A, S, B: la.svd(A, compute_uv=False), lambda a, s, b: np.linalg.svd(a, compute_uv=False)),
    "svd s": (lambda la, A, S, B: la.svd(A).S, lambda a, s, b: np.linalg.svd(a).S),
    "svd u": (lambda la, A, S, B: abs(la.svd(A).U), lambda a, s, b: np.abs(np.linalg.svd(a).U)),
    "eigvalsh": (lambda la, A, S, B: la.eigvalsh(S), lambda a, s, b: np.linalg.eigvalsh(s)),
    "eigh vectors": (lambda la, A, S, B: abs(la.eigh(S).eigenvectors), lambda a, s, b: np.abs(np.linalg.eigh(s).eigenvectors)),
    "pinv": (lambda la, A, S, B: la.pinv(A), lambda a, s, b: np.linalg.pinv(a)),
    "norm 2": (lambda la, A, S, B: la.norm(A, 2), lambda a, s, b: np.linalg.norm(a, 2)),
    "norm nuc": (lambda la, A, S, B: la.norm(A, "nuc"), lambda a, s, b: np.linalg.norm(a, "nuc")),
    "norm fro": (lambda la, A, S, B: la.norm(A), lambda a, s, b: np.linalg.norm(a)),
    "power": (lambda la, A, S, B: la.matrix_power(A, 3), lambda a, s, b: np.linalg.matrix_power(a, 3)),
    "A A^T": (lambda la, A, S, B: A @ A.T, lambda a, s, b: a @ a.T),
    "A^T A": (lambda la, A, S, B: A.T @ A, lambda a, s, b: a.T @ a),
}


@pytest.mark.parametrize("seed", range(4))
def test_everything_of_the_same_matrices(npwex, seed):
    """Each function gives its own result, whatever was asked for before of the same stored matrices."""
    n = 70
    a = normal(n, n, seed=3) + 9 * np.eye(n)
    s, b = a @ a.T / n, normal(n, n, seed=4)
    A, S, B = (npwex.matrix_init(x, block_shape=(32, 32)).persist() for x in (a, s, b))
    order = [name for name in EVERYTHING for _ in range(2)]
    np.random.default_rng(seed).shuffle(order)
    for k, name in enumerate(order):
        ours, theirs = EVERYTHING[name]
        got = ours(npwex.linalg, A, S, B)
        got = got.numpy() if isinstance(got, npywren.BigMatrix) else got
        np.testing.assert_allclose(got, theirs(a, s, b), rtol=1e-7, atol=1e-7, err_msg=f"{name}, after {order[:k]}")
