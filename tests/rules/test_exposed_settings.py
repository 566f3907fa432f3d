"""Each clause of the rules about secrets in settings, debug applications, open APIs, logs and error reports."""

from collections.abc import Mapping

import pytest

from scanner.facts.app_servers import AppServers
from scanner.facts.error_trackers import ErrorTrackers
from scanner.facts.repository import Repository
from scanner.facts.secrets import examine
from scanner.facts.settings import SecretShape, Settings, Urlconf
from scanner.facts.settings_source import Assignment, Origin, SettingsSource
from scanner.model import Location
from tests.edgekit import short
from tests.rulekit import HARDENED, judge_facts, make, settings_of

PLACE = Location("shop/settings.py", 7)
MADE_UP = "fixture-4hX9-mail-22kq"


def written(name: str, text: str, origin: Origin = Origin.LITERAL, **more: object) -> SettingsSource:
    one = Assignment(
        name=name, location=PLACE, origin=origin, literal_length=len(text), text=examine(name, text),
        **more,  # type: ignore[arg-type]  # plain data
    )  # fmt: skip
    return make(SettingsSource, {"module": "shop.settings", "assignments": {name: (one,)}, "environment_reads": {}})


def booted(name: str, length: int, unique: int = 9, **more: object) -> Settings:
    shape = {"length": length, "unique": unique, "insecure_prefix": False, "known": False}
    return settings_of({"secrets": {name: shape}, **more})


def repository(*tracked: str) -> Repository:
    return make(Repository, {"is_git": True, "tracked": frozenset(tracked)})


HIGH = ["high inferred settings.EMAIL_HOST_PASSWORD"]
NAME = "EMAIL_HOST_PASSWORD"
HERE = booted(NAME, len(MADE_UP))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param([written(NAME, MADE_UP), HERE], HIGH, id="a literal"),
        pytest.param([written(NAME, MADE_UP)], HIGH, id="without a boot"),
        pytest.param([written(NAME, MADE_UP, guard="X")], ["passed"], id="under a condition, without a boot"),
        pytest.param([written(NAME, MADE_UP), booted(NAME, 9)], ["passed"], id="another value wins"),
        pytest.param([written(NAME, MADE_UP), HARDENED], ["passed"], id="it is not effective"),
        pytest.param([written(NAME, MADE_UP), booted(NAME, 9, set={})], ["passed"], id="of another length"),
        pytest.param([written(NAME, "short-1"), booted(NAME, 7)], ["passed"], id="too short"),
        pytest.param([written(NAME, MADE_UP), booted(NAME, 22, 6)], ["passed"], id="few different characters"),
        pytest.param([written(NAME, "changeme"), booted(NAME, 8)], ["passed"], id="a placeholder"),
        pytest.param([written(NAME, "postgres"), booted(NAME, 8)], ["passed"], id="a password that products ship with"),
        pytest.param([written("TOKEN_CLAIM", MADE_UP), booted("TOKEN_CLAIM", 22)], ["passed"], id="about a secret"),
        pytest.param(
            [written("API_TOKENS[0]", MADE_UP), booted("API_TOKENS[0]", 22)],
            ["high inferred settings.API_TOKENS[0]"],
            id="one of a list",
        ),
        pytest.param([written("TOKEN_URL", MADE_UP), booted("TOKEN_URL", 22)], ["passed"], id="no secret's name"),
        pytest.param([written("SECRET_KEY", MADE_UP), booted("SECRET_KEY", 22)], ["passed"], id="a rule of its own"),
        pytest.param([written(NAME, MADE_UP, Origin.ENV_REQUIRED), HERE], ["passed"], id="from the environment"),
        pytest.param(
            [written(NAME, MADE_UP, Origin.ENV_DEFAULT, variable="V"), HERE],
            ["medium inferred settings.EMAIL_HOST_PASSWORD"],
            id="a default",
        ),
        pytest.param(
            [written(NAME, MADE_UP, Origin.ENV_DEFAULT, variable="V"), booted(NAME, 22, environment_names=["V"])],
            ["passed"],
            id="a default that the deployment replaces",
        ),
        pytest.param([written(NAME, MADE_UP), HERE, repository("x.py")], ["passed"], id="not tracked"),
        pytest.param([written(NAME, MADE_UP), HERE, repository("shop/settings.py")], HIGH, id="tracked"),
        pytest.param(
            [written("BROKER_URL", "amqp://u:4hX9-mq-22kq@mq/"), booted("BROKER_URL", 12)],
            ["high inferred settings.BROKER_URL"],
            id="a URL with a password",
        ),
    ],
)
def test_secret_in_settings(facts: list[object], expected: list[str]) -> None:
    assert short(judge_facts("secret_in_settings", *facts), "high") == expected


def test_an_invented_secret_is_none_of_the_project() -> None:
    shape = SecretShape(22, 9, insecure_prefix=False, known=False, injected=True)
    settings = settings_of({"secrets": {}})
    settings = make(Settings, {**vars(settings), "secrets": {NAME: shape}})
    assert short(judge_facts("secret_in_settings", written(NAME, MADE_UP), settings), "high") == ["passed"]


