"""NumPy-like dense linear algebra in tiles: larger than memory, parallel, lazy.

import numpywren as npywren

npwex = npywren.default_executor()
A = npwex.random.standard_normal((20_000, 1_000), seed=0)
C = npwex.dot(A.T, A)          # nothing has run yet
L = npwex.linalg.cholesky(C)
L.numpy()                      # one program: both steps, in parallel, tile by tile
"""

# Arrays.
from ._array import BigMatrix

# Sessions: where arrays live and what computes them.
from ._executor import Executor, aws_executor, default_executor, local_executor

# Factorisations that are kept.
from ._factors import LU, Cholesky

# Programs of one's own, and kernels for them.
from ._kernels import register_kernel
from ._lambdapack import Program, lambdapack
from ._orthogonal import QRFactors

# Calls of Python functions.
from ._pywren import ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION, Future, get_all_results, wait

# Jobs of workers elsewhere.
from ._remote import Job

__version__ = "0.1.0"

__all__ = [
    "ALL_COMPLETED",
    "FIRST_COMPLETED",
    "FIRST_EXCEPTION",
    "LU",
    "BigMatrix",
    "Cholesky",
    "Executor",
    "Future",
    "Job",
    "Program",
    "QRFactors",
    "__version__",
    "aws_executor",
    "default_executor",
    "get_all_results",
    "lambdapack",
    "local_executor",
    "register_kernel",
    "wait",
]
