"""The command `numpywren deploy`, `check` and `delete`, against moto: IAM, Lambda, S3 and SQS in one server."""

import importlib.util
import json
import os
import pathlib
import platform
import subprocess
import sys
import urllib.request
from collections.abc import Iterator

import pytest

ROOT = pathlib.Path(__file__).parent.parent
ANOTHER = "x86_64" if platform.machine() == "aarch64" else "arm64"  # than the installed worker's


def _servers():
    spec = importlib.util.spec_from_file_location("servers", ROOT / "tools" / "servers.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["servers"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def aws() -> Iterator[dict[str, str]]:
    servers = _servers()
    with servers.Server("moto") as moto:
        config = json.dumps({"lambda": {"use_docker": False}}).encode()
        urllib.request.urlopen(urllib.request.Request(f"{moto.url}/moto-api/config", data=config, method="POST")).close()
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "NUMPYWREN_"))}
        yield clean | servers.CREDENTIALS | {"AWS_ENDPOINT_URL": moto.url, "NUMPYWREN_CONFIG": os.devnull}


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "numpywren._cli", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)


def test_life(aws: dict[str, str], tmp_path: pathlib.Path) -> None:
    worker = tmp_path / "bootstrap"
    worker.write_text("#!/bin/sh\n")
    profile = tmp_path / "config.toml"
    profile.write_text('[default]\nqueue = "jobs"\nstorage = "s3://numpywren-test/deep"\nworkers = 2\n')
    aws = aws | {"NUMPYWREN_CONFIG": str(profile)}

    plan = run(aws, "deploy", "--worker", str(worker), "--dry-run", "--memory", "2048")
    assert plan.returncode == 0, plan.stderr
    assert plan.stdout.splitlines()[:4] == [
        "create bucket numpywren-test in us-east-1, encrypted, without public access",
        "create rule of bucket numpywren-test: parts of abandoned uploads go after 7 days",
        "create queue jobs-dead",
        "create queue jobs-0",
    ]
    assert "create function jobs: x86_64, 2048 MB" in plan.stdout
    made = run(aws, "deploy", "--worker", str(worker), "--memory", "2048")
    assert made.returncode == 0, made.stderr
    again = run(aws, "deploy", "--worker", str(worker), "--memory", "2048")
    assert all(line.startswith(("keep ", "skip ")) for line in again.stdout.splitlines()), again.stdout

    checked = run(aws, "check")  # moto runs no function
    assert checked.returncode == 1
    assert "ok queues jobs: find, count, send, receive, delete" in checked.stdout
    assert "ok bucket numpywren-test: put an object only if there is none" in checked.stdout
    assert "failed function jobs: invoke it" in checked.stdout
    assert "1 checks failed" in checked.stderr

    asked = run(aws, "delete", "--contents")
    assert asked.returncode == 1
    assert "--yes" in asked.stderr
    assert "delete function jobs" in asked.stdout
    still = run(aws, "deploy", "--worker", str(worker), "--dry-run", "--memory", "2048")
    assert still.stdout == again.stdout, "nothing was deleted"
    gone = run(aws, "delete", "--contents", "--yes")
    assert gone.returncode == 0, gone.stderr
    assert "delete bucket numpywren-test" in gone.stdout
    assert run(aws, "deploy", "--worker", str(worker), "--dry-run", "--memory", "2048").stdout == plan.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check"], "no queue is given"),
        (["check", "--name", "jobs"], "no storage is given"),
        (["check", "--name", "jobs", "--storage", "/tmp"], "s3://bucket/prefix is wanted"),
        (["deploy", "--name", "jobs", "--storage", "s3://abc/d", "--worker", "/nowhere"], "worker is '/nowhere'"),
        (["deploy", "--name", "jobs", "--storage", "s3://abc/d", "--worker", "/", "--memory", "1"], "memory is 1 MB"),
        (["deploy", "--name", "jobs", "--storage", "s3://abc/d", "--arch", ANOTHER], f"the one for {ANOTHER} with --worker"),
        (["check", "--name", "jobs", "--storage", "s3://abc/d", "--profile", "none"], "no profile [none]"),
    ],
)
def test_refusals(aws: dict[str, str], arguments: list[str], words: str) -> None:
    result = run(aws, *arguments)
    assert result.returncode == 1
    assert words in result.stderr.replace('"', "'")
    assert "Traceback" not in result.stderr


def test_unreachable(aws: dict[str, str]) -> None:
    result = run(aws | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "check", "--name", "jobs", "--storage", "s3://abc/d")
    assert result.returncode == 1
    assert "cannot be reached" in result.stderr


def test_help() -> None:
    for command in ("deploy", "check", "delete"):
        assert "--storage URL" in run(dict(os.environ), command, "--help").stdout
    assert run(dict(os.environ)).returncode == 2
    assert run(dict(os.environ), "--version").stdout.strip()