def apps(*names: str, **more: object) -> Settings:
    return settings_of({"installed_apps": ["shop", *names], **more})


SILK = make(Urlconf, {"routes": [{"pattern": "silk/", "view": "silk.views.summary.SummaryView"}]})


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ([apps("silk")], ["high inferred settings.INSTALLED_APPS silk"]),
        ([apps("silk.apps.SilkAppConfig")], ["high inferred settings.INSTALLED_APPS silk"]),
        ([apps("silkroad")], ["passed"]),
        ([apps("debug_toolbar")], ["medium inferred settings.INSTALLED_APPS debug_toolbar"]),
        ([apps("debug_toolbar", toolbar_for_all=True)], ["high inferred settings.INSTALLED_APPS debug_toolbar"]),
        (
            [apps("debug_toolbar", set={"INTERNAL_IPS": ["127.0.0.1"]})],
            ["medium inferred settings.INSTALLED_APPS debug_toolbar"],
        ),
        ([apps("django_extensions")], ["low inferred settings.INSTALLED_APPS django_extensions"]),
        ([apps(middleware=["silk.middleware.SilkyMiddleware"])], ["high inferred settings.MIDDLEWARE silk"]),
        ([apps(), SILK], ["high inferred settings.ROOT_URLCONF silk"]),
        ([apps("silk", injected={"INSTALLED_APPS": "X"})], ["skipped unknown"]),
        ([apps()], ["passed"]),
    ],
)
def test_debug_app_installed(facts: list[object], expected: list[str]) -> None:
    assert short(judge_facts("debug_app_installed", *facts), "high") == expected


ALLOW_ANY = "rest_framework.permissions.AllowAny"
SIGNED_IN = "rest_framework.permissions.IsAuthenticated"


def api(*permissions: str, **more: object) -> Settings:
    entries = [{"path": one, "bases": [one]} for one in permissions]
    return settings_of({"rest_framework": {"permissions": entries}, **more})


def routed(view: str = "shop.api.Orders", **fields: object) -> Urlconf:
    one = {"pattern": "api/", "view": view, "methods": ["get", "post"], "permissions": [ALLOW_ANY], **fields}
    return make(Urlconf, {"routes": [one]})


OPEN = ["high inferred settings.REST_FRAMEWORK.DEFAULT_PERMISSION_CLASSES"]
OPEN_TO_READ = ["medium inferred settings.REST_FRAMEWORK.DEFAULT_PERMISSION_CLASSES"]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param([api(ALLOW_ANY), routed()], OPEN, id="open"),
        pytest.param([api(), routed()], OPEN, id="an empty list lets everybody in"),
        pytest.param([api(ALLOW_ANY), routed(methods=["get", "head", "options"])], OPEN_TO_READ, id="read only"),
        pytest.param([api(SIGNED_IN), routed()], ["passed"], id="signed in"),
        pytest.param([api(ALLOW_ANY, SIGNED_IN), routed()], ["passed"], id="one of several asks"),
        pytest.param([api(ALLOW_ANY), routed(own_permissions=True)], ["passed"], id="permissions of its own"),
        pytest.param([api(ALLOW_ANY), routed(permissions=None)], ["passed"], id="no view of the API"),
        pytest.param([api(ALLOW_ANY), routed("rest_framework.routers.APIRootView")], ["passed"], id="the overview"),
        pytest.param([HARDENED, routed()], ["passed"], id="no REST framework"),
        pytest.param([api(ALLOW_ANY, injected={"REST_FRAMEWORK": "X"}), routed()], ["skipped unknown"], id="invented"),
    ],
)
def test_api_open_by_default(facts: list[object], expected: list[str]) -> None:
    assert short(judge_facts("api_open_by_default", *facts), "high") == expected


STREAM = {"class": "logging.StreamHandler"}
DEBUG_ONLY = {"only": {"()": "django.utils.log.RequireDebugTrue"}}


def logging_of(
    loggers: Mapping[str, object] | None = None, root: object = None, handler: Mapping[str, object] | None = None,
    **more: object,
) -> Settings:  # fmt: skip
    setup = {"handlers": {"h": handler or STREAM}, "filters": DEBUG_ONLY, "loggers": loggers or {}, **more}
    return settings_of({"set": {"LOGGING": {**setup, **({"root": root} if root else {})}}})


