"""``numpywren jobs``, ``status``, ``logs``, ``report``, ``wait``, ``cancel``, ``resume``, ``gc``: what is done, and kept."""

from __future__ import annotations

import argparse
import dataclasses
from typing import Any

from . import _remote
from ._cli_base import (
    Commands,
    add_command,
    add_json,
    add_place,
    clock,
    print_facts,
    print_json,
    print_table,
    remote,
    settings,
    since,
    sure,
)
from ._executor import Executor
from ._html import human_bytes

ID = "20261126-231901-1f2e3d4c5b"


def add(commands: Commands) -> None:
    """Adds the subcommands."""
    jobs = add_command(
        *(commands, "jobs", "list the jobs of a deployment, the latest first"),
        example="numpywren jobs --storage s3://my-bucket/numpywren --queue jobs",
    )
    _take(jobs, _jobs, json=True)

    status = add_command(commands, "status", "tell what is known of a job now", example=f"numpywren status {ID}")
    _take(status, _status, job=True, json=True)

    logs = add_command(commands, "logs", "print what a job's workers noted", example=f"numpywren logs {ID}")
    _take(logs, _logs, job=True)

    report = add_command(
        *(commands, "report", "tell what a job took: time, core-seconds, requests, bytes, dollars"),
        example=f"numpywren report {ID} --json",
    )
    _take(report, _report, job=True, json=True)

    wait = add_command(
        *(commands, "wait", "wait until a job is over, and start workers for it meanwhile"),
        example=f"numpywren wait {ID} --timeout 600",
        more="The exit status is 0 when the job is done, 1 when it failed, is cancelled or paused, 124 after the time-out.\n"
        "Ctrl-C ends the wait and leaves the job alone.",
    )
    wait.add_argument("--timeout", type=float, metavar="SECONDS", help="by default for ever")
    _add_workers(wait)
    _take(wait, _wait, job=True)

    cancel = add_command(
        *(commands, "cancel", "stop a job; its tiles stay, and resume goes on from them"), example=f"numpywren cancel {ID}"
    )
    _take(cancel, _cancel, job=True)

    resume = add_command(
        *(commands, "resume", "run a job that is not done again, from the tiles that exist"),
        example=f"numpywren resume {ID} --wait",
    )
    resume.add_argument("--wait", action="store_true", help="wait until it is over, as numpywren wait does")
    _add_workers(resume)
    _take(resume, _resume, job=True)

    gc = add_command(
        *(commands, "gc", "free what no name leads to: intermediate matrices, unnamed results, leftovers of what ended"),
        example="numpywren gc --storage s3://my-bucket/numpywren --queue jobs --dry-run",
        more="Jobs that run or are paused keep all that they need. It tells what it would free, and asks.",
    )
    gc.add_argument("--path", metavar="FOLDER", help="of a local executor, in place of --storage [NUMPYWREN_PATH, path]")
    gc.add_argument("--keep-days", type=float, metavar="N", help="for records of jobs and results of calls; by default 7")
    gc.add_argument("--dry-run", action="store_true", help="only tell")
    gc.add_argument("--yes", action="store_true", help="do not ask")
    _take(gc, _gc, json=True)


def _take(parser: argparse.ArgumentParser, run: Any, *, job: bool = False, json: bool = False) -> None:
    if job:
        parser.add_argument("id", metavar="ID", help="the job's number, as numpywren jobs lists it")
    add_place(parser)
    if json:
        add_json(parser)
    parser.set_defaults(run=run)


def _add_workers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--function", metavar="NAME", help="that is invoked to work [NUMPYWREN_FUNCTION, function]")
    parser.add_argument("--workers", type=int, metavar="N", help="at most at once [NUMPYWREN_WORKERS, workers]")
    parser.add_argument("--budget", type=float, metavar="DOLLARS", help="after which it pauses [NUMPYWREN_BUDGET, budget]")


def _with_workers(options: argparse.Namespace) -> Executor:
    return remote(options, function=options.function, workers=options.workers, budget=options.budget)


def _jobs(options: argparse.Namespace) -> int:
    with remote(options) as executor:
        found = executor.jobs()
    if options.json:
        print_json(found)
        return 0
    rows = [
        (job["id"], job.get("name") or "-", job["state"], _progress(job), str(job["workers"]), since(job["created"]))
        for job in found
    ]
    print_table(("ID", "NAME", "STATE", "PROGRESS", "WORKERS", "AGE"), rows, right=(3, 4, 5))
    return 0


def _progress(job: dict[str, Any]) -> str:
    done, total = job["done"], job["total"]
    return f"{done}/{total} {100 * done // total if total else 100:3d}%"


