"""Factorisations that are kept, to solve with again: ``lu_factor`` and ``cho_factor`` make them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from typing_extensions import Self

    from ._array import BigMatrix
    from ._executor import Executor


class SlogdetResult(NamedTuple):
    """`sign`, the sign of a determinant: 1, -1 or 0; and `logabsdet`, the logarithm of its magnitude. Both have no
    dimensions."""

    sign: BigMatrix
    logabsdet: BigMatrix


# What stands behind the name of a factorisation in those of its parts.
_PIVOTS, _NORM = ".pivots", ".norm"


class Factorization:
    """A matrix A in factored form, kept in tiles here. What its methods give is lazy, but for `rcond`.

    `persist(name)` gives it a name, under which `linalg.open_factor(name)` finds it again, also in another process. Its parts
    are matrices with names that begin with it: `npwex.list` has them, and `npwex.delete` frees them.
    """

    __slots__ = ("_executor", "_norm")

    def __init__(self, executor: Executor, norm: BigMatrix) -> None:
        self._executor = executor
        self._norm = norm

    def _parts(self) -> dict[str, BigMatrix]:
        """The arrays that it is made of, by what their names end in."""
        raise NotImplementedError

    @property
    def _main(self) -> BigMatrix:
        return self._parts()[""]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of A."""
        return self._main.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the factors."""
        return self._main.dtype

    def persist(self, name: str | None = None) -> Self:
        """Computes the factors, as one program, if they are not kept yet, and names them if a name is given; gives the
        factorisation itself. FileExistsError if a name is taken."""
        parts = self._parts()
        names = None if name is None else [name + end for end in parts]
        self._executor._submit(list(parts.values()), names)
        return self

    def solve(self, b: Any, trans: int | str = 0) -> BigMatrix:
        """The X with A X = b, or Aᵀ X = b with `trans=1`, in b's shape: float32 if A and b are, float64 otherwise.

        `numpy.linalg.LinAlgError` when A is not square, and, when it is computed, if A is singular. ValueError when b has not
        as many rows as A, or for another `trans`.
        """
        raise NotImplementedError

    def det(self) -> BigMatrix:
        """The determinant of a square A, without dimensions; `numpy.linalg.LinAlgError` for another."""
        sign, log = self.slogdet()
        return sign * self._executor.exp(log)

    def slogdet(self) -> SlogdetResult:
        """The sign of the determinant of a square A, and the logarithm of its magnitude, -inf for a singular A. Both have no
        dimensions; `numpy.linalg.LinAlgError` for another A."""
        raise NotImplementedError

    def logdet(self) -> BigMatrix:
        """The logarithm of the determinant's magnitude: `slogdet().logabsdet`."""
        return self.slogdet().logabsdet

    def inv(self) -> BigMatrix:
        """The inverse of a square A, n×n; `numpy.linalg.LinAlgError` for another, and, when it is computed, if A is
        singular."""
        raise NotImplementedError

    def inv_diag(self) -> BigMatrix:
        """The diagonal of the inverse, as a vector: an `LU` computes the whole inverse for it, a `Cholesky` that of L alone."""
        return self._executor._apply("diagonal", [self.inv()], k=0)

    def rcond(self) -> float:
        """An estimate of 1 / (‖A‖₁ ‖A⁻¹‖₁), at most a few times too large, from some solutions with the factors, at once (N.
        Higham, Experience with a matrix norm estimator, SIAM J. Sci. Stat. Comput. 11, 1990: LAPACK's lacn2). It is 0 for a
        singular A."""
        try:
            inverse = _inverse_norm(self)
        except np.linalg.LinAlgError:
            return 0.0
        norm = float(self._norm.item())
        if norm == 0:
            return 0.0
        return float(1 / norm / inverse) if inverse else float("inf")

    def __repr__(self) -> str:
        n = self.shape[0]
        return f"<numpywren.{type(self).__name__} of a {n} × {self.shape[1]} matrix, {self.dtype}>"


