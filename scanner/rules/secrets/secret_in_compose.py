"""A Compose file holds a secret.

## Why is this bad
The file is committed, so everyone who can read the repository has the value; `docker inspect` shows it, too.

## Bad
    environment:
      SECRET_KEY: a8f3...

## Good
    # with the variable's own name, and a new value: the old one was committed
    environment:
      SECRET_KEY: ${SECRET_KEY:?}

## References
- https://docs.docker.com/compose/how-tos/use-secrets/
- CWE-522, CWE-798
"""

from collections.abc import Iterator

from scanner.facts.compose import Compose
from scanner.facts.secrets import ValueKind
from scanner.model import Evidence, Finding, Severity, quoted, rule


@rule(severity=Severity.HIGH)
def check(compose: Compose) -> Iterator[Finding]:
    seen = set()
    for project in compose.projects:
        for service in project.services:
            for variable in service.variables:
                if variable.kind is not ValueKind.SECRET or variable.default_credential:
                    continue
                key = (variable.location, variable.key)
                if key in seen:  # the same file may belong to several sets
                    continue
                seen.add(key)
                where = "as the default of a variable" if variable.default_only else f"in its {variable.where}"
                yield Finding(
                    message=f"The service {quoted(service.name)} holds a value of {quoted(variable.key)} {where}.",
                    location=variable.location,
                    symbol=f"service {service.name} {variable.key}",
                    evidence=(Evidence(f"{variable.key}: <{variable.length} characters>", variable.location),),
                    severity=Severity.MEDIUM if variable.default_only else Severity.HIGH,
                )
