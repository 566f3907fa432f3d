"""The reports that every renderer renders. The texts of `hostile` are what an attacker would put there."""

from collections.abc import Callable

from scanner.model import (
    Comparison,
    ComparisonStatus,
    Errored,
    Evidence,
    Failed,
    Finding,
    Fix,
    FixedFinding,
    Gate,
    Hop,
    Layer,
    LayerReport,
    LayerStatus,
    Link,
    Location,
    Outcome,
    Passed,
    PendingSuppression,
    Placeholder,
    ProjectReport,
    Proof,
    ReasonKind,
    Report,
    RequestPath,
    RuleResult,
    Run,
    ScopeClass,
    Scoped,
    Severity,
    Skipped,
    Summary,
    Target,
    Verdict,
    Waiver,
    clean_block,
    quoted,
)

Compare = Callable[[str, str, str], None]
"""What the fixture `golden` is: sample, name of the file, text."""

HEAD = "9f3c1ab27de04c5b8e6f0a1d2c3b4a5968778695"
BASE = "71ce0024b9d8a7f6e5d4c3b2a1908f7e6d5c4b3a"
RULES = "https://github.com/acme/seatrial/blob/v0.1.0/docs/rules/"
HOSTILE = (
    "<script>alert(1)</script> --> <!-- seatrial:v1 key=shop --> ``` `` | \\| @everyone #1 https://evil.example"
    " www.evil.example ::error::x ##[error]x %0A \x1b[31m \x1b]8;;https://evil.example\x1b\\ \u202e \u200b \ufffe"
    " \ud800 ]]> $$x$$ fa:fa-ban {{ 7*7 }} [a](javascript:alert(1)) ![i](https://evil.example/i.png)"
    " <img src=x onerror=alert(1)> &lt; </details>\n::error::line\n# head"
)


def scoped(
    message: str,
    place: Location,
    symbol: str,
    severity: Severity,
    verdict: Verdict,
    *,
    evidence: tuple[Evidence, ...] = (),
    proof: Proof = Proof.PROVEN,
    fix: Fix | None = None,
    waiver: Waiver | None = None,
    known_from: str | None = None,
    hop: str | None = None,
    scope: ScopeClass = ScopeClass.PROD,
    scope_reason: str = "",
    number: int = 0,
) -> Scoped:
    finding = Finding(message, place, symbol, evidence, proof, severity, fix, verdict)
    fingerprint = f"v1:{sum(map(ord, symbol + place.path)) + number:032x}"
    return Scoped(finding, severity, fingerprint, scope, scope_reason, waiver, known_from, hop)


def result(rule: str, topic: str, severity: Severity, *found: Scoped, outcome: Outcome | None = None) -> RuleResult:
    title = rule.replace("-", " ").capitalize()
    if outcome is None:
        outcome = Failed(tuple(each.finding for each in found)) if found else Passed()
    return RuleResult(rule, title, topic, severity, outcome, found)


def layer(name: Layer, detail: str, seconds: float, status: LayerStatus = LayerStatus.RAN) -> LayerReport:
    return LayerReport(name, status, detail, seconds)


LAYERS = (
    layer(Layer.FILES, "214 files, 5 of them deployment files", 0.21),
    layer(Layer.BOOT, "Python 3.13, Django 5.2.8, no network, 1 placeholder (DATABASE_URL)", 1.9),
    layer(Layer.STACK, "docker engine, deploy/nginx/shop.conf byte for byte, gunicorn", 6.42),
)
WAY = RequestPath(
    hops=(
        Hop("client", "client", "client", started=True),
        Hop("proxy", "proxy", "nginx", "deploy/nginx/shop.conf", 1, started=True),
        Hop("app", "app-server", "Gunicorn", "deploy/shop.service", 12, started=True),
        Hop("django", "django", "Django", "config/settings/production.py", 1, started=True),
        Hop("db", "store", "PostgreSQL"),
        Hop("cache", "store", "Redis"),
    ),
    links=(
        Link("client", "proxy", "http :80, https :443"),
        Link("proxy", "app", "unix:/run/shop/shop.sock"),
        Link("app", "django", "WSGI"),
        Link("django", "db", "tcp :5432"),
        Link("django", "cache", "tcp :6379"),
    ),
)
PASSED = tuple(
    result(name, "cookies", Severity.HIGH) for name in ("session-cookie-insecure", "redirect-loop", "secret-key-weak")
)
NOT_NEEDED = Comparison(ComparisonStatus.NOT_NEEDED, BASE)
COMPARED = Comparison(ComparisonStatus.COMPARED, BASE, tuple(Layer))
NO_SSHD = Skipped("no sshd or firewall file in the repository", ReasonKind.NOT_APPLICABLE)


