"""What we say stands in a server's own files, against the files of the server at hand."""

from pathlib import Path

import pytest

from scanner.nginx.known import KNOWN_FILES
from scanner.nginx.tree import parse, walk

HERE = Path("/etc/nginx")
NAMES = [name for name in KNOWN_FILES if any((folder / name).is_file() for folder in (HERE, HERE / "snippets"))]
# These differ by version: Debian adds HTTP_HOST, newer releases add REMOTE_USER, the list of types grows.
MAY_DIFFER = {"HTTP_HOST", "REMOTE_USER", "Host"}


def rows(name: str) -> set[tuple[str, ...]]:
    path = next(folder / name for folder in (HERE, HERE / "snippets") if (folder / name).is_file())
    return {(item.name, *item.args) for item in walk(parse(path.read_text(), name).directives)}


@pytest.mark.skipif(not NAMES, reason="no nginx of a distribution is installed here")
@pytest.mark.parametrize("name", [name for name in NAMES if name not in {"mime.types", "fastcgi-php.conf"}])
def test_a_known_file_is_as_the_server_has_it(name: str) -> None:
    ours = {row for row in KNOWN_FILES[name] if row[1] not in MAY_DIFFER}
    assert ours == {row for row in rows(name) if row[1] not in MAY_DIFFER}


@pytest.mark.skipif("mime.types" not in NAMES, reason="no nginx of a distribution is installed here")
def test_the_types_that_matter_are_the_servers() -> None:
    served = {(suffix, row[0]) for row in rows("mime.types") for suffix in row[1:]}
    ours = {(suffix, row[0]) for row in KNOWN_FILES["mime.types"] for suffix in row[1:]}
    dangerous = {"html", "htm", "shtml", "svg", "svgz", "xml", "js", "xhtml", "css", "pdf"}
    assert {pair for pair in ours if pair[0] in dangerous} == {pair for pair in served if pair[0] in dangerous}
