"""Matrices with names: kept, opened, listed, deleted, and found again by another process."""

from __future__ import annotations

import numpy as np
import pytest

import numpywren as npywren


@pytest.fixture(params=["ephemeral", "durable"])
def session(request, tmp_path):
    with npywren.local_executor(path=tmp_path if request.param == "durable" else None) as executor:
        yield executor


def test_life_of_a_name(session):
    X = np.arange(30.0).reshape(5, 6)
    assert session.list() == []
    A = session.matrix_init(X, name="X", block_shape=(2, 4))
    B = (A * 2).persist("twice")
    assert (A.name, B.name) == ("X", "twice")
    assert "BigMatrix(X)" in repr(A)
    assert session.list() == ["X", "twice"]
    found = session.open("X")
    assert (found.name, found.block_shape) == ("X", (2, 4))
    np.testing.assert_array_equal(found.numpy(), X)
    np.testing.assert_array_equal((session.open("twice") - A).numpy(), X)
    session.delete("X")
    assert session.list() == ["twice"]
    with pytest.raises(KeyError, match="X"):
        session.open("X")
    with pytest.raises(KeyError, match="X"):
        session.delete("X")
    np.testing.assert_array_equal(B.numpy(), X * 2)
    session.matrix_init(X + 1, name="X")
    np.testing.assert_array_equal(session.open("X").numpy(), X + 1)


def test_a_name_that_is_taken(session):
    session.matrix_init([1.0, 2.0], name="X")
    for call in (lambda: session.matrix_init([3.0], name="X"), lambda: session.ones(3).persist("X")):
        with pytest.raises(FileExistsError, match=r"['\"]X['\"]"):
            call()
    np.testing.assert_array_equal(session.open("X").numpy(), [1, 2])


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "../x", "a\\b", "a\0b", "x" * 300, "\udcff"])
def test_names_that_cannot_be_folders(session, name):
    for call in (lambda: session.matrix_init([1.0], name=name), lambda: session.ones(3).persist(name)):
        with pytest.raises(ValueError, match="name"):
            call()
    with pytest.raises((KeyError, ValueError)):
        session.open(name)


@pytest.mark.parametrize("name", ["größe", "two words", "名前", "a.b-c_d", "c", "zarr.json"])
def test_names_of_all_kinds(session, name):
    session.matrix_init([1.0, 2.0], name=name)
    assert session.list() == [name]
    np.testing.assert_array_equal(session.open(name).numpy(), [1, 2])


def test_renaming_an_array_of_ours(session):
    A = session.matrix_init(np.eye(4), name="A")
    B = session.matrix_init(A, name="B", block_shape=(3, 3))
    assert (A.name, B.name, B.block_shape) == ("A", "B", (3, 3))
    assert session.matrix_init(A) is not A
    with npywren.local_executor() as other, pytest.raises(ValueError, match="another executor"):
        other.matrix_init(A)


def test_another_process(tmp_path, python):
    python(
        """
        import sys
        import numpy as np
        import numpywren
        with numpywren.local_executor(path=sys.argv[1]) as ex:
            X = ex.matrix_init(np.arange(70.0).reshape(10, 7), name="X", block_shape=(4, 4))
            (X.T @ X).persist("G")
        """,
        tmp_path,
    )
    X = np.arange(70.0).reshape(10, 7)
    with npywren.local_executor(path=tmp_path) as ex:
        assert ex.list() == ["G", "X"]
        assert ex.open("X").computed
        assert str(tmp_path) in repr(ex.open("X"))
        np.testing.assert_array_equal(ex.open("X").numpy(), X)
        np.testing.assert_allclose(ex.open("G").numpy(), X.T @ X)
        np.testing.assert_allclose((ex.open("G") @ ex.open("X").T).numpy(), X.T @ X @ X.T)


def test_a_killed_process_leaves_a_store_that_works(tmp_path, python):
    text = """
        import os, signal, sys, threading, time
        import numpywren
        ex = numpywren.local_executor(path=sys.argv[1], workers=2, progress=False)
        A = ex.random.standard_normal((900, 900), seed=1, block_shape=(60, 60)).persist("A")
        threading.Timer(float(sys.argv[2]), os.kill, (os.getpid(), signal.SIGKILL)).start()
        while True:
            (A @ A + float(sys.argv[2])).persist()
            (A @ A).persist("B")
            ex.delete("B")
    """
    for k, delay in enumerate((0.01, 0.03, 0.1, 0.2)):
        path = tmp_path / str(k)
        python(text, path, delay, code=-9)
        with npywren.local_executor(path=path) as ex:
            assert "A" in ex.list()
            A = ex.open("A").numpy()
            for name in ex.list():
                if name == "B":
                    np.testing.assert_allclose(ex.open("B").numpy(), A @ A, rtol=1e-10, atol=1e-10)
            np.testing.assert_allclose((ex.open("A") @ A).numpy(), A @ A, rtol=1e-10, atol=1e-10)


def test_scratch_is_cleaned_up(tmp_path, python):
    text = """
        import os, sys
        import numpywren
        ex = numpywren.local_executor(scratch=sys.argv[1], memory_limit="4MiB", progress=False)
        A = ex.random.standard_normal((1000, 1000), seed=1, block_shape=(100, 100)).persist()
        print(len(os.listdir(sys.argv[1])))
        {end}
    """
    assert python(text.format(end="ex.close()"), tmp_path).stdout.split() == ["1"]
    assert list(tmp_path.iterdir()) == []
    python(text.format(end=""), tmp_path)  # the interpreter's end will do
    assert list(tmp_path.iterdir()) == []
    python(text.format(end="os._exit(0)"), tmp_path)  # as a crash does
    with npywren.local_executor(scratch=tmp_path):
        assert len(list(tmp_path.iterdir())) == 1, "the next executor removes what a dead one left"
    assert list(tmp_path.iterdir()) == []
