"""Factorisations that are kept, to solve with again: ``lu_factor`` and ``cho_factor`` make them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, NoReturn

import numpy as np

from ._orthogonal import QRFactors
from ._spectral import square

if TYPE_CHECKING:
    from typing_extensions import Self

    from ._array import BigMatrix
    from ._executor import Executor


class SlogdetResult(NamedTuple):
    """`sign`, the sign of a determinant: 1, -1 or 0; and `logabsdet`, the logarithm of its magnitude. Both have no
    dimensions."""

    sign: BigMatrix
    logabsdet: BigMatrix


# What stands behind the name of a factorisation in those of its parts. Each kind has its own, which nobody else will choose:
# what is left of one factorisation is never taken for a part of another, and `delete` knows what belongs to a name.
_LU_PIVOTS, _LU_NORM, _CHO_NORM = ".lu_pivots", ".lu_norm", ".cho_norm"


class Factorization:
    """A matrix A in factored form, kept in tiles here. What its methods give is lazy, but for `rcond`.

    `persist(name)` gives it a name, under which `linalg.open_factor(name)` finds it again, also in another process. Its parts
    are matrices with that name, and names that begin with it: `npwex.delete(name)` takes all.
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
        if name is None:
            self._executor._submit(list(parts.values()), None)
            return self
        if not isinstance(name, str):
            raise TypeError(f"name is {name!r}: a string was expected")
        for end in _ENDS:
            if end not in parts and _is_kept(self._executor, name + end):
                raise FileExistsError(
                    f"there is {name + end!r} already, a part of another factorisation: delete({name!r}) it first, or choose "
                    "another name"
                )
        self._executor._submit(list(parts.values()), [name + end for end in parts])
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
        singular A, and `numpy.linalg.LinAlgError` is raised for one that is not square."""
        square(self._main)
        if not self._main.size:
            return EMPTY
        try:
            inverse = _inverse_norm(self)
        except np.linalg.LinAlgError:
            return 0.0
        return reciprocal(float(self._norm.item()), inverse)

    def __iter__(self) -> NoReturn:
        raise TypeError(f"one object, not a tuple of arrays as SciPy's: {self._instead}")

    _instead: ClassVar[str]  # what to use where SciPy has a tuple

    def __repr__(self) -> str:
        n = self.shape[0]
        return f"<numpywren.{type(self).__name__} of a {n} × {self.shape[1]} matrix, {self.dtype}>"


class LU(Factorization):
    """L U = A with its rows exchanged, as `lu_factor` keeps it: `factors` and `pivots`, and the 1-norm of A.

    Their names are `name`, `name.lu_pivots` and `name.lu_norm`. `unpack` gives P, L and U.
    """

    __slots__ = {  # with what `help` says of them
        "factors": "U, and below its diagonal L without its own, in the shape of A. Unlike in LAPACK's getrf, the rows of a "
        "block column of L are not exchanged by the steps after its own.",
        "pivots": "Two columns of int64, a line for each row of A: the row that the step of its block put there, and where its "
        "own has gone. Unlike LAPACK's ipiv.",
    }
    _instead = "F = lu_factor(A), then F.solve(b), or lu_solve(F, b); P, L, U = F.unpack()"

    def __init__(self, executor: Executor, factors: BigMatrix, pivots: BigMatrix, norm: BigMatrix) -> None:
        super().__init__(executor, norm)
        self.factors = factors
        self.pivots = pivots

    def _parts(self) -> dict[str, BigMatrix]:
        return {"": self.factors, _LU_PIVOTS: self.pivots, _LU_NORM: self._norm}

    def unpack(self, permute_l: bool = False, p_indices: bool = False) -> tuple[BigMatrix, ...]:
        """P, L, U with A = P L U, as `linalg.lu` gives them: two, P L and U, with `permute_l=True`; with `p_indices=True` a
        vector of int64 instead of P."""
        params = {"permute_l": bool(permute_l), "p_indices": bool(p_indices)}
        return tuple(self._executor._apply_many("lu_unpack", [self.factors, self.pivots], 3, params))

    def solve(self, b: Any, trans: int | str = 0) -> BigMatrix:
        ex = self._executor
        return ex._apply("lu_solve", [self.factors, self.pivots, ex._array(b, "b")], trans=transposition(trans))

    def det(self) -> BigMatrix:
        return self._executor._apply_many("lu_det", [self.factors, self.pivots], 3, {})[0]

    def slogdet(self) -> SlogdetResult:
        return SlogdetResult(*self._executor._apply_many("lu_det", [self.factors, self.pivots], 3, {})[1:])

    def inv(self) -> BigMatrix:
        return self._executor._apply("lu_inv", [self.factors, self.pivots])


class Cholesky(Factorization):
    """L Lᵀ = A, for a symmetric positive definite A, as `cho_factor` keeps it: `L`, and the 1-norm of A.

    Their names are `name` and `name.cho_norm`.
    """

    __slots__ = {"L": "The lower triangular factor, n×n; what is above its diagonal is zeros."}  # what `help` says of it
    _instead = "C = cho_factor(A), then C.solve(b), or cho_solve(C, b); the lower triangle is C.L"

    def __init__(self, executor: Executor, L: BigMatrix, norm: BigMatrix) -> None:
        super().__init__(executor, norm)
        self.L = L

    def _parts(self) -> dict[str, BigMatrix]:
        return {"": self.L, _CHO_NORM: self._norm}

    def solve(self, b: Any, trans: int | str = 0) -> BigMatrix:
        transposition(trans)
        solve = self._executor.linalg.solve_triangular
        return solve(self.L, solve(self.L, self._executor._array(b, "b"), lower=True), trans="T", lower=True)

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
    names = {0: "N", 1: "T", 2: "T", "N": "N", "T": "T", "C": "T"}  # SciPy's; of real numbers Aᴴ is Aᵀ
    try:
        return names[trans]
    except (KeyError, TypeError):
        raise ValueError(f'trans is {trans!r}: "N" or 0, for A X = B, or "T" or 1, for Aᵀ X = B, were expected') from None


def open_factor(ex: Executor, name: str) -> LU | Cholesky:
    """The factorisation that was kept under a name; KeyError if there is none."""
    main = ex.open(name)
    found = {end: ex.open(name + end) for end in _ENDS if _is_kept(ex, name + end)}
    if _LU_PIVOTS in found and _LU_NORM in found:
        return LU(ex, main, found[_LU_PIVOTS], found[_LU_NORM])
    if _CHO_NORM in found:
        return Cholesky(ex, main, found[_CHO_NORM])
    raise KeyError(f"{name!r} is a matrix, not a factorisation: lu_factor and cho_factor keep those")


_ENDS = (_LU_PIVOTS, _LU_NORM, _CHO_NORM)


def delete(ex: Executor, name: str) -> None:
    """Deletes a matrix, or a factorisation with all of its parts. The parts go first: even if this ends halfway, a later matrix
    of that name finds none."""
    parts = [name + end for end in _ENDS if _is_kept(ex, name + end)]
    for part in parts:
        ex._delete(part)
    try:
        ex._delete(name)
    except KeyError:
        if parts:
            return
        reflections = QRFactors.names(name)
        if not all(_is_kept(ex, part) for part in reflections):
            raise
        for part in reflections:
            ex._delete(part)


def _is_kept(ex: Executor, name: str) -> bool:
    try:
        ex.open(name)
    except (KeyError, ValueError):  # there is none, or it is too long for one
        return False
    return True


EMPTY = 1.0  # 1 / (‖A‖ ‖A⁻¹‖) of a matrix without elements, as LAPACK's gecon has it


def reciprocal(norm: float, inverse: float) -> float:
    """1 / (‖A‖ ‖A⁻¹‖) from both norms, whose product is 1 or more. It is 0 where that overflows, or the solutions do from which
    ‖A⁻¹‖ is estimated; and for a matrix of zeros."""
    product = norm * inverse
    if not product or (math.isnan(inverse) and math.isfinite(norm)):
        return 0.0
    return 1 / product


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
