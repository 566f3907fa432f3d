"""Each clause of the rules about single lines of nginx: splitting, chosen upstreams, versions."""

import pytest

from tests.edgekit import DJANGO, HEADERS, PASS, nginx_of, short
from tests.rulekit import judge_facts

TLS = "listen 443 ssl; server_name shop.example;"
REFUSE = "server { listen 443 ssl default_server; ssl_reject_handshake on; }"


def of(rule: str, body: str, before: str = "", names: str = TLS) -> list[str]:
    return short(judge_facts(rule, nginx_of(f"{before} server {{ {names} {body} }}")), "high")


AT = "high inferred server shop.example:443"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param("return 301 https://$host$uri;", [f"{AT} return"], id="decoded path in a redirect"),
        pytest.param("return 301 https://$host$request_uri;", ["passed"], id="raw path"),
        pytest.param('return 200 "$uri";', ["passed"], id="the text of an answer"),
        pytest.param("return 403;", ["passed"], id="no target"),
        pytest.param("return https://x$document_uri;", [f"{AT} return"], id="address alone"),
        pytest.param("rewrite ^ https://x$uri permanent;", [f"{AT} rewrite"], id="rewrite with $uri"),
        pytest.param("rewrite ^/([^/]+) https://x/$1 permanent;", ["passed"], id="rewrite encodes its numbers"),
        pytest.param("rewrite ^/(?<p>[^/]+) https://x/$p permanent;", [f"{AT} rewrite"], id="but not what has a name"),
        pytest.param("rewrite ^/(.*)$ /index.php?q=$1 last;", ["passed"], id="rewrite that stays inside"),
        pytest.param(f"add_header X-Path $uri; {DJANGO}", [f"{AT} location / add_header"], id="add_header"),
        pytest.param(
            "add_header X-Path $uri; location / { return 301 https://a$request_uri; add_header X-A b; }",
            ["passed"],
            id="a line that is cancelled",
        ),
        pytest.param(
            f"location / {{ {HEADERS} proxy_set_header X-URI $uri; {PASS} }}",
            [f"{AT} location / proxy_set_header"],
            id="proxy_set_header",
        ),
        pytest.param(
            "location / { uwsgi_pass 127.0.0.1:8000; proxy_set_header X-URI $uri; }", ["passed"], id="not for uwsgi"
        ),
        pytest.param("location / { proxy_pass http://app$uri; }", [f"{AT} location / proxy_pass"], id="proxy_pass"),
        pytest.param(
            "location ~ ^/a/([^/]+) { proxy_pass http://app/$1; }",
            [f"{AT} location ~ ^/a/([^/]+) proxy_pass"],
            id="a class with line ends",
        ),
        pytest.param("location ~ ^/a/(.*)$ { proxy_pass http://app/$1; }", ["passed"], id="a dot is no line feed"),
        pytest.param(
            "location ~ ^/a/(.*)$ { return 301 /b/$1; }",
            [f"{AT} location ~ ^/a/(.*)$ return"],
            id="a dot holds a carriage return, which ends a line for a browser",
        ),
        pytest.param("location ~ ^/a/([\\w-]+) { proxy_pass http://app/$1; }", ["passed"], id="a class without"),
        pytest.param(
            "location ~ ^/a/([^/]+) { set $p $1; return 302 /b/$p; }",
            [f"{AT} location ~ ^/a/([^/]+) return"],
            id="through set",
        ),
        pytest.param("location = /a { return 302 https://b$uri; }", ["passed"], id="one path only"),
        pytest.param("location ~ ^/[a-z]+$ { return 302 https://b$uri; }", ["passed"], id="bounded by its expression"),
        pytest.param("location /a { internal; return 302 https://b$uri; }", ["passed"], id="internal"),
        pytest.param(
            "if ($request_uri ~ ^/a/([^?]*)) { return 302 https://b/$1; }", ["passed"], id="captured from the raw path"
        ),
        pytest.param(
            "location / { if ($uri ~ ^/a/([^/]*)) { return 302 https://b/$1; } }",
            [f"{AT} location / if return"],
            id="captured from the decoded path",
        ),
        pytest.param("error_page 404 https://b$uri;", [f"{AT} error_page"], id="error_page"),
        pytest.param("error_page 404 /404.html;", ["passed"], id="error_page inside"),
    ],
)
def test_response_splitting(body: str, expected: list[str]) -> None:
    assert of("response_splitting", body) == expected


