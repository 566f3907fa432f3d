"""The way of a request, as a line of text and as a Mermaid diagram.

The diagram's source is built, never templated, and its labels hold an allow-list of characters: everything else becomes
an entity of Mermaid, which disarms quotes, brackets, HTML, ``%%{init}%%`` and ``click``.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scanner.model import Hop, ProjectReport, Severity
from scanner.reports.markdown import Markdown, constant, fence, joined, text
from scanner.reports.reading import ICONS, MAX_STORES, stations

MAX_NODES = 12
MAX_LINKS = 16
MAX_FAULTS = 3
MAX_LABEL = 48
MAX_SOURCE = 3000

_PLAIN = re.compile(r"[A-Za-z0-9 ./:_\-,()=*@+~]")
_SHAPES = {"client": '(["{}"])', "store": '[("{}")]'}


@dataclass(frozen=True)
class Pin:
    """A numbered finding at a hop."""

    number: int
    severity: Severity
    rule: str
    blocks: bool


Pins = Mapping[str, Sequence[Pin]]
NOWHERE = ""
"""The key of the pins that belong to no hop."""


def line(project: ProjectReport, pins: Pins) -> Markdown | None:
    """``client → nginx (🟠 2) → Django (🔴 1) → PostgreSQL, Redis``, or None when the path is not known.

    Every pin is counted: those of stores that are not named after ``and 2 more``, those of no hop at the end.
    """
    way, stores = stations(project)
    if not way:
        return None
    words = [joined((text(_short(hop.label)), _faults(pins.get(hop.id, ())))) for hop in way]
    if stores:
        named = joined(
            (joined((text(_short(hop.label)), _faults(pins.get(hop.id, ())))) for hop in stores[:MAX_STORES]), ", "
        )
        others = [pin for hop in stores[MAX_STORES:] for pin in pins.get(hop.id, ())]
        rest = len(stores) - MAX_STORES
        more = joined((constant(f" and {rest} more"), _faults(others))) if rest > 0 else constant("")
        words.append(joined((named, more)))
    whole = joined(words, " → ")
    elsewhere = pins.get(NOWHERE, ())
    return joined((whole, constant("; elsewhere"), _faults(elsewhere))) if elsewhere else whole


def diagram(project: ProjectReport, pins: Pins) -> Markdown | None:
    """A ``mermaid`` fence, or None when nothing is pinned or the diagram would be too large to be read."""
    hops, links = project.request_path.hops, project.request_path.links
    if not any(pins.get(hop.id) for hop in hops) or len(hops) > MAX_NODES or len(links) > MAX_LINKS:
        return None
    ids = {hop.id: f"n{index}" for index, hop in enumerate(hops)}
    source = ["flowchart LR", *(f"  {ids[hop.id]}{_node(hop, pins.get(hop.id, ()))}" for hop in hops)]
    for each in links:
        if each.source in ids and each.target in ids:
            label = f'|"{_label(each.label)}"|' if each.label.strip() else ""
            source.append(f"  {ids[each.source]} -->{label} {ids[each.target]}")
    blocking = [ids[hop.id] for hop in hops if any(pin.blocks for pin in pins.get(hop.id, ()))]
    unseen = [ids[hop.id] for hop in hops if not hop.started]
    if blocking:
        source += ["  classDef blocks stroke:#d1242f,stroke-width:3px", f"  class {','.join(blocking)} blocks"]
    if unseen:
        source += ["  classDef unseen stroke-dasharray:4 4", f"  class {','.join(unseen)} unseen"]
    made = "\n".join(source)
    return fence(made, "mermaid") if len(made) <= MAX_SOURCE else None


def _faults(pins: Sequence[Pin]) -> Markdown:
    if not pins:
        return constant("")
    shown = ", ".join(f"{ICONS[pin.severity]} {pin.number}" for pin in pins[:MAX_FAULTS])
    rest = len(pins) - MAX_FAULTS
    return constant(f" ({shown}{f', +{rest}' if rest > 0 else ''})")


def _node(hop: Hop, pins: Sequence[Pin]) -> str:
    lines = [_label(hop.label) or "?"]
    if hop.path:
        lines.append(_label(hop.path))
    lines += [f"{ICONS[pin.severity]} {pin.number} {_label(pin.rule)}" for pin in pins[:MAX_FAULTS]]
    if len(pins) > MAX_FAULTS:
        lines.append(f"+{len(pins) - MAX_FAULTS}")
    return _SHAPES.get(hop.kind, '["{}"]').format("<br/>".join(lines))


def _short(label: str) -> str:
    words = " ".join(label.split())
    half = (MAX_LABEL - 1) // 2
    return words if len(words) <= MAX_LABEL else f"{words[:half]}…{words[-half:]}"


def _label(words: str) -> str:
    """A label's text. Two traps that entities do not stop, because they are decoded first: formulas and icons."""
    tame = _short(words).replace("$", "＄").replace(":fa-", ": fa-").replace("fa:", "fa :")  # noqa: RUF001 - U+FF04
    return "".join(
        character if _PLAIN.match(character) or ord(character) > 0x2100 else f"#{ord(character)};" for character in tame
    )
