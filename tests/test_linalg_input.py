"""Inputs of linear algebra at the edges: what is empty, tiny, huge or zero, and options that are wrong."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.sparse
from numpy.linalg import LinAlgError

import numpywren as npywren
from numpywren import _jobs

EMPTY = [(0, 0), (0, 3), (3, 0)]


# ---- Values that leave the range of numbers --------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "scale"), [("float32", 1e20), ("float32", 1e-20), ("float64", 1e200), ("float64", 1e-160)])
def test_ridge_of_what_has_no_square(ex, rng, dtype, scale):
    """Singular values far above √alpha, about there, and far below, where these or alpha itself leave the range of numbers."""
    X, y = rng.standard_normal((50, 20)), rng.standard_normal(50)
    U, s, Vt = np.linalg.svd(X, full_matrices=False)
    A, b = (X * scale).astype(dtype), y.astype(dtype)
    for alpha in (1e-300, 1e-2, scale * scale, 1e300):
        if 0 < alpha < np.inf:
            root = np.sqrt(alpha)
            larger, lesser = np.maximum(s * scale, root), np.minimum(s * scale, root)
            exact = Vt.T @ (s * scale / larger / (1 + (lesser / larger) ** 2) / larger * (U.T @ y))
            bound = (1e-4 if dtype == "float32" else 1e-12) * np.abs(exact).max()
            bound = max(bound, np.finfo(dtype).tiny)
            np.testing.assert_allclose(ex.linalg.ridge(A, b, alpha).numpy(), exact, rtol=0, atol=bound)


def test_ridge_of_zeros(ex):
    for dtype in (np.float32, np.float64):
        assert not ex.linalg.ridge(np.zeros((3, 2), dtype), np.ones(3, dtype), 1e-300).numpy().any()
        assert not ex.linalg.ridge(np.zeros((3, 2), dtype), np.ones(3, dtype), 1e300).numpy().any()


def test_reflections_do_not_narrow(ex, rng):
    X, C = rng.standard_normal((6, 3)).astype(np.float32), rng.standard_normal((6, 2))
    C[2, 1] = 1e300
    for block in [(6, 3), (2, 2)]:
        F = ex.linalg.qr(ex.matrix_init(X, block_shape=block), "raw")
        for found in (F.multiply(C), F.multiply_transposed(C)):
            assert found.dtype == np.float64
            np.testing.assert_allclose(np.linalg.norm(found.numpy() / 1e300), np.linalg.norm(C / 1e300), rtol=1e-6)
        assert F.multiply((C / 1e300).astype(np.float32)).dtype == np.float32


@pytest.mark.filterwarnings("ignore:solve")
def test_condition_of_what_is_barely_there(ex):
    assert ex.linalg.lu_factor(np.diag([1e-320] * 2)).rcond() in (0, 1)
    assert ex.linalg.solve(np.diag([1e-320] * 2), np.zeros(2), check=True)[1].rcond in (0, 1)


# ---- Zeros, and what is empty ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"assume_a": "pos"}, {"refine": "float32"}])
def test_certificates_of_columns_of_zeros(ex, rng, spd, options):
    S = spd(5)
    for b in (np.zeros(5), np.zeros((5, 2)), rng.standard_normal((5, 3)) * [1, 0, 1]):
        x, found = ex.linalg.solve(S, b, check=True, **options)
        np.testing.assert_allclose(S @ x.numpy(), b, atol=1e-13)
        assert found.backward_error <= 1e-15
        assert bool(found.backward_error) == b.any()


@pytest.mark.parametrize("options", [{}, {"assume_a": "pos"}, {"refine": "float32"}])
@pytest.mark.parametrize("shape", [(0,), (0, 3), (0, 0)])
def test_nothing_is_solved(ex, shape, options):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ex.linalg.solve(np.zeros((0, 0)), np.zeros(shape), **options).numpy().shape == shape
        x, found = ex.linalg.solve(np.zeros((0, 0)), np.zeros(shape), check=True, **options)
        assert (x.numpy().shape, found.backward_error, found.rcond) == (shape, 0, 1)
        x, found = ex.linalg.solve(np.eye(5) * [1, 2, 3, 4, 5], np.zeros((5, 0)), check=True, **options)
        assert (x.numpy().shape, found.backward_error) == ((5, 0), 0)
        assert found.rcond == pytest.approx(0.2)


@pytest.mark.parametrize("shape", EMPTY)
def test_factors_of_nothing(ex, shape):
    X = np.zeros(shape)
    F = ex.linalg.lu_factor(X)
    P, L, U = (x.numpy() for x in F.unpack())
    np.testing.assert_array_equal(P, np.eye(shape[0]))
    assert (P @ L @ U).shape == shape
    R = ex.linalg.qr(X, "raw")
    assert (R.shape, R.R.numpy().shape) == (shape, (0, shape[1]))
    C = np.arange(2.0 * shape[0]).reshape(-1, 2)
    np.testing.assert_array_equal(R.multiply_transposed(C).numpy(), C)
    if shape == (0, 0):
        assert (F.det().item(), F.logdet().item(), F.rcond(), F.inv().shape) == (1, 0, 1, (0, 0))
        assert F.solve(np.zeros((0, 2)), trans=1).numpy().shape == (0, 2)
        C = ex.linalg.cho_factor(X)
        assert (C.det().item(), C.rcond(), C.solve(np.zeros(0)).numpy().shape, C.inv().shape) == (1, 1, (0,), (0, 0))


def test_certificates_of_nothing(ex):
    X, la = np.zeros((0, 0)), ex.linalg
    found = [f(X, check=True)[1] for f in (la.cholesky, la.lu, la.qr, la.svd, la.eigh)]
    assert {(c.backward_error, c.orthogonality, c.rcond) for c in found} == {(0, 0, 1)}


def test_least_squares_without_right_sides(ex, rng):
    X = rng.standard_normal((6, 3))
    for A in (X, X.T, X[:3]):
        mine = ex.linalg.lstsq(A, np.zeros((A.shape[0], 0)))
        wanted = np.linalg.lstsq(A, np.zeros((A.shape[0], 0)), rcond=None)
        assert mine[2] == wanted[2]
        for got, want in zip((mine[0], mine[1], mine[3]), (wanted[0], wanted[1], wanted[3]), strict=True):
            assert got.shape == want.shape
            np.testing.assert_allclose(got.numpy(), want, rtol=1e-12)


# ---- Options ---------------------------------------------------------------------------------------------------------


def test_rcond_of_lstsq(ex):
    """Zero is LAPACK's machine precision; what would leave nothing of A is refused."""
    X = np.diag([1.0, 1e-3, 1e-20])
    for rcond in (0, 0.0, -1, None):
        assert ex.linalg.lstsq(X, np.ones(3), rcond=rcond)[2] == np.linalg.lstsq(X, np.ones(3), rcond=rcond)[2] == 2
    for rcond in (1, 1.5, np.inf, np.nan):
        with pytest.raises(ValueError, match=f"rcond is {float(rcond)}: a number below 1"):
            ex.linalg.lstsq(X, np.ones(3), rcond=rcond)
    for bad in (True, "x"):
        with pytest.raises(TypeError, match=f"rcond is {bad!r}"):
            ex.linalg.lstsq(X, np.ones(3), rcond=bad)
    with pytest.raises(TypeError, match="alpha is True"):
        ex.linalg.ridge(X, np.ones(3), True)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda la, A, b: la.solve(A, b * 1j), TypeError, "B has dtype complex128"),
        (lambda la, A, b: la.solve(A * 1j, b), TypeError, "A has dtype complex128"),
        (lambda la, A, b: la.solve(None, b), TypeError, "A is None, .* no dense array"),
        (lambda la, A, b: la.lu_factor(scipy.sparse.eye(3)), TypeError, r"A is dia_.*: pass A\.toarray\(\)"),
        (lambda la, A, b: la.cho_factor(A).solve(b * 1j), TypeError, "b has dtype complex128"),
        (lambda la, A, b: la.lu_factor(A, pivoting="foo"), ValueError, "pivoting is 'foo': .auto., .partial. or .tour"),
        (lambda la, A, b: la.lu(A, pivoting=None), ValueError, "pivoting is None"),
        (lambda la, A, b: la.solve(A, b, refine="foo"), ValueError, "refine is 'foo'"),
        (lambda la, A, b: la.solve(A, b, assume_a="foo"), ValueError, 'assume_a is \'foo\': one of "gen", "general"'),
        (lambda la, A, b: la.solve(A, b, assume_a=["gen"]), ValueError, "assume_a is"),
        (lambda la, A, b: la.solve(A, b, assume_a="banded"), NotImplementedError, "'banded', .*: pass one of .gen"),
        (lambda la, A, b: la.solve(A, b, assume_a="lower triangular"), NotImplementedError, "solve_triangular"),
        (lambda la, A, b: la.lu_factor(A).solve(b, trans=[1]), ValueError, r"trans is \[1\]"),
        (lambda la, A, b: la.lu_factor(A).solve(b, trans="H"), ValueError, "trans is 'H'"),
        (lambda la, A, b: la.cho_factor(A, True), TypeError, "name is True: a string"),
        (lambda la, A, b: la.lu_factor(A, name=3), TypeError, "name is 3: a string"),
        (lambda la, A, b: la.cho_solve((A, True), b), TypeError, "F is of type tuple: what cho_factor gave was expected"),
        (lambda la, A, b: la.lu_solve((A, b), b), TypeError, "F is of type tuple: what lu_factor gave was expected"),
        (lambda la, A, b: tuple(la.cho_factor(A)), TypeError, r"C\.solve\(b\).*C\.L"),
        (lambda la, A, b: tuple(la.lu_factor(A)), TypeError, r"F\.solve\(b\).*F\.unpack\(\)"),
        (lambda la, A, b: tuple(la.qr(A, "raw")), TypeError, r"F\.R .*F\.multiply\(C\)"),
        (lambda la, A, b: la.qr(A, "raw") @ b, TypeError, r"F\.multiply\(C\) is Q C"),
        (lambda la, A, b: la.qr(A, "economic"), ValueError, "mode 'economic': one of 'reduced', 'complete', 'r', 'raw'"),
        (lambda la, A, b: la.qr(A, None), ValueError, "Unrecognized mode None"),
        (lambda la, A, b: la.cond(A, 7), ValueError, 'p is 7; None, 1, .*"nuc"'),
        (lambda la, A, b: la.norm(A, 7), ValueError, 'Invalid norm order 7 for matrices: 1, .*"nuc"'),
        (lambda la, A, b: la.norm(b, "fro"), ValueError, "Invalid norm order 'fro' for vectors"),
        (lambda la, A, b: la.norm(A, "inf"), ValueError, "ord is 'inf'"),
        (lambda la, A, b: la.open_qr("nope"), KeyError, "no QR factors named .*nope"),
        (lambda la, A, b: la.svd_lowrank(np.zeros((0, 3)), 1), ValueError, r"A has the shape \(0, 3\)"),
        (lambda la, A, b: la.pca(np.zeros((0, 3)), 1), ValueError, r"X has the shape \(0, 3\)"),
        (lambda la, A, b: la.svd_lowrank(A, 1, oversample=-1), ValueError, "^oversample is -1: "),
        (lambda la, A, b: la.svd_lowrank(A, 1, iterations=-1), ValueError, "^iterations is -1: "),
    ],
)
def test_refused(ex, call, kind, message):
    with pytest.raises(kind, match=message):
        call(ex.linalg, np.diag([3.0, 2.0, 1.0]), np.ones(3))