def project(
    results: tuple[RuleResult, ...],
    layers: tuple[LayerReport, ...] = LAYERS,
    name: str = "shop",
    path: str = ".",
    comparison: Comparison = NOT_NEEDED,
    fixed: tuple[FixedFinding, ...] = (),
) -> ProjectReport:
    return ProjectReport(
        name=name,
        path=path,
        settings="config.settings.production",
        engine="docker",
        layers=layers,
        placeholders=(
            Placeholder("DATABASE_URL", "sqlite:///:memory:", "KeyError in config/settings/production.py:40"),
        ),
        results=results,
        request_path=WAY,
        settings_reason="deploy/shop.service sets DJANGO_SETTINGS_MODULE",
        comparison=comparison,
        fixed=fixed,
    )


def report(
    *projects: ProjectReport,
    exit_code: int,
    pending: tuple[PendingSuppression, ...] = (),
    notices: tuple[str, ...] = (),
    fail_on: str = "high",
) -> Report:
    found = [each for one in projects for rule in one.results for each in rule.findings]
    outcomes = [rule.outcome for one in projects for rule in one.results]
    counted = {verdict: sum(each.verdict is verdict for each in found) for verdict in Verdict}
    return Report(
        version="0.1.0",
        target=Target(HEAD, BASE, dirty=False, repository="https://github.com/acme/shop", head=None, pull_request=7),
        gate=Gate(fail_on, "new"),
        projects=projects,
        summary=Summary(
            blocks=counted[Verdict.BLOCKS],
            reported=counted[Verdict.REPORTED],
            known=counted[Verdict.KNOWN],
            waived=counted[Verdict.WAIVED],
            passed=sum(isinstance(each, Passed) for each in outcomes),
            skipped=sum(isinstance(each, Skipped) for each in outcomes),
            errored=sum(isinstance(each, Errored) for each in outcomes),
        ),
        exit_code=exit_code,
        run=Run("2026-11-22T16:00:00Z", 12.5, "https://github.com/acme/shop/actions/runs/1234567890"),
        pending=pending,
        notices=notices,
        rules_url=RULES,
    )


def clean_report() -> Report:
    skipped = result("ssh-password-login", "host", Severity.MEDIUM, outcome=NO_SSHD)
    return report(project((*PASSED, skipped)), exit_code=0)


DEBUG = scoped(
    "`DEBUG` is true when the variable `DJANGO_DEBUG` is not set, and `deploy/shop.service` does not set it.",
    Location("config/settings/production.py", 12, 1),
    "settings.DEBUG",
    Severity.CRITICAL,
    Verdict.BLOCKS,
    evidence=(
        Evidence("booted settings: DEBUG = True"),
        Evidence("GET https://shop.example/seatrial-404 -> 404 with Django's debug page"),
        Evidence("Environment= has no DJANGO_DEBUG", Location("deploy/shop.service", 9)),
    ),
    fix=Fix("config/settings/production.py", 12, 12, ('DEBUG = os.environ.get("DJANGO_DEBUG", "0") == "1"',)),
    hop="django",
)
SPOOF = scoped(
    "A client of `server shop.example:80 location /` can claim https: nginx passes its `X-Forwarded-Proto` on,"
    " and Gunicorn behind `/run/shop/shop.sock` believes it.",
    Location("deploy/nginx/shop.conf", 34, 5, 37),
    "server shop.example:80 location /",
    Severity.HIGH,
    Verdict.BLOCKS,
    evidence=(
        Evidence("GET http://shop.example/ with X-Forwarded-Proto: https -> request.is_secure() = True"),
        Evidence(
            "gunicorn --bind unix:/run/shop/shop.sock (a peer on a unix socket is always trusted)",
            Location("deploy/shop.service", 12),
        ),
    ),
    fix=Fix("deploy/nginx/shop.conf", 35, 34, ("        proxy_set_header X-Forwarded-Proto $scheme;",)),
    hop="proxy",
)
DROPPED = scoped(
    "`location /static/` loses `Strict-Transport-Security`: its own `add_header` replaces those of the server.",
    Location("deploy/nginx/shop.conf", 41, 9),
    "server shop.example:443 location /static/",
    Severity.MEDIUM,
    Verdict.REPORTED,
    hop="proxy",
)
KNOWN = scoped(
    "`CSRF_COOKIE_SECURE` is false.",
    Location("config/settings/production.py", 32),
    "settings.CSRF_COOKIE_SECURE",
    Severity.HIGH,
    Verdict.KNOWN,
    known_from="base",
    hop="django",
)
WAIVED = scoped(
    "The proxy names its version in `Server`.",
    Location("deploy/nginx/shop.conf", 3),
    "http",
    Severity.LOW,
    Verdict.WAIVED,
    waiver=Waiver("the CDN strips it", "2026-11-28", Location("deploy/nginx/shop.conf", 2), "inline"),
    hop="proxy",
)
EXAMPLE = scoped(
    "`DEBUG` is true.",
    Location("config/settings/development.py", 3),
    "settings.DEBUG",
    Severity.INFO,
    Verdict.REPORTED,
    proof=Proof.INFERRED,
    scope=ScopeClass.DEV,
    scope_reason="development in its name",
)


