"""Lambda for tests: the worker as a function's bootstrap in AWS's own emulators, behind Lambda's Invoke API."""

from __future__ import annotations

import http.client
import http.server
import importlib.metadata
import json
import os
import pathlib
import queue
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping

import cloudsite
import servers

ENGINE = "libnpw_openblas.so"  # beside the worker's program, as in the zip that deploy makes
INVOKE = "/2015-03-31/functions/{}/invocations"
START_SECONDS = 30.0


def emulator() -> str | None:
    """The emulator's program, if it is installed."""
    return os.environ.get("NUMPYWREN_TEST_LAMBDA_EMULATOR")


def can_mount() -> bool:
    """Whether a process here may have an /opt of its own."""
    if shutil.which("unshare") is None:
        return False
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", "mount --bind /tmp /opt"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def layer(folder: pathlib.Path) -> pathlib.Path:
    """A folder as layers are unpacked to /opt: bin/python3, which has no packages of its own, and its packages in python."""
    packages, programs = folder / "python", folder / "bin"
    packages.mkdir(parents=True)
    programs.mkdir()
    for name in ("numpywren", "numpy", "cloudpickle", "tqdm"):
        for file in importlib.metadata.files(name) or ():
            top = file.parts[0]
            if top != ".." and not (packages / top).exists():
                (packages / top).symlink_to(file.locate().parents[len(file.parts) - 1] / top)
    python = programs / "python3"
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(os.path.realpath(sys.executable))} -S "$@"\n')
    python.chmod(0o755)
    return folder


class Emulator:
    """One container of the function: it serves one invocation at a time."""

    def __init__(self, task: pathlib.Path, environment: Mapping[str, str], opt: pathlib.Path | None, log: pathlib.Path) -> None:
        self.port = servers.free_port()
        self.log = log
        command = [
            *(str(emulator()), "--runtime-interface-emulator-address", f"127.0.0.1:{self.port}"),
            *("--runtime-api-address", f"127.0.0.1:{servers.free_port()}", str(task / "bootstrap")),
        ]
        if opt is not None:  # Lambda's root has the layers there; the shell becomes the emulator
            mounted = f"mount --bind {shlex.quote(str(opt))} /opt && exec {shlex.join(command)}"
            command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mounted]
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                command, env=dict(environment), cwd=task, stdout=out, stderr=out, stdin=subprocess.DEVNULL
            )
        end = time.monotonic() + START_SECONDS
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"the emulator did not start: {log.read_text(errors='replace')}")
            time.sleep(0.01)

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def invoke(self, payload: bytes) -> bytes:
        """The function's answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        try:
            connection.request("POST", INVOKE.format("function"), payload)
            return connection.getresponse().read()
        except OSError as e:  # it was stopped
            return json.dumps({"errorMessage": f"the container is gone: {e}"}).encode()
        finally:
            connection.close()

    def stop(self) -> None:
        """Ends the emulator, and with it the function, which loses who it answers to."""
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Lambda(http.server.ThreadingHTTPServer):
    """Lambda's Invoke API over as many containers as the account may have at once.

    An event is answered at once and run when a container is free; other invocations wait for their answer. `answers` are
    those of the events that are over.
    """

    daemon_threads = True

    def __init__(
        self,
        site: cloudsite.Site,
        function: str,
        containers: int,
        opt: pathlib.Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(("127.0.0.1", 0), Invocation)
        self.path = INVOKE.format(function)
        self.answers: list[bytes] = []
        self.events: list[bytes] = []
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="numpywren-lambda-"))
        task = self.folder / "task"
        task.mkdir()
        shutil.copy(cloudsite.PROGRAM, task / "bootstrap")
        shutil.copy(cloudsite.PROGRAM.with_name(ENGINE), task)
        settings = site.environment() | {  # as deploy sets them, and as Lambda does
            "NUMPYWREN_STORAGE": site.storage,
            "NUMPYWREN_QUEUE": site.name,
            "NUMPYWREN_FUNCTION": function,
            "NUMPYWREN_WORKERS": "1",
            "NUMPYWREN_MEMORY_LIMIT": "128MiB",
            "NUMPYWREN_LEASE": "2s",  # what a container held that a test stopped comes again soon
            "AWS_LAMBDA_FUNCTION_NAME": function,
            "AWS_LAMBDA_FUNCTION_TIMEOUT": "900",
            "PATH": "/usr/local/bin:/usr/bin/:/bin:/opt/bin",
        }
        settings |= environment or {}
        settings.pop("PYTHONPATH", None)
        self.emulators: list[Emulator] = []
        self._free: queue.SimpleQueue[Emulator] = queue.SimpleQueue()
        for k in range(containers):
            self.emulators.append(Emulator(task, settings, opt, self.folder / f"emulator-{k}.log"))
            self._free.put(self.emulators[-1])
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def run(self, payload: bytes) -> bytes:
        """Runs an invocation when a container is free."""
        emulator = self._free.get()
        try:
            return emulator.invoke(payload)
        finally:
            self._free.put(emulator)

    def event(self, payload: bytes) -> None:
        """Runs an invocation some time."""
        self.events.append(payload)
        threading.Thread(target=lambda: self.answers.append(self.run(payload)), daemon=True).start()

    def logs(self) -> str:
        """The ends of what the containers printed."""
        return "\n".join(f"{e.log.name}: {e.log.read_text(errors='replace')[-2000:]}" for e in self.emulators)

    def close(self) -> None:
        self.shutdown()
        self.server_close()
        for emulator in self.emulators:
            emulator.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Lambda:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Invocation(http.server.BaseHTTPRequestHandler):
    server: Lambda

    def do_POST(self) -> None:
        payload = self.rfile.read(int(self.headers["Content-Length"]))
        status, answer, headers = 200, b"", {}
        if self.path != self.server.path:
            status, headers = 404, {"X-Amzn-ErrorType": "ResourceNotFoundException"}
        elif self.headers.get("X-Amz-Invocation-Type") == "Event":
            status = 202
            self.server.event(payload)
        else:
            answer = self.server.run(payload)
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(answer))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Nothing."""
