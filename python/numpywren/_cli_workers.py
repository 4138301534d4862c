"""``numpywren worker`` and ``provision``: who does the work of a deployment's jobs."""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from . import _abi, _config, _jobs
from ._cli_base import SHIPPED, Commands, add_command, add_place, environ, remote

# The worker's settings that a profile may have. Its `workers` and `memory_limit` are a client's.
FROM_PROFILE = {name: name for name in ("storage", "queue", "region", "pipeline_width", *_config.WORKER)} | {
    "memory_limit": "worker_memory"
}


def add(commands: Commands) -> None:
    """Adds the subcommands."""
    worker = add_command(
        *(commands, "worker", "do the work of a deployment's jobs on this machine, until a signal ends it"),
        example="numpywren worker --storage s3://my-bucket/numpywren --queue jobs --idle-timeout 10m",
        more="SIGTERM and Ctrl-C have it finish what it has in hand, or give it back when that takes longer than --grace.",
    )
    add_place(worker)
    worker.add_argument("--workers", metavar="N", help="kernels at once; by default one a core [NUMPYWREN_WORKERS]")
    worker.add_argument("--pipeline-width", metavar="N", help="tasks in hand for each [NUMPYWREN_PIPELINE_WIDTH, …]")
    worker.add_argument(
        "--memory-limit",
        metavar="SIZE",
        help="of tiles, as 4GiB; by default half of the machine's [NUMPYWREN_MEMORY_LIMIT, worker_memory]",
    )
    worker.add_argument(
        "--idle-timeout",
        metavar="TIME",
        help="leave after so long without work, as 10m; by default never [NUMPYWREN_IDLE_TIMEOUT, idle_timeout]",
    )
    worker.add_argument(
        "--lease",
        metavar="TIME",
        help="how long after its death others take its tasks; by default 30s [NUMPYWREN_LEASE, lease]",
    )
    worker.add_argument(
        "--grace",
        metavar="TIME",
        help="for what is in hand when it is told to stop; by default 10s [NUMPYWREN_GRACE, grace]",
    )
    worker.set_defaults(run=_worker)

    provision = add_command(
        *(commands, "provision", "start as many workers as the running jobs can use, while no client waits for them"),
        example="numpywren provision --storage s3://my-bucket/numpywren --queue jobs --function jobs --forever",
        more="It also sees when jobs are done or lost. It ends when no job runs. Ctrl-C ends it; the jobs and workers go on.",
    )
    add_place(provision)
    provision.add_argument("--function", metavar="NAME", help="that is invoked to work [NUMPYWREN_FUNCTION, function]")
    provision.add_argument("--workers", type=int, metavar="N", help="at most at once [NUMPYWREN_WORKERS, workers]")
    provision.add_argument("--factor", type=float, metavar="F", help="of those that could be busy [NUMPYWREN_FACTOR, factor]")
    provision.add_argument("--budget", type=float, metavar="DOLLARS", help="of each job [NUMPYWREN_BUDGET, budget]")
    provision.add_argument("--forever", action="store_true", help="wait for the next job when none runs")
    provision.set_defaults(run=_provision)


def arguments_of(options: Mapping[str, Any], profile: str | None, environ: Mapping[str, str] = os.environ) -> list[str]:
    """The arguments of the worker's program: what is given, and what only the profile has. It reads NUMPYWREN_* itself."""
    table = _config.profile_of(profile, environ)
    found = []
    for name in (*FROM_PROFILE, "workers"):
        value = options.get(name)
        if value is None and not environ.get(f"NUMPYWREN_{name.upper()}"):
            value = table.get(FROM_PROFILE.get(name, ""))
        if value is not None:
            found += [f"--{name.replace('_', '-')}", str(value)]
    return found


def _worker(options: argparse.Namespace) -> int:
    if not SHIPPED.exists():
        raise FileNotFoundError(f"no worker's program came with this installation: {SHIPPED} is missing")
    arguments = arguments_of(vars(options), options.profile, environ(options))
    os.environ.setdefault("NUMPYWREN_PYTHON", sys.executable)  # functions run in this Python, unless the settings name another
    os.execv(SHIPPED, [str(SHIPPED), *arguments])


def _provision(options: argparse.Namespace) -> int:
    more = {name: getattr(options, name) for name in ("function", "workers", "factor", "budget")}
    with remote(options, **more) as executor:
        request = json.dumps({"op": "provision", "forever": options.forever}).encode()
        job = _abi.Handle()
        _abi.call("npw_request", executor._use(), request, ctypes.byref(job))
        try:
            _tell(job)
        finally:
            _abi.call("npw_job_free", job)
    return 0


def _tell(job: _abi.Handle) -> None:
    """Prints what there is to tell until the job ends."""
    done = ctypes.c_int32()
    printed = 0
    while not done.value:
        try:
            _abi.call("npw_job_wait", job, _jobs.STEP_MS, ctypes.byref(done))
        finally:
            news = json.loads(_abi.call_text("npw_job_answer", job) or '{"from": 0, "lines": []}')
            for line in news["lines"][max(0, printed - news["from"]) :]:
                print(line, flush=True)
            printed = news["from"] + len(news["lines"])
