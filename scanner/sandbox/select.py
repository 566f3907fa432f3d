"""Which engine a scan uses."""

from scanner.model import Options
from scanner.sandbox.interface import Engine, EngineUnavailable
from scanner.sandbox.local import LocalEngine
from scanner.sandbox.trusted import TrustedEngine

_KEPT = 24 * 3600.0
"""Seconds after which a stack that was kept counts as forgotten."""


def choose(name: str, options: Options) -> tuple[Engine | None, list[str]]:
    """The engine of that name (``auto``, ``docker``, ``local``, ``none``) and, line by line, why it is that one.

    ``auto`` takes the Docker Engine if one answers, else the local engine. Where there is none, the lines tell what was
    tried and what can be done; the project's code then runs unprotected if the user calls it trusted, else not at all.
    """
    reasons: list[str] = []
    lifetime = _KEPT if options.keep_stack else options.timeout
    if name == "none":
        return None, ["no engine was asked for (--engine none)"]
    for candidate in ("docker", "local"):
        if name not in {"auto", candidate}:
            continue
        try:
            engine, lines = _docker(lifetime) if candidate == "docker" else _local(lifetime)
        except EngineUnavailable as refused:
            hint = f": {refused.hint}" if refused.hint else ""
            reasons.append(f"{candidate}: {refused.message}{hint}")
        else:
            return engine, [*reasons, *lines]
    if options.trusted:
        reasons.append("without a sandbox, as --trusted asks: the stack is not started")
        return TrustedEngine(lifetime), reasons
    return None, reasons


def _docker(lifetime: float) -> tuple[Engine, list[str]]:
    from scanner.sandbox.docker import DockerEngine  # noqa: PLC0415 - heavy: a scan on the local engine needs no SDK

    engine = DockerEngine(lifetime)
    return engine, [_using(engine), *engine.swept]


def _local(lifetime: float) -> tuple[Engine, list[str]]:
    engine = LocalEngine(lifetime)
    return engine, [_using(engine)]


def _using(engine: Engine) -> str:
    """Which engine answers. Raises EngineUnavailable, with the engine closed."""
    try:
        return f"using the {engine.name} engine ({engine.check()})"
    except EngineUnavailable:
        engine.close()
        raise
