"""Settings or deployment files cannot be read in the checkout.

## Why is this bad
What a link, a submodule, a Git LFS pointer or `export-ignore` keeps out of a checkout or an archive is not reviewed,
not scanned, and yet deployed by whoever has it.

## Bad
    # .gitattributes
    shop/settings/production.py export-ignore

## Good
    # the files that run in production are ordinary files of the repository

## References
- https://git-scm.com/docs/gitattributes#_creating_an_archive
- https://git-scm.com/docs/gitsubmodules
- CWE-693
"""

from collections.abc import Iterator

from scanner.facts.hidden_files import HiddenFile, HiddenFiles
from scanner.model import Evidence, Finding, Severity, quoted, rule

_WHY = {
    "symlink": "is a link that leaves the repository: what it leads to is not read",
    "submodule": "is a submodule: nothing in it is read",
    "lfs": "is a Git LFS pointer: the file itself is not there",
    "export-ignore": "is left out of archives by `export-ignore`",
}


@rule(severity=Severity.MEDIUM)
def check(hidden: HiddenFiles) -> Iterator[Finding]:
    for one in hidden.files:
        yield Finding(
            message=f"{quoted(one.path)} {_WHY[one.how]}.",
            location=one.location,
            symbol=f"file {one.path}",
            evidence=(Evidence(_evidence(one), one.location),),
        )


def _evidence(one: HiddenFile) -> str:
    return f"{one.how}: {one.path}"
