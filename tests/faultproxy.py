"""A proxy in front of an HTTP server that has some of its requests fail, by chance, and lets the others take a while.

A failure is one of those that S3 and SQS are known for: 500 and 503 without the request having been done, a connection that is
reset before it, and one that is reset after it, so that the client cannot know. It can also have every message delivered twice:
it sends it once more, a while later; and be a service whose clock is not the client's.
"""

from __future__ import annotations

import collections
import contextlib
import datetime
import email.utils
import json
import random
import socket
import socketserver
import struct
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator

FAULTS = ("500", "503", "reset before", "reset after")
WINDOW = 15 * 60.0  # seconds that the times of a request and of the server may differ
_REASONS = {"500": ("Internal Server Error", "InternalError"), "503": ("Slow Down", "SlowDown")}


class FaultProxy(socketserver.ThreadingTCPServer):
    """Passes requests on to `target`; `rate` of them fail as `random.Random(seed)` says, all take `pace` seconds longer.

    `ahead` is by how many seconds its clock is ahead of this machine's: it refuses what is signed with a time that is more
    than 15 minutes from its own, as S3 and SQS do. With `late`, each request that sends messages is done a second time, so
    many seconds after it. `rate`, `pace` and `ahead` may be changed at any time. `trap` is a part of a request's first line
    and what to call when such a request comes; it is not done.
    `counts` says how often each of `FAULTS` was done, "requests" how many came, "skewed" how many were refused for their
    time and are not among those, "refused" how many connections found no server, "broken" how many were lost, "again" how
    many requests were done twice.
    """

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, target: str, seed: int = 0, rate: float = 0.0, pace: float = 0.0, late: float | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        where = urllib.parse.urlsplit(target)
        self.target = (where.hostname or "", where.port or 80)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.rate, self.pace, self.late = rate, pace, late
        self.ahead = 0.0
        self.trap: tuple[bytes, Callable[[], object]] | None = None
        self.counts: collections.Counter[str] = collections.Counter()
        self._chance = random.Random(seed)
        self._lock = threading.Lock()

    def __enter__(self) -> FaultProxy:
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def fate(self) -> str | None:
        """What becomes of the next request."""
        with self._lock:
            self.counts["requests"] += 1
            if self._chance.random() >= self.rate:
                return None
            fault = self._chance.choice(FAULTS)
            self.counts[fault] += 1
            return fault

    def count(self, what: str) -> None:
        with self._lock:
            self.counts[what] += 1

    def again(self, request: bytes) -> None:
        """Does a request once more, later; its signature is still good."""

        def send() -> None:
            with contextlib.suppress(OSError), socket.create_connection(self.target, timeout=60) as upstream:
                upstream.sendall(request)
                if _head(upstream.makefile("rb")):
                    self.count("again")

        timer = threading.Timer(self.late or 0.0, send)
        timer.daemon = True
        timer.start()

    def faults(self) -> int:
        """How many requests failed because of us."""
        return sum(self.counts[fault] for fault in FAULTS)


class _Reset(Exception):  # noqa: N818 (it is no error here)
    """The client's connection is to be reset."""


