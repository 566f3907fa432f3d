"""A stand-in for a library that could not be installed and that the settings themselves do not need.

It is made only after the settings have loaded, so that no setting is decided by it: the applications then load, and
their checks and routes can be told. Whatever is taken from the module is a class that can be called and derived from.
"""

import re

from scanner.boot.draft import Draft
from scanner.boot.record import Fault
from scanner.facts.boot_plan import MadeFile

_PLACE = "/seatrial/absent"
_SOURCE = b"""\
class _Anything(type):
    def __getattr__(cls, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Absent


class Absent(metaclass=_Anything):
    def __init__(self, *args, **kwargs):
        pass

    def __call__(self, *args, **kwargs):
        return args[0] if len(args) == 1 and callable(args[0]) and not kwargs else self

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Absent()


def __getattr__(name):
    if name.startswith("__") or name == "default_app_config":
        raise AttributeError(name)
    return Absent
"""


def stand_in(fault: Fault, name: str, draft: Draft, left_out: frozenset[str]) -> Draft | None:
    """The draft with a stand-in for that module; None where it was not left out, or where the settings need it."""
    top = re.sub(r"[-_.]+", "-", name.partition(".")[0]).lower()
    if fault.stage == "settings" or not any(_may_be(top, one) for one in left_out):
        return None
    ready = draft.once(f"absent {name}")
    if ready is None:
        return None
    why = f"{name} could not be installed: a stand-in took its place, the settings do not need it"
    place = f"{_PLACE}/{name.replace('.', '/')}/__init__.py"
    return ready.file(MadeFile(place, _SOURCE, why)).path(_PLACE).note(why)


def _may_be(module: str, distribution: str) -> bool:
    """Whether a distribution of that name is where a module of that name comes from (``django-x`` holds ``x``)."""
    return bool(re.fullmatch(rf"(?:\w+-)?{re.escape(module)}(?:-\w+)?", distribution))
