"""The project's code ends the process that loads its settings, or tampers with what that process says.

## Why is this bad
What the settings are is told by a process that runs the project's own code. Where that process ends without a word in
the middle of its record, or the record is not the one that was begun, nobody knows what the settings are, and code
that does so on purpose hides them from review.

## Bad
    if "CI" in os.environ:
        os._exit(0)

## Good
    # settings only assign names; what is missing raises ImproperlyConfigured

## References
- https://docs.djangoproject.com/en/stable/topics/settings/
- CWE-345
"""

from collections.abc import Iterator

from scanner.facts.boot_end import BootEnd
from scanner.model import Evidence, Finding, Location, Proof, Severity, rule


@rule(severity=Severity.CRITICAL)
def check(end: BootEnd) -> Iterator[Finding]:
    if not end.cut_off:
        return
    place = end.settings or Location("manage.py")
    yield Finding(
        message="Loading the settings spoils the record of what they are: something that they import ends the process "
        "or writes into the record.",
        location=place,
        symbol="settings",
        evidence=(Evidence(end.cut_off, place),),
        proof=Proof.PROVEN,
    )