def test_scipys_names(ex, spd):
    S, A, b = spd(5), np.triu(spd(5)) + np.eye(5), np.arange(5.0)
    for name in ("gen", "general", "sym", "symmetric", "her", "hermitian", "pos", "positive definite"):
        np.testing.assert_allclose(ex.linalg.solve(S, b, assume_a=name).numpy(), np.linalg.solve(S, b), rtol=1e-12)
    for trans in (1, 2, "T", "C"):
        np.testing.assert_allclose(ex.linalg.lu_factor(A).solve(b, trans).numpy(), np.linalg.solve(A.T, b), rtol=1e-12)
        np.testing.assert_allclose(ex.linalg.solve_triangular(A, b, trans).numpy(), np.linalg.solve(A.T, b), rtol=1e-12)
    assert ex.linalg.norm(A, "f").item() == ex.linalg.norm(A, "fro").item()


# ---- Failures --------------------------------------------------------------------------------------------------------


def test_failures_say_where_and_what_to_change(ex, rng, spd):
    X = rng.standard_normal((64, 64))
    X[:, 40] = 0
    a = ex.matrix_init(X, block_shape=(16, 16))
    for lazy in (ex.linalg.solve(a, np.ones(64)), ex.linalg.lu_factor(a).solve(np.ones(64)), ex.linalg.inv(a)):
        with pytest.raises(LinAlgError, match=r"singular \(at row \d+ of the tile\), row 40 of the matrix, .*: lstsq and pinv"):
            lazy.numpy()
    for value, words in ((-1, "not positive definite.*assume_a="), (np.nan, "not finite .*: it has NaNs")):
        S = spd(64)
        S[40, 40] = value
        for lazy in (ex.linalg.cholesky(ex.matrix_init(S, block_shape=(16, 16))), ex.linalg.solve(S, np.ones(64), "pos")):
            with pytest.raises(LinAlgError, match=words) as e:
                lazy.numpy()
            assert "row 40 of the matrix" in str(e.value)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_refinement_says_what_is_not_finite(ex, spd, bad):
    A, b = spd(8), np.ones(8)
    b[3] = bad
    with pytest.warns(RuntimeWarning, match="b has NaNs or infinities"):
        ex.linalg.solve(A, b, refine="float32")
    A[2, 2] = bad
    with pytest.warns(RuntimeWarning, match="A has NaNs or infinities"):
        ex.linalg.solve(A, np.ones(8), refine="float32")


