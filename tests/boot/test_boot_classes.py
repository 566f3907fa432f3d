"""What the dotted paths of booted settings lead to, and what packages make of theirs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scanner.boot import inside
from scanner.facts.resolved_classes import Cors, Jwt, ResolvedClass
from scanner.facts.settings import Settings, Urlconf
from tests.boot.test_boot_engines import ENGINES, boot, shop
from tests.sandbox.leftovers import AnyEngine, make

REQUIREMENTS = """\
Django==5.2.19
asgiref==3.13.0
sqlparse==0.6.1
gunicorn==27.0.1
djangorestframework==3.18.3
djangorestframework-simplejwt==5.5.1
PyJWT==2.15.1
django-cors-headers==4.9.0
"""
SETTINGS = """\
SECRET_KEY = "a-made-up-key-of-the-tests-with-many-letters-0123456789"
DEBUG = False
ALLOWED_HOSTS = ["shop.example"]
ROOT_URLCONF = "shop.urls"
INSTALLED_APPS = [
    "django.contrib.contenttypes", "django.contrib.auth", "rest_framework", "corsheaders", "rest_framework_simplejwt",
]
MIDDLEWARE = [
    "shop.middleware.Gate",
    "shop.middleware.Stamp",
    "shop.middleware.Timer",
    "shop.middleware.health",
    "shop.middleware.counting",
    "shop.middleware.replacing",
    "shop.middleware.Nowhere",
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.common.CommonMiddleware",
]
CORS_ORIGIN_ALLOW_ALL = True
CORS_ALLOW_CREDENTIALS = True
CORS_ALLOWED_ORIGIN_REGEXES = [r"^https://.*\\.shop\\.example"]
PASSWORD_HASHERS = ["shop.hashers.Quick", "django.contrib.auth.hashers.MD5PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 5}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SESSION_SERIALIZER = "shop.serializers.Pickled"
DEFAULT_EXCEPTION_REPORTER_FILTER = "shop.reports.Open"
DEBUG_TOOLBAR_CONFIG = {"SHOW_TOOLBAR_CALLBACK": lambda request: True}
REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": ["shop.access.Tokens"]}
"""
FILES = {
    "requirements.txt": REQUIREMENTS,
    "shop/middleware.py": """\
from django.http import HttpResponse
from django.utils.deprecation import MiddlewareMixin


class Gate(MiddlewareMixin):
    def process_request(self, request):
        if request.path == "/closed/":
            return HttpResponse("closed", status=503)
        return None


class Stamp:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        response["X-Stamp"] = "1"
        return response


class Timer(MiddlewareMixin):
    def process_request(self, request):
        request.began = 1

    def process_response(self, request, response):
        return response


def health(get_response):
    def middleware(request):
        if request.path == "/health/":
            return HttpResponse("ok")
        return get_response(request)

    return middleware


def counting(get_response):
    def middleware(request):
        answer = get_response(request)
        return answer

    return middleware


def replacing(get_response):
    def middleware(request):
        answer = get_response(request)
        if answer.status_code == 404:
            answer = HttpResponse("nothing here", status=404)
        return answer

    def process_exception(request, exception):
        return HttpResponse("broken", status=500)

    middleware.process_exception = process_exception
    return middleware
""",
    "shop/hashers.py": """\
from django.contrib.auth.hashers import PBKDF2PasswordHasher


class Quick(PBKDF2PasswordHasher):
    iterations = 100
""",
    "shop/serializers.py": """\
import pickle


class Pickled:
    def dumps(self, value):
        return pickle.dumps(value)

    def loads(self, data):
        return pickle.loads(data)
""",
    "shop/reports.py": """\
from django.views.debug import SafeExceptionReporterFilter


class Open(SafeExceptionReporterFilter):
    def is_active(self, request):
        return False
""",
    "shop/access.py": """\
from rest_framework.authentication import SessionAuthentication


class Tokens(SessionAuthentication):
    pass
""",
    "shop/urls.py": """\
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.static import serve
from rest_framework.decorators import api_view
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView


class Open(APIView):
    def post(self, request):
        return Response({})


class Own(Open):
    permission_classes = [IsAuthenticated]


@api_view(["GET"])
def listing(request):
    return Response({})


@csrf_exempt
def hook(request):
    return HttpResponse("")


@login_required
def mine(request):
    return HttpResponse("")


urlpatterns = [
    path("open/", Open.as_view()),
    path("own/", Own.as_view()),
    path("given/", Open.as_view(permission_classes=[IsAuthenticated])),
    path("listing/", listing),
    path("hook/", hook),
    path("mine/", mine),
    path("files/<path:path>", serve, {"document_root": "/srv/files", "show_indexes": True}),
]
""",
}
ALLOW_ANY = ("rest_framework.permissions.AllowAny",)
SIGNED_IN = ("rest_framework.permissions.IsAuthenticated",)


@pytest.fixture(scope="module", params=ENGINES)
def facts(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, ca_bundle: Path | None
) -> Iterator[tuple[Settings, Urlconf]]:
    engine: AnyEngine = make(request.param)
    try:
        found = boot(shop(tmp_path_factory.mktemp("classes"), SETTINGS, FILES), engine, ca_bundle)
        yield found.get(Settings), found.get(Urlconf)
    finally:
        engine.close()


def test_which_middleware_can_answer_by_itself(facts: tuple[Settings, Urlconf]) -> None:
    told = {one.path.rpartition(".")[2]: one.answers for one in facts[0].middleware}
    assert told == {
        "Gate": True, "Stamp": False, "Timer": False, "health": True, "counting": False, "replacing": False,
        "Nowhere": None, "CorsMiddleware": True, "CommonMiddleware": True,
    }  # fmt: skip


def test_passwords(facts: tuple[Settings, Urlconf]) -> None:
    settings, _ = facts
    quick, md5 = settings.password_hashers
    assert quick.is_a("django.contrib.auth.hashers.PBKDF2PasswordHasher")
    assert quick.work == {"iterations": 100}
    assert quick.default_work["iterations"] >= 600_000
    assert md5.work == {}
    assert [one.min_length for one in settings.password_validators] == [5, None]
    assert settings.authentication_backends[0].is_a("django.contrib.auth.backends.ModelBackend")


def test_what_reads_sessions_and_hides_secrets(facts: tuple[Settings, Urlconf]) -> None:
    settings, _ = facts
    assert settings.session_serializer is not None
    assert settings.session_serializer.loads_with == ("pickle",)
    assert settings.report_filter is not None
    assert (settings.report_filter.active, settings.report_filter.cleanses) == (False, True)


@pytest.mark.parametrize(
    ("callback", "shown"),
    [
        (lambda request: True, True),
        (lambda request: request.user.is_staff, False),
        (lambda request: False, False),
        (lambda request: True if request else False, False),  # noqa: SIM210 - the same
        (None, False),
        ("os.nothing", False),
    ],
)
def test_who_sees_the_toolbar(callback: object, *, shown: bool) -> None:
    assert inside.shown_to_all({"SHOW_TOOLBAR_CALLBACK": callback}) is shown


def test_packages(facts: tuple[Settings, Urlconf]) -> None:
    settings, _ = facts
    assert settings.cors == Cors(
        allow_all=True, credentials=True, regexes=(r"^https://.*\.shop\.example",), urls="^.*$"
    )
    assert settings.jwt == (Jwt("SIMPLE_JWT", "HS256", access_seconds=300, key_is_secret_key=True),)
    assert settings.toolbar_for_all
    framework = settings.rest_framework
    assert framework is not None
    assert framework.permissions == (ResolvedClass(ALLOW_ANY[0], (*ALLOW_ANY, framework.permissions[0].bases[1])),)
    assert framework.authentication[0].is_a("rest_framework.authentication.SessionAuthentication")


def test_routes(facts: tuple[Settings, Urlconf]) -> None:
    routes = {one.pattern.partition("/")[0]: one for one in facts[1].routes}
    views = [routes[name] for name in ("open", "own", "given", "listing")]
    assert [(one.permissions, one.own_permissions) for one in views] == [
        (ALLOW_ANY, False), (SIGNED_IN, True), (SIGNED_IN, True), (ALLOW_ANY, False),
    ]  # fmt: skip
    assert routes["open"].methods == ("options", "post")
    assert "get" in routes["listing"].methods
    assert routes["hook"].csrf_exempt
    assert routes["hook"].permissions is None
    assert routes["mine"].login_required
    assert (routes["files"].document_root, routes["files"].show_indexes) == ("/srv/files", True)
    assert not routes["mine"].csrf_exempt
    assert not routes["hook"].login_required
