"""The classics: matrices that were made to be hard, and those of real problems, by each factorisation.

The gallery is N. Higham's (The Test Matrix Toolbox for MATLAB, 1995), as rogues has it; the problems are pyamg's finite
elements and the least squares that NIST and statsmodels keep for tests.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from numpy.linalg import LinAlgError
from residuals import THRESHOLD, backward, orthogonal, relative

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # their own, about Python and NumPy
    import rogues
    from pyamg.gallery import load_example
    from statsmodels.datasets import longley

SIZE = 37  # no multiple of the tiles
BLOCKS = [(16, 16), (10, 23), (64, 64)]
CLASSICS = """
    cauchy chebspec chebvand chow clement compan condex cycol dingdong dramadah fiedler forsythe frank gearm gfpp grcar
    hilb invhess invol jordbloc kahan kms krylov lehmer lesp lotkin minij moler ohess parter pdtoep pei pentoep
    prolate qmult rando randsvd redheff riemann tridiag triw vand
""".split()  # noqa: SIM905
PROBLEMS = ["airfoil", "knot", "recirc_flow", "unit_cube", "unit_square"]
EPS = np.finfo(float).eps


def classic(name):
    np.random.seed(7)  # noqa: NPY002
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        A = getattr(rogues, name)(SIZE)
    A = A[0] if isinstance(A, tuple) else A
    return np.array(A.toarray() if hasattr(A, "toarray") else A, float)


def problem(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.array(load_example(name)["A"].toarray(), float)


MATRICES = {**{name: classic(name) for name in CLASSICS}, **{name: problem(name) for name in PROBLEMS}}
SYMMETRIC = [name for name, A in MATRICES.items() if np.all(A == A.T)]
DEFINITE = [name for name in SYMMETRIC if np.linalg.eigvalsh(MATRICES[name])[0] > 0]


@pytest.fixture(params=MATRICES)
def matrix(request):
    return MATRICES[request.param]


def tiled(ex, A):
    """The matrix in tiles of several shapes; large ones in one of them."""
    for block in BLOCKS if len(A) < 100 else [(64, 50)]:
        yield ex.matrix_init(A, block_shape=block)


def test_solve(ex, matrix):
    """Where elements of U grow (gfpp) LAPACK has no small residual either."""
    b = matrix @ np.linspace(1, 2, len(matrix))
    for a in tiled(ex, matrix):
        try:
            x = ex.linalg.solve(a, b).numpy()
        except LinAlgError:
            assert np.linalg.cond(matrix) > 1e14
            continue
        residual = backward(matrix, x, b)
        assert residual < THRESHOLD or residual < 10 * backward(matrix, np.linalg.solve(matrix, b), b)


def test_lu(ex, matrix):
    for a in tiled(ex, matrix):
        P, L, U = (m.numpy() for m in ex.linalg.lu(a))
        assert relative(P @ L @ U - matrix, matrix) < THRESHOLD
        assert np.abs(L).max() == 1


def test_qr(ex, matrix):
    for a in tiled(ex, matrix):
        Q, R = (m.numpy() for m in ex.linalg.qr(a))
        assert relative(Q @ R - matrix, matrix) < THRESHOLD
        assert orthogonal(Q) < THRESHOLD


def test_svd(ex, matrix):
    want = np.linalg.svd(matrix, compute_uv=False)
    for a in tiled(ex, matrix):
        U, s, Vh = (m.numpy() for m in ex.linalg.svd(a, full_matrices=False))
        assert relative(U * s @ Vh - matrix, matrix) < THRESHOLD
        assert orthogonal(U) < THRESHOLD and orthogonal(Vh.T) < THRESHOLD
        assert np.abs(s - want).max() <= THRESHOLD * len(s) * want[0] * EPS


@pytest.mark.parametrize("name", DEFINITE)
def test_cholesky(ex, name):
    matrix = MATRICES[name]
    for a in tiled(ex, matrix):
        try:
            L = ex.linalg.cholesky(a).numpy()
        except LinAlgError:
            assert np.linalg.cond(matrix) > 1e14
            continue
        assert relative(L @ L.T - matrix, matrix) < THRESHOLD


def test_there_are_enough_of_each():
    assert len(SYMMETRIC) > len(DEFINITE) > 5


def test_longley(ex):
    """Of NIST's certified coefficients LAPACK and we have nine digits or more."""
    data = longley.load()
    A = np.column_stack([np.ones(16), np.asarray(data.exog, float)])
    certified = [
        -3482258.63459582, 15.0618722713733, -0.358191792925910e-01, -2.02022980381683,
        -1.03322686717359, -0.511041056535807e-01, 1829.15146461355,
    ]  # fmt: skip
    for block in [(16, 7), (5, 3), (3, 7)]:
        a = ex.matrix_init(A, block_shape=block)
        x = ex.linalg.lstsq(a, np.asarray(data.endog, float), rcond=1e-15)[0].numpy()
        np.testing.assert_allclose(x, certified, rtol=1e-8)