class _Connection(socketserver.BaseRequestHandler):
    """One connection of a client, and ours to the server for it."""

    server: FaultProxy

    def handle(self) -> None:
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        upstream: socket.socket | None = None
        try:
            upstream = socket.create_connection(self.server.target, timeout=60)
            upstream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client, server = self.request.makefile("rb"), upstream.makefile("rb")
            while self._exchange(client, server, upstream):
                pass
        except _Reset:
            self._reset()
        except OSError:
            self.server.count("refused" if upstream is None else "broken")
            self._reset()
        finally:
            if upstream is not None:
                upstream.close()

    def _exchange(self, client, server, upstream: socket.socket) -> bool:
        """One request and its answer; False when the client goes."""
        head = _head(client)
        if not head:
            return False
        fields = _fields(head)
        if fields.get("expect", "").lower() == "100-continue":
            self.request.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            head = [line for line in head if not line.lower().startswith(b"expect:")]
        if self.server.trap is not None and self.server.trap[0] in head[0]:
            self.server.trap[1]()
            raise _Reset
        if self.server.ahead and self._skewed(fields):
            for _ in _body(client, fields):
                pass
            self._refuse(fields, head[0].startswith(b"HEAD "))
            return True
        fate = self.server.fate()
        time.sleep(self.server.pace)
        if fate == "reset before":
            raise _Reset
        if fate in _REASONS:
            for _ in _body(client, fields):
                pass
            self._fail(fate, head[0].startswith(b"HEAD "))
            return True
        sent = [b"".join(head)]
        upstream.sendall(sent[0])
        sends = self.server.late is not None and fields.get("x-amz-target", "").startswith("AmazonSQS.SendMessage")
        for part in _body(client, fields):
            upstream.sendall(part)
            if sends:
                sent.append(part)
        if sends:
            self.server.again(b"".join(sent))
        return self._answer(server, head[0].startswith(b"HEAD "), fate)

    def _answer(self, server, bare: bool, fate: str | None) -> bool:
        head = _head(server)
        if not head:
            raise _Reset
        fields = _fields(head)
        status = int(head[0].split()[1])
        if bare or status in (204, 304) or 100 <= status < 200:
            parts: Iterator[bytes] = iter(())
        elif "content-length" in fields or "chunked" in fields.get("transfer-encoding", ""):
            parts = _body(server, fields)
        else:
            parts = iter(lambda: server.read(65536), b"")  # to its end
            fields["connection"] = "close"
        if fate == "reset after":
            for _ in parts:
                pass
            raise _Reset
        self.request.sendall(b"".join(head))
        for part in parts:
            self.request.sendall(part)
        return fields.get("connection", "").lower() != "close"

    def _fail(self, fate: str, bare: bool) -> None:
        reason, code = _REASONS[fate]
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>by the test's proxy</Message></Error>".encode()
        head = f"HTTP/1.1 {fate} {reason}\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        self.request.sendall(head if bare else head + body)

    def _skewed(self, fields: dict[str, str]) -> bool:
        """Whether a request is signed with a time that the server would not take."""
        signed = datetime.datetime.strptime(fields["x-amz-date"], "%Y%m%dT%H%M%S%z").timestamp()
        return abs(time.time() + self.server.ahead - signed) > WINDOW

    def _refuse(self, fields: dict[str, str], bare: bool) -> None:
        """Says that a request is signed with another time than that of the server."""
        self.server.count("skewed")
        if "x-amz-target" in fields:
            kind, text = (
                "application/x-amz-json-1.0",
                {
                    "__type": "com.amazon.coral.service#InvalidSignatureException",
                    "message": f"Signature expired: {fields['x-amz-date']} is not the time of the test's proxy",
                },
            )
            body = json.dumps(text).encode()
        else:
            kind = "application/xml"
            body = (
                b"<?xml version='1.0'?><Error><Code>RequestTimeTooSkewed</Code>"
                b"<Message>The difference between the request time and the current time is too large.</Message></Error>"
            )
        date = email.utils.formatdate(time.time() + self.server.ahead, usegmt=True)
        head = f"HTTP/1.1 403 Forbidden\r\nDate: {date}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        self.request.sendall(head if bare else head + body)

    def _reset(self) -> None:
        with contextlib.suppress(OSError):
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.request.close()


def _head(file) -> list[bytes]:
    """The lines of a request's or an answer's head, with the empty one at its end."""
    lines = []
    while line := file.readline(65536):
        lines.append(line)
        if line in (b"\r\n", b"\n"):
            return lines
    return []


def _fields(head: list[bytes]) -> dict[str, str]:
    fields = {}
    for line in head[1:-1]:
        name, _, value = line.decode("latin-1").partition(":")
        fields[name.strip().lower()] = value.strip()
    return fields


def _body(file, fields: dict[str, str]) -> Iterator[bytes]:
    """The parts of a body, as they are on the wire."""
    if "chunked" in fields.get("transfer-encoding", "").lower():
        while True:
            size = file.readline(1024)
            yield size
            left = int(size.split(b";")[0], 16)
            if left == 0:
                while (line := file.readline(65536)) not in (b"\r\n", b"\n", b""):
                    yield line
                yield b"\r\n"
                return
            yield _exactly(file, left + 2)
    left = int(fields.get("content-length", 0))
    while left > 0:
        part = _exactly(file, min(left, 1 << 20))
        yield part
        left -= len(part)


def _exactly(file, size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise _Reset
    return data
