"""The layers of a scan, one after the other: what each obtained, and why it failed where it did."""

import contextlib
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import FrameType
from typing import TypeVar

from scanner.config import Config
from scanner.engine import BrokenProvider, Facts
from scanner.facts.boot_plan import BootPlan
from scanner.facts.live_stack import LiveStack
from scanner.facts.proxy_test import MessageClass, ProxyTest
from scanner.facts.settings import Settings
from scanner.facts.suppressions import RuleBook
from scanner.facts.unreadable import UnreadableFiles
from scanner.model import (
    ControlFailed,
    Layer,
    LayerReport,
    LayerStatus,
    Progress,
    ProviderSpec,
    Rule,
    Unavailable,
)
from scanner.project import Checkout
from scanner.sandbox.interface import Engine

T = TypeVar("T")


class TimeUp(BaseException):
    """The scan's time is over. Not an Exception: no provider may take it for a fault of its own."""


@dataclass(frozen=True)
class Kit:
    """What all projects of one scan share."""

    config: Config
    progress: Progress
    engine: Engine | Unavailable
    engine_notes: tuple[str, ...]
    providers: Mapping[type, ProviderSpec]
    rules: tuple[Rule, ...]
    book: RuleBook
    deadline: float
    """On the monotonic clock."""


def known(facts: Facts, kind: type[T]) -> T | None:
    """A fact, or None where it cannot be had."""
    try:
        return facts.get(kind)
    except (Unavailable, ControlFailed, BrokenProvider):
        return None


def run_layers(facts: Facts, kit: Kit) -> tuple[LayerReport, ...]:
    """Run the layers that were asked for, until the deadline; every fact is then made or known to be missing."""
    reports = []
    for layer in Layer:
        begun = time.monotonic()
        if layer not in kit.config.layers:
            status, detail = LayerStatus.NOT_RUN, "not asked for"
        else:
            status, detail = _run_layer(layer, facts, kit)
        reports.append(
            LayerReport(
                name=layer,
                status=status,
                detail=detail,
                seconds=round(time.monotonic() - begun, 3),
                asked_for=layer in kit.config.layers,
                allowed_to_miss=not kit.config.missing_layer_fails or kit.config.engine == "none",
                notes=_notes(layer, facts, kit) if layer in kit.config.layers else (),
            )
        )
    return tuple(reports)


def _run_layer(layer: Layer, facts: Facts, kit: Kit) -> tuple[LayerStatus, str]:
    try:
        with _until(kit.deadline):
            match layer:
                case Layer.FILES:
                    return _files(facts)
                case Layer.BOOT:
                    return _boot(facts, kit)
                case Layer.STACK:
                    return _stack(facts, kit)
    except TimeUp:
        reason = f"stopped after {kit.config.options.timeout:.0f} s (--timeout)"
        facts.stop(reason)
        return LayerStatus.FAILED, reason


@contextlib.contextmanager
def _until(deadline: float) -> Iterator[None]:
    """Raise TimeUp in the block when the deadline passes."""

    def over(_number: int, _frame: FrameType | None) -> None:
        raise TimeUp

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, max(0.001, deadline - time.monotonic()))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _obtain_all(facts: Facts, layer: Layer) -> tuple[str, ...]:
    """Make every fact of a layer; what broke, one line each."""
    broken = []
    for kind in facts.kinds(layer):
        try:
            facts.get(kind)
        except (Unavailable, ControlFailed):
            continue
        except BrokenProvider as error:
            broken.append(str(error))
    return tuple(dict.fromkeys(broken))


def _files(facts: Facts) -> tuple[LayerStatus, str]:
    broken = _obtain_all(facts, Layer.FILES)
    if broken:
        return LayerStatus.FAILED, "; ".join(broken)
    recorded = known(facts, UnreadableFiles)
    unreadable = recorded.files if recorded else ()
    if unreadable:
        told = "; ".join(f"{path}: {why}" for path, why in unreadable[:5])
        more = f" and {len(unreadable) - 5} more" if len(unreadable) > 5 else ""
        return LayerStatus.FAILED, f"could not be read: {told}{more}"
    return LayerStatus.RAN, f"{len(facts.get(Checkout).files)} files"


def _boot(facts: Facts, kit: Kit) -> tuple[LayerStatus, str]:
    if isinstance(kit.engine, Unavailable):
        return LayerStatus.NOT_RUN, kit.engine.reason
    try:
        settings = facts.get(Settings)
    except (Unavailable, ControlFailed, BrokenProvider) as error:
        return LayerStatus.FAILED, _reason(error)
    broken = _obtain_all(facts, Layer.BOOT)
    if broken:
        return LayerStatus.FAILED, "; ".join(broken)
    count = len(settings.placeholders)
    invented = f", {count} placeholder{'s' if count != 1 else ''}" if count else ""
    return (
        LayerStatus.RAN,
        f"{settings.module}, Python {settings.python_version}, Django {settings.django_version}{invented}",
    )


def _stack(facts: Facts, kit: Kit) -> tuple[LayerStatus, str]:
    if isinstance(kit.engine, Unavailable):
        return LayerStatus.NOT_RUN, kit.engine.reason
    try:
        stack = facts.get(LiveStack)
    except (Unavailable, ControlFailed, BrokenProvider) as error:
        return LayerStatus.FAILED, _reason(error)
    kit.progress.step("probing")
    broken = _obtain_all(facts, Layer.STACK)
    if broken:
        return LayerStatus.FAILED, "; ".join(broken)
    if not stack.app_ready:
        return LayerStatus.FAILED, f"the application did not start: {stack.app_error}"
    refused = _refused(known(facts, ProxyTest))
    if refused:
        return LayerStatus.FAILED, f"{refused}; the application was asked behind our own proxy"
    failed = _failed_controls(facts)
    if failed:
        return LayerStatus.FAILED, "; ".join(failed[:3])
    return LayerStatus.RAN, f"{stack.engine} engine, {stack.site.name}"


def _refused(test: ProxyTest | None) -> str:
    """Why the project's own proxy did not run, where nginx was asked; empty where it ran."""
    if test is None or (test.accepted and not test.our_cause):
        return ""
    if test.our_cause:
        return test.our_cause
    said = next((one for one in test.messages if one.kind is MessageClass.FINDING), None)
    place = f" {said.location}" if said and said.location else " the project's configuration"
    return f"nginx refuses{place}: {said.text}" if said else f"nginx refuses{place}"


def _failed_controls(facts: Facts) -> tuple[str, ...]:
    """Controls of probes that failed: the stack is broken somewhere."""
    failed = []
    for kind in facts.kinds(Layer.STACK):
        try:
            facts.get(kind)
        except ControlFailed as error:
            failed.append(error.detail)
        except (Unavailable, BrokenProvider):
            continue
    return tuple(dict.fromkeys(failed))


def _reason(error: Unavailable | ControlFailed | BrokenProvider) -> str:
    match error:
        case Unavailable():
            return error.reason
        case ControlFailed():
            return error.detail
        case BrokenProvider():
            return str(error)


def _notes(layer: Layer, facts: Facts, kit: Kit) -> tuple[str, ...]:
    match layer:
        case Layer.FILES:
            return ()
        case Layer.BOOT:
            plan = known(facts, BootPlan)
            return (*kit.engine_notes, *(plan.choices if plan else ()))
        case Layer.STACK:
            stack = known(facts, LiveStack)
            return (*stack.notes, f"{len(stack.sender.finished)} exchanges") if stack else ()