def blocked() -> Report:
    pending = PendingSuppression("hsts-missing", "deploy/nginx/shop.conf", 22, "TLS ends at the CDN", "2027-01-31")
    results = (
        *PASSED,
        result("debug-enabled", "settings", Severity.CRITICAL, DEBUG, EXAMPLE),
        result("forwarded-proto-spoofable", "proxy_trust", Severity.HIGH, SPOOF),
        result("security-header-dropped", "headers", Severity.MEDIUM, DROPPED),
        result("csrf-cookie-insecure", "cookies", Severity.HIGH, KNOWN),
        result("server-version-disclosed", "exposure", Severity.LOW, WAIVED),
        result("ssh-password-login", "host", Severity.MEDIUM, outcome=NO_SSHD),
        result(
            "static-alias-mismatch",
            "files",
            Severity.LOW,
            outcome=Skipped("unknown: STATIC_ROOT at config/settings/base.py:8", ReasonKind.UNKNOWN),
        ),
    )
    notice = "This pull request changes `.seatrial.yml`: keys `fail-on`; in force after the merge."
    fixed = FixedFinding(
        "secret-key-in-source",
        Severity.CRITICAL,
        "config/settings/base.py",
        18,
        "settings.SECRET_KEY",
        "v1:" + "5" * 32,
    )
    one = project(results, comparison=COMPARED, fixed=(fixed,))
    return report(one, exit_code=1, pending=(pending,), notices=(notice,))


def incomplete() -> Report:
    layers = (
        *LAYERS[:2],
        layer(Layer.STACK, "nginx: [emerg] unknown directive\n  in deploy/nginx/shop.conf:7", 3.1, LayerStatus.FAILED),
    )
    results = (
        *PASSED,
        result("debug-enabled", "settings", Severity.CRITICAL, DEBUG),
        result("hsts-weak", "headers", Severity.MEDIUM, outcome=Errored("KeyError: 'max-age'")),
        result(
            "plain-http-served",
            "https",
            Severity.HIGH,
            outcome=Skipped("the stack did not start", ReasonKind.LAYER_MISSING),
        ),
    )
    return report(project(results, layers, comparison=COMPARED), exit_code=1)


def broken_only() -> Report:
    """Nothing blocks, and the scan is incomplete all the same."""
    results = (*PASSED, result("hsts-weak", "headers", Severity.MEDIUM, outcome=Errored("KeyError: 'max-age'")))
    return report(project(results), exit_code=3)


def nothing_ran() -> Report:
    layers = tuple(
        layer(name, "the checkout is empty", 0.0, LayerStatus.FAILED if name is Layer.FILES else LayerStatus.NOT_RUN)
        for name in Layer
    )
    skipped = Skipped("the files were not read", ReasonKind.LAYER_MISSING)
    results = tuple(
        result(name, "settings", Severity.HIGH, outcome=skipped) for name in ("debug-enabled", "secret-key-weak")
    )
    bare = project(results, layers)
    return report(
        ProjectReport(bare.name, bare.path, "", "none", bare.layers, (), bare.results, RequestPath()), exit_code=3
    )


