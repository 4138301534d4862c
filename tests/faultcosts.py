"""What faults cost: tests/test_cloud_faults.py notes it in a file, this makes a table of that.

NUMPYWREN_SOAK=1 NUMPYWREN_TEST_COSTS=costs.jsonl python tools/servers.py run elasticmq -- python -m pytest \\
    tests/test_cloud_faults.py
python tests/faultcosts.py costs.jsonl > benchmarks/results/DATE-soak.md
"""

from __future__ import annotations

import json
import os
import pathlib
import statistics
import sys
from typing import Any

CALM = "no fault"
HEAD = """# What faults cost

Each job has more than 1,000 tasks, on tiles so small that nearly all of its time is requests; two workers, of one thread
each, over versitygw and ElasticMQ, by way of a proxy that makes every request 3 ms longer. Leases are of 2 s, where 30 s are
the default: a killed worker's messages wait for so long. Every result had every bit of one machine's without faults, or its
test would have failed.

Core-seconds are those that workers were there while the job ran, busy or not, as they are paid for; beside them what the
workers' own heartbeats say (`job.report()`: of the last run, and up to two seconds of each killed worker are missing), and the
processor-seconds of their processes. Computed is how many tasks heartbeats tell of: more than there are when some were
computed twice, less when those who did them died before they told. Runs that are given together are medians; extra is
against those without a fault.
"""
COLUMNS = ("runs", "s", "core-seconds", "extra", "extra, by heartbeats", "extra, of processors", "computed")


def note(program: str, faults: str, report: dict[str, Any], spent: float, cpu: float) -> None:
    """Adds a job to the file that NUMPYWREN_TEST_COSTS names, if it does."""
    path = os.environ.get("NUMPYWREN_TEST_COSTS")
    if path is None:
        return
    row = {"program": program, "faults": faults, "spent": spent, "cpu": cpu}
    row |= {key: report[key] for key in ("tasks", "computed", "seconds", "core_seconds")}
    with pathlib.Path(path).open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def medians(rows: list[dict[str, Any]]) -> dict[str, float]:
    return {key: statistics.median(row[key] for row in rows) for key in rows[0] if key not in ("program", "faults")}


def table(rows: list[dict[str, Any]]) -> str:
    """The jobs of each program, against those without faults."""
    text = HEAD
    for program in dict.fromkeys(row["program"] for row in rows):
        jobs: dict[str, list[dict[str, Any]]] = {CALM: []}
        for row in rows:
            if row["program"] == program:
                jobs.setdefault(row["faults"], []).append(row)
        if not jobs[CALM]:
            raise SystemExit(f"there is no job of {program} without a fault to compare with")
        calm = medians(jobs[CALM])
        text += (
            f"\n## {program}, {calm['tasks']:.0f} tasks\n\n| fault | {' | '.join(COLUMNS)} |\n|{'---|' * (len(COLUMNS) + 1)}\n"
        )
        for faults, of in jobs.items():
            found = medians(of)
            extra = " | ".join(f"{found[key] - calm[key]:+.1f}" for key in ("spent", "core_seconds", "cpu"))
            if faults == CALM:
                extra = f" | | {calm['cpu']:.1f} in all"
            text += f"| {faults} | {len(of)} | {found['seconds']:.1f} | {found['spent']:.1f} | {extra} |"
            text += f" {found['computed']:.0f} |\n"
    return text


if __name__ == "__main__":
    lines = pathlib.Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()
    print(table([json.loads(line) for line in lines]), end="")
