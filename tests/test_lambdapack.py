"""Users' own programs."""

# LAmbdaPACK's names are those of its language, not Python's.
# ruff: noqa: F821

from __future__ import annotations

import re

import numpy as np
import pytest

import numpywren as npywren


@npywren.lambdapack
def scaled_gram(A, B, scale=2):
    """scale Aᵀ B."""
    for i in range(blocks(A, 1)):
        for j in range(blocks(B, 1)):
            C[i, j] = ew("a * 1.0", sum([gemm(A[k, i].T, B[k, j]) for k in range(blocks(A, 0))]))
    return C


@npywren.lambdapack
def my_cholesky(A):
    S[0] = A
    n = blocks(A, 0)
    for i in range(n):
        task("cholesky", iter=i)
        L[i, i] = chol(S[i, i, i])
        for j in range(i + 1, n):
            task("col_update", row=j, col=i)
            L[j, i] = trsm(L[i, i], S[i, j, i])
            for k in range(i + 1, j + 1):
                task("low_rank_update", iter=i, row=j, col=k)
                S[i + 1, j, k] = syrk(S[i, j, k], L[j, i], L[k, i])
    return L


@npywren.lambdapack
def sum_and_difference(A, B):
    for i in range(blocks(A, 0)):
        for j in range(blocks(A, 1)):
            P[i, j] = ew("a + b", A[i, j], B[i, j])
            M[i, j] = ew("a - b", A[i, j], B[i, j])
    return P, M


@npywren.lambdapack
def power_sum(A, n=3):
    """A + 2 A + … + n A."""
    for i in range(blocks(A, 0)):
        for j in range(blocks(A, 1)):
            S[0, i, j] = ew("a * 0", A[i, j])
            for k in range(n):
                S[k + 1, i, j] = ew("a + b", S[k, i, j], A[i, j])
            R[i, j] = copy(S[n, i, j])
    return R


def test_a_program_is_a_function_of_arrays(ex):
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((50, 31)), rng.standard_normal((50, 22))
    A, B = ex.matrix_init(X, block_shape=(16, 10)), ex.matrix_init(Y, block_shape=(16, 9))
    C = scaled_gram(A, B)
    assert not C.computed
    np.testing.assert_allclose(C.numpy(), X.T @ Y)
    np.testing.assert_allclose((scaled_gram(B=B, A=A) + 1).numpy(), X.T @ Y + 1)
    np.testing.assert_allclose(scaled_gram(A * 2, B).numpy(), 2 * X.T @ Y)


