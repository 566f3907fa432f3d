"""What is read of the project's Python code."""

import textwrap

import pytest

from scanner.engine import discover_providers
from scanner.facts.python_source import PythonSource
from scanner.facts.python_syntax import dotted_name
from tests.pythonkit import python_of

READ = "xff = request.META.get('HTTP_X_FORWARDED_FOR')"


def of(text: str, path: str = "shop/views.py") -> PythonSource:
    return python_of({path: textwrap.dedent(text)})


@pytest.mark.parametrize(
    ("body", "header", "item"),
    [
        ("return request.META['HTTP_X_FORWARDED_FOR'].split(',')[0]", "X-Forwarded-For", "first"),
        ("return request.META.get('HTTP_X_FORWARDED_FOR', '').split(',')[0].strip()", "X-Forwarded-For", "first"),
        (f"{READ}\n    if xff:\n        return xff.split(',')[0]", "X-Forwarded-For", "first"),
        (f"{READ}\n    ips = [ip.strip() for ip in xff.split(',')]\n    return ips[0]", "X-Forwarded-For", "first"),
        (f"{READ}\n    return xff.split(',').pop(0)", "X-Forwarded-For", "first"),
        (f"{READ}\n    first, _, rest = xff.partition(',')\n    return first", "X-Forwarded-For", "first"),
        (f"{READ}\n    return next(iter(xff.split(',')))", "X-Forwarded-For", "first"),
        (f"{READ}\n    return xff.split(',')[-1]", "X-Forwarded-For", "last"),
        (f"{READ}\n    return xff.split(',')[-2]", "X-Forwarded-For", "counted"),
        (f"{READ}\n    for ip in xff.split(','):\n        use(ip)", "X-Forwarded-For", "counted"),
        (f"{READ}\n    return xff", "X-Forwarded-For", "whole"),
        ("return request.headers.get('x-forwarded-for')", "X-Forwarded-For", "whole"),
        ("return request.headers['X-Real-IP']", "X-Real-IP", "whole"),
        ("return request.META.get('HTTP_CF_CONNECTING_IP') or 1", "Cf-Connecting-IP", "whole"),
        ("if (xff := request.META.get('HTTP_X_FORWARDED_FOR')):\n        return xff.split(',')[0]", "X-Forwarded-For",
         "first"),
    ],
)  # fmt: skip
def test_forwarded_reads(body: str, header: str, item: str) -> None:
    found = of(f"def client_ip(request):\n    {body}\n").forwarded_reads
    assert [(one.header, one.item.value, one.function) for one in found] == [(header, item, "client_ip")]


@pytest.mark.parametrize(
    ("call", "item"),
    [
        ("get_client_ip(request)", "first"),
        ("get_client_ip(request, proxy_count=1)", "counted"),
        ("get_client_ip(request, proxy_trusted_ips=['10.0.0.1'])", "counted"),
    ],
)
def test_ipware(call: str, item: str) -> None:
    found = of(f"from ipware import get_client_ip\ndef view(request):\n    return {call}\n").forwarded_reads
    assert [(one.reader, one.item.value) for one in found] == [("django-ipware", item)]
    assert of(f"def view(request):\n    return {call}\n").forwarded_reads == ()


def test_writing_or_another_header_is_no_read() -> None:
    text = "def view(request):\n    response['X-Forwarded-For'] = 1\n    return request.META['HTTP_ACCEPT']\n"
    assert of(text).forwarded_reads == ()


@pytest.mark.parametrize("path", ["shop/tests/test_views.py", "shop/tests.py", "shop/migrations/0001.py", "a.txt"])
def test_tests_and_migrations_are_left_out(path: str) -> None:
    assert of(f"def f(request):\n    {READ}\n", path).forwarded_reads == ()


