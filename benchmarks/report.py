"""What run.py measured, as a table in Markdown, JSON, and a picture."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import math
import os
import pathlib
import platform
from collections.abc import Callable

OURS = "numpywren"


@dataclasses.dataclass(frozen=True)
class Measured:
    """One side of a job: medians, or why there are none."""

    seconds: float = math.nan
    spread: float = 0.0  # slowest less fastest
    peak_bytes: int = 0
    kernel_share: float = math.nan  # of the workers' time, that spent in kernels
    error: str | None = None


Sides = dict[str, Measured]


@dataclasses.dataclass(frozen=True)
class Goal:
    """What is wanted of a job: `value` of its sides and its flops, which must be at least (or at most) `bound`."""

    text: str
    value: Callable[[Sides, float | None], float]
    bound: float
    unit: str
    at_least: bool = True

    def verdict(self, sides: Sides, work: float | None) -> str:
        value = self.value(sides, work)
        met = value >= self.bound if self.at_least else value <= self.bound
        return f"{self.text}: {value:.3g} {self.unit}{'' if met else ' **missed**'}"


def faster(side: str, factor: float) -> Goal:
    """Our speed over theirs."""
    return Goal(f"≥ {factor} × {side}", lambda sides, _: sides[side].seconds / sides[OURS].seconds, factor, "×")


def rate(gflops: float) -> Goal:
    return Goal(f"≥ {gflops} GF/s", lambda sides, work: (work or 0) / sides[OURS].seconds / 1e9, gflops, "GF/s")


def under_seconds(bound: float) -> Goal:
    return Goal(f"< {bound} s", lambda sides, _: sides[OURS].seconds, bound, "s", at_least=False)


def under_bytes(bound: float) -> Goal:
    return Goal(f"≤ {bound / 1e9} GB", lambda sides, _: sides[OURS].peak_bytes / 1e9, bound / 1e9, "GB", at_least=False)


@dataclasses.dataclass(frozen=True)
class Row:
    """A job as it was run."""

    name: str
    size: int
    repeats: int
    work: float | None
    goals: tuple[Goal, ...]
    sides: Sides

    @property
    def title(self) -> str:
        return f"{self.name} {self.size:,}" if self.size else self.name


def write(folder: pathlib.Path, name: str, kernels: dict[str, str], rows: list[Row]) -> str:
    """Writes the three files and returns the table."""
    folder.mkdir(parents=True, exist_ok=True)
    text = markdown(name, kernels, rows)
    (folder / f"{name}.md").write_text(text, encoding="utf-8")
    data = {
        "machine": machine(),
        "kernels": kernels,
        "jobs": [
            {"job": row.name, "size": row.size, "repeats": row.repeats, "flops": row.work}
            | {"sides": {side: dataclasses.asdict(m) for side, m in row.sides.items()}}
            for row in rows
        ],
    }
    (folder / f"{name}.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    plot(folder / f"{name}.svg", rows)
    return text


def markdown(name: str, kernels: dict[str, str], rows: list[Row]) -> str:
    lines = [
        f"# Benchmarks, {name}",
        "",
        *(f"- {key}: {value}" for key, value in machine().items()),
        "- OpenBLAS kernels, OPENBLAS_CORETYPE unset: " + ", ".join(f"{k} {v}" for k, v in kernels.items()),
        "- float64, two threads a side, each measurement a fresh process, the sides in turn; medians, ± half the range",
        "",
        "| job | side | seconds | GF/s | peak memory | in kernels |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        for i, (side, m) in enumerate(row.sides.items()):
            title = f"{row.title} ({row.repeats} runs)" if i == 0 else ""
            lines.append(f"| {title} | {side} | {_cells(m, row.work)} |")
    if any(row.goals for row in rows):
        lines += ["", "| job | wanted, and what was measured |", "|---|---|"]
        lines += [f"| {row.title} | {'; '.join(g.verdict(row.sides, row.work) for g in row.goals)} |" for row in rows]
    return "\n".join([*lines, "", f"![speed of each side relative to ours]({name}.svg)", ""])


def _cells(m: Measured, work: float | None) -> str:
    if m.error:
        return f"{m.error} | | | "
    speed = f"{work / m.seconds / 1e9:.1f}" if work else ""
    share = "" if math.isnan(m.kernel_share) else f"{m.kernel_share:.1%}"
    return f"{m.seconds:.4g} ± {m.spread / 2:.2g} | {speed} | {m.peak_bytes / 1e9:.2f} GB | {share}"


def machine() -> dict[str, str]:
    """What the numbers depend on."""
    cpu = next(
        (line.split(":", 1)[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    memory = next((int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    packages = ("numpywren", "numpy", "scipy", "scikit-learn", "dask")
    return {
        "processor": f"{cpu}, {os.cpu_count()} cores",
        "memory": f"{memory / 2**20:.0f} GiB",
        "versions": ", ".join([f"Python {platform.python_version()}", *(f"{p} {_version(p)}" for p in packages)]),
    }


def _lines(path: str) -> list[str]:
    return pathlib.Path(path).read_text(encoding="utf-8").splitlines()


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


def plot(path: pathlib.Path, rows: list[Row]) -> None:
    """Bars of the speed of every other side relative to ours, which is the line at 1, for the jobs that compute."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot as plt

    bars = [
        (f"{row.title}: {side}", row.sides[OURS].seconds / m.seconds)
        for row in rows
        for side, m in row.sides.items()
        if row.work and side != OURS and not math.isnan(row.sides[OURS].seconds / m.seconds)
    ]
    figure, axes = plt.subplots(figsize=(9, 1 + 0.35 * len(bars)))
    labels, values = [label for label, _ in bars][::-1], [value for _, value in bars][::-1]
    drawn = axes.barh(labels, values, color="#8aa4c8")
    axes.bar_label(drawn, [f" {value:.2f}" for value in values])
    axes.axvline(1, color="#c0392b", linewidth=1.5)
    axes.set_xlabel("speed relative to numpywren (the line): shorter bars are slower than ours")
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