class LU(Factorization):
    """L U = A with its rows exchanged, as `lu_factor` keeps it: `factors` and `pivots`, and the 1-norm of A. `unpack` gives P,
    L and U."""

    __slots__ = {  # with what `help` says of them
        "factors": "U, and below its diagonal L without its own, in the shape of A. Unlike in LAPACK's getrf, the rows of a "
        "block column of L are not exchanged by the steps after its own.",
        "pivots": "Two columns of int64, a line for each row of A: the row that the step of its block put there, and where its "
        "own has gone. Unlike LAPACK's ipiv.",
    }

    def __init__(self, executor: Executor, factors: BigMatrix, pivots: BigMatrix, norm: BigMatrix) -> None:
        super().__init__(executor, norm)
        self.factors = factors
        self.pivots = pivots

    def _parts(self) -> dict[str, BigMatrix]:
        return {"": self.factors, _PIVOTS: self.pivots, _NORM: self._norm}

    def unpack(self, permute_l: bool = False, p_indices: bool = False) -> tuple[BigMatrix, ...]:
        """P, L, U with A = P L U, as `linalg.lu` gives them: two, P L and U, with `permute_l=True`; with `p_indices=True` a
        vector of int64 instead of P."""
        params = {"permute_l": bool(permute_l), "p_indices": bool(p_indices)}
        return tuple(self._executor._apply_many("lu_unpack", [self.factors, self.pivots], 3, params))

    def solve(self, b: Any, trans: int | str = 0) -> BigMatrix:
        ex = self._executor
        return ex._apply("lu_solve", [self.factors, self.pivots, ex._array(b)], trans=transposition(trans))

    def det(self) -> BigMatrix:
        return self._executor._apply_many("lu_det", [self.factors, self.pivots], 3, {})[0]

    def slogdet(self) -> SlogdetResult:
        return SlogdetResult(*self._executor._apply_many("lu_det", [self.factors, self.pivots], 3, {})[1:])

    def inv(self) -> BigMatrix:
        return self._executor._apply("lu_inv", [self.factors, self.pivots])


class Cholesky(Factorization):
    """L Lᵀ = A, for a symmetric positive definite A, as `cho_factor` keeps it: `L`, and the 1-norm of A."""

    __slots__ = {"L": "The lower triangular factor, n×n; what is above its diagonal is zeros."}  # what `help` says of it

    def __init__(self, executor: Executor, L: BigMatrix, norm: BigMatrix) -> None:
        super().__init__(executor, norm)
        self.L = L

    def _parts(self) -> dict[str, BigMatrix]:
        return {"": self.L, _NORM: self._norm}

    def solve(self, b: Any, trans: int | str = 0) -> BigMatrix:
        transposition(trans)
        solve = self._executor.linalg.solve_triangular
        return solve(self.L, solve(self.L, b, lower=True), trans="T", lower=True)

    def slogdet(self) -> SlogdetResult:
        ex = self._executor
        diagonal = ex._apply("diagonal", [self.L], k=0)
        return SlogdetResult(ex.full((), 1, self.dtype), ex.sum(ex.log(diagonal)) * 2)

    def inv(self) -> BigMatrix:
        V = self._executor._apply("lower_inverse", [self.L])
        return self._executor.matmul(V.T, V)

    def inv_diag(self) -> BigMatrix:
        V = self._executor._apply("lower_inverse", [self.L])
        return self._executor.sum(V * V, axis=0, keepdims=False)


def transposition(trans: int | str) -> str:
    """`trans` as the core takes it."""
    names = {0: "N", 1: "T", "N": "N", "T": "T"}
    if trans not in names:
        raise ValueError(f'trans is {trans!r}: "N" or 0, for A X = B, or "T" or 1, for Aᵀ X = B, were expected')
    return names[trans]


def open_factor(ex: Executor, name: str) -> LU | Cholesky:
    """The factorisation that was kept under a name; KeyError if there is none."""
    main = ex.open(name)
    try:
        norm = ex.open(name + _NORM)
    except KeyError:
        raise KeyError(f"{name!r} is a matrix, not a factorisation: lu_factor and cho_factor keep those") from None
    try:
        pivots = ex.open(name + _PIVOTS)
    except KeyError:
        return Cholesky(ex, main, norm)
    return LU(ex, main, pivots, norm)


def _inverse_norm(F: Factorization) -> float:
    """An estimate of ‖A⁻¹‖₁."""
    return norm_estimate(F._executor, F.shape[0], F.dtype, F.solve, lambda x: F.solve(x, trans=1))


Times = Callable[["BigMatrix"], "BigMatrix"]


def norm_estimate(ex: Executor, n: int, dtype: np.dtype[Any], times: Times, transposed: Times) -> float:
    """An estimate of the 1-norm, never more than it is, of an n × n matrix that is known by its products with vectors (N.
    Higham, Experience with a matrix norm estimator, SIAM J. Sci. Stat. Comput. 11, 1990: LAPACK's lacn2)."""
    x = ex.full((n,), 1 / n, dtype)
    estimate, signs, at = 0.0, None, -1
    for _ in range(5):
        (y,) = ex.persist(times(x))
        found, before = float(ex.sum(abs(y)).item()), signs
        if n == 1:
            return found
        signs = ex.where(y >= 0, 1, -1).astype(dtype)
        grown, estimate = found > estimate, max(found, estimate)
        if before is not None and (not grown or bool(ex.all(signs == before))):
            break
        (z,) = ex.persist(abs(transposed(signs)))
        largest = int(ex.argmax(z).item())
        if at >= 0 and z[at].item() == z[largest].item():
            break
        at = largest
        x = (ex.arange(n) == at).astype(dtype)
    i = ex.arange(n)
    alternating = (1 - 2 * (i % 2)) * (1 + i / (n - 1))
    other = 2 * ex.sum(abs(times(alternating.astype(dtype)))).item() / (3 * n)
    return float(max(estimate, other))
