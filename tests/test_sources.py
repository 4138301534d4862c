"""Files in and out: .npy and Zarr, ours and others', whole and damaged."""

from __future__ import annotations

import errno
import json
import os
import pathlib
import shutil
import tempfile

import numpy as np
import pytest

import numpywren as npywren

DTYPES = ["float64", "float32", "int64", "bool"]
SMALL = ["int8", "uint16", "int32", "uint32"]  # which become int64


def sample(shape, dtype="float64"):
    return (np.random.default_rng(1).standard_normal(shape) * 50).astype(dtype)


# ---- .npy -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (1,), (50,), (31, 20), (0, 4), (7, 6, 5)])
def test_npy(ex, tmp_path, shape, dtype):
    X = np.asarray(sample(shape, dtype))
    np.save(tmp_path / "c.npy", X)
    np.save(tmp_path / "f.npy", np.asfortranarray(X))
    for name in ("c.npy", "f.npy")[: 1 + (X.ndim > 0)]:  # NumPy has no 0-d array in Fortran's order
        A = ex.matrix_init(tmp_path / name, block_shape=(9,) * X.ndim)
        assert A.dtype == X.dtype
        np.testing.assert_array_equal(A.numpy(), X)
    A.save(tmp_path / "out.npy")
    back = np.load(tmp_path / "out.npy")
    assert back.dtype == X.dtype
    np.testing.assert_array_equal(back, X)


def test_save_over_what_is_there(ex, tmp_path):
    """What np.save would leave as it is stays: a link, permissions, a pipe."""
    file, link, pipe = (tmp_path / name for name in ("x.npy", "link.npy", "pipe"))
    np.save(file, np.zeros(3))
    file.chmod(0o600)
    link.symlink_to(file)
    ex.matrix_init(sample((20, 30)), block_shape=(8, 8)).save(link)
    assert link.is_symlink()
    assert file.stat().st_mode & 0o777 == 0o600
    np.testing.assert_array_equal(np.load(file), sample((20, 30)))
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="no regular file"):
        ex.ones((3, 3)).save(pipe)
    with pytest.raises(ValueError, match="no regular file"):  # at once: nobody will write to it
        ex.matrix_init(pipe)
    assert pipe.is_fifo()


@pytest.mark.parametrize("dtype", SMALL)
def test_npy_of_smaller_integers(ex, tmp_path, dtype):
    X = sample((31, 20), dtype)
    np.save(tmp_path / "x.npy", X)
    A = ex.matrix_init(tmp_path / "x.npy", block_shape=(9, 9))
    assert A.dtype == np.int64
    np.testing.assert_array_equal(A.numpy(), X)


def test_npy_of_another_byte_order_and_version(ex, tmp_path):
    X = sample((20, 30))
    np.save(tmp_path / "big.npy", X.astype(">f8"))
    with (tmp_path / "v2.npy").open("wb") as file:
        np.lib.format.write_array(file, X, version=(2, 0))
    with (tmp_path / "v3.npy").open("wb") as file:
        np.lib.format.write_array(file, X, version=(3, 0))
    for name in ("v2.npy", "v3.npy"):
        np.testing.assert_array_equal(ex.matrix_init(str(tmp_path / name), block_shape=(8, 8)).numpy(), X)
    try:
        found = ex.matrix_init(str(tmp_path / "big.npy"), block_shape=(8, 8)).numpy()
    except (TypeError, ValueError, NotImplementedError) as e:
        assert "big.npy" in str(e)  # refused with a reason is as good as read
    else:
        np.testing.assert_array_equal(found, X)


def test_saving_an_expression(ex, tmp_path):
    X = sample((45, 33))
    (ex.matrix_init(X, block_shape=(10, 10)) * 2 + 1).save(str(tmp_path / "y.npy"))
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), X * 2 + 1)
    (ex.matrix_init(X, block_shape=(10, 10)).T).save(tmp_path / "y.npy")  # replaces
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), X.T)


