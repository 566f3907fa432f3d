"""Starts the stack, once, and tells what became of it: the facts ``LiveStack`` and ``ProxyTest``."""

import contextlib
import dataclasses
from dataclasses import dataclass

from scanner.facts.boot_plan import BootPlan
from scanner.facts.live_stack import LiveStack
from scanner.facts.proxy_test import Message, MessageClass, ProxyTest
from scanner.model import (
    ControlFailed,
    Door,
    Layer,
    Location,
    NotApplicable,
    Options,
    Progress,
    Unavailable,
    provider,
)
from scanner.project import Project
from scanner.sandbox.interface import Engine, EngineFailed, Installed, Network, Running
from scanner.stack.app_plan import AppPlan, NoApp
from scanner.stack.certificates import Authority
from scanner.stack.failure import app_error
from scanner.stack.group import Surroundings, checking_process, group_of
from scanner.stack.nginx_directives import NginxBuild
from scanner.stack.nginx_test import Context, Saying, build_of, judged, judged_all, sayings
from scanner.stack.overlay import ProxyRoot, project_root, reference_root
from scanner.stack.placement import PROBER_ADDRESS, Placement
from scanner.stack.plan import StackPlan
from scanner.stack.proxy_plan import NoProxy, ProxyPlan
from scanner.stack.readiness import Readiness, Waiter, candidates_of
from scanner.stack.repairs import Repairs, apply, repaired
from scanner.stack.sender import ProberSetup, WireSender
from scanner.stack.site import reference_doors

_ROUNDS = 3
_NOT_OUR_DOING = ("seatrial: cannot start", "seatrial: the engine does not see")
"""What the launcher says when it cannot start the server: without the probe application it could not, either."""


class StackFailed(Unavailable):
    """The stack could not be started; the layer failed."""


@dataclass(frozen=True)
class Session:
    """What became of the start."""

    live: LiveStack
    test: ProxyTest | None
    """None: there is no proxy configuration that could be tested."""


@provider(layer=Layer.STACK)
def live_stack(session: Session) -> LiveStack:
    """The running stack."""
    return session.live


@provider(layer=Layer.STACK)
def proxy_test(session: Session) -> ProxyTest:
    """What nginx says of the project's configuration."""
    if session.test is None:
        raise NotApplicable("no proxy configuration is started")
    return session.test


@provider(layer=Layer.STACK)
def session(
    plan: StackPlan,
    project: Project,
    options: Options,
    engine: Engine,
    progress: Progress,
    boot: BootPlan,
    installed: Installed,
    cleanup: contextlib.ExitStack,
) -> Session:
    """Start the stack. It is stopped with ``cleanup``. Raises StackFailed when the engine cannot start it at all."""
    around = Surroundings(project, options, boot, installed, plan.nonce)
    try:
        return Starter(plan, around, engine, progress, cleanup).run()
    except EngineFailed as error:
        raise StackFailed(f"{error.message}{f'; {error.hint}' if error.hint else ''}") from error
    except ControlFailed as error:
        raise StackFailed(error.detail) from error


@dataclass(frozen=True)
class Started:
    """One group that was started."""

    running: Running
    sender: WireSender
    readiness: Readiness
    log: str
    """The proxy's output."""
    hooked: bool


