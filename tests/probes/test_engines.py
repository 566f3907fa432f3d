"""The probes on real stacks: every engine gives the facts of the recording."""

import contextlib
import dataclasses
import enum
from collections.abc import Mapping

import pytest

from scanner.engine import Facts
from scanner.facts.live_stack import LiveStack
from scanner.model import ControlFailed, Door, Exchange, Layer, Unavailable
from tests.probes.record import started
from tests.probes.recorded import NONCE, facts, recording

ENGINES = [pytest.param(name, marks=getattr(pytest.mark, name)) for name in ("docker", "local")]
# What differs between versions of nginx and moments, not between sites.
PASSING = {"exchange", "exchanges", "home", "headers", "length", "nginx_version", "statuses"}
JOINED = {"SchemeSpoof": ("seen_as",), "ClientAddress": ("forwarded_for", "arrived")}
"""What arrives of a header that is sent twice, by fact."""


def told(value: object, nonce: str) -> object:
    """A fact in plain values, with the recording's nonce."""
    if isinstance(value, Door):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value) if field.name not in PASSING]
        return {name: told(getattr(value, name), nonce) for name in names}
    if isinstance(value, tuple | list | frozenset):
        return [told(one, nonce) for one in value]
    if isinstance(value, str) and not isinstance(value, enum.Enum):
        return value.replace(nonce, NONCE)
    return value


def everything(known: Facts, nonce: str) -> Mapping[str, object]:
    """What every probe says, or why it says nothing."""
    found: dict[str, object] = {}
    for kind in known.kinds(Layer.STACK):
        if not kind.__module__.startswith("scanner.facts.") or kind is LiveStack:
            continue
        try:
            found[kind.__name__] = told(known.get(kind), nonce)
        except (Unavailable, ControlFailed) as error:
            found[kind.__name__] = f"{type(error).__name__}: {error}".replace(nonce, NONCE)
    found.pop("ProxyTest", None)
    return found


@pytest.mark.parametrize("project", ["article-bad", "compose-loop"])
@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_gives_the_recorded_facts(engine: str, project: str) -> None:
    with contextlib.ExitStack() as cleanup:
        known = started(engine, project, cleanup)
        live = known.get(LiveStack)
        found = everything(known, live.nonce)
        asked: tuple[Exchange, ...] = live.sender.finished
    expected = everything(facts(project), NONCE)
    # nginx joins repeated header lines since 1.23, so what arrives of two differs.
    for one in (found, expected):
        for name, fields in JOINED.items():
            fact = one.get(name)
            if isinstance(fact, dict):
                fact["attempts"] = [{**attempt, **dict.fromkeys(fields)} for attempt in fact["attempts"]]
    assert found == expected
    assert len(asked) >= len(recording(project).answers)
