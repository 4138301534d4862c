"""A whole job over TLS, as production is: there, checksums and signatures take another way through AWS's library."""

from __future__ import annotations

import datetime
import ipaddress
import os
import pathlib
import time
from collections.abc import Iterator

import cloudsite
import numpy as np
import pytest
import servers

import numpywren as npywren

x509 = pytest.importorskip("cryptography.x509")  # it comes with moto
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec  # noqa: E402

SECONDS = 15.0  # the most that an error may take


def certificate(folder: pathlib.Path, name: str) -> tuple[pathlib.Path, pathlib.Path]:
    """Makes a self-signed certificate for loopback: the paths of it and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    secret = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    paths = folder / f"{name}.pem", folder / f"{name}.key"
    for path, content in zip(paths, (made.public_bytes(encoding), secret), strict=True):
        path.write_bytes(content)
    return paths


@pytest.fixture(scope="module")
def secure(tmp_path_factory) -> Iterator[tuple[str, pathlib.Path]]:
    """An S3 server that speaks TLS: its URL, and the certificate to trust."""
    if "NUMPYWREN_TEST_VERSITYGW" not in os.environ:
        pytest.skip("no servers: make py-test, or python tools/servers.py run versitygw elasticmq -- python -m pytest")
    cert, key = certificate(tmp_path_factory.mktemp("tls"), "ours")
    with servers.Server("versitygw", (cert, key)) as server:
        yield server.url, cert


@pytest.fixture
def site(secure, monkeypatch) -> Iterator[cloudsite.Site]:
    """A deployment on it, which AWS's variables name; the queues are on a server without TLS, having no other."""
    sqs = os.environ.get("NUMPYWREN_TEST_ELASTICMQ")
    if sqs is None:
        pytest.skip("no queues: make py-test, or python tools/servers.py run versitygw elasticmq -- python -m pytest")
    url, cert = secure
    monkeypatch.setenv("AWS_CA_BUNDLE", str(cert))
    with cloudsite.Site(url, sqs) as site:
        for name, value in site.environment().items():
            if name.startswith("AWS_"):
                monkeypatch.setenv(name, value)
        yield site


def test_job(site, secure, spd):
    """Client and worker, over TLS, give the bits of one machine."""
    A, block = spd(1700), (600, 600)  # tiles large enough for AWS's library to ask before it sends them
    environment = site.environment() | {"AWS_CA_BUNDLE": str(secure[1])}
    worker = site.worker(environment=environment)
    with npywren.aws_executor(site.storage, site.name, progress=False) as ex:
        L = ex.linalg.cholesky(ex.matrix_init(A, block_shape=block)).numpy()
    assert worker.alive, site.logs()
    site.leave()
    with npywren.local_executor(workers=1, progress=False) as ex:
        np.testing.assert_array_equal(L, ex.linalg.cholesky(ex.matrix_init(A, block_shape=block)).numpy())
    np.testing.assert_allclose(L @ L.T, A, atol=1e-12)
    assert [key for key in site.keys("") if key.endswith("end.json")], "the job was not done on the server"


@pytest.mark.parametrize("trusted", ["nobody", "another"])
def test_unknown_certificate(site, secure, monkeypatch, tmp_path, trusted):
    """A server whose certificate nobody vouches for is not talked to: client and worker say so, and how it is mended."""
    environment = site.environment()
    if trusted == "another":
        environment["AWS_CA_BUNDLE"] = str(certificate(tmp_path, "another")[0])
        monkeypatch.setenv("AWS_CA_BUNDLE", environment["AWS_CA_BUNDLE"])
    else:
        monkeypatch.delenv("AWS_CA_BUNDLE")
    words = f"the certificate of {secure[0]} is not trusted .*AWS_CA_BUNDLE"
    began = time.monotonic()
    with pytest.raises(OSError, match=words):
        npywren.aws_executor(site.storage, site.name)
    worker = site.worker(environment=environment)
    assert worker.wait(SECONDS) != 0
    assert "AWS_CA_BUNDLE" in worker.log.read_text()
    assert time.monotonic() - began < SECONDS


def test_no_such_bundle(site, monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "none.pem"))
    with pytest.raises(ValueError, match=r"AWS configuration cannot be read.*none\.pem"):
        npywren.aws_executor(site.storage, site.name)
