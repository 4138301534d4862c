"""How arrays look: a line of text, and in a notebook a table beside a drawing of the tile grid."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

SIZE = 120  # the drawing's longer side, in pixels
LINES = 20  # more grid lines than this would be a grey area: it is drawn as one


def human_bytes(n: float) -> str:
    """1536 as "1.50 KiB"."""
    for unit in ("bytes", "KiB", "MiB", "GiB", "TiB"):
        if n < 1024 or unit == "TiB":
            break
        n /= 1024
    return f"{n:.0f} bytes" if unit == "bytes" else f"{n:.2f} {unit}"


def product(lengths: Sequence[int]) -> str:
    return " × ".join(f"{n:,}" for n in lengths) if lengths else "scalar"


def place(info: dict[str, Any]) -> str:
    """Whether the array is computed, and where it lives."""
    return f"computed, in {info['where']}" if info["computed"] else "not computed"


def line(info: dict[str, Any]) -> str:
    """The array's repr."""
    tiles = f"{info['ntiles']:,} tile{'s' if info['ntiles'] != 1 else ''} of {tuple(info['block_shape'])}"
    return f"<{info['display']} shape={tuple(info['shape'])} dtype={info['dtype']}, {tiles}, {place(info)}>"


def table(info: dict[str, Any]) -> str:
    """The array's _repr_html_."""
    rows = {
        "": ("Array", "Tile"),
        "Shape": (product(info["shape"]), product(info["block_shape"])),
        "Bytes": (human_bytes(info["nbytes"]), human_bytes(info["nbytes"] / max(1, _size(info)) * _tile(info))),
        "Count": (f"{info['ntiles']:,} tiles", product(info["blocks"])),
        "Type": (info["dtype"], "numpywren.BigMatrix"),
        "State": ("computed" if info["computed"] else "not computed", info["where"]),
    }
    body = "".join(
        f"<tr><th>{name}</th><td>{html.escape(left)}</td><td>{html.escape(right)}</td></tr>"
        for name, (left, right) in rows.items()
    )
    return (
        f"<table><caption>{html.escape(info['display'])}</caption><tr><td><table>{body}</table></td>"
        f"<td>{drawing(info['shape'], info['block_shape'])}</td></tr></table>"
    )


def _size(info: dict[str, Any]) -> int:
    n = 1
    for length in info["shape"]:
        n *= length
    return n


def _tile(info: dict[str, Any]) -> int:
    n = 1
    for length, block in zip(info["shape"], info["block_shape"], strict=True):
        n *= min(length, block)
    return n


def drawing(shape: Sequence[int], block: Sequence[int]) -> str:
    """An SVG of the grid of the last two dimensions; "" for an array without elements or dimensions."""
    if not shape or 0 in shape:
        return ""
    rows, cols = ([1, *shape])[-2:]
    row_block, col_block = ([1, *block])[-2:]
    longest = max(rows, cols)
    # A side is never thinner than a tenth of the other: a column would be a hair.
    height, width = (max(SIZE * n / longest, SIZE / 10) for n in (rows, cols))
    parts = [f'<line x1="0" y1="{y:.1f}" x2="{width:.1f}" y2="{y:.1f}"/>' for y in _cuts(rows, row_block, height)]
    parts += [f'<line x1="{x:.1f}" y1="0" x2="{x:.1f}" y2="{height:.1f}"/>' for x in _cuts(cols, col_block, width)]
    dense = -(-rows // row_block) > LINES or -(-cols // col_block) > LINES
    return (
        f'<svg width="{width + 60:.0f}" height="{height + 30:.0f}" style="stroke:#444;stroke-width:1">'
        f'<rect width="{width:.1f}" height="{height:.1f}" style="fill:{"#d5a678" if dense else "#ecb172"}"/>'
        + "".join(parts)
        + f'<g style="stroke:none;fill:currentColor;font-size:12px;text-anchor:middle">'
        f'<text x="{width / 2:.1f}" y="{height + 18:.1f}">{cols}</text>'
        f'<text x="{width + 28:.1f}" y="{height / 2 + 4:.1f}">{rows}</text></g></svg>'
    )


def _cuts(length: int, block: int, pixels: float) -> list[float]:
    """Where the lines between blocks are."""
    step = block * max(1, -(-length // block) // LINES)
    return [at / length * pixels for at in range(step, length, step)]
