"""The command ``numpywren``. Each group of subcommands is a module with a function `add`, listed in `GROUPS`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from . import _abi, _cli_deploy

GROUPS = (_cli_deploy,)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command line; the exit status is 1 after a failure, 2 for a wrong command line, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="numpywren", description="Dense linear algebra on AWS.")
    parser.add_argument("--version", action="store_true", help="print the version and end")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for group in GROUPS:
        group.add(commands)
    options = parser.parse_args(arguments)
    if options.version:
        print(_abi.version())
        return 0
    if options.command is None:
        parser.print_help()
        return 2
    try:
        status: int = options.run(options)
    except KeyboardInterrupt:
        print("numpywren: interrupted", file=sys.stderr)
        return 130
    except (ValueError, KeyError, OSError, RuntimeError) as e:
        print(f"numpywren {options.command}: {e.args[0] if isinstance(e, KeyError) else e}", file=sys.stderr)
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