@pytest.mark.parametrize(
    "damage",
    [
        lambda b: b"",
        lambda b: b[:5],
        lambda b: b[:60],
        lambda b: b[:-1],
        lambda b: b[: len(b) // 2],
        lambda b: b"PK\x03\x04" + b[4:],
        lambda b: b"not an array at all, but a text",
        lambda b: b.replace(b"'<f8'", b"'|O' ", 1),
        lambda b: b.replace(b"'<f8'", b"<f8  ", 1),
        lambda b: b.replace(b"(20, 30)", b"(20, -3)", 1),
        lambda b: b.replace(b"(20, 30)", b"(9**9999)"[:8], 1),
        lambda b: b[:6] + b"\x09" + b[7:],
    ],
)
def test_damaged_npy(ex, tmp_path, damage):
    np.save(tmp_path / "x.npy", sample((20, 30)))
    whole = (tmp_path / "x.npy").read_bytes()
    (tmp_path / "x.npy").write_bytes(damage(whole))
    with pytest.raises((ValueError, TypeError, OSError), match=r"x\.npy"):
        ex.matrix_init(tmp_path / "x.npy").numpy()


def test_missing_files(ex, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.npy"):
        ex.matrix_init(tmp_path / "none.npy")
    with pytest.raises((FileNotFoundError, ValueError), match=r"zarr\.json"):
        ex.matrix_init(tmp_path)
    with pytest.raises(OSError, match=r"none") as e:
        ex.ones((3, 3)).save(tmp_path / "none" / "x.npy")
    assert e.value.errno == errno.ENOENT


# ---- Zarr -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def stored(tmp_path):
    """A named matrix on disk: its folder and its value."""
    X = sample((50, 41))
    with npywren.local_executor(path=tmp_path / "store") as ex:
        ex.matrix_init(X, name="X", block_shape=(16, 12))
    return tmp_path / "store" / "X", X


def test_zarr_python_and_dask_open_ours(tmp_path, spd):
    zarr = pytest.importorskip("zarr", minversion="3")
    dask = pytest.importorskip("dask.array")
    with npywren.local_executor(path=tmp_path) as ex:
        for dtype in DTYPES:
            for shape in [(), (23,), (40, 31), (5, 6, 7)]:
                X = np.asarray(sample(shape, dtype))
                name = f"{dtype}-{len(shape)}"
                ex.matrix_init(X, name=name, block_shape=(9,) * X.ndim)
                found = zarr.open_array(tmp_path / name, mode="r")
                assert found.dtype == X.dtype
                np.testing.assert_array_equal(found[...], X)
        X = spd(50)
        ex.linalg.cholesky(ex.matrix_init(X, block_shape=(20, 20))).persist("L")
    L = zarr.open_array(tmp_path / "L", mode="r")
    np.testing.assert_allclose(L[...], np.linalg.cholesky(X), rtol=1e-10, atol=1e-12)
    assert L.chunks == (20, 20)
    assert not (tmp_path / "L" / "c" / "0" / "2").exists()  # the upper half is not written: it is zeros
    np.testing.assert_allclose(dask.from_zarr(str(tmp_path / "L")).T.compute(), np.linalg.cholesky(X).T, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dtype", DTYPES + SMALL)
@pytest.mark.parametrize("shape", [(), (23,), (40, 31), (5, 6, 7)])
def test_we_open_zarr_pythons(ex, tmp_path, shape, dtype):
    zarr = pytest.importorskip("zarr", minversion="3")
    X = np.asarray(sample(shape, dtype))
    made = zarr.create_array(store=str(tmp_path / "z"), shape=shape, chunks=(9,) * len(shape), dtype=dtype, compressors=None)
    made[...] = X
    A = ex.matrix_init(tmp_path / "z")
    assert A.dtype == (np.int64 if dtype in SMALL else X.dtype)
    np.testing.assert_array_equal(A.numpy(), X)
    if len(shape) == 2:
        assert A.block_shape == (9, 9)
        np.testing.assert_array_equal(ex.matrix_init(tmp_path / "z", block_shape=(7, 20)).T.numpy(), X.T)


def test_missing_chunks_are_zeros(ex, tmp_path):
    zarr = pytest.importorskip("zarr", minversion="3")
    made = zarr.create_array(store=str(tmp_path / "z"), shape=(30, 30), chunks=(10, 10), dtype="f8", compressors=None)
    made[10:20, :10] = 5
    want = np.zeros((30, 30))
    want[10:20, :10] = 5
    np.testing.assert_array_equal(ex.matrix_init(tmp_path / "z").numpy(), want)


@pytest.mark.parametrize("value", [3, "NaN"])
def test_missing_chunks_of_another_fill_value(ex, tmp_path, value):
    zarr = pytest.importorskip("zarr", minversion="3")
    made = zarr.create_array(
        store=str(tmp_path / "z"), shape=(20, 20), chunks=(10, 10), dtype="f8", compressors=None, fill_value=float(value)
    )
    made[:10] = 5
    try:
        found = ex.matrix_init(tmp_path / "z").numpy()
    except (ValueError, NotImplementedError) as e:
        assert "fill_value" in str(e)  # refused with a reason is as good as read
    else:
        np.testing.assert_array_equal(found, made[...])


@pytest.mark.parametrize("compressors", ["auto", "gzip", "zstd"])
def test_compressed_chunks(ex, tmp_path, compressors):
    zarr = pytest.importorskip("zarr", minversion="3")
    codecs = {"auto": "auto", "gzip": zarr.codecs.GzipCodec(), "zstd": zarr.codecs.ZstdCodec(level=5)}[compressors]
    made = zarr.create_array(store=str(tmp_path / "z"), shape=(30, 31), chunks=(10, 10), dtype="f8", compressors=codecs)
    made[...] = X = np.random.default_rng(0).standard_normal((30, 31))
    np.testing.assert_array_equal(ex.matrix_init(tmp_path / "z").numpy(), X)


def test_unknown_codec(ex, tmp_path):
    zarr = pytest.importorskip("zarr", minversion="3")
    made = zarr.create_array(
        store=str(tmp_path / "z"), shape=(30, 30), chunks=(10, 10), dtype="f8", compressors=zarr.codecs.BloscCodec()
    )
    made[...] = 1
    with pytest.raises((ValueError, NotImplementedError), match="blosc"):
        ex.matrix_init(tmp_path / "z").numpy()


def test_we_open_our_own_folder(ex, stored):
    folder, X = stored
    A = ex.matrix_init(folder)
    assert A.block_shape == (16, 12)
    np.testing.assert_array_equal(A.numpy(), X)


def damaged(folder: pathlib.Path, **changes):
    path = folder / "zarr.json"
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"zarr_format": 2},
        {"node_type": "group"},
        {"shape": [-1, 41]},
        {"shape": "large"},
        {"shape": [50]},
        {"data_type": "float128"},
        {"data_type": {"name": "numpy.datetime64"}},
        {"chunk_grid": {"name": "rectilinear", "configuration": {}}},
        {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [0, 0]}}},
        {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2**62, 2**62]}}},
        {"chunk_key_encoding": {"name": "tree"}},
        {"codecs": []},
        {"codecs": [{"name": "blosc"}]},
        {"codecs": [{"name": "bytes", "configuration": {"endian": "middle"}}]},
        {"codecs": [{"name": "transpose", "configuration": {"order": [0, 0]}}, {"name": "bytes"}]},
        {"storage_transformers": [{"name": "sharding"}]},
    ],
    ids=str,
)
def test_damaged_metadata(ex, stored, changes):
    folder, _ = stored
    damaged(folder, **changes)
    with pytest.raises((ValueError, TypeError, NotImplementedError)) as e:
        ex.matrix_init(folder).numpy()
    assert "zarr.json" in str(e.value) or "dtype" in str(e.value) or "codec" in str(e.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"x"', "{}", "\x00\x01", '{"zarr_format": 1e999}'])
def test_metadata_that_is_not_json(ex, stored, text):
    folder, _ = stored
    (folder / "zarr.json").write_text(text)
    with pytest.raises(ValueError, match=r"zarr\.json"):
        ex.matrix_init(folder)


@pytest.mark.parametrize(
    "damage",
    [
        lambda b: b[:100] + bytes([b[100] ^ 1]) + b[101:],
        lambda b: b[:-1],
        lambda b: b[:-4] + b"\0\0\0\0",
        lambda b: b"",
        lambda b: b + b"\0",
    ],
)
def test_corrupt_chunk(stored, damage):
    folder, _ = stored
    chunk = folder / "c" / "1" / "2"
    chunk.write_bytes(damage(chunk.read_bytes()))
    with npywren.local_executor(path=folder.parent) as ex:
        A = ex.open("X")
        with pytest.raises((ValueError, OSError), match=r"c/1/2|\[1, 2\]"):
            A.numpy()
        with pytest.raises((ValueError, OSError), match=r"c/1/2|\[1, 2\]"):
            (A + 1).numpy()
        assert A[:16, :12].numpy().shape == (16, 12)  # the others can be read


# ---- Disks that fail --------------------------------------------------------------------------------------------------


READ_ONLY = """
    import os, sys
    import numpy as np
    import numpywren
    folder = sys.argv[1]
    os.chmod(folder, 0o555)
    if os.geteuid() == 0:
        os.setgid(65534)
        os.setuid(65534)  # root writes anywhere
    for call in (
        lambda: numpywren.local_executor(path=folder + "/new"),
        lambda: numpywren.local_executor(path=folder).matrix_init(np.ones((9, 9)), name="X"),
        lambda: numpywren.local_executor().ones((9, 9)).save(folder + "/x.npy"),
        lambda: numpywren.local_executor(scratch=folder),
    ):
        try:
            call()
        except OSError as e:
            assert folder in str(e), e
            print(e.errno)
        else:
            print("no error")
"""


def test_read_only_path(python):
    with tempfile.TemporaryDirectory() as parent:  # not pytest's, which other users cannot enter
        pathlib.Path(parent).chmod(0o755)
        folder = pathlib.Path(parent, "ro")
        folder.mkdir()
        try:
            done = python(READ_ONLY, folder)
        finally:
            folder.chmod(0o755)
    assert done.stdout.split() == [str(errno.EACCES)] * 4


FULL = """
    import resource, signal, sys
    import numpy as np
    import numpywren
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    ex = numpywren.local_executor(path=sys.argv[1], memory_limit="64MiB")
    A = ex.random.standard_normal((600, 600), seed=1, block_shape=(300, 300)).persist()
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    for call in (lambda: ex.matrix_init(np.ones((600, 600)), name="X"), lambda: (A @ A).persist("Y"),
                 lambda: A.save(sys.argv[1] + "/x.npy")):
        try:
            call()
        except OSError as e:
            print(e.errno)
        else:
            print("no error")
    print(ex.list(), float(ex.sum(A * 0)))
"""


def test_full_disk(tmp_path, python):
    """A limit on the size of files stands for it: the write fails in the same place."""
    lines = python(FULL, tmp_path).stdout.splitlines()
    assert lines == [str(errno.EFBIG)] * 3 + ["[] 0.0"]
    left = [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix == ".npy"]
    assert left == [], "a file appears whole or not at all"


def test_full_scratch(tmp_path):
    """On a real small file system, where one can be mounted."""
    if os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("mounting needs root")
    mount = tmp_path / "small"
    mount.mkdir()
    if os.system(f"mount -t tmpfs -o size=4m none {mount} 2>/dev/null"):
        pytest.skip("mounting is not allowed here")
    try:
        with npywren.local_executor(memory_limit="8MiB", scratch=mount) as ex:
            with pytest.raises(OSError, match=r"small|space"):
                ex.random.standard_normal((3000, 1000), seed=1, block_shape=(250, 250)).persist()
            assert float(ex.sum(ex.ones((100, 100)))) == 10_000
    finally:
        os.system(f"umount {mount}")