def _status(options: argparse.Namespace) -> int:
    with remote(options) as executor:
        job = executor.job(options.id).status()
    if options.json:
        print_json(job)
        return 0
    queue = job["queue"]
    facts = [
        ("id", job["id"]),
        ("name", job.get("name") or "-"),
        ("state", job["state"]),
        ("message", job.get("message", "")),
        ("task", job.get("task", "")),
        ("progress", f"{_progress(job)} of the tasks"),
        ("workers", str(job["workers"])),
        ("queue", f"{queue['Visible']} ready, {queue['InFlight']} in hand, {queue['Dead']} dead, of all jobs"),
        ("run", str(job["run"])),
        ("created", f"{clock(job['created'])} UTC, {since(job['created'])} ago"),
    ]
    if ended := job.get("ended"):
        facts.append(("ended", f"{clock(ended)} UTC, {since(ended)} ago"))
    print_facts([(name, text) for name, text in facts if text])
    return 0


def _logs(options: argparse.Namespace) -> int:
    with remote(options) as executor:
        for line in executor.job(options.id).logs():
            print(line)
    return 0


def _report(options: argparse.Namespace) -> int:
    with remote(options) as executor:
        report = executor.job(options.id).report()
    if options.json:
        print_json(report)
        return 0
    traffic, seconds, cores = report["traffic"], report["seconds"], report["core_seconds"]
    busy = f", {100 * report['kernel_seconds'] / cores:.0f}% of them in kernels" if cores else ""
    requests = ", ".join(f"{traffic[name]} {name}" for name in ("gets", "puts", "stats", "lists", "deletes"))
    print_facts(
        [
            ("id", report["id"]),
            ("state", report["state"]),
            ("time", f"{seconds:.1f} s"),
            ("core-seconds", f"{cores:.1f}{busy}"),
            ("workers", str(report["workers"])),
            ("tasks", f"{report['tasks']}, computed {report['computed']} times"),
            ("arithmetic", f"{report['flops']:.3g} flops, {report['flops'] / seconds / 1e9 if seconds else 0:.1f} GF/s"),
            ("messages", f"{report['messages_received']} received, {report['messages_sent']} sent"),
            ("requests", requests),
            ("read", human_bytes(traffic["bytes_read"])),
            ("written", human_bytes(traffic["bytes_written"])),
            ("cost", f"${report['dollars']:.4g} at AWS's prices of {report['prices_as_of']}"),
        ]
    )
    return 0


def _wait(options: argparse.Namespace) -> int:
    with _with_workers(options) as executor:
        executor.job(options.id).wait(options.timeout)
    print(f"{options.id} is done")
    return 0


def _cancel(options: argparse.Namespace) -> int:
    with remote(options) as executor:
        state = _remote.ask(executor, "cancel", id=options.id)["state"]
    if state != "cancelled":
        raise ValueError(f"{options.id} is over already: {state}")
    print(f"{options.id} is cancelled")
    return 0


def _resume(options: argparse.Namespace) -> int:
    with _with_workers(options) as executor:
        if executor.describe().get("queue") == "memory" and not options.wait:
            raise ValueError('the queue "memory" ends with this command, so the job would stop: --wait runs it here')
        state = _remote.ask(executor, "resume", id=options.id)["state"]
        if options.wait:
            state = executor.job(options.id).wait().status()["state"]
    print(f"{options.id} is {state}" if state != "running" else f"{options.id} runs again")
    return 0


def _gc(options: argparse.Namespace) -> int:
    config = settings(options, path=options.path)
    if options.path is not None:
        config = dataclasses.replace(config, storage=None, queue=None, function=None)
    elif options.storage is not None:
        config = dataclasses.replace(config, path=None)
    if config.storage is None and config.path is None:
        raise ValueError("no place is given: --storage and --queue, or --path, or their NUMPYWREN_* or a profile say which")
    with Executor(config) as executor:
        keep = {} if options.keep_days is None else {"keep_days": options.keep_days}
        found = executor.gc(dry_run=not options.yes or options.dry_run, **keep)
        if not options.json:
            _print_garbage(found)
        if found["items"] and not options.yes and not options.dry_run:
            if not sure("Free all this?", otherwise="nothing was freed: --yes frees without asking, --dry-run only tells"):
                return 1
            found = executor.gc(dry_run=False, **keep)
            if not options.json:
                print(_total("freed", found))
    if options.json:
        print_json(found)
    return 0


def _print_garbage(found: dict[str, Any]) -> None:
    if found["items"]:
        rows = [(g["kind"], str(g["objects"]), human_bytes(g["bytes"]), g["place"], g["why"]) for g in found["items"]]
        print_table(("KIND", "OBJECTS", "SIZE", "PLACE", "WHY"), rows, right=(1, 2))
    print(_total("freed" if found["freed"] else "would free", found))
    if found["recent"]["objects"]:
        recent = f"{found['recent']['objects']} objects, {human_bytes(found['recent']['bytes'])}"
        print(f"left for now, {recent}: without a name, but written within the last hour, perhaps by a process that goes on")


def _total(what: str, found: dict[str, Any]) -> str:
    return f"{what} {found['objects']} objects, {human_bytes(found['bytes'])}"
