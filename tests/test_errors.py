"""Bad input: the error is of the right kind and says what and where; the session goes on."""

from __future__ import annotations

import numpy as np
import pytest

import numpywren as npywren


@pytest.fixture(scope="module", autouse=True)
def still_works(ex):
    yield
    assert float(ex.sum(ex.ones((10, 10)))) == 100


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda A: A + np.ones((5, 7)), r"\(4,6\) \(5,7\)"),
        (lambda A: A @ A, r"4.*6|6.*4"),
        (lambda A: A.executor.dot(A, np.ones(5)), "5"),
        (lambda A: A.executor.where(A > 0, A, np.ones(5)), r"\(5,\)"),
        (lambda A: A.executor.broadcast_to(A, (3, 6)), r"\(3,\s?6\)"),
        (lambda A: A.squeeze(0), "(?i)size not equal to one"),
        (lambda A: A.sum((0, 0)), "(?i)axis"),
        (lambda A: A.executor.transpose(A, (0, 0)), "(?i)axis|axes"),
        (lambda A: A[:, 3:3].min(), "(?i)zero-size"),
        (lambda A: A[:, 3:3].argmin(axis=1), "(?i)empty"),
        (lambda A: A.rechunk((4, 6, 1)), "block"),
        (lambda A: A.rechunk((0, 6)), "block_shape"),
        (lambda A: A.executor.matrix_init(np.ones((3, 3)), block_shape=(2,)), "block_shape"),
        (lambda A: A.executor.matrix_init(np.ones((3, 3)), block_shape=(2, -2)), "block_shape"),
        (lambda A: A.executor.zeros((3, -1)), "-1"),
        (lambda A: A.executor.zeros((2, 2), block_shape=(2, 2, 2)), "block"),
        (lambda A: A.executor.random.uniform(size=3, seed=-1), "seed is -1"),
        (lambda A: A.executor.random.uniform(size=3, seed=2**64), "seed is"),
        (lambda A: A.executor.arange(0, 5, 0), "(?i)step"),
        (lambda A: A.executor.linalg.solve_triangular(np.eye(3), np.ones(3), trans="X"), "trans is 'X'"),
        (lambda A: A.explain(-1), "blocks is -1"),
        (lambda A: A.executor.matrix_init([[1.0, 2.0], [3.0]]), "(?i)inhomogeneous|sequence"),
        (lambda A: A.to_device("cuda"), "cpu"),
    ],
)
def test_value_errors(ex, call, message):
    with pytest.raises(ValueError, match=message):
        call(ex.matrix_init(np.ones((4, 6)), block_shape=(2, 4)))


@pytest.mark.parametrize("axis", [2, -3, 100])
def test_axes_that_are_not_there(ex, axis):
    A = ex.ones((4, 6))
    for call in (A.sum, A.mean, A.argmin, A.all, lambda axis: ex.linalg.norm(A, axis=axis), lambda axis: np.sum(A, axis=axis)):
        with pytest.raises(np.exceptions.AxisError, match=str(axis)):
            call(axis)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: np.array([1, "a", None], dtype=object), "object"),
        (lambda: np.array([1 + 2j]), "complex128"),
        (lambda: [1j], "complex"),
        (lambda: np.array(["a", "b"]), "<U1"),
        (lambda: np.array(["2020-01-01"], dtype="datetime64[D]"), "datetime64"),
        (lambda: np.zeros(3, dtype=[("a", "f8")]), "dtype"),
        (lambda: np.zeros(3, dtype=np.float16), "float16"),
        (lambda: np.zeros(3, dtype=np.longdouble), "float128|longdouble"),
        (lambda: np.ma.masked_array([1.0, 2.0], [True, False]), "masked"),
        (lambda: None, "object"),
        (lambda: {1: 2}, "object"),
        (lambda: object(), "object"),
    ],
)
def test_data_of_no_use(ex, make, message):
    with pytest.raises(TypeError, match=message):
        ex.matrix_init(make())
    with pytest.raises(TypeError):
        ex.dot(make(), ex.ones((3, 3)))


