"""Trusted code in a plain process."""

import sys
from pathlib import Path

from scanner.sandbox.interface import Installed, Process, Tmpfs
from scanner.sandbox.trusted import TrustedEngine


def test_an_environment_below_a_directory_of_the_sandbox_is_found(tmp_path: Path) -> None:
    """The cache may lie under /tmp, which the process gets a private one of."""
    binaries = Path("/tmp") / f"seatrial-test-{tmp_path.name}" / "bin"
    binaries.mkdir(parents=True, exist_ok=True)
    (binaries / "python").unlink(missing_ok=True)
    (binaries / "python").symlink_to(sys.executable)
    engine = TrustedEngine()
    try:
        base = Installed("trusted", str(binaries.parent), "/opt/seatrial/env/bin/python", "3.13.0")
        done = engine.run(Process("boot", base, ("python", "-c", "print('found')"), tmpfs=(Tmpfs("/tmp"),)))
    finally:
        engine.close()
        (binaries / "python").unlink()
        binaries.rmdir()
        binaries.parent.rmdir()
    assert (done.exit_code, done.stdout) == (0, b"found\n"), done.stderr
