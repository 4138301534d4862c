"""What factorisations give: their result tuples, and factors that are kept and used again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

if TYPE_CHECKING:
    from ._array import BigMatrix
    from ._executor import Executor


class QRResult(NamedTuple):
    """A = Q R: `Q`, m×k, with orthonormal columns; `R`, k×n, upper triangular."""

    Q: BigMatrix
    R: BigMatrix


class SVDResult(NamedTuple):
    """A = U diag(S) Vh: `U`, m×m or m×k, with orthonormal columns; `S`, k = min(m, n) values in descending order; `Vh`, n×n
    or k×n, with orthonormal rows."""

    U: BigMatrix
    S: BigMatrix
    Vh: BigMatrix


class EighResult(NamedTuple):
    """A = Z diag(w) Zᵀ: `eigenvalues` is w, of n elements, ascending; `eigenvectors` Z, n×n, with orthonormal columns."""

    eigenvalues: BigMatrix
    eigenvectors: BigMatrix


class LowRankResult(NamedTuple):
    """A is about U diag(S) Vh: `U`, m×k, with orthonormal columns; `S`, k values in descending order; `Vh`, k×n, with
    orthonormal rows; `error`, without dimensions; `bounds`, k of them."""

    U: BigMatrix
    S: BigMatrix
    Vh: BigMatrix
    error: BigMatrix
    """How far off, in the Frobenius norm."""
    bounds: BigMatrix
    """For each of S, how far a singular value of A is from it at most; mostly they are much nearer."""


class PCAResult(NamedTuple):
    """The rows of `components`, k×n, are the directions of the largest variances, which are `explained_variance`; `mean`,
    1×n, is that of the rows, and `scores`, m×k, is where they are along the components."""

    components: BigMatrix
    explained_variance: BigMatrix
    mean: BigMatrix
    scores: BigMatrix


_PARTS = ("V", "T", "U", "W", "R")


class QRFactors:
    """A = Q R with Q as the reflections that make it, which take half of the time and memory of Q itself.

    `R` is an array. `multiply` applies Q, of as many rows and columns as A has rows, and `multiply_transposed` its transpose.
    `persist(name)` keeps the factors under a name, by which `linalg.open_qr(name)` finds them, in another process too: as
    matrices `name.V`, `name.T`, `name.U`, `name.W` and `name.R`: `npwex.delete(name)` takes all. Until then they are
    lazy. Reflections of tiles and trees have no form as NumPy's (h, tau).
    """

    __slots__ = ("_executor", "_parts")

    def __init__(self, executor: Executor, parts: list[BigMatrix]) -> None:
        self._executor, self._parts = executor, parts

    @property
    def R(self) -> BigMatrix:  # noqa: N802
        """The upper triangular factor, k×n for an m×n A, with k = min(m, n)."""
        return self._parts[4]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of A."""
        return self._parts[0].shape

    @property
    def dtype(self) -> Any:
        """The dtype of Q and R."""
        return self.R.dtype

    def multiply(self, C: Any) -> BigMatrix:
        """Q C, in the shape of C, which has as many rows as A or is such a vector; ValueError for another."""
        return self._multiply(C, False)

    def multiply_transposed(self, C: Any) -> BigMatrix:
        """Qᵀ C, in the shape of C, which has as many rows as A or is such a vector; ValueError for another."""
        return self._multiply(C, True)

    def _multiply(self, C: Any, trans: bool) -> BigMatrix:
        ex = self._executor
        return ex._apply("qr_multiply", [*self._parts[:4], ex._array(C, "C")], trans=trans)

    def __matmul__(self, C: Any) -> NoReturn:
        raise TypeError("the factors of A are no matrix: F.multiply(C) is Q C, F.multiply_transposed(C) is Qᵀ C")

    def __iter__(self) -> NoReturn:
        raise TypeError("one object, not NumPy's (h, tau): F.R is the triangle, F.multiply(C) is Q C; Q, R = qr(A) gives both")

    def persist(self, name: str | None = None) -> QRFactors:
        """Computes the factors, as one program, and keeps their tiles here, under `name` if one is given; gives the factors
        themselves."""
        self._executor._submit(self._parts, None if name is None else self.names(name))
        return self

    @classmethod
    def open(cls, executor: Executor, name: str) -> QRFactors:
        """The factors of that name; KeyError if there are none."""
        try:
            return cls(executor, [executor.open(part) for part in cls.names(name)])
        except KeyError:
            raise KeyError(f'there are no QR factors named {name!r}: qr(A, "raw").persist(name) keeps them') from None

    @staticmethod
    def names(name: str) -> list[str]:
        """The names of the parts of factors of a name."""
        if not isinstance(name, str):
            raise TypeError(f"name is {name!r}: a string was expected")
        return [f"{name}.{part}" for part in _PARTS]

    def __repr__(self) -> str:
        return f"<numpywren.QRFactors of a {self.shape[0]} × {self.shape[1]} matrix, {self.dtype}>"