class Starter:
    """The start of one plan: the project's proxy first, repaired if need be, else ours."""

    def __init__(
        self, plan: StackPlan, around: Surroundings, engine: Engine, progress: Progress, cleanup: contextlib.ExitStack
    ) -> None:
        self.plan = plan
        self.around = around
        self.engine = engine
        self.progress = progress
        self.cleanup = cleanup
        self.authority = Authority.make(plan.nonce)
        self.names = plan.certificate_names

    def run(self) -> Session:
        """Start, wait, tell."""
        self.progress.step("starting the project behind its proxy")
        match self.plan.proxy:
            case NoProxy(why):
                root, doors = self._reference()
                started = self._start(root, self.plan.fallback, doors, own=False)
                return Session(self._live(started, root, self.plan.fallback, doors, own=False, notes=(why,)), None)
            case ProxyPlan() as proxy:
                return self._own(proxy)

    def _own(self, proxy: ProxyPlan) -> Session:
        root = project_root(
            proxy.source.sources,
            proxy.source.tree,
            proxy.needs,
            self.authority,
            self.names,
            proxy.canaries,
            image=proxy.source.image,
            links=self.plan.links,
        )
        placement, doors = self.plan.placement, self.plan.doors
        started = self._start(root, placement, doors, own=True)
        build = build_of(started.log) or NginxBuild("", "")
        context = _context(proxy, root, build)
        if not started.readiness.proxy_ended:
            messages = judged_all(sayings(started.log), context)
            test = ProxyTest(accepted=True, messages=_telling(messages), nginx_version=build.version, stubs=root.stubs)
            return Session(self._live(started, root, placement, doors, own=True), test)
        started.running.stop()
        return self._refused(proxy, root, placement, context, started.log)

    def _refused(self, proxy: ProxyPlan, root: ProxyRoot, placement: Placement, context: Context, log: str) -> Session:
        """nginx does not start: repair what is not the project's fault, at most three times."""
        repairs = Repairs({})
        trouble = self._trouble(log, context)
        for _ in range(_ROUNDS):
            more = None if trouble is None else repaired(repairs, *trouble, proxy.source.placed, context.build)
            if more is None:
                break
            repairs = more
            hosts = {**placement.hosts, **dict.fromkeys(repairs.hosts, "127.0.0.1")}
            placement = dataclasses.replace(placement, hosts=hosts)
            process = checking_process(apply(repairs, root), self.around.options.nginx_image)
            done = self.engine.run(process, Network(placement.addresses, placement.hosts))
            log = (done.stdout + done.stderr).decode("utf-8", "replace")
            trouble = self._trouble(log, context)
            if trouble is None and done.exit_code == 0:
                return self._repaired(repairs, root, placement, context)
        return self._without(proxy, apply(repairs, root), context, log)

    def _repaired(self, repairs: Repairs, root: ProxyRoot, placement: Placement, context: Context) -> Session:
        mended = apply(repairs, root)
        started = self._start(mended, placement, self.plan.doors, own=True)
        messages = judged_all(sayings(started.log), context)
        if started.readiness.proxy_ended:
            started.running.stop()
            raise StackFailed(
                f"nginx passes its test and then ends: {messages[-1].text if messages else 'without a word'}"
            )
        told = (*_not_checked(repairs), *_telling(messages))
        test = ProxyTest(accepted=True, messages=told, nginx_version=context.build.version, stubs=mended.stubs)
        return Session(self._live(started, mended, placement, self.plan.doors, own=True), test)

    def _without(self, proxy: ProxyPlan, root: ProxyRoot, context: Context, log: str) -> Session:
        """The project's configuration does not start: the application is asked behind our own proxy."""
        messages = judged_all(sayings(log), context)
        fatal = [one for one in messages if one.level in {"emerg", "crit", "alert"}]
        refused = any(one.kind is MessageClass.FINDING for one in fatal)
        said = _told(fatal[0]) if fatal else "no message"
        name = proxy.configuration.name
        ours = f"cannot start {name} in the sandbox: {said}. This is a limit of Seatrial, not of your file"
        test = ProxyTest(
            accepted=False,
            messages=_telling(messages),
            nginx_version=context.build.version,
            stubs=root.stubs,
            our_cause="" if refused else ours,
        )
        reference, doors = self._reference()
        started = self._start(reference, self.plan.fallback, doors, own=False)
        note = test.our_cause or f"nginx refuses {name}: {said}"
        return Session(self._live(started, reference, self.plan.fallback, doors, own=False, notes=(note,)), test)

    def _reference(self) -> tuple[ProxyRoot, tuple[Door, ...]]:
        """Our own proxy in front of where the application listens."""
        upstream, uwsgi = "127.0.0.1:8000", False
        if isinstance(self.plan.app, AppPlan):
            uwsgi = self.plan.app.command.uwsgi
            bind = next(iter(self.plan.app.command.binds), None)
            if bind is not None and bind.path is not None:
                upstream = f"unix:{bind.path}"
            elif bind is not None:
                upstream = f"127.0.0.1:{bind.port}" if bind.wildcard or bind.loopback else str(bind)
        return reference_root(upstream, self.authority, self.names, uwsgi=uwsgi), reference_doors()

    def _start(self, root: ProxyRoot, placement: Placement, doors: tuple[Door, ...], *, own: bool) -> Started:
        """Start, and once more without the probe application if it does not come up with it."""
        started = self._once(root, placement, doors, own=own, hooked=True)
        if not started.readiness.app_ended or any(text in started.running.logs("app") for text in _NOT_OUR_DOING):
            return started
        self.progress.step("starting the project without the probe application")
        started.running.stop()
        return self._once(root, placement, doors, own=own, hooked=False)

    def _once(
        self, root: ProxyRoot, placement: Placement, doors: tuple[Door, ...], *, own: bool, hooked: bool
    ) -> Started:
        app = self.plan.app if isinstance(self.plan.app, AppPlan) else None
        running = self.engine.start(group_of(root, app, placement, self.around, hooked=hooked))
        self.cleanup.callback(running.stop)
        sender = WireSender(running.wire("prober"))
        client = self.authority.leaf(("seatrial prober",), client=True)
        sender.setup(
            ProberSetup(self.authority.ca_pem, PROBER_ADDRESS, (client.certificate + client.key).decode("ascii"))
        )
        candidates = candidates_of(self.plan, own_proxy=own, doors=doors)
        waiter = Waiter(self.plan, running, sender, candidates, self.around.options.start_timeout)
        readiness = waiter.wait(doors)
        return Started(running, sender, readiness, running.logs("proxy"), hooked)

    @staticmethod
    def _trouble(log: str, context: Context) -> tuple[Saying, Message] | None:
        """The message because of which nginx does not start, and its class."""
        for one in sayings(log):
            message = judged(one, context)
            if one.fatal and message.kind is not MessageClass.HARMLESS:
                return one, message
        return None

    def _live(
        self,
        started: Started,
        root: ProxyRoot,
        placement: Placement,
        doors: tuple[Door, ...],
        *,
        own: bool,
        notes: tuple[str, ...] = (),
    ) -> LiveStack:
        plan, app = self.plan, self.plan.app
        canaries = (
            *(plan.proxy.canaries if own and isinstance(plan.proxy, ProxyPlan) else ()),
            *(app.canaries if isinstance(app, AppPlan) else ()),
        )
        changes = app.command.changes if isinstance(app, AppPlan) else ()
        return LiveStack(
            engine=self.engine.name,
            site=plan.site if own else dataclasses.replace(plan.site, edge=type(plan.site.edge).NONE),
            doors=doors,
            nonce=plan.nonce,
            canaries=canaries,
            stubs=(*plan.stubs, *root.stubs),
            placement=placement.kind,
            same_as_target=placement.same_as_target,
            prober_address=PROBER_ADDRESS,
            own_proxy=own,
            app_ready=started.readiness.app,
            app_error=self._app_error(started),
            proxy_ready=started.readiness.proxy,
            instrumented=started.hooked and started.readiness.app,
            static_url=plan.static_url,
            media_url=plan.media_url,
            app_addresses=tuple(str(bind) for bind in app.command.binds if bind.port)
            if isinstance(app, AppPlan)
            else (),
            notes=(*notes, *plan.notes, *_command_notes(app), *changes, placement.reason),
            sender=started.sender,
        )

    def _app_error(self, started: Started) -> str:
        if started.readiness.app:
            return ""
        if isinstance(self.plan.app, NoApp):
            return self.plan.app.why
        boot: BootPlan = self.around.boot
        if started.readiness.app_ended or not started.readiness.why_not:
            how = started.readiness.why_not
            return f"{app_error(started.running.logs('app'), boot)}{f' ({how})' if how else ''}"
        return started.readiness.why_not


def _command_notes(app: AppPlan | NoApp) -> tuple[str, ...]:
    if isinstance(app, NoApp):
        return ()
    where = f" ({app.command.location})" if app.command.location else ""
    return (f"started with `{' '.join(app.command.argv)}`: {app.command.reason}{where}",)


def _told(message: Message) -> str:
    return f"{message.text} ({message.location})" if message.location else message.text


def _telling(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    return tuple(one for one in messages if one.kind is not MessageClass.HARMLESS)


def _not_checked(repairs: Repairs) -> tuple[Message, ...]:
    return tuple(
        Message("emerg", f"not checked: {item.text[:200]}: {why}", item.location, MessageClass.NOT_CHECKED)
        for item, why in repairs.blanked.values()
    )


def _context(proxy: ProxyPlan, root: ProxyRoot, build: NginxBuild) -> Context:
    def place_of(text: str) -> Location | None:
        for parsed in proxy.source.placed.values():
            waiting = list(parsed.directives)
            while waiting:
                item = waiting.pop(0)
                if parsed.path and (text in item.args or any(text in word for word in item.args)):
                    return item.location
                waiting = [*(item.block or ()), *waiting]
        return None

    return Context(build, root.sources, root.complete, place_of)
