"""Lists in the documentation that are kept by hand, held against what they list."""

from __future__ import annotations

import pathlib
import re

ROOT = pathlib.Path(__file__).parent.parent


def test_programs_of_the_library():
    section = (ROOT / "docs" / "programs.md").read_text().split("## Programs of the library")[1].split("\n## ")[0]
    rows = [row.split("|")[1] for row in section.splitlines() if row.startswith("| `")]
    texts = "".join(path.read_text() for path in sorted((ROOT / "core" / "programs").glob("*.lp")))
    library = re.findall(r"^def (\w+\(.*?\)):$.*?^    return (.*?)$", texts, re.M | re.S)
    assert sorted(call for call, _ in library) == sorted(re.findall(r"`(.*?)`", "".join(rows)))
    for call, results in library:
        (row,) = [row for row in rows if f"`{call}`" in row]
        after = re.match(r"(?:, `[^`]*`)* → (.*?)(?:, `| $)", row.split(f"`{call}`")[1])
        assert (after[1] if after else "") == (results if "," in results else "")


def test_files_of_the_package():
    section = (ROOT / "docs" / "architecture.md").read_text().split("## Python: python/numpywren")[1].split("\n## ")[0]
    listed = re.findall(r"`(\w+\.py)`", section)
    assert sorted([*listed, "__init__.py"]) == sorted(path.name for path in (ROOT / "python" / "numpywren").glob("*.py"))
