"""``numpywren deploy``, ``check`` and ``delete``: what a deployment on AWS consists of."""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
from collections.abc import Iterator
from typing import Any

from . import _abi, _config
from ._cli_base import SHIPPED, Commands, add_command, add_profile, environ, sure

STEP_MS = 50


def add(commands: Commands) -> None:
    """Adds the three subcommands."""
    deploy = add_command(
        *(commands, "deploy", "make or update the bucket, the queues, the role and the function"),
        example="numpywren deploy --name jobs --storage s3://my-bucket/numpywren --region eu-west-1 --dry-run",
    )
    _where(deploy)
    deploy.add_argument("--worker", metavar="PATH", help="the worker's program, or a zip or a folder with it as bootstrap")
    deploy.add_argument("--memory", type=int, metavar="MB", help="of a function; by default 3008")
    deploy.add_argument(
        *("--arch", "--architecture"), choices=["x86_64", "arm64"], help="of the function; by default what the worker is for"
    )
    deploy.add_argument("--layer", action="append", metavar="ARN", help="a layer of the function; may be repeated")
    deploy.add_argument("--event-source", action="store_true", help="let Lambda itself receive from the queues")
    deploy.add_argument("--concurrency", type=int, metavar="N", help="with --event-source, functions at a time for each queue")
    deploy.add_argument("--max-receive", type=int, metavar="N", help="deliveries of a task before its job fails; by default 5")
    _dry(deploy)
    deploy.set_defaults(run=_deploy)

    check = add_command(
        *(commands, "check", "do one of everything, and say which right is missing"),
        example="numpywren check --name jobs --storage s3://my-bucket/numpywren --region eu-west-1",
    )
    _where(check)
    check.set_defaults(run=_check)

    delete = add_command(
        *(commands, "delete", "remove what deploy made"),
        example="numpywren delete --name jobs --storage s3://my-bucket/numpywren --region eu-west-1 --dry-run",
    )
    _where(delete)
    delete.add_argument("--contents", action="store_true", help="also the objects, and the bucket if deploy made it")
    delete.add_argument("--yes", action="store_true", help="do not ask")
    _dry(delete)
    delete.set_defaults(run=_delete)


def _where(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", "--queue", help="of the deployment [NUMPYWREN_QUEUE, queue]")
    parser.add_argument("--storage", metavar="URL", help="s3://bucket/prefix [NUMPYWREN_STORAGE, storage]")
    parser.add_argument("--function", metavar="NAME", help="by default the deployment's name [NUMPYWREN_FUNCTION, function]")
    parser.add_argument("--region", help="of AWS [NUMPYWREN_REGION, region; else as AWS's tools find it]")
    add_profile(parser)


def _dry(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="only print what would be done")


def _deployment(options: argparse.Namespace) -> dict[str, Any]:
    given = {"storage": options.storage, "queue": options.name, "function": options.function, "region": options.region}
    found = _config.deployment(given, options.profile, environ(options))
    for name, what in (("queue", "--name, NUMPYWREN_QUEUE"), ("storage", "--storage, NUMPYWREN_STORAGE")):
        if name not in found:
            raise ValueError(f"no {name} is given: {what} or {name} in a profile say which")
    found["name"] = found.pop("queue")
    return dict(found)


def _deploy(options: argparse.Namespace) -> int:
    d = _deployment(options)
    worker = options.worker or (str(SHIPPED) if SHIPPED.exists() else None)
    if worker is None:
        raise ValueError("no worker's program came with this installation: --worker PATH says where it is")
    d |= {"worker": worker, "event_source": options.event_source, "layers": options.layer}
    d |= {name: getattr(options, name) for name in ("memory", "arch", "concurrency", "max_receive")}
    _request({"op": "deploy", "deployment": _given(d), "dry_run": options.dry_run})
    return 0


def _check(options: argparse.Namespace) -> int:
    _request({"op": "check", "deployment": _deployment(options)})
    return 0


def _delete(options: argparse.Namespace) -> int:
    d = _deployment(options)
    request = {"op": "delete", "deployment": d, "contents": options.contents}
    if not options.yes and not options.dry_run:
        _request(request | {"dry_run": True})
        if not sure(f"Delete all this of {d['name']}?", otherwise="nothing was deleted: --yes deletes without asking"):
            return 1
    _request(request | {"dry_run": options.dry_run})
    return 0


def _given(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if value is not None}


@contextlib.contextmanager
def _executor() -> Iterator[_abi.Handle]:
    """An executor to ask; nothing is computed with it."""
    handle = _abi.Handle()
    _abi.call("npw_open", b"{}", ctypes.byref(handle))
    try:
        yield handle
    finally:
        _abi.call("npw_close", handle)


def _request(request: dict[str, Any]) -> None:
    """Has a request done and prints its lines as they come."""
    with _executor() as executor:
        job = _abi.Handle()
        _abi.call("npw_request", executor, _abi.encode(json.dumps(request), "a setting"), ctypes.byref(job))
        try:
            _follow(job)
        finally:
            _abi.call("npw_job_free", job)


def _follow(job: _abi.Handle) -> None:
    done = ctypes.c_int32()
    printed = 0
    while not done.value:
        try:
            _abi.call("npw_job_wait", job, STEP_MS, ctypes.byref(done))
        finally:
            lines = json.loads(_abi.call_text("npw_job_answer", job) or "[]")
            for line in lines[printed:]:
                print(line, flush=True)
            printed = len(lines)
