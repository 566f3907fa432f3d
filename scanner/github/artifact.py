"""The result of another run, which may have been written by the author of a pull request: an artifact that is a trap.

It is read in memory, in bounds, and must be exactly one JSON file without a path.
"""

import io
import zipfile
import zlib
from urllib.parse import quote

from scanner.github.api import Api, ApiFailed
from scanner.model import SeatrialError

MAX_ARCHIVE = 4 * 1024 * 1024
MAX_RESULT = 2 * 1024 * 1024
MAX_RATIO = 100
_READS = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, OSError, EOFError, ValueError)


def fetch_result(api: Api, repository: str, run: int, name: str) -> str:
    """The text of the one JSON file in the artifact ``name`` of that run.

    Raises ApiFailed for what GitHub does, SeatrialError for an artifact that is not what it should be.
    """
    listed = api.get(f"/repos/{repository}/actions/runs/{run}/artifacts?per_page=100&name={quote(name, safe='')}").value
    found = [one for one in _artifacts(listed) if one.get("name") == name and one.get("expired") is not True]
    if len(found) != 1:
        many = "no artifact" if not found else f"{len(found)} artifacts"
        raise SeatrialError(f"the run has {many} with the name {name}", "upload the result once, under one name")
    number, size = found[0].get("id"), found[0].get("size_in_bytes")
    if not isinstance(number, int) or not isinstance(size, int) or isinstance(number, bool):
        raise ApiFailed("GitHub's list of artifacts is not what it should be")
    if size > MAX_ARCHIVE:
        raise SeatrialError("the artifact is too large to be a result")
    return unpacked(api.download(f"/repos/{repository}/actions/artifacts/{number}/zip", MAX_ARCHIVE))


def _artifacts(value: object) -> list[dict[str, object]]:
    listed = value.get("artifacts") if isinstance(value, dict) else None
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def unpacked(archive: bytes) -> str:
    """The text of the only file of a zip archive. Raises SeatrialError for everything but one small JSON file."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            entries = opened.infolist()
            if len(entries) != 1:
                raise SeatrialError(f"the artifact has {len(entries)} files and should have one")
            (entry,) = entries
            _check(entry)
            with opened.open(entry) as stream:
                content = stream.read(MAX_RESULT + 1)
    except _READS as error:
        raise SeatrialError(f"the artifact cannot be unpacked ({type(error).__name__})") from None
    if len(content) > MAX_RESULT:
        raise SeatrialError("the result in the artifact is too large")
    return content.decode("utf-8", "replace")


def _check(entry: zipfile.ZipInfo) -> None:
    name = entry.filename
    if not name.endswith(".json") or entry.is_dir() or {"/", "\\", "\0"} & set(name) or ".." in name:
        raise SeatrialError("the artifact holds something other than one JSON file")
    if entry.flag_bits & 1:
        raise SeatrialError("the artifact is encrypted")
    if entry.file_size > MAX_RESULT or entry.file_size > MAX_RATIO * max(entry.compress_size, 1):
        raise SeatrialError("the result in the artifact is too large")
