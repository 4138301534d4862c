"""The real servers that tests talk to: S3 (versitygw, MinIO), SQS (ElasticMQ), AWS's control plane (moto), Lambda's emulator.

    python tools/servers.py install [NAME ...]
    python tools/servers.py run [NAME ...] -- COMMAND ...

``install`` puts each, in its pinned version, into a cache outside the checkout: Go builds the S3 servers, Maven brings
ElasticMQ, pip the emulator. ``run`` starts servers on free loopback ports, tells COMMAND where they are
(``NUMPYWREN_TEST_VERSITYGW=http://127.0.0.1:...`` and so on, and AWS's variables with the credentials), and stops them after
it. Tests that stop and start servers themselves import this module and use `Server` as a context manager.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Sequence

VERSITYGW = "1.8.0"
MINIO = "v0.0.0-20260212201848-7aac2a2c5b7c"
ELASTICMQ = "1.7.1"
SAM_CLI = "1.170.0"  # whose wheel has the emulator in it

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "numpywren",
    "AWS_SECRET_ACCESS_KEY": "numpywren-secret",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
START_SECONDS = 60.0


def cache() -> pathlib.Path:
    """The folder of installed servers."""
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "numpywren" / "servers"


# ---- Installing ----------------------------------------------------------------------------------------------------------


def _once(name: str, make: Callable[[pathlib.Path], None]) -> pathlib.Path:
    """The folder `name` of the cache, which `make` fills if it is not there. It appears whole or not at all."""
    final = cache() / name
    if not final.exists():
        final.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=final.parent) as work:
            fresh = pathlib.Path(work) / "fresh"
            fresh.mkdir()
            make(fresh)
            with contextlib.suppress(OSError):  # another process was faster
                fresh.rename(final)
    return final


def _go_install(package: str, *flags: str) -> Callable[[pathlib.Path], None]:
    def make(folder: pathlib.Path) -> None:
        environment = os.environ | {"GOBIN": str(folder), "GOFLAGS": ""}
        subprocess.run(["go", "install", *flags, package], env=environment, cwd=folder, check=True)

    return make


def versitygw() -> pathlib.Path:
    """The S3 server's program."""
    folder = _once(f"versitygw-{VERSITYGW}", _go_install(f"github.com/versity/versitygw/cmd/versitygw@v{VERSITYGW}"))
    return folder / "versitygw"


def minio() -> pathlib.Path:
    """The second S3 server's program."""
    return _once(f"minio-{MINIO}", _go_install(f"github.com/minio/minio@{MINIO}", "-ldflags", "-s -w")) / "minio"


def elasticmq() -> pathlib.Path:
    """The folder of the SQS server's jars."""

    def make(folder: pathlib.Path) -> None:
        (folder / "pom.xml").write_text(
            "<project xmlns='http://maven.apache.org/POM/4.0.0'><modelVersion>4.0.0</modelVersion>"
            "<groupId>numpywren</groupId><artifactId>servers</artifactId><version>1</version><dependencies><dependency>"
            "<groupId>org.elasticmq</groupId><artifactId>elasticmq-server_2.13</artifactId>"
            f"<version>{ELASTICMQ}</version></dependency></dependencies></project>"
        )
        subprocess.run(["mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=jars"], cwd=folder, check=True)

    return _once(f"elasticmq-{ELASTICMQ}", make) / "jars"


def lambda_emulator() -> pathlib.Path:
    """AWS's Lambda runtime interface emulator."""

    def make(folder: pathlib.Path) -> None:
        wanted = f"aws-sam-cli=={SAM_CLI}"
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), wanted], check=True)
        (wheel,) = folder.glob("*.whl")
        with zipfile.ZipFile(wheel) as content, content.open("samcli/local/rapid/aws-lambda-rie-x86_64") as program:
            target = folder / "aws-lambda-rie"
            with target.open("wb") as out:
                shutil.copyfileobj(program, out)
            target.chmod(0o755)
        wheel.unlink()

    return _once(f"lambda-emulator-{SAM_CLI}", make) / "aws-lambda-rie"


INSTALL: dict[str, Callable[[], pathlib.Path]] = {
    "versitygw": versitygw,
    "minio": minio,
    "elasticmq": elasticmq,
    "lambda-emulator": lambda_emulator,
}