@pytest.mark.parametrize(
    ("line", "prefix", "setting"),
    [
        ("response['X-Accel-Redirect'] = '/protected/' + name", "/protected/", None),
        ("response.headers['X-Accel-Redirect'] = f'/protected/{name}'", "/protected/", None),
        ("response['X-Accel-Redirect'] = '/protected/%s' % name", "/protected/", None),
        ("response['X-Accel-Redirect'] = '/protected/{}'.format(name)", "/protected/", None),
        ("response['X-Accel-Redirect'] = '{}/{}'.format(BASE, name)", "/files", None),
        ("response['X-Accel-Redirect'] = os.path.join(BASE, name)", "/files", None),
        ("response['X-Accel-Redirect'] = quote(BASE + name)", "/files", None),
        ("response['X-Accel-Redirect'] = settings.PRIVATE_URL + name", None, "PRIVATE_URL"),
        ("response['X-Accel-Redirect'] = f'{settings.PRIVATE_URL}/{name}'", None, "PRIVATE_URL"),
        ("response['X-Accel-Redirect'] = document.url", None, None),
        ("return HttpResponse(headers={'X-Accel-Redirect': '/protected/a'})", "/protected/a", None),
    ],
)
def test_accel_redirects(line: str, prefix: str | None, setting: str | None) -> None:
    found = of(f"BASE = '/files'\ndef view(request, name):\n    {line}\n").accel_redirects
    assert [(one.prefix, one.setting, one.location.line) for one in found] == [(prefix, setting, 3)]


def test_sendfile() -> None:
    call = "def view(request):\n    return sendfile(request, path)\n"
    assert [one.line for one in of("from django_sendfile import sendfile\n" + call).sendfile_calls] == [3]
    assert of("from shop.files import sendfile\n" + call).sendfile_calls == ()


def test_remote_user_classes() -> None:
    text = """
    class HeaderMiddleware(PersistentRemoteUserMiddleware):
        header = "HTTP_X_REMOTE_USER"
    class Other(HeaderMiddleware):
        pass
    class Api(authentication.RemoteUserAuthentication):
        header = "HTTP_X_USER"
    class Backend(RemoteUserBackend):
        header = "x"
    """
    found = [(one.name, one.base, one.header, one.location.line) for one in of(text).remote_user_classes]
    assert found == [
        ("HeaderMiddleware", "PersistentRemoteUserMiddleware", "HTTP_X_REMOTE_USER", 3),
        ("Other", "HeaderMiddleware", None, 4),
        ("Api", "RemoteUserAuthentication", "HTTP_X_USER", 7),
    ]


@pytest.mark.parametrize(
    "start",
    [
        "import sentry_sdk\nsentry_sdk.init(",
        "from sentry_sdk import init\ninit(",
        "import sentry_sdk as sentry\nsentry.init(",
    ],
)
def test_error_trackers_tell_no_texts(start: str) -> None:
    found = of(f"{start}dsn='https://key@host/1', send_default_pii=True, debug=DEBUG)\n", "settings.py").error_trackers
    assert [one.package for one in found] == ["sentry_sdk"]
    assert found[0].arguments == {"send_default_pii": True}
    assert found[0].computed == {"dsn", "debug"}
    assert found[0].places["send_default_pii"].line == 2


def test_error_tracker_of_another_name() -> None:
    assert of("import sentry_sdk\napp.init(send_default_pii=True)\n").error_trackers == ()


ASGI = """
application = ProtocolTypeRouter({{
    "http": get_asgi_application(),
    "websocket": {0},
}})
"""


@pytest.mark.parametrize(
    ("value", "wrappers", "complete"),
    [
        ("URLRouter(routes)", (), True),
        ("AuthMiddlewareStack(URLRouter(routes))", ("AuthMiddlewareStack",), True),
        (
            "AllowedHostsOriginValidator(AuthMiddlewareStack(channels.routing.URLRouter(routes)))",
            ("AllowedHostsOriginValidator", "AuthMiddlewareStack"),
            True,
        ),
        ("OriginValidator(URLRouter(routes), ['https://shop.example'])", ("OriginValidator",), True),
        ("websocket_application", (), False),
    ],
)
def test_websocket_routings(value: str, wrappers: tuple[str, ...], complete: bool) -> None:
    found = of(ASGI.format(value), "shop/asgi.py").websocket_routings
    assert [(one.wrappers, one.complete, one.location.line) for one in found] == [(wrappers, complete, 4)]