@pytest.mark.parametrize(
    "call",
    [
        lambda A: A + "x",
        lambda A: A + None,
        lambda A: A + 1j,
        lambda A: A.astype(complex),
        lambda A: A.astype("object"),
        lambda A: A.astype("float16"),
        lambda A: A.astype("no such type"),
        lambda A: A.sum(axis=1.5),
        lambda A: A.sum(axis="0"),
        lambda A: A.sum(axis=True),
        lambda A: A.argmin(axis=(0, 1)),
        lambda A: A.executor.zeros("ab"),
        lambda A: A.executor.zeros(2.5),
        lambda A: A.executor.zeros((2, 2), dtype=complex),
        lambda A: A.executor.full((2, 2), "x"),
        lambda A: A.executor.full((2, 2), 1j),
        lambda A: A.executor.eye(2.0),
        lambda A: A.executor.matrix_init(np.ones(3), block_shape=2),
        lambda A: A.executor.matrix_init(np.ones(3), block_shape=(2.0,)),
        lambda A: A.executor.matrix_init(np.ones(3), name=3),
        lambda A: A.executor.random.uniform(size=3, seed="x"),
        lambda A: A.executor.random.uniform("a", "b", 3),
        lambda A: A.executor.compute(np.ones(3)),
        lambda A: A.executor.explain(3),
        lambda A: A.executor.open(3),
        lambda A: A.executor.dot("x.npy", A),
        lambda A: A.persist(3),
        lambda A: A.save(3),
        lambda A: -(A > 0),
        lambda A: (A > 0) - (A > 0),
    ],
)
def test_type_errors(ex, call):
    with pytest.raises(TypeError):
        call(ex.matrix_init(np.ones((4, 6)), block_shape=(2, 4)))


def test_integers_that_do_not_fit(ex):
    for call in (lambda: ex.ones(3) + 2**70, lambda: ex.full((2,), 2**64), lambda: ex.zeros(2**65)):
        with pytest.raises(OverflowError):
            call()


def test_sizes_beyond_all_measure(ex):
    for shape in ((2**62, 2**62), (2**40, 2**40)):
        with pytest.raises((ValueError, MemoryError)):
            ex.zeros(shape)
    with pytest.raises(MemoryError):
        ex.zeros((2**22, 2**22)).numpy()


def test_dimensions_without_kernels(ex):
    A = ex.ones((3, 4, 5))
    for call in (lambda: ex.dot(A, A), lambda: ex.transpose(A, (1, 0, 2))):
        with pytest.raises(NotImplementedError):
            call()
    with pytest.raises(ValueError, match="matrix transpose"):
        A.mT  # noqa: B018


def test_executors_do_not_mix(ex):
    with npywren.local_executor() as other:
        theirs = other.ones((3, 3))
        for call in (
            lambda: ex.ones((3, 3)) + theirs,
            lambda: theirs @ ex.ones((3, 3)),
            lambda: ex.dot(theirs, np.eye(3)),
            lambda: ex.compute(theirs),
            lambda: ex.explain(theirs),
            lambda: np.maximum(ex.ones((3, 3)), theirs),
        ):
            with pytest.raises(ValueError, match="another executor"):
                call()


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"workers": 0}, ValueError),
        ({"workers": -2}, ValueError),
        ({"workers": 1.5}, TypeError),
        ({"workers": 10**6}, ValueError),
        ({"memory_limit": "lots"}, ValueError),
        ({"memory_limit": 1}, ValueError),
        ({"memory_limit": -1}, ValueError),
        ({"retain": "some"}, ValueError),
        ({"progress": "yes"}, TypeError),
        ({"pipeline_width": 0}, ValueError),
        ({"path": "/proc/numpywren"}, OSError),
        ({"path": "/dev/null/x"}, OSError),
        ({"scratch": "/dev/null"}, OSError),
    ],
    ids=str,
)
def test_bad_settings(settings, kind):
    with pytest.raises(kind, match=next(iter(settings))):
        npywren.local_executor(**settings)


def test_a_failed_job_names_its_task_and_tile(ex):
    X = np.eye(60)
    X[45, 45] = -1
    L = ex.linalg.cholesky(ex.matrix_init(X, block_shape=(20, 20)))
    with pytest.raises(np.linalg.LinAlgError, match=r"cholesky\(iter=2\)") as e:
        (L @ L.T).numpy()
    assert "[2, 2]" in str(e.value)
    with pytest.raises(np.linalg.LinAlgError):
        L.numpy()  # again, not a stale success


def test_nothing_is_lost(ex):
    """A job that fails leaves what was computed before."""
    A = ex.matrix_init(np.full((30, 30), -1.0), name="kept", block_shape=(10, 10))
    with pytest.raises(np.linalg.LinAlgError):
        ex.linalg.cholesky(A).persist("L")
    assert "L" not in ex.list()
    np.testing.assert_array_equal(ex.open("kept").numpy(), np.full((30, 30), -1.0))
    ex.delete("kept")


@pytest.mark.parametrize("name", ["linalg", "random", "dot"])
def test_what_numpy_has_in_its_module(name):
    with pytest.raises(AttributeError, match=rf"'{name}'.*default_executor\(\); npwex\.{name}$"):
        getattr(npywren, name)
    for other in ("nothing", "_apply", "__path__x"):
        with pytest.raises(AttributeError, match=f"has no attribute '{other}'$"):
            getattr(npywren, other)