# ---- Running -------------------------------------------------------------------------------------------------------------


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """A server's process on a loopback port. `start` and `stop` may follow each other: the port and the data stay.

    `name` is versitygw, minio, elasticmq or moto. With `certificate` (a path to the certificate and one to its key)
    versitygw speaks TLS.
    """

    def __init__(self, name: str, certificate: tuple[pathlib.Path, pathlib.Path] | None = None) -> None:
        self.name = name
        self.port = free_port()
        self.url = f"http{'s' if certificate else ''}://127.0.0.1:{self.port}"
        self._certificate = certificate
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{name}-"))
        self._process: subprocess.Popen[bytes] | None = None

    def _command(self) -> tuple[list[str | pathlib.Path], dict[str, str]]:
        data = self._folder / "data"
        data.mkdir(exist_ok=True)
        address = f"127.0.0.1:{self.port}"
        key, secret = CREDENTIALS["AWS_ACCESS_KEY_ID"], CREDENTIALS["AWS_SECRET_ACCESS_KEY"]
        match self.name:
            case "versitygw":
                tls = ["--cert", self._certificate[0], "--key", self._certificate[1]] if self._certificate else []
                return [
                    *(versitygw(), "--port", address, "--access", key, "--secret", secret, "--keep-alive", "--quiet", *tls),
                    *("posix", data),
                ], {}
            case "minio":
                users = {"MINIO_ROOT_USER": key, "MINIO_ROOT_PASSWORD": secret}
                return [minio(), "server", "--quiet", "--address", address, data], users
            case "elasticmq":
                config = self._folder / "elasticmq.conf"
                config.write_text(
                    'include classpath("application.conf")\n'
                    f'node-address {{ protocol = http, host = "127.0.0.1", port = {self.port}, context-path = "" }}\n'
                    f'rest-sqs {{ enabled = true, bind-hostname = "127.0.0.1", bind-port = {self.port} }}\n'
                    "rest-stats { enabled = false }\n"
                    f'queues-storage {{ enabled = true, path = "{self._folder}/queues.conf" }}\n'
                )
                jars = f"{elasticmq()}/*"
                return ["java", "-Xmx512m", f"-Dconfig.file={config}", "-cp", jars, "org.elasticmq.server.Main"], {}
            case "moto":
                python = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
                return python, {"MOTO_IAM_LOAD_MANAGED_POLICIES": "true"}
        raise ValueError(f"no server is named {self.name!r}")

    def start(self) -> Server:
        """Start the process and wait until it answers."""
        command, more = self._command()
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, env=os.environ | more, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        end = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                text = self.log()
                self.stop()
                raise RuntimeError(f"{self.name} did not start: {text}")
            time.sleep(0.02)
        return self

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                pass
            if self._certificate is None:
                urllib.request.urlopen(self.url, timeout=5).close()
        except urllib.error.HTTPError:
            return True  # it speaks HTTP; who we are does not matter
        except OSError:
            return False
        return True

    def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End the process; its data stay."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait()
            self._process = None

    @property
    def pid(self) -> int | None:
        """The process's number, while it runs."""
        return None if self._process is None else self._process.pid

    def log(self) -> str:
        """The end of what the process printed."""
        return (self._folder / "log").read_text(errors="replace")[-4000:]

    def close(self) -> None:
        """End the process and remove its data."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()


@contextlib.contextmanager
def running(names: Sequence[str]) -> Iterator[dict[str, str]]:
    """Servers, and the environment that tells where they are; of the emulator, which tests start themselves, its path."""

    def found(name: str) -> str:
        return str(lambda_emulator()) if name == "lambda-emulator" else stack.enter_context(Server(name)).url

    with contextlib.ExitStack() as stack:
        yield CREDENTIALS | {f"NUMPYWREN_TEST_{name.upper().replace('-', '_')}": found(name) for name in names}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    install = commands.add_parser("install", help="bring servers into the cache")
    install.add_argument("name", nargs="*", choices=[[], *INSTALL], help="by default all")
    run = commands.add_parser("run", help="run a command with servers beside it")
    run.add_argument("rest", nargs=argparse.REMAINDER, metavar="[NAME ...] -- COMMAND ...")
    options = parser.parse_args()
    if options.command == "install":
        for name in options.name or INSTALL:
            print(INSTALL[name]())
        return 0
    if "--" not in options.rest:
        parser.error("run wants '--' before the command")
    at = options.rest.index("--")
    with running(options.rest[:at]) as where:
        return subprocess.run(options.rest[at + 1 :], env=os.environ | where, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