AT_DEBUG = {"level": "DEBUG", "handlers": ["h"]}
ROOT = ["medium inferred settings.LOGGING.root"]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param(logging_of(root=AT_DEBUG), ROOT, id="the root"),
        pytest.param(logging_of(root={"level": 10, "handlers": ["h"]}), ROOT, id="as a number"),
        pytest.param(logging_of(root={"level": "INFO", "handlers": ["h"]}), ["passed"], id="INFO"),
        pytest.param(logging_of(root={"handlers": ["h"]}), ["passed"], id="no level"),
        pytest.param(logging_of(root={"level": "DEBUG"}), ["passed"], id="no handler"),
        pytest.param(
            logging_of(root=AT_DEBUG, handler={**STREAM, "level": "INFO"}), ["passed"], id="the handler drops it"
        ),
        pytest.param(
            logging_of(root=AT_DEBUG, handler={**STREAM, "filters": ["only"]}), ["passed"], id="only in debug"
        ),
        pytest.param(logging_of(root=AT_DEBUG, handler={"class": "logging.NullHandler"}), ["passed"], id="nowhere"),
        pytest.param(
            logging_of({"django.request": {"level": "DEBUG"}}, {"level": "INFO", "handlers": ["h"]}),
            ["medium inferred settings.LOGGING.loggers.django.request"],
            id="through the root's handler",
        ),
        pytest.param(
            logging_of(
                {"django.request": {"level": "DEBUG", "propagate": False}}, {"level": "INFO", "handlers": ["h"]}
            ),
            ["passed"],
            id="not handed on",
        ),
        pytest.param(
            logging_of({"django.db.backends": AT_DEBUG}),
            ["low inferred settings.LOGGING.loggers.django.db.backends"],
            id="SQL",
        ),
        pytest.param(logging_of({"shop": AT_DEBUG}), ["passed"], id="the project's own logger"),
        pytest.param(
            logging_of(formatters={"f": {"format": "%(request)s"}}),
            ["medium inferred settings.LOGGING.formatters.f"],
            id="requests",
        ),
        pytest.param(HARDENED, ["passed"], id="no LOGGING"),
    ],
)
def test_debug_logging(settings: Settings, expected: list[str]) -> None:
    assert short(judge_facts("debug_logging_in_production", settings), "medium") == expected


def test_a_level_that_nobody_knows() -> None:
    loud = {"LOGGING": {"handlers": {"h": STREAM}, "root": AT_DEBUG}}
    settings = settings_of({"set": loud, "injected": {"LOGGING.root.level": "LEVEL"}})
    assert short(judge_facts("debug_logging_in_production", settings), "medium") == ["skipped unknown"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["gunicorn", "--log-level", "debug"], ["low inferred unit shop.service log level"]),
        (["gunicorn", "--log-level=debug"], ["low inferred unit shop.service log level"]),
        (["gunicorn", "--log-level", "info"], ["passed"]),
        (["gunicorn", "--log-level"], ["passed"]),
    ],
)
def test_the_log_level_of_the_app_server(words: list[str], expected: list[str]) -> None:
    place = "deploy/shop.service:8"
    server = {
        "kind": "gunicorn", "artefact": "unit shop.service", "location": place, "argv": words,
        "words": [[word, Location("deploy/shop.service", 8)] for word in words],
    }  # fmt: skip
    servers = make(AppServers, {"servers": [server]})
    assert short(judge_facts("debug_logging_in_production", HARDENED, servers), "medium") == expected


def reporting(**fields: object) -> Settings:
    one = {"path": "shop.F", "bases": ["shop.F"], "active": True, "cleanses": True, **fields}
    return settings_of({"report_filter": one})


def mailing(admins: object = (("A", "a@shop.example"),), **fields: object) -> Settings:
    handler = {"class": "django.utils.log.AdminEmailHandler", "include_html": True, **fields}
    setup = {"handlers": {"m": handler}, "filters": DEBUG_ONLY, "root": {"handlers": ["m"]}}
    return settings_of({"set": {"LOGGING": setup, "ADMINS": [list(one) for one in admins]}})  # type: ignore[attr-defined]  # plain data


FILTER = ["high inferred settings.DEFAULT_EXCEPTION_REPORTER_FILTER"]
TRACKER = make(ErrorTrackers, {"options": [{"name": "send_default_pii", "location": "shop/settings.py:9"}]})


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param([reporting()], ["passed"], id="Django's own"),
        pytest.param([reporting(active=False)], FILTER, id="never active"),
        pytest.param([reporting(cleanses=False)], FILTER, id="hides nothing"),
        pytest.param([reporting(active=None, cleanses=None)], ["passed"], id="it could not be asked"),
        pytest.param(
            [settings_of({"set": {"DEBUG": True}, "report_filter": {"path": "x.F", "active": False}})],
            ["passed"],
            id="DEBUG switches Django's own off",
        ),
        pytest.param([mailing()], ["medium inferred settings.LOGGING.handlers.m"], id="mails with HTML"),
        pytest.param([mailing(include_html=False)], ["passed"], id="mails without"),
        pytest.param([mailing(filters=["only"])], ["passed"], id="only in debug"),
        pytest.param([mailing(admins=())], ["passed"], id="nobody gets one"),
        pytest.param([HARDENED, TRACKER], ["medium inferred sentry_sdk.init send_default_pii"], id="the tracker"),
        pytest.param([HARDENED, ErrorTrackers(())], ["passed"], id="a tracker that keeps still"),
    ],
)
def test_error_reports_unredacted(facts: list[object], expected: list[str]) -> None:
    assert short(judge_facts("error_reports_unredacted", *facts), "high") == expected
