"""Arrays from S3 and to it, on a real server."""

from __future__ import annotations

import io
import os

import numpy as np
import pytest

import numpywren as npywren


@pytest.fixture
def ex(s3):  # it comes after the bucket: AWS's variables are read when an executor is opened
    with npywren.local_executor(workers=2, memory_limit="512MiB", progress=False) as executor:
        yield executor


@pytest.fixture
def bucket(s3):
    """What boto would do with the bucket of a test."""
    return Bucket(s3.removeprefix("s3://"))


class Bucket:
    def __init__(self, name: str) -> None:
        session = pytest.importorskip("botocore.session").get_session()
        self._client = session.create_client("s3", endpoint_url=os.environ["NUMPYWREN_TEST_VERSITYGW"])
        self._name = name

    def get(self, key: str) -> bytes:
        return self._client.get_object(Bucket=self._name, Key=key)["Body"].read()

    def put(self, key: str, content: bytes) -> None:
        self._client.put_object(Bucket=self._name, Key=key, Body=content)

    def keys(self) -> list[str]:
        return [entry["Key"] for entry in self._client.list_objects_v2(Bucket=self._name).get("Contents", [])]

    def uploads(self) -> list[str]:
        return self._client.list_multipart_uploads(Bucket=self._name).get("Uploads", [])


def npy(X: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, X)
    return file.getvalue()


@pytest.mark.parametrize("dtype", ["f8", "f4", "i8", "?", "i2", ">f8"])
@pytest.mark.parametrize("shape", [(), (0,), (23,), (200, 300), (3, 0), (20, 31, 7)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy(ex, s3, bucket, rng, shape, dtype, order):
    X = np.asarray(rng.standard_normal(shape) * 10, order=order).astype(dtype)
    bucket.put("a/x.npy", npy(X))
    A = ex.matrix_init(f"{s3}/a/x.npy", block_shape=(9,) * len(shape))
    np.testing.assert_array_equal(A.numpy(), X)
    A.save(f"{s3}/b/y.npy")
    Y = np.load(io.BytesIO(bucket.get("b/y.npy")))
    assert Y.dtype == A.dtype
    np.testing.assert_array_equal(Y, X)
    assert bucket.keys() == ["a/x.npy", "b/y.npy"]


def test_large_npy(s3, bucket, rng):
    """Of several parts, in more rows than fit in memory."""
    X = rng.standard_normal((3000, 2000))  # 48 MB
    with npywren.local_executor(workers=2, memory_limit="16MiB", progress=False) as ex:
        bucket.put("x.npy", npy(X))
        A = ex.matrix_init(f"{s3}/x.npy", block_shape=(256, 256))
        (A * 2).save(f"{s3}/y.npy")
        np.testing.assert_array_equal(np.load(io.BytesIO(bucket.get("y.npy"))), X * 2)
        np.testing.assert_array_equal(A.numpy(), X)
    assert bucket.uploads() == []


def test_zarr(ex, s3, bucket, rng, tmp_path):
    X = rng.standard_normal((50, 41))
    with npywren.local_executor(path=tmp_path) as local:
        local.matrix_init(X, name="X", block_shape=(16, 12))
    for file in (tmp_path / "X").rglob("*"):
        if file.is_file():
            bucket.put(f"some/x.zarr/{file.relative_to(tmp_path / 'X')}", file.read_bytes())
    A = ex.matrix_init(f"{s3}/some/x.zarr")
    assert A.block_shape == (16, 12)
    np.testing.assert_array_equal((A + 1).numpy(), X + 1)


def test_bad_urls(ex, s3, bucket):
    with pytest.raises(FileNotFoundError, match=r"none\.npy"):
        ex.matrix_init(f"{s3}/none.npy")
    with pytest.raises(FileNotFoundError, match=r"zarr\.json"):
        ex.matrix_init(f"{s3}/none.zarr")
    with pytest.raises(FileNotFoundError, match="there is no bucket"):
        ex.ones((3, 3)).save("s3://no-such-bucket-anywhere/x.npy")
    with pytest.raises(ValueError, match="S3 URL"):
        ex.matrix_init("s3://Not_A_Bucket/x.npy")
    with pytest.raises(ValueError, match="whole bucket"):
        ex.ones((3, 3)).save(s3)
    bucket.put("text.npy", b"not an array at all")
    with pytest.raises(ValueError, match=r"text\.npy is no \.npy file"):
        ex.matrix_init(f"{s3}/text.npy")


@pytest.mark.parametrize(
    ("variables", "error", "words"),
    [
        ({"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9"}, ConnectionRefusedError, "cannot be reached"),
        (
            {"AWS_SECRET_ACCESS_KEY": "wrong"},
            PermissionError,
            r"the AWS credentials are not valid \(SignatureDoesNotMatch: .*\): log in again",
        ),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, OSError, "no AWS credentials"),
        ({"AWS_ENDPOINT_URL_S3": "nonsense"}, ValueError, "is no URL"),
    ],
)
def test_bad_environment(s3, monkeypatch, tmp_path, variables, error, words):
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with npywren.local_executor(progress=False) as ex, pytest.raises(error, match=words):
        ex.matrix_init(f"{s3}/x.npy")
