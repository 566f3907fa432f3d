"""A unit file holds a secret.

## Why is this bad
Every user of the machine can read units (`systemctl cat`) and command lines (`ps`).

## Bad
    Environment=SECRET_KEY=a8f3...

## Good
    EnvironmentFile=/etc/shop/env

## References
- https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#Environment=
- CWE-522, CWE-214
"""

from collections.abc import Iterator

from scanner.facts.secrets import ValueKind
from scanner.facts.units import Units
from scanner.model import Evidence, Finding, Severity, quoted, rule


@rule(severity=Severity.HIGH)
def check(units: Units) -> Iterator[Finding]:
    for unit in units.units:
        for pair in unit.environment:
            if pair.kind is ValueKind.SECRET:
                yield Finding(
                    message=f"{quoted(unit.name)} holds the value of {quoted(pair.key)}: every user of the machine can "
                    f"read it.",
                    location=pair.location,
                    symbol=f"unit {unit.name} {pair.key}",
                    evidence=(Evidence(f"{pair.key}=<{pair.length} characters>", pair.location),),
                )
        for line in unit.execs:
            for key, length in line.secrets:
                yield Finding(
                    message=f"The command of {quoted(unit.name)} holds a secret ({quoted(key)}): every user of the "
                    f"machine can read it.",
                    location=line.location,
                    symbol=f"unit {unit.name} {line.key} {key}",
                    evidence=(Evidence(f"{line.key}: {key} <{length} characters>", line.location),),
                )