def test_splitting_through_a_map() -> None:
    split = "map $uri $to { ~^/m/(?<part>[^/]+) https://x/$part; default https://y; }"
    assert of("response_splitting", "return 302 $to;", split) == [f"{AT} return"]
    safe = split.replace("[^/]+", "[a-z]+")
    assert of("response_splitting", "return 302 $to;", safe) == ["passed"]


@pytest.mark.parametrize(
    ("body", "names", "expected"),
    [
        pytest.param("location / { proxy_pass http://$arg_h; }", TLS, [f"{AT} location / proxy_pass"], id="argument"),
        pytest.param("location / { proxy_pass $http_x_to; }", TLS, [f"{AT} location / proxy_pass"], id="all of it"),
        pytest.param(
            "location / { proxy_pass http://127.0.0.1:$cookie_port; }", TLS, [f"{AT} location / proxy_pass"], id="port"
        ),
        pytest.param("location / { proxy_pass http://app/$arg_a; }", TLS, ["passed"], id="path only"),
        pytest.param("location / { proxy_pass http://app$request_uri; }", TLS, ["passed"], id="a path has its slash"),
        pytest.param("location / { uwsgi_pass $arg_a; }", TLS, [f"{AT} location / uwsgi_pass"], id="uwsgi_pass"),
        pytest.param("location /a { internal; proxy_pass http://$arg_h; }", TLS, ["passed"], id="internal"),
        pytest.param("location / { set $b app; proxy_pass http://$b; }", TLS, ["passed"], id="constant"),
        pytest.param(
            'location / { set $b "http://app$request_uri"; proxy_pass $b; }', TLS, ["passed"], id="path behind a set"
        ),
        pytest.param(
            "location ~ ^/(https?)/(.*?)/(.*) { set $s $1; set $h $2; proxy_pass $s://$h/$3; }",
            TLS,
            [f"{AT} location ~ ^/(https?)/(.*?)/(.*) proxy_pass"],
            id="captured",
        ),
        pytest.param("location ~ ^/(a|b)/ { proxy_pass http://$1; }", TLS, ["passed"], id="one of a few"),
        pytest.param(
            "location /s/ { proxy_pass $http_x_scheme://app/; }", TLS, [f"{AT} location /s/ proxy_pass"], id="scheme"
        ),
        pytest.param(
            'location / { set $b "/d/"; proxy_pass http://$b$arg_x; }', TLS, ["passed"], id="behind a constant path"
        ),
        pytest.param("location / { proxy_pass http://$host; }", TLS, ["passed"], id="only its own names come here"),
        pytest.param(
            "location / { proxy_pass http://$host; }",
            "listen 443 ssl; server_name shop.example *.shop.example;",
            [f"{AT} location / proxy_pass"],
            id="a pattern among its names",
        ),
        pytest.param("location / { proxy_pass http://$server_name; }", TLS, ["passed"], id="the server's own name"),
        pytest.param(DJANGO, TLS, ["passed"], id="no variable"),
    ],
)
def test_upstream_chosen_by_client(body: str, names: str, expected: list[str]) -> None:
    assert of("upstream_chosen_by_client", body, REFUSE, names) == expected


def test_any_host_comes_to_a_default_server() -> None:
    found = of("upstream_chosen_by_client", "location / { proxy_pass http://$host; }")
    assert found == [f"{AT} location / proxy_pass"]
