"""``npwex.linalg``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex, overload

import numpy as np

from . import _certify, _lowrank, _matfuncs, _operand, _products, _spectral
from ._certify import Certificate, FactorCertificate
from ._factors import LU, Cholesky, SlogdetResult, open_factor, transposition
from ._matfuncs import PolarResult
from ._orthogonal import EighResult, LowRankResult, PCAResult, QRFactors, QRResult, SVDResult
from ._refine import certified, refined

if TYPE_CHECKING:
    from ._array import BigMatrix
    from ._executor import Executor


class Linalg:
    """Linear algebra, as `numpy.linalg` and `scipy.linalg` name it.

    Operands are arrays of the executor, NumPy arrays, lists and numbers. Results are arrays of the executor, and lazy but where
    it says "at once". They are float32 if NumPy promotes the operands to float32, and float64 otherwise, but where it says
    another dtype. Matrices are real, and have two dimensions.

    Functions that give several arrays give several lazy ones. Each that is computed alone takes the whole work again:
    `npwex.compute(*arrays)` gives all of them in NumPy, and `npwex.persist(*arrays)` keeps all of their tiles, for the work
    of one.

    Errors of every function. In the call: TypeError for complex numbers, NotImplementedError for stacks of matrices where NumPy
    takes them, ValueError or `numpy.linalg.LinAlgError`, as in NumPy, for shapes that do not fit. When it is computed, by
    `numpy()`, `persist()` or `compute`: MemoryError, before anything runs, if a task does not fit in `memory_limit`, and
    LinAlgError for what values are to blame for.
    """

    __slots__ = ("_executor",)

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def __repr__(self) -> str:
        return f"<the linear algebra of {self._executor!r}>"

    def norm(
        self, x: Any, ord: float | str | None = None, axis: _operand.Axis = None, keepdims: bool | None = None
    ) -> BigMatrix:
        """The Frobenius norm, or that of `ord`: 1, -1, inf, -inf, "fro"; for one matrix also 2, -2 and "nuc", by its singular
        values, and for vectors any number.

        With an axis the norms of the vectors along it, with two those of the matrices; the axis is kept with length 1, so
        that `norm(X, axis=1)` is a column. `keepdims=False` drops it. Frobenius and 2-norms neither overflow nor underflow
        unless the result does (J. Blue, A portable Fortran program to find the Euclidean norm of a vector, ACM Trans. Math.
        Softw. 4, 1978: LAPACK's lassq). float32 for float32, float64 for all else.

        ValueError for an `ord` that there is not, and for more than two axes, be they given or, with `ord`, all that x has;
        for the norms by singular values see also `svdvals`.
        """
        return self._executor._reduce("norm", x, axis, keepdims, ord=_order(ord))

    def matrix_norm(self, x: Any, ord: float | str | None = "fro", keepdims: bool = False) -> BigMatrix:
        """The norm of a matrix, as `norm(x, ord)`, without dimensions unless `keepdims=True`; of a stack of them, along the
        last two axes, with `ord` "fro", 1, -1, inf or -inf. ValueError for an `ord` that there is not."""
        return self._executor._reduce("norm", x, (-2, -1), bool(keepdims), ord=_order(ord))

    def vector_norm(self, x: Any, ord: float = 2, axis: _operand.Axis = None, keepdims: bool | None = None) -> BigMatrix:
        """The norm of vectors along an axis, which is kept with length 1 unless `keepdims=False`; along several, or without
        one, the elements are taken as one vector. `ord` is any number: 0 counts what is not zero, inf and -inf are extremes.
        ValueError for an `ord` that is no number, and with -inf for an array without elements."""
        return self._executor._reduce("vector_norm", x, axis, keepdims, ord=_order(ord))

    @overload
    def cholesky(self, A: Any, *, upper: bool = False) -> BigMatrix: ...
    @overload
    def cholesky(self, A: Any, *, upper: bool = False, check: Literal[True]) -> tuple[BigMatrix, FactorCertificate]: ...
    def cholesky(self, A: Any, *, upper: bool = False, check: bool = False) -> BigMatrix | tuple[BigMatrix, FactorCertificate]:
        """The lower triangular L, n×n, with L Lᵀ = A; with `upper` the upper triangular U with Uᵀ U = A. Only A's triangle of
        the same name is read. `check=True` computes at once, and gives with the factor a `FactorCertificate`.

        By tiles (A. Buttari, J. Langou, J. Kurzak, J. Dongarra, A class of parallel tiled linear algebra algorithms for
        multicore architectures, LAPACK Working Note 191, 2007). float32 for float32, float64 for all else.

        `numpy.linalg.LinAlgError` when A is not square, and, when it is computed, if A is not positive definite.
        """
        ex = self._executor
        A = ex._array(A, "A")
        if upper:
            A = A.T
        L = ex._apply("cholesky", [A])
        factor = L.T if upper else L
        return (factor, _certify.cholesky(ex, A, L)) if check else factor

    @overload
    def solve(self, A: Any, B: Any, assume_a: str = "gen", *, refine: str | None = None) -> BigMatrix: ...
    @overload
    def solve(
        self, A: Any, B: Any, assume_a: str = "gen", *, refine: str | None = None, check: Literal[True]
    ) -> tuple[BigMatrix, Certificate]: ...
    def solve(
        self, A: Any, B: Any, assume_a: str = "gen", *, refine: str | None = None, check: bool = False
    ) -> BigMatrix | tuple[BigMatrix, Certificate]:
        """The X with A X = B, in B's shape: by LU with `pivoting="auto"` (see `lu`), which is partial pivoting unless a block
        column of A is more than a GiB, then the tournament. float32 if A and B are, float64 otherwise.

        Unlike SciPy it does not warn of an A that is nearly singular unless `check=True` asks for it.

        Args:
            A: a square matrix.
            B: a matrix or a vector.
            assume_a: "pos" says that A is symmetric and positive definite: only its lower triangle is read, and it takes
                half the work, by `cholesky`. "sym" is accepted, and treated as "gen": both triangles are read.
            refine: "float32" computes at once: it factors in float32 and refines the solution to float64's accuracy (J. Langou
                and others, SC 2006: LAPACK's dsgesv), by GMRES where plain refinement does not get there (E. Carson, N. Higham,
                SIAM J. Sci. Comput. 39, 2017). A RuntimeWarning says so, or that it was solved in float64 after all. X is
                float64; ValueError if A and B are float32 already.
            check: computes at once, and gives with X a `Certificate`: its backward error, A's condition, and how X was found. A
                RuntimeWarning, which SciPy's LinAlgWarning is too, if the condition leaves no digit of X that is certain. With
                `refine`, an A for which GMRES was needed is factored in float64 for its condition.

        `numpy.linalg.LinAlgError` when A is not square, and, when it is computed, if A is singular, or not positive definite
        with "pos". ValueError when B has not as many rows as A.
        """
        ex = self._executor
        A, B = ex._array(A, "A"), ex._array(B, "B")
        if refine not in (None, "float32"):
            raise ValueError(f'refine is {refine!r}: "float32" or None was expected')
        assume_a = _assumed(assume_a)
        if refine is not None and assume_a == "pos":
            raise NotImplementedError('refine="float32" goes with assume_a="gen" or "sym" only')
        lazy = ex._apply("solve", [A, B], assume_a=assume_a)  # checks the operands
        if refine is not None:
            return refined(ex, A, B, bool(check))
        return certified(ex, A, B, assume_a) if check else lazy

    def inv(self, A: Any) -> BigMatrix:
        """The inverse, n×n, from LU factors in the manner of LAPACK's getri (J. Du Croz, N. Higham, Stability of methods for
        matrix inversion, LAPACK Working Note 27, 1990). To solve with A, `solve` is faster and more accurate.
        float32 for float32, float64 for all else.

        `numpy.linalg.LinAlgError` when A is not square, and, when it is computed, if A is singular.
        """
        return self._executor._apply("inv", [self._executor._array(A, "A")])

    def det(self, A: Any) -> BigMatrix:
        """The determinant, without dimensions, from LU factors: 0 for a singular A. On the way it neither overflows nor
        vanishes. float32 for float32, float64 for all else. `numpy.linalg.LinAlgError` when A is not square."""
        return self._executor._apply("det", [self._executor._array(A, "A")])

    def slogdet(self, A: Any) -> SlogdetResult:
        """`sign`, the determinant's: 1, -1 or 0, and `logabsdet`, the logarithm of its magnitude, -inf for a singular A. Both
        have no dimensions, and are float32 for float32, float64 for all else. `numpy.linalg.LinAlgError` when A is not
        square."""
        return SlogdetResult(*self._executor._apply_many("slogdet", [self._executor._array(A, "A")], 2, {}))

    @overload
    def lu(
        self, A: Any, permute_l: bool = False, p_indices: bool = False, *, pivoting: str = "auto"
    ) -> tuple[BigMatrix, ...]: ...
    @overload
    def lu(
        self, A: Any, permute_l: bool = False, p_indices: bool = False, *, pivoting: str = "auto", check: Literal[True]
    ) -> tuple[tuple[BigMatrix, ...], FactorCertificate]: ...
    def lu(
        self, A: Any, permute_l: bool = False, p_indices: bool = False, *, pivoting: str = "auto", check: bool = False
    ) -> tuple[BigMatrix, ...] | tuple[tuple[BigMatrix, ...], FactorCertificate]:
        """P, L, U with A = P L U, as `scipy.linalg.lu` gives them. A singular A has them too.

        Args:
            A: a matrix of any shape, m×n.
            permute_l: gives two, P L and U.
            p_indices: gives instead of P a vector p of int64 with A = L[p] U.
            pivoting: "partial", the largest of a whole column (J. Dongarra and others, LINPACK Users' Guide, 1979);
                "tournament", the best of those that groups of rows elect, which takes tasks of bounded size (L. Grigori, J.
                Demmel, H. Xiang, CALU: a communication optimal LU factorization algorithm, SIAM J. Matrix Anal. Appl. 32,
                2011); or "auto", partial unless a block column is more than a GiB.
            check: computes at once, and gives `((P, L, U), certificate)`, the last a `FactorCertificate`.

        Returns:
            P, m×m, a permutation; L, m×k, with ones on the diagonal and zeros above; U, k×n, with zeros below the diagonal;
            k = min(m, n). float32 for float32, float64 for all else.

        `numpy.linalg.LinAlgError` when A is a vector.
        """
        ex = self._executor
        A = ex._array(A, "A")
        pivoting = _operand.choice("pivoting", pivoting, _PIVOTING)
        params = {"permute_l": bool(permute_l), "p_indices": bool(p_indices), "pivoting": pivoting}
        out = tuple(ex._apply_many("lu", [A], 3, params))
        if not check:
            return out
        return out, _certify.lu(ex, A, None if permute_l else out[0], *out[-2:])

    def lu_factor(self, A: Any, name: str | None = None, *, pivoting: str = "auto") -> LU:
        """Computes the LU factors of a matrix at once and keeps them: the `LU` that it gives solves with them, `F.solve(b)`,
        again and again, if A is square.

        It is not SciPy's pair (lu, piv), nor has it their layout: `F.unpack()` gives P, L and U.

        Args:
            A: a matrix of any shape. A singular one is no error here, but when something is solved with its factors. They are
                float32 for float32, float64 for all else.
            name: that by which `open_factor` finds the factors, with an executor's `path` in another process too. It names
                three matrices, `name`, `name.lu_pivots` and `name.lu_norm`, and `npwex.delete(name)` takes all.
            pivoting: as of `lu`.

        `numpy.linalg.LinAlgError` when A is a vector. FileExistsError if a name is taken.
        """
        ex = self._executor
        A = ex._array(A, "A")
        pivoting = _operand.choice("pivoting", pivoting, _PIVOTING)
        factors, pivots = ex._apply_many("lu_factor", [A], 2, {"pivoting": pivoting})
        return LU(ex, factors, pivots, self.norm(A, 1)).persist(name)

    def lu_solve(self, F: LU, b: Any, trans: int | str = 0) -> BigMatrix:
        """The X with A X = b, or Aᵀ X = b with `trans=1`, from F = `lu_factor(A)`: `F.solve(b, trans)`. TypeError for SciPy's
        pair (lu, piv)."""
        if not isinstance(F, LU):
            raise TypeError(f"F is of type {type(F).__name__}: what lu_factor gave was expected")
        return F.solve(b, trans)

    def cho_factor(self, A: Any, name: str | None = None) -> Cholesky:
        """Computes the Cholesky factor of a symmetric positive definite matrix at once and keeps it: the `Cholesky` that it
        gives solves with it, `F.solve(b)`, again and again.

        It is not SciPy's pair (c, low): `F.L` is the factor, always the lower triangle.

        Args:
            A: a square matrix, of which only the lower triangle is read.
            name: that by which `open_factor` finds the factor, with an executor's `path` in another process too. It names two
                matrices, `name` and `name.cho_norm`, and `npwex.delete(name)` takes both.

        `numpy.linalg.LinAlgError` when A is not square or not positive definite. FileExistsError if a name is taken.
        """
        ex = self._executor
        A = ex._array(A, "A")
        L = self.cholesky(A)
        lower, below = abs(ex.tril(A)), abs(ex.tril(A, -1))
        norm = self.vector_norm(ex.sum(lower, axis=0, keepdims=False) + ex.sum(below, axis=1, keepdims=False), np.inf)
        return Cholesky(ex, L, norm).persist(name)

    def cho_solve(self, F: Cholesky, b: Any) -> BigMatrix:
        """The X with A X = b, from F = `cho_factor(A)`: `F.solve(b)`. TypeError for SciPy's pair (c, low)."""
        if not isinstance(F, Cholesky):
            raise TypeError(f"F is of type {type(F).__name__}: what cho_factor gave was expected")
        return F.solve(b)

    def open_factor(self, name: str) -> LU | Cholesky:
        """The `LU` or `Cholesky` that `lu_factor` or `cho_factor` kept under a name; KeyError if there is none, or a matrix
        alone."""
        return open_factor(self._executor, name)

    def cond(self, A: Any, p: float | str | None = None) -> BigMatrix:
        """The condition number: with p None or 2 the largest singular value over the least, of a matrix of any shape, with -2
        the reciprocal of that; with 1, -1, inf, -inf, "fro" and "nuc" ‖A‖ ‖A⁻¹‖ of a square one, computed at once. It is inf
        for a singular matrix. `lu_factor(A).rcond()` estimates its reciprocal with less work.

        It has no dimensions, and is float32 for float32, float64 for all else. ValueError for a `p` that there is not,
        `numpy.linalg.LinAlgError` when A has no elements, or is not square but must be; for None, 2 and -2 see also
        `svdvals`.
        """
        return _spectral.cond(self._executor, self._executor._array(A, "A"), _order(p, "p"))

    def pinv(self, A: Any, rcond: float | None = None, hermitian: bool = False, *, rtol: float | None = None) -> BigMatrix:
        """The pseudo-inverse, n×m for an m×n A, by the SVD. float32 for float32, float64 for all else.

        Args:
            A: a matrix of any shape; for its size see `svd`.
            rcond: singular values up to this times the largest count as zero; by default the machine's precision times the
                longer side of A, as in SciPy, while `numpy.linalg.pinv` has 1e-15. `rtol` is its other name.
            hermitian: A is symmetric, and only its lower triangle is read; then it is by `eigh`.

        ValueError when both names are given. `numpy.linalg.LinAlgError` when A is a vector, or not square with `hermitian`,
        and, when it is computed, if A has elements that are not finite.
        """
        return _spectral.pinv(self._executor, self._executor._array(A, "A"), rcond, bool(hermitian), rtol)

    def matrix_rank(self, A: Any, tol: float | None = None, hermitian: bool = False, *, rtol: float | None = None) -> BigMatrix:
        """How many singular values are above `tol`, or above `rtol` times the largest: by default the machine's precision times
        the longer side of A. Of a vector: 1 unless it is zero. With `hermitian` only the lower triangle of A is read.

        It is int64, without dimensions. ValueError when `tol` and `rtol` are given; for the rest see `pinv`.
        """
        return _spectral.matrix_rank(self._executor, self._executor._array(A, "A"), tol, bool(hermitian), rtol)

    def polar(self, A: Any, side: str = "right") -> PolarResult:
        """A = U P, or A = P U with `side="left"`: U with orthonormal columns, or rows if A is wide, P symmetric and positive
        semidefinite.

        It looks at A's values at once. Matrices with a shorter side of 1024 at most go by their SVD, larger ones by QR and
        Cholesky factorisations, QDWH (Y. Nakatsukasa, Z. Bai, F. Gygi, Optimizing Halley's iteration for computing the matrix
        polar decomposition, SIAM J. Matrix Anal. Appl. 31, 2010).

        Returns:
            `U`, in the shape of A, m×n; `P`, n×n, or m×m with `side="left"`. float32 for float32, float64 for all else.

        ValueError when A is not two-dimensional or `side` is another word, `numpy.linalg.LinAlgError` when A has elements that
        are not finite.
        """
        return _matfuncs.polar(self._executor, self._executor._array(A, "A"), side)

    def sqrtm(self, A: Any) -> BigMatrix:
        """The symmetric X, n×n, with X X = A, for a symmetric positive semidefinite A: by Cholesky and the polar
        decomposition (N. Higham, Functions of Matrices, SIAM 2008, algorithm 6.21), or by eigenvalues where A has no Cholesky
        factor. It looks at A's values at once.

        float32 for float32, float64 for all else. SciPy's takes any square matrix; here ValueError if A is not symmetric, and
        `numpy.linalg.LinAlgError` if it is not square, not finite, or has a negative eigenvalue.
        """
        return _matfuncs.sqrtm(self._executor, self._executor._array(A, "A"))

    def expm(self, A: Any) -> BigMatrix:
        """The exponential of a square matrix, n×n, as scipy.linalg.expm: by scaling and squaring (A. Al-Mohy, N. Higham, A
        new scaling and squaring algorithm for the matrix exponential, SIAM J. Matrix Anal. Appl. 31, 2009). It looks at A's
        values at once, and computes its powers. float32 for float32, float64 for all else.

        `numpy.linalg.LinAlgError` when A is not square, or not finite.
        """
        return _matfuncs.expm(self._executor, self._executor._array(A, "A"))

    def matrix_power(self, A: Any, n: SupportsIndex) -> BigMatrix:
        """A to the power n, by squaring; with a negative n that of the inverse, see `inv`; with 0 the identity. Unless n is
        negative it has the dtype of A. `numpy.linalg.LinAlgError` when A is not square, TypeError when n is no integer."""
        return _products.matrix_power(self._executor, A, n)

    def multi_dot(self, arrays: Sequence[Any]) -> BigMatrix:
        """The product of several matrices, in the order that takes the fewest operations, in the dtype to which NumPy promotes
        theirs. The first and the last may be vectors; with both it has no dimensions.

        ValueError for fewer than two, and for shapes that do not fit; `numpy.linalg.LinAlgError` for others that are no
        matrices.
        """
        return _products.multi_dot(self._executor, arrays)

    def solve_triangular(
        self, A: Any, B: Any, trans: int | str = "N", lower: bool = False, unit_diagonal: bool = False
    ) -> BigMatrix:
        """The X with A X = B, or Aᵀ X = B, in B's shape, for a triangular A: by substitution, one block row after the other.
        float32 if A and B are, float64 otherwise.

        Args:
            A: a square matrix, of which one triangle is read.
            B: a matrix or a vector.
            trans: "N" or 0 for A, "T" or 1 for Aᵀ.
            lower: whether A's lower triangle is meant; by default it is the upper one.
            unit_diagonal: A's diagonal is taken to be ones, and not read.

        ValueError when A is not square, or B has not as many rows. `numpy.linalg.LinAlgError` when it is computed and the
        diagonal has a zero.
        """
        ex = self._executor
        operands = [ex._array(A, "A"), ex._array(B, "B")]
        unit = bool(unit_diagonal)
        return ex._apply("solve_triangular", operands, lower=bool(lower), trans=transposition(trans), unit_diagonal=unit)

    @overload
    def qr(self, A: Any, mode: Literal["reduced", "complete"] = "reduced") -> QRResult: ...
    @overload
    def qr(self, A: Any, mode: Literal["r"]) -> BigMatrix: ...
    @overload
    def qr(self, A: Any, mode: Literal["raw"]) -> QRFactors: ...
    @overload
    def qr(self, A: Any, mode: str = "reduced") -> QRResult | QRFactors | BigMatrix: ...
    @overload
    def qr(
        self, A: Any, mode: Literal["reduced", "complete"] = "reduced", *, check: Literal[True]
    ) -> tuple[QRResult, FactorCertificate]: ...
    def qr(
        self, A: Any, mode: str = "reduced", *, check: bool = False
    ) -> QRResult | QRFactors | BigMatrix | tuple[QRResult, FactorCertificate]:
        """A = Q R, with orthonormal columns of Q and an upper triangular R. Signs may differ from NumPy's.

        By tiles (A. Buttari, J. Langou, J. Kurzak, J. Dongarra, A class of parallel tiled linear algebra algorithms for
        multicore architectures, LAPACK Working Note 191, 2007) and by trees (J. Dongarra and others, Hierarchical QR
        factorization algorithms for multi-core clusters, LAPACK Working Note 257, 2012); a matrix of one block column by TSQR
        (J. Demmel, L. Grigori, M. Hoemmen, J. Langou, SIAM J. Sci. Comput. 34, 2012).

        Args:
            A: a matrix, m×n; of the tiles of one that is wider than a tile, square ones are best.
            mode: "reduced": Q has as many columns as R has rows, the lesser of A's sides; "complete": Q is square; "r": R
                alone; "raw": `QRFactors`, which have R and multiply by Q without making it, and are not NumPy's pair (h, tau).
            check: with a mode that gives Q, computes at once, and gives with Q and R a `FactorCertificate`.

        Returns:
            `Q`, m×k, and `R`, k×n, with k = min(m, n), or k = m if it is complete. float32 for float32, float64 for all else.

        `numpy.linalg.LinAlgError` when A is a vector; ValueError for another mode, and for `check` with "r" or "raw". Elements
        that are not finite are no error.
        """
        ex = self._executor
        A = ex._array(A, "A")
        if mode not in _MODES:  # NumPy's words
            raise ValueError(f"Unrecognized mode {mode!r}: one of {', '.join(map(repr, _MODES))} was expected")
        if check and mode in ("r", "raw"):
            raise ValueError(f'check=True with mode="{mode}": without Q there is nothing to check R against; use "reduced"')
        out = ex._apply_many("qr", [A], 5, {"mode": mode})
        if mode == "raw":
            return QRFactors(ex, out)
        if mode == "r":
            return out[0]
        result = QRResult(*out)
        return (result, _certify.qr(ex, A, *result)) if check else result

    def open_qr(self, name: str) -> QRFactors:
        """The `QRFactors` that `qr(A, mode="raw").persist(name)` kept; KeyError if there are none."""
        return QRFactors.open(self._executor, name)

    @overload
    def svd(self, A: Any, full_matrices: bool = True, compute_uv: Literal[True] = True) -> SVDResult: ...
    @overload
    def svd(self, A: Any, full_matrices: bool = True, compute_uv: bool = True) -> SVDResult | BigMatrix: ...
    @overload
    def svd(
        self, A: Any, full_matrices: bool = True, compute_uv: Literal[True] = True, *, check: Literal[True]
    ) -> tuple[SVDResult, FactorCertificate]: ...
    def svd(
        self, A: Any, full_matrices: bool = True, compute_uv: bool = True, *, check: bool = False
    ) -> SVDResult | BigMatrix | tuple[SVDResult, FactorCertificate]:
        """A = U diag(S) Vh; with `compute_uv=False` S alone.

        Tall and wide matrices are first brought to a triangle, large ones then in two stages to two diagonals: reduction to a
        band, and bulge chasing (B. Großer, B. Lang, Efficient parallel reduction to bidiagonal form, Parallel Computing 25,
        1999); these by divide and conquer (M. Gu, S. Eisenstat, A divide-and-conquer algorithm for the bidiagonal SVD, SIAM J.
        Matrix Anal. Appl. 16, 1995). Small ones are LAPACK's gesdd. There is no `hermitian`: `eigh` is for symmetric matrices.

        Args:
            A: a matrix, whose shorter side may be 65,536 at most; `svd_lowrank` computes the
                largest singular values of larger ones. The result has its dtype; integers become float64.
            full_matrices: U and Vh are square; with False they have as many columns and rows as there are singular values,
                which takes less time and memory unless A is square.
            compute_uv: False gives the singular values alone.
            check: computes at once, and gives a `FactorCertificate` with the factors.

        Returns:
            `U`, m×m or m×k; `S`, the k = min(m, n) singular values in descending order; `Vh`, n×n or k×n.

        `numpy.linalg.LinAlgError` when A is a vector, and, when it is computed, if A has elements that are not finite;
        NotImplementedError for a larger A; ValueError for `check` with `compute_uv=False`.
        """
        ex = self._executor
        A = ex._array(A, "A")
        if check and not compute_uv:
            raise ValueError("check=True with compute_uv=False: without U and Vh there is nothing to check S against")
        params = {"full_matrices": bool(full_matrices), "compute_uv": bool(compute_uv)}
        out = ex._apply_many("svd", [A], 3, params)
        if not compute_uv:
            return out[0]
        result = SVDResult(*out)
        return (result, _certify.svd(ex, A, *result)) if check else result

    def svdvals(self, A: Any) -> BigMatrix:
        """The min(m, n) singular values of an m×n matrix, as a vector, in descending order; for the rest see `svd`, of which
        this is less work. The shorter side of A may be 65,536 at most."""
        ex = self._executor
        return ex._apply_many("svd", [ex._array(A, "A")], 3, {"compute_uv": False})[0]

    @overload
    def eigh(self, A: Any, UPLO: str = "L") -> EighResult: ...
    @overload
    def eigh(self, A: Any, UPLO: str = "L", *, check: Literal[True]) -> tuple[EighResult, FactorCertificate]: ...
    def eigh(self, A: Any, UPLO: str = "L", *, check: bool = False) -> EighResult | tuple[EighResult, FactorCertificate]:
        """The eigenvalues and eigenvectors of a symmetric matrix, as `numpy.linalg.eigh` gives them.

        Above 1024 rows in two stages: to a band, to three diagonals; then divide and conquer, above 2048 rows in tiles, and the
        way back as matrix products. Below that it is LAPACK's syevd.

        C. Bischof, B. Lang, X. Sun, A framework for symmetric band reduction (ACM Trans. Math. Softw. 26, 2000); J. Cuppen, A
        divide and conquer method for the symmetric tridiagonal eigenproblem (Numerische Mathematik 36, 1981); M. Gu, S.
        Eisenstat (SIAM J. Matrix Anal. Appl. 16, 1995).

        Args:
            A: a square matrix of any size, of integers or floats.
            UPLO: "L" or "U", the triangle of A that is read.
            check: computes at once, and gives with these a `FactorCertificate`.

        Returns:
            `eigenvalues`, n of them, ascending; `eigenvectors`, in the columns of an n×n matrix. float32 for float32, float64
            for all else.

        `numpy.linalg.LinAlgError` when A is not square, and, when it is computed, if A has elements that are not finite.
        """
        ex = self._executor
        A, uplo = ex._array(A, "A"), _uplo(UPLO)
        result = EighResult(*ex._apply_many("eigh", [A], 2, {"uplo": uplo}))
        return (result, _certify.eigh(ex, A, *result, uplo)) if check else result

    def eigvalsh(self, A: Any, UPLO: str = "L") -> BigMatrix:
        """The n eigenvalues of a symmetric matrix of any size, as a vector, ascending; for the rest see `eigh`, of which this
        is less work."""
        ex = self._executor
        return ex._apply("eigvalsh", [ex._array(A, "A")], uplo=_uplo(UPLO))

    def lstsq(self, A: Any, b: Any, rcond: float | None = None) -> tuple[BigMatrix, BigMatrix, int, BigMatrix]:
        """The x of least norm that makes ‖A x - b‖ least, as `numpy.linalg.lstsq`; computed at once, by QR and the SVD of R.

        Args:
            A: a matrix, m×n, whose shorter side may be 65,536 at most.
            b: a vector of m elements, or a matrix of p of them, m×p.
            rcond: singular values below this times the largest are taken to be zero; by default the machine's precision
                times the longer side of A, and with 0 or less the machine's precision. It is below 1.

        Returns:
            x, of n elements or n×p; the squares of ‖A x - b‖, a vector of one or p, or of none unless A has more rows than
            columns and full rank; the rank of A, an int; its min(m, n) singular values. The arrays are float32 if A
            and b are, float64 otherwise.

        `numpy.linalg.LinAlgError` when A is no matrix, b no vector or matrix, or they do not fit, and if A has elements that
        are not finite; NotImplementedError for a larger A.
        """
        ex = self._executor
        A, b = ex._array(A, "A"), ex._array(b, "b")
        if rcond is None:
            kind = np.result_type(A.dtype, b.dtype, np.float32)
            rcond = float(np.finfo(kind).eps * max(A.shape, default=0))
        rcond = _operand.real("rcond", rcond)
        if not rcond < 1:
            raise ValueError(f"rcond is {rcond}: a number below 1 was expected, or None; nothing is left of A otherwise")
        x, squares, count, s = ex._apply_many("lstsq", [A, b], 4, {"rcond": rcond})
        ex.persist(x, squares, count, s)
        rank = int(count.item())
        if rank < A.shape[1] or A.shape[0] <= A.shape[1]:
            squares = squares[:0]
        return x, squares, rank, s

    def ridge(self, A: Any, b: Any, alpha: float) -> BigMatrix:
        """The x that makes ‖A x - b‖² + alpha ‖x‖² least, for an alpha above 0: by QR and the SVD of R.

        A, m×n, and b, of m elements or m×p, are as of `lstsq`, and so is x, of n elements or n×p; so are the errors, but that
        this one is lazy. float32 if A and b are, float64 otherwise. ValueError for another alpha.
        """
        alpha = _operand.real("alpha", alpha)
        if not 0 < alpha < float("inf"):
            raise ValueError(f"alpha is {alpha}: a number above 0 was expected; lstsq solves without one")
        ex = self._executor
        return ex._apply_many("lstsq", [ex._array(A, "A"), ex._array(b, "b")], 4, {"alpha": alpha})[0]

    def svd_lowrank(
        self,
        A: Any,
        k: SupportsIndex,
        *,
        oversample: SupportsIndex = 10,
        iterations: SupportsIndex | None = None,
        seed: SupportsIndex = 0,
        tol: float = 0.01,
    ) -> LowRankResult:
        """The k largest singular values with their vectors, from random projections; computed at once.

        N. Halko, P.-G. Martinsson, J. Tropp, Finding structure with randomness (SIAM Review 53, 2011): A's range is looked for
        among its products with `k + oversample` random vectors. Each iteration multiplies by A Aᵀ, with a factorisation after
        each product, which sharpens values that decay slowly. There are as many as it takes until each value is known to `tol`
        of itself, by bounds that the residuals ‖A v - s u‖ / √2 give (B. Parlett, The symmetric eigenvalue problem, SIAM 1998,
        theorem 4.5.1, for [0 A; Aᵀ 0]), a hundred at most: a RuntimeWarning says when these do not do. Or there are
        `iterations` of them, whatever is known then.

        Args:
            A: a matrix, m×n.
            k: how many, from 1 to min(m, n).
            oversample: how many more random vectors there are than values.
            iterations: as above; by default as many as `tol` takes.
            seed: that of the random vectors; the same one gives the same result.
            tol: a number between 0 and 1.

        Returns:
            `U`, m×k, `S`, in descending order, `Vh`, k×n; `error`, the Frobenius norm of what they leave of A, which is not an
            estimate: it is computed from the norms of A and of S, so that it is right to about 8 digits of A's norm; `bounds`,
            one for each of S. float32 for float32, float64 for all else.

        ValueError for numbers out of their range. `numpy.linalg.LinAlgError` when A is no matrix, or has elements that are not
        finite.
        """
        return _lowrank.svd_lowrank(self._executor, self._executor._array(A, "A"), k, oversample, iterations, seed, tol)

    def pca(self, X: Any, k: SupportsIndex) -> PCAResult:
        """The k directions in which the rows of X vary most, computed at once.

        They are those of X without its mean: by its SVD if a side of it is at most 4096, else by `svd_lowrank`. Their signs are
        not fixed, as scikit-learn fixes them.

        Args:
            X: a matrix, m×n, of m observations.
            k: how many, from 1 to min(m, n).

        Returns:
            `components`, k×n, orthonormal rows; `explained_variance`, k variances along them in descending order, with m - 1
            as the divisor; `mean`, 1×n; `scores`, m×k: `X` is about `scores @ components + mean`. float32 for float32,
            float64 for all else.

        ValueError for another k. `numpy.linalg.LinAlgError` when X is no matrix, or has elements that are not finite.
        """
        ex, X = self._executor, self._executor._array(X, "X")
        if X.ndim != 2:
            raise np.linalg.LinAlgError(f"{X.ndim}-dimensional array given. Array must be two-dimensional")
        k, least = _operand.integer("k", k), min(X.shape)
        if least == 0:
            raise ValueError(f"X has the shape {X.shape}: there are no directions of an array without elements")
        if not 1 <= k <= least:
            raise ValueError(f"k is {k}: 1 to {least}, the shorter side of X, were expected")
        mean = ex.mean(X, axis=0)
        centred = X - mean
        if least <= _SVD_MOST:
            U, S, Vh = self.svd(centred, full_matrices=False)
            U, S, Vh = U[:, :k], S[:k], Vh[:k]
        else:
            U, S, Vh, *_ = self.svd_lowrank(centred, k)
        result = PCAResult(Vh, S**2 / max(X.shape[0] - 1, 1), mean, U * S)
        ex.persist(*result)
        return result


def _order(ord: Any, name: str = "ord") -> float | str | None:
    """The order of a norm as the core takes it."""
    if isinstance(ord, np.generic):
        ord = ord.item()
    if ord is not None and not isinstance(ord, int | float | str):
        raise TypeError(f"{name} is {ord!r}: a number or a name was expected")
    if isinstance(ord, str) and ord not in ("fro", "f", "nuc"):
        raise ValueError(
            f'Invalid norm order: {name} is {ord!r}; the names are "fro" and "nuc", others are numbers, such as numpy.inf'
        )
    return "fro" if ord == "f" else ord


_MODES = ("reduced", "complete", "r", "raw")
_PIVOTING = ("auto", "partial", "tournament")

# What SciPy's solve calls what is known of a matrix, by what it is here; of real numbers "hermitian" is "symmetric".
_ASSUMED = {"gen": "gen", "general": "gen", "pos": "pos", "positive definite": "pos"}
_ASSUMED |= dict.fromkeys(("sym", "symmetric", "her", "hermitian"), "sym")
_NOT_ASSUMED = ("diagonal", "tridiagonal", "banded", "upper triangular", "lower triangular")


def _assumed(assume_a: Any) -> str:
    """What is known of a matrix, as the core calls it."""
    known = ", ".join(f'"{name}"' for name in _ASSUMED)
    if isinstance(assume_a, str) and assume_a in _NOT_ASSUMED:
        instead = "solve_triangular solves with triangles; else " if "triangular" in assume_a.split() else ""
        raise NotImplementedError(f"assume_a is {assume_a!r}, which is not used: {instead}pass one of {known}")
    if not isinstance(assume_a, str) or assume_a not in _ASSUMED:
        raise ValueError(f"assume_a is {assume_a!r}: one of {known} was expected")
    return _ASSUMED[assume_a]


_SVD_MOST = 4096  # from here on all singular vectors take much longer than the few that are wanted


def _uplo(UPLO: str) -> str:
    """A triangle by NumPy's name."""
    if not isinstance(UPLO, str) or UPLO.upper() not in ("L", "U"):
        raise ValueError(f"UPLO argument must be 'L' or 'U', not {UPLO!r}")
    return UPLO.upper()
