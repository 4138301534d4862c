"""What factorisations give: their result tuples, and factors that are kept and used again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

if TYPE_CHECKING:
    from ._array import BigMatrix
    from ._executor import Executor


class QRResult(NamedTuple):
    """A = Q R."""

    Q: BigMatrix
    R: BigMatrix


class SVDResult(NamedTuple):
    """A = U diag(S) Vh."""

    U: BigMatrix
    S: BigMatrix
    Vh: BigMatrix


class EighResult(NamedTuple):
    """A = Z diag(w) Zᵀ: `eigenvalues` is w, `eigenvectors` Z."""

    eigenvalues: BigMatrix
    eigenvectors: BigMatrix


class LowRankResult(NamedTuple):
    """A is about U diag(S) Vh."""

    U: BigMatrix
    S: BigMatrix
    Vh: BigMatrix
    error: BigMatrix
    """How far off, in the Frobenius norm."""
    bounds: BigMatrix
    """For each of S, how far a singular value of A is from it at most; mostly they are much nearer."""


class PCAResult(NamedTuple):
    """The rows of `components` are the directions of the largest variances."""

    components: BigMatrix
    explained_variance: BigMatrix
    mean: BigMatrix
    scores: BigMatrix


_PARTS = ("V", "T", "U", "W", "R")


class QRFactors:
    """A = Q R with Q as the reflections that make it, which take half of the time and memory of Q itself.

    `R` is an array. `multiply` applies Q, of as many rows and columns as A has rows, and `multiply_transposed` its transpose.
    `persist(name)` keeps the factors under a name, by which `linalg.open_qr(name)` finds them, in another process too.
    """

    __slots__ = ("_executor", "_parts")

    def __init__(self, executor: Executor, parts: list[BigMatrix]) -> None:
        self._executor, self._parts = executor, parts

    @property
    def R(self) -> BigMatrix:  # noqa: N802
        """The upper triangle."""
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
        """Q C."""
        return self._multiply(C, False)

    def multiply_transposed(self, C: Any) -> BigMatrix:
        """Qᵀ C."""
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
        self._executor._submit(self._parts, None if name is None else [f"{name}.{part}" for part in _PARTS])
        return self

    @classmethod
    def open(cls, executor: Executor, name: str) -> QRFactors:
        """The factors of that name."""
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
        return f"<QR factors of a matrix of shape {self.shape}, {self.dtype}>"