# ---- Names -----------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["memory", "folder"])
def session(request, tmp_path):
    with npywren.local_executor(workers=1, path=tmp_path if request.param == "folder" else None) as executor:
        yield executor


def test_factorisations_are_deleted_whole(session, spd):
    """What one leaves is never a part of another."""
    la, S, b = session.linalg, spd(6), np.ones(6)
    la.lu_factor(S + np.triu(np.ones((6, 6))), name="F")
    session.delete("F")
    assert session.list() == []
    la.cho_factor(S, name="F")
    np.testing.assert_allclose(la.open_factor("F").solve(b).numpy(), np.linalg.solve(S, b), rtol=1e-12)
    session.delete("F")
    session.matrix_init(S, name="F")
    with pytest.raises(KeyError, match="'F' is a matrix, not a factorisation"):
        la.open_factor("F")
    session.delete("F")
    la.qr(S, "raw").persist("F")
    session.delete("F")
    assert session.list() == []
    with pytest.raises(KeyError, match="no matrix named"):
        session.delete("F")


def test_parts_of_another_factorisation_are_in_the_way(session, spd):
    la, S = session.linalg, spd(6)
    F = la.lu_factor(S, name="F")
    assert F.persist("F") is F  # again
    parts = [name for name in session.list() if name != "F"]
    session._delete("F")  # the matrix alone, as if by another program
    with pytest.raises(FileExistsError, match=r'a part of another factorisation: delete\("F"\)|delete\(\'F\'\)'):
        la.cho_factor(S, name="F")
    assert session.list() == parts
    session.delete("F")
    la.cho_factor(S, name="F")
    assert repr(la.open_factor("F")).startswith("<numpywren.Cholesky")


def test_matrices_beside_are_kept(session):
    """Only a factorisation's own parts go with it."""
    for name in ("X", "X.norm", "X.R", "X.pivots", "Y.V", "Y.R", "n" * 200):
        session.matrix_init(np.ones(3), name=name)
    session.delete("X")
    session.delete("n" * 200)
    with pytest.raises(KeyError):
        session.delete("Y")
    assert session.list() == ["X.R", "X.norm", "X.pivots", "Y.R", "Y.V"]


def test_the_bar_counts_from_the_start():
    """It appears late, and tells rates since the job began."""
    bar = _jobs._Bar("eigh", 10.0)
    bar.update({"unit": "task", "done": 50, "total": 100})
    elapsed = bar._bar.format_dict["elapsed"]
    bar.close()
    assert 10 <= elapsed < 15
