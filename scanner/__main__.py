"""`python -m scanner` is the same as `seatrial`. The version is told without loading the rest."""

import sys

from scanner import __version__


def main() -> int:
    """Run the command line. Returns the exit code."""
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"seatrial {__version__}\n")
        return 0
    from scanner.cli import main as run  # noqa: PLC0415 - all that a command needs

    return run()


if __name__ == "__main__":
    sys.exit(main())
