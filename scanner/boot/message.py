"""One clear message for settings that do not load: what was raised, where, and the one option that would mend it."""

import re

from scanner.boot.draft import Draft
from scanner.boot.failed import BootFailed
from scanner.boot.record import Fault
from scanner.boot.repair import place_of
from scanner.model import Location, clean_block


def failed_boot(fault: Fault, draft: Draft) -> BootFailed:
    """The exception for a fault that could not be repaired."""
    place = place_of(fault, draft)
    where = f" at {place[0]}:{place[1]}" if place else ""
    stage = "did not load" if fault.stage == "settings" else "loaded, but the applications did not"
    text = clean_block(fault.text.replace("\n", " "), 300)
    reason = f"the settings module {draft.plan.settings_module} {stage}: {text}{where}"
    missing = [one for one in draft.plan.notes if "could not be installed" in one or "the index's release" in one]
    if missing:
        reason += f" ({'; '.join(missing[:3])})"
    hint = hint_for(fault)
    if any("could not be installed" in one for one in missing) and "No module named" in fault.text:
        hint = "Set allow-builds: true or use --engine docker where it only has to be built, else use --requirements"
    return BootFailed(reason, hint, Location(*place) if place else None)


def hint_for(fault: Fault) -> str:
    """The option that would mend it."""
    text = " ".join((fault.text, *fault.causes))
    if "No module named" in text or "ModuleNotFoundError" in fault.kind:
        name = re.search(r"No module named ['\"]([\w.]+)", text)
        what = f" ({name.group(1)} is missing)" if name else ""
        return (
            f"Name the file with its dependencies with --requirements{what}, or another settings module with --settings"
        )
    if "SyntaxError" in fault.kind:
        return "Name the Python version with --python where it is valid in another one"
    if re.search(r"KeyError|environment|ImproperlyConfigured|NoneType|ValidationError", fault.kind + text):
        return "Give what it wants with --env NAME=VALUE or --env-file"
    return "Name another settings module with --settings where this is not production's"
