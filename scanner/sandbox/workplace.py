"""The temporary directory of one engine: private, dated, and removed even if the process that made it was killed."""

import os
import re
import secrets
import shutil
import stat
import tempfile
import threading
import time
from pathlib import Path

from scanner.sandbox.interface import EngineFailed
from scanner.sandbox.staging import Entry

GRACE = 600
"""Seconds beyond a scan's own limit after which what it left counts as forgotten."""
_NAME = re.compile(r"seatrial-[0-9a-f]{8}-(?P<expires>\d{10})")


class Workplace:
    """Has an identity (8 hex digits), a time of expiry, and a directory that is made on first use."""

    def __init__(self, lifetime: float) -> None:
        self.id = secrets.token_hex(4)
        self.expires = int(time.time() + lifetime) + GRACE
        self._path: Path | None = None
        # The images of several processes are made at the same time.
        self._making = threading.Lock()

    @property
    def path(self) -> Path:
        """The directory. Raises EngineFailed where none can be made."""
        with self._making:
            if self._path is None:
                path = Path(tempfile.gettempdir()) / f"seatrial-{self.id}-{self.expires}"
                try:
                    path.mkdir(mode=0o700)
                except OSError as error:
                    raise disk(error) from error
                self._path = path
            return self._path

    def remove(self) -> None:
        """Remove the directory with all that is in it. Safe to call twice."""
        path, self._path = self._path, None
        if path is not None:
            remove_tree(path)


def remove_tree(path: Path) -> None:
    """Remove a directory, also where permissions of its own stand in the way."""
    shutil.rmtree(path, ignore_errors=True)
    if path.exists():
        for directory, _, _ in os.walk(path):
            os.chmod(directory, 0o700)  # noqa: PTH101 - os.walk gives text
        shutil.rmtree(path, ignore_errors=True)


def sweep() -> int:
    """Remove directories of ours that killed scans left behind; how many there were."""
    count = 0
    for path in Path(tempfile.gettempdir()).glob("seatrial-*"):
        match = _NAME.fullmatch(path.name)
        if match is None or int(match["expires"]) > time.time():
            continue
        status = path.lstat()
        if stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid():
            remove_tree(path)
            count += 1
    return count


def lay_out(entries: list[Entry], root: Path, owner: int | None = None) -> None:
    """Write entries below ``root`` with their modes; later ones win. Raises EngineFailed."""
    try:
        for entry in entries:
            path = root / entry.target.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            if entry.link is not None:
                path.unlink(missing_ok=True)
                path.symlink_to(entry.link)
            elif entry.source is None and entry.content is None:
                path.mkdir(exist_ok=True)
            else:
                path.unlink(missing_ok=True)
                path.write_bytes(entry.read())
                path.chmod(entry.mode)
            if owner is not None:
                os.chown(path, owner, owner, follow_symlinks=False)
    except OSError as error:
        raise disk(error) from error


def disk(error: OSError) -> EngineFailed:
    """What a failed write on this machine means."""
    place = error.filename or tempfile.gettempdir()
    return EngineFailed(
        f"cannot write {place}: {error.strerror}", "free some space there, or set TMPDIR to another directory"
    )
