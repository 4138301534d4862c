"""Speed against size, for us and for NumPy or SciPy: ``python benchmarks/sizes.py [--most N]`` (half an hour to 16,000).

The jobs and the rules are those of run.py. The picture goes to benchmarks/results/DATE-sizes.svg, the numbers beside it in .md.
"""

from __future__ import annotations

import argparse
import math
import pathlib
import statistics
import time

import report
import run

SIZES = (1000, 2000, 4000, 8000, 16000)
OTHERS = {
    "matmul": "NumPy",
    "cholesky": "NumPy",  # dies at 16,000, in its OpenBLAS: 0.3.31, two threads, SkylakeX, the dsyrk of dpotrf
    "solve general": "SciPy",
    "qr, R": "NumPy",
    "eigh, values": "NumPy",
    "svd, values": "NumPy",
}
LARGEST = {"eigh, values": 8000, "svd, values": 4000}  # what NumPy does in a minute
ACROSS = 3  # panels of the picture
MANY = 4000  # up to this size each side runs three times, above it once
Speeds = dict[str, dict[str, dict[int, float]]]  # flops a second, by job, side and size


def measure(most: int) -> Speeds:
    """Both sides in turn, size by size; a side that fails has NaN for that size."""
    speeds: Speeds = {}
    for name, other in OTHERS.items():
        work = next(job.work for job in run.JOBS if job.name == name)
        assert work is not None
        speeds[name] = {report.OURS: {}, other: {}}
        for n in SIZES:
            if n > min(most, LARGEST.get(name, most)):
                break
            times: dict[str, list[float]] = {side: [] for side in speeds[name]}
            for _ in range(3 if n <= MANY else 1):
                for side, found in times.items():
                    result = run.child(name, side, str(n), env=run.environment())
                    if "seconds" in result:
                        found.append(result["seconds"])
                    else:
                        print(f"{name} {n}, {side}: {result['error']}", flush=True)
            for side, found in times.items():
                speeds[name][side][n] = work(n) / statistics.median(found) if found else math.nan
            rates = ", ".join(f"{side} {shown(found[n])}" for side, found in speeds[name].items())
            print(f"{name} {n}: {rates} GF/s", flush=True)
    return speeds


def shown(speed: float) -> str:
    return "failed" if math.isnan(speed) else f"{speed / 1e9:.1f}"


def markdown(name: str, speeds: Speeds) -> str:
    lines = [
        f"# Speed against size, {name}",
        "",
        *(f"- {key}: {value}" for key, value in report.machine().items()),
        f"- float64, two threads a side, fresh processes in turn; medians of three up to {MANY}, above that one run; GF/s",
        "",
        "| job | side | " + " | ".join(f"{n:,}" for n in SIZES) + " |",
        "|---|---|" + "---|" * len(SIZES),
    ]
    for job, sides in speeds.items():
        for side, found in sides.items():
            cells = (shown(found[n]) if n in found else "" for n in SIZES)
            lines.append(f"| {job} | {side} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", f"![speed against size]({name}.svg)", ""])


def plot(path: pathlib.Path, speeds: Speeds) -> None:
    """A panel a job, all on one scale."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot as plt

    rows = -(-len(speeds) // ACROSS)
    figure, panels = plt.subplots(rows, ACROSS, figsize=(3.6 * ACROSS, 3.2 * rows), sharex=True, sharey=True, squeeze=False)
    for axes, (job, sides) in zip(panels.flat, speeds.items(), strict=True):
        for side, found in sides.items():
            ours = side == report.OURS
            style = {"color": "#c0392b", "linewidth": 2} if ours else {"color": "#5f7fae", "linewidth": 1.5}
            axes.plot(list(found), [v / 1e9 for v in found.values()], marker="o", markersize=4, label=side, **style)
        axes.set_xscale("log", base=2)
        axes.set_xticks(SIZES, [f"{n // 1000}k" for n in SIZES])
        axes.minorticks_off()
        axes.set_title(job, fontsize=10)
        axes.set_ylim(bottom=0)
        axes.grid(axis="y", linewidth=0.4)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=8, loc="best")
    for row in panels:
        row[0].set_ylabel("GF/s")
    for axes in panels[-1]:
        axes.set_xlabel("n")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--most", type=int, default=max(SIZES), help="the largest size")
    parser.add_argument("--output", type=pathlib.Path, default=run.HERE / "results", help="the folder for the report")
    options = parser.parse_args()
    name = time.strftime("%Y-%m-%d") + "-sizes"
    options.output.mkdir(parents=True, exist_ok=True)
    speeds = measure(options.most)
    (options.output / f"{name}.md").write_text(markdown(name, speeds), encoding="utf-8")
    plot(options.output / f"{name}.svg", speeds)
    print("\n" + markdown(name, speeds))


if __name__ == "__main__":
    main()