def test_websocket_paths() -> None:
    text = """
    websocket_urlpatterns = [
        path("ws/chat/", ChatConsumer.as_asgi()),
        re_path(r"^ws/room/(?P<name>[^/]+)/$", consumers.Room.as_asgi()),
        path("page/", Page.as_view()),
    ]
    """
    found = [(one.pattern, one.regex) for one in of(text, "chat/routing.py").websocket_paths]
    assert found == [("ws/chat/", False), ("ws/room/(?P<name>[^/]+)/$", True)]


def test_throttles() -> None:
    text = """
    @ratelimit(key="ip", rate="5/m")
    def login(request): ...
    @method_decorator(ratelimit(key="header:x-real-ip"), name="dispatch")
    class Login(View): ...
    class Token(APIView):
        throttle_classes = [AnonRateThrottle]
    class Open(APIView):
        throttle_classes = []
    @throttle_classes([])
    def none(request): ...
    """
    found = {(one.view, one.by, one.limits, one.key) for one in of(text).throttles}
    assert found == {
        ("login", "ratelimit", True, "ip"),
        ("Login", "ratelimit", True, "header:x-real-ip"),
        ("none", "throttle_classes", False, None),
        ("Token", "throttle_classes", True, None),
        ("Open", "throttle_classes", False, None),
    }


LOADS = "class S:\n    def loads(self, data):\n        return {0}(data)\n"


@pytest.mark.parametrize(
    ("text", "unsafe"),
    [
        ("import pickle\n" + LOADS.format("pickle.loads"), "pickle"),
        ("from dill import loads as read\n" + LOADS.format("read"), "dill"),
        ("import pickle as p\ndef f(d):\n    return p.loads(d)\n" + LOADS.format("f"), "pickle"),
        ("class S(PickleSerializer):\n    pass\n", "pickle"),
        (
            "import json, pickle\n" + LOADS.format("json.loads") + "    def dumps(self, d):\n        pickle.dumps(d)\n",
            None,
        ),
    ],
)
def test_serializer(text: str, unsafe: str | None) -> None:
    found = of(text, "shop/sessions.py").serializer("shop.sessions.S")
    assert found is not None
    assert found.unsafe == unsafe
    assert of(text, "shop/sessions.py").serializer("django.core.signing.JSONSerializer") is None


def test_uploads() -> None:
    text = """
    class Document(models.Model):
        file = models.FileField(upload_to="a", validators=[check])
        image: Any = ImageField()
    class Form(forms.Form):
        scan = forms.FileField()
    def view(request):
        return save(request.FILES["a"])
    """
    found = [(one.kind, one.owner, one.name, one.validated) for one in of(text, "shop/models.py").uploads]
    assert found == [
        ("FileField", "models", "Document.file", True),
        ("ImageField", "", "Document.image", False),
        ("FileField", "forms", "Form.scan", False),
        ("FILES", "request", "view", False),
    ]


def test_what_cannot_be_parsed_is_passed_over() -> None:
    broken = python_of(
        {"a.py": "def (X-Forwarded-For", "b.py": f"def f(request):\n    {READ}\n", "c.py": "x = " + "-" * 9000}
    )
    assert [one.location.path for one in broken.forwarded_reads] == ["b.py"]


def test_deep_expressions_end() -> None:
    deep = "x = request.META['HTTP_X_FORWARDED_FOR']" + ".strip()" * 150
    assert of(deep).forwarded_reads[0].item.value == "whole"
    name = dotted_name(__import__("ast").parse("a" + "()" * 80, mode="eval").body)
    assert name == "a"


def test_the_fact_is_provided() -> None:
    assert PythonSource in discover_providers()