def test_the_cholesky_of_the_design(ex, spd):
    X = spd(100)
    A = ex.matrix_init(X, block_shape=(30, 30))
    L = my_cholesky(A)
    np.testing.assert_allclose(L.numpy(), np.linalg.cholesky(X), rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(L.numpy(), ex.linalg.cholesky(A).numpy())
    assert "low_rank_update(iter=0, row=1, col=1)" in my_cholesky(ex.matrix_init(X, block_shape=(30, 30))).explain()
    X[40, 40] = -1
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        my_cholesky(ex.matrix_init(X, block_shape=(30, 30))).numpy()


def test_several_results(ex):
    X, Y = np.arange(30.0).reshape(5, 6), np.ones((5, 6))
    P, M = sum_and_difference(ex.matrix_init(X, block_shape=(2, 4)), ex.matrix_init(Y, block_shape=(2, 4)))
    one, two = ex.compute(P, M)
    np.testing.assert_array_equal(one, X + Y)
    np.testing.assert_array_equal(two, X - Y)


def test_integers(ex):
    A = ex.matrix_init(np.ones((7, 7)), block_shape=(3, 3))
    for n in (1, 2, 5):
        np.testing.assert_array_equal(power_sum(A, n=n).numpy(), np.full((7, 7), float(n)))
    np.testing.assert_array_equal(power_sum(A).numpy(), np.full((7, 7), 3.0))
    np.testing.assert_array_equal(power_sum(A, np.int64(2)).numpy(), np.full((7, 7), 2.0))
    with pytest.raises(TypeError, match=r"n is 1\.5"):
        power_sum(A, n=1.5)


def test_whose_executor(ex):
    X = np.ones((4, 4))
    assert power_sum(ex.matrix_init(X)).executor is ex
    assert power_sum(ex, X).executor is ex
    assert power_sum(X).executor is npywren.default_executor()
    with npywren.local_executor() as other, pytest.raises(ValueError, match="another executor"):
        sum_and_difference(ex.ones((2, 2)), other.ones((2, 2)))


def test_it_looks_like_the_function():
    assert scaled_gram.__name__ == scaled_gram.name == "scaled_gram"
    assert scaled_gram.__doc__ == "scale Aᵀ B."
    assert repr(scaled_gram) == "<lambdapack program scaled_gram(A, B, scale=2)>"
    assert scaled_gram.filename == __file__


def test_arguments_that_do_not_fit(ex):
    A = ex.ones((4, 4))
    for call in (lambda: power_sum(), lambda: power_sum(A, B=A), lambda: power_sum(A, 1, 2), lambda: scaled_gram(A)):
        with pytest.raises(TypeError, match=r"(power_sum|scaled_gram)\(A"):
            call()


def line_of(text: str) -> int:
    """The line of this file that holds a marked text."""
    with open(__file__, encoding="utf-8") as file:  # noqa: PTH123
        return next(n for n, line in enumerate(file, 1) if f"# {text}" in line and "line_of" not in line)


def raises_at(mark: str, define, kind=ValueError) -> str:
    with pytest.raises(kind) as e:
        define()
    place = re.match(r"(.*?):(\d+):(\d+): ", str(e.value))
    assert place, str(e.value)
    assert place[1] == __file__
    assert int(place[2]) == line_of(mark)
    return str(e.value)


def test_an_unknown_kernel():
    def define():
        @npywren.lambdapack
        def bad(A):
            for i in range(blocks(A, 0)):
                C[i, 0] = frobnicate(A[i, 0])  # unknown kernel
            return C

    assert "frobnicate" in raises_at("unknown kernel", define)


def test_a_wrong_number_of_tiles():
    def define():
        @npywren.lambdapack
        def bad(A):
            C[0, 0] = chol(A[0, 0], A[0, 0])  # two tiles
            return C

    assert "chol" in raises_at("two tiles", define)


def test_wrong_elementwise_expressions():
    def missing():
        @npywren.lambdapack
        def bad(A):
            C[0, 0] = ew("a + b", A[0, 0])  # one tile
            return C

    def unknown():
        @npywren.lambdapack
        def bad(A):
            for i in range(2):
                C[i, 0] = copy(ew("sin(a)", sum([A[k, i] for k in range(2)])))  # no sine
            return C

    assert "operand b" in raises_at("one tile", missing)
    assert '"sin"' in raises_at("no sine", unknown)


def test_what_is_python_and_not_lambdapack():
    def loop():
        @npywren.lambdapack
        def bad(A):
            while True:  # a while
                pass
            return A

    def annotated():
        @npywren.lambdapack
        def bad(A: np.ndarray):  # an annotation
            return A

    def no_return():
        @npywren.lambdapack
        def bad(A):
            C[0, 0] = copy(A[0, 0])  # no return

    raises_at("a while", loop)
    raises_at("an annotation", annotated)
    raises_at("no return", no_return)


def test_errors_that_show_with_the_arrays(ex):
    A = ex.matrix_init(np.ones((9, 9)), block_shape=(3, 3))

    @npywren.lambdapack
    def twice(A):
        for i in range(blocks(A, 0)):
            C[0, 0] = copy(A[i, 0])  # written twice
        return C

    @npywren.lambdapack
    def outside(A):
        for i in range(blocks(A, 0)):
            C[i, 0] = copy(A[i + 1, 0])  # outside the grid
        return C

    @npywren.lambdapack
    def unwritten(A):
        T[0, 0] = copy(A[0, 0])
        C[0, 0] = copy(T[1, 0])  # never written
        return C

    assert "twice" in raises_at("written twice", lambda: twice(A).numpy())
    assert "3" in raises_at("outside the grid", lambda: outside(A).numpy())
    raises_at("never written", lambda: unwritten(A).numpy())


def test_tiles_that_do_not_fit(ex):
    A, B = ex.ones((6, 6), block_shape=(3, 3)), ex.ones((8, 8), block_shape=(4, 4))
    with pytest.raises((ValueError, IndexError), match=r"test_lambdapack\.py"):
        sum_and_difference(A, B)[0].numpy()


def test_only_functions_with_a_text(ex):
    with pytest.raises(TypeError, match="function"):
        npywren.lambdapack("def f(A):\n    return A\n")
    space: dict = {}
    exec("def f(A):\n    return A\n", space)
    with pytest.raises(ValueError, match="cannot be read"):
        npywren.lambdapack(space["f"])
    with pytest.raises(ValueError, match=r"test_lambdapack\.py"):
        npywren.lambdapack(lambda A: A)


def test_a_program_at_a_prompt(python):
    """As IPython and doctest do it: the text is in linecache alone."""
    python(
        """
        import linecache
        import numpy as np
        import numpywren
        text = "@numpywren.lambdapack\\ndef double(A):\\n    C[0, 0] = ew('a * 2', A[0, 0])\\n    return C\\n"
        linecache.cache["<prompt>"] = (len(text), None, text.splitlines(True), "<prompt>")
        exec(compile(text, "<prompt>", "exec"), globals())
        assert double(np.ones((3, 3))).numpy().tolist() == [[2] * 3] * 3
        """
    )