def hostile() -> Report:
    text, name = clean_block(HOSTILE), quoted(HOSTILE)
    long = clean_block("A" * 100_000)
    found = tuple(
        scoped(
            f"{name} is wrong in {name}.",
            Location(text.replace("\n", " ")[:120], 3, 2),
            text,
            severity,
            verdict,
            evidence=(Evidence(text, Location(text.replace("\n", " ")[:80], 2)), Evidence(long), Evidence("")),
            fix=Fix("a b/settings.py", 1, 1, (text.replace("\n", " "), "````")),
            waiver=Waiver(text, text[:30], Location(text[:20], 1), "inline") if verdict is Verdict.WAIVED else None,
            known_from="base" if verdict is Verdict.KNOWN else None,
            hop="proxy",
            scope=ScopeClass.UNKNOWN,
            scope_reason=text,
            number=index,
        )
        for index, (severity, verdict) in enumerate(
            [
                (Severity.CRITICAL, Verdict.BLOCKS),
                (Severity.CRITICAL, Verdict.BLOCKS),
                (Severity.MEDIUM, Verdict.REPORTED),
                (Severity.HIGH, Verdict.KNOWN),
                (Severity.LOW, Verdict.WAIVED),
            ]
        )
    )
    layers = (
        layer(Layer.FILES, text, 0.1),
        layer(Layer.BOOT, text, 0.1, LayerStatus.FAILED),
        LayerReport(
            Layer.STACK, LayerStatus.NOT_RUN, text, 0.0, asked_for=True, allowed_to_miss=True, notes=(text, "")
        ),
    )
    way = RequestPath(
        hops=(Hop("client", "client", "client"), Hop("proxy", "proxy", text, text, 1), Hop("db", "store", text)),
        links=(Link("client", "proxy", text), Link("proxy", "db", text), Link("nobody", "proxy", text)),
    )
    results = (
        *PASSED,
        result("debug-enabled", "settings", Severity.CRITICAL, *found),
        result("hsts-weak", "headers", Severity.MEDIUM, outcome=Errored(text)),
        result("plain-http-served", "https", Severity.HIGH, outcome=Skipped(text, ReasonKind.COULD_NOT_TEST)),
    )
    one = ProjectReport(
        *(text, text.replace("\n", " "), text, "docker", layers, (Placeholder(text, text, text),), results, way, text),
        Comparison(ComparisonStatus.FAILED, BASE, (Layer.FILES,), text),
        (FixedFinding("debug-enabled", Severity.HIGH, text.replace("\n", " "), 3, text, text),),
    )
    pending = PendingSuppression("hsts-missing", text, 22, text, text[:40])
    return report(one, exit_code=1, pending=(pending,), notices=(f"{name} changed.",))


def unicode_names() -> Report:
    place = Location("магазин/настройки/日本語/x\u0302té 🚢.py", 7, 3)
    found = scoped(
        f"{quoted('НАСТРОЙКА')} steht auf {quoted('日本語')}.",
        place,
        "settings.НАСТРОЙКА",
        Severity.HIGH,
        Verdict.BLOCKS,
    )
    return report(
        project((result("debug-enabled", "settings", Severity.CRITICAL, found),), name="магазин", comparison=COMPARED),
        exit_code=1,
    )


def many(findings: int = 2000, projects: int = 3) -> Report:
    verdicts = (Verdict.BLOCKS, Verdict.REPORTED, Verdict.KNOWN, Verdict.WAIVED)
    made = []
    for number in range(projects):
        results = []
        for rule in range(20):
            found = tuple(
                scoped(
                    f"{quoted(f'location /{rule}/{index}/')} is served from {quoted('x' * 120)}.",
                    Location(f"deploy/nginx/site-{rule}.conf", index + 1),
                    f"server shop.example:443 location /{rule}/{index}/",
                    tuple(Severity)[(rule + index) % 5],
                    verdicts[index % 4],
                    evidence=tuple(
                        Evidence(f"GET https://shop.example/{index}/{piece} -> 200 " + "y" * 60) for piece in range(5)
                    ),
                    waiver=Waiver("later", "2027-01-31", Location("deploy/nginx/x.conf", 1), "config")
                    if index % 4 == 3
                    else None,
                    hop="proxy",
                )
                for index in range(findings // projects // 20)
            )
            results.append(result(f"made-up-rule-{rule}", "files", Severity.CRITICAL, *found))
        made.append(project(tuple(results), name=f"shop{number}", path=f"shop{number}"))
    return report(*made, exit_code=1)


SAMPLES = {
    "clean": clean_report,
    "blocked": blocked,
    "incomplete": incomplete,
    "broken-only": broken_only,
    "nothing-ran": nothing_ran,
    "hostile": hostile,
    "unicode": unicode_names,
}
