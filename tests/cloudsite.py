"""Deployments for tests and benchmarks: a bucket and queues on real servers, and worker processes of the installed package."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import botocore.config
import botocore.session
import servers

import numpywren as npywren

BANDS = 3  # queues of a deployment, beside that of the dead letters
PROGRAM = pathlib.Path(npywren.__file__).with_name("numpywren-worker")


class Site:
    """A new bucket on one server and new queues on another. Closing it ends its workers; the servers are their owner's."""

    def __init__(self, s3: str, sqs: str, deliveries: int = 10) -> None:
        self.s3, self.sqs = s3, sqs
        self.name = f"site-{uuid.uuid4().hex[:12]}"
        self.storage = f"s3://{self.name}/work"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="numpywren-site-"))
        self.crew: list[Worker] = []
        session = botocore.session.get_session()
        who = {
            "region_name": servers.CREDENTIALS["AWS_REGION"],
            "aws_access_key_id": servers.CREDENTIALS["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": servers.CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        }
        path = botocore.config.Config(s3={"addressing_style": "path"})
        self._objects = session.create_client("s3", endpoint_url=s3, config=path, **who)
        self._queues = session.create_client("sqs", endpoint_url=sqs, **who)
        self._objects.create_bucket(Bucket=self.name)
        dead = self._queues.create_queue(QueueName=f"{self.name}-dead")["QueueUrl"]
        found = self._queues.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])
        policy = json.dumps({"deadLetterTargetArn": found["Attributes"]["QueueArn"], "maxReceiveCount": deliveries})
        attributes = {"RedrivePolicy": policy, "VisibilityTimeout": "900"}
        self._urls = [
            self._queues.create_queue(QueueName=f"{self.name}-{band}", Attributes=attributes)["QueueUrl"]
            for band in range(BANDS)
        ]

    def environment(self, s3: str | None = None, sqs: str | None = None) -> dict[str, str]:
        """The variables of a process that works here, by way of other addresses where they are given."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "NUMPYWREN_"))}
        where = {"AWS_ENDPOINT_URL_S3": s3 or self.s3, "AWS_ENDPOINT_URL_SQS": sqs or self.sqs, "NUMPYWREN_CONFIG": os.devnull}
        return clean | servers.CREDENTIALS | where

    def worker(self, *more: str, environment: Mapping[str, str] | None = None) -> Worker:
        """Starts a worker with one thread for kernels."""
        arguments = ["--storage", self.storage, "--queue", self.name, "--workers", "1", "--lease", "2s", *more]
        worker = Worker(arguments, environment or self.environment(), self.folder / f"worker-{len(self.crew)}.log")
        self.crew.append(worker)
        return worker

    def keys(self, prefix: str) -> list[str]:
        """The keys of objects below a prefix of the storage."""
        pages = self._objects.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=f"work/{prefix}")
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def get(self, key: str) -> bytes:
        return self._objects.get_object(Bucket=self.name, Key=f"work/{key}")["Body"].read()

    def put(self, key: str, content: bytes) -> None:
        self._objects.put_object(Bucket=self.name, Key=f"work/{key}", Body=content)

    def delete(self, key: str) -> None:
        self._objects.delete_object(Bucket=self.name, Key=f"work/{key}")

    def claimed(self, job: str) -> int:
        """How many tasks of a job somebody has the duty for: a finer measure of its progress than heartbeats are."""
        return len({key.rsplit("/", 1)[1] for key in self.keys(f".numpywren/jobs/{job}/") if "/claims/" in key})

    def purge(self) -> None:
        """Forgets every message."""
        for url in self._urls:
            self._queues.purge_queue(QueueUrl=url)

    def logs(self) -> str:
        """The ends of what the workers printed."""
        return "\n".join(f"{w.log.name}: {w.log.read_text(errors='replace')[-2000:]}" for w in self.crew)

    def leave(self) -> None:
        """Has all workers that live end well."""
        for worker in self.crew:
            worker.terminate()

    def spent(self, began: float, ended: float) -> tuple[float, float]:
        """What workers took between two times of time.monotonic(): core-seconds that they were there, as they are paid for, and
        processor-seconds of those that have gone."""
        there = sum(max(0.0, min(w.gone, ended) - max(w.born, began)) for w in self.crew)
        return there, sum(w.cpu for w in self.crew)

    def close(self) -> None:
        for worker in self.crew:
            worker.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Site:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Worker:
    """A worker's process."""

    def __init__(self, arguments: list[str], environment: Mapping[str, str], log: pathlib.Path) -> None:
        self.log = log
        self.born, self.gone = time.monotonic(), float("inf")
        self.cpu = 0.0  # processor-seconds, once it has gone
        with log.open("wb") as out:
            command = [str(PROGRAM), *arguments]
            self._process = subprocess.Popen(command, env=dict(environment), stdout=out, stderr=out, stdin=subprocess.DEVNULL)

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        self._process.kill()
        self._bury()

    def terminate(self) -> int:
        """SIGTERM, and its exit status."""
        self._process.terminate()
        self._bury(60)
        return self._process.wait()

    def _bury(self, seconds: float | None = None) -> None:
        """Waits until it is gone, and notes what it took."""
        if self._process.returncode is not None:
            return
        end = time.monotonic() + (seconds or float("inf"))
        while os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired(self._process.args, seconds or 0.0)
            time.sleep(0.002)
        self.gone = time.monotonic()
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        self.cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        self._process.wait()

    def wait(self, seconds: float) -> int:
        """Its exit status, once it ends by itself."""
        return self._process.wait(seconds)

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    @contextlib.contextmanager
    def slowed(self, times: int, period: float = 0.1) -> Iterator[None]:
        """For a while it has only a part of the time."""
        over = threading.Event()

        def turns() -> None:
            while not over.is_set():
                self.freeze()
                over.wait(period * (times - 1) / times)
                self.thaw()
                over.wait(period / times)

        thread = threading.Thread(target=turns, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


class Watch:
    """A job in the eyes of a test: it polls, and fails when the job takes too long."""

    def __init__(self, site: Site, job: npywren.Job, seconds: float) -> None:
        self.site, self.job = site, job
        self.began = time.monotonic()
        self._end = self.began + seconds
        self.status: dict[str, Any] = job.status()

    def poll(self) -> bool:
        """Looks again, after a moment; False when the job ended."""
        if time.monotonic() > self._end:
            raise AssertionError(f"the job hangs: {self.status}\n{self.job.logs()}\n{self.site.logs()}")
        time.sleep(0.03)
        self.status = self.job.status()
        return bool(self.status["state"] == "running")

    def shares(self, parts: int) -> Iterator[int]:
        """1, 2, … parts - 1, each when that share of the job's tasks is claimed; it ends with the job."""
        for part in range(1, parts):
            while self.site.claimed(self.job.id) * parts < part * self.status["total"]:
                if not self.poll():
                    return
            yield part
