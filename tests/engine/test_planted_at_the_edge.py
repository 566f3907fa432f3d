"""Faults at the edge of a good project, seen on its own stack: who is believed about host, scheme and TLS."""

import re
from pathlib import Path
from shutil import copytree

import pytest

from tests.engine.scans import PROJECTS, run

ENGINES = [
    pytest.param("docker", marks=pytest.mark.docker),
    pytest.param("local", marks=pytest.mark.local),
]
CONF = "deploy/nginx/sites-available/shop.conf"
SETTINGS = "config/settings/production.py"
PLANTED = (
    # The default server sends strangers on, for this once; before nginx 1.29.2 its old versions decide for all servers.
    (
        "    ssl_reject_handshake on;\n    return 444;",
        (
            "    ssl_reject_handshake on;\n    ssl_protocols TLSv1 TLSv1.1 TLSv1.2;\n    ssl_ciphers ALL:@SECLEVEL=0;\n"
            "    return 302 https://$host$request_uri;"
        ),
    ),
    ("proxy_set_header Host $host;", "proxy_set_header Host $http_host;"),
    (
        "    ssl_protocols TLSv1.2 TLSv1.3;\n",
        "    ssl_protocols TLSv1.2 TLSv1.3;\n    ssl_ciphers AES256-SHA:NULL-SHA256:@SECLEVEL=0;\n",
    ),
)
SEEN = {
    ("forwarded-host-spoofable", "settings.USE_X_FORWARDED_HOST", "high", "proven"),
    ("host-header-from-client", "server shop.example:443", "medium", "proven"),
    ("redirect-host-unsafe", "server _:80", "medium", "proven"),
    ("tls-cipher-weak", "server shop.example:443 ssl_ciphers", "medium", "proven"),
    ("tls-protocol-old", "server _:80 ssl_protocols", "medium", "inferred"),
}
"""The old versions are inferred: nothing tells on which side of 1.29.2 the target's nginx is."""


@pytest.mark.parametrize("engine", ENGINES)
def test_planted_faults_are_seen(engine: str, tmp_path: Path) -> None:
    project = tmp_path / "shop"
    copytree(PROJECTS / "article-good", project)
    text = (project / CONF).read_text()
    for old, new in PLANTED:
        assert old in text
        text = text.replace(old, new)
    (project / CONF).write_text(text)
    changed = (project / SETTINGS).read_text() + '\nUSE_X_FORWARDED_HOST = True\nALLOWED_HOSTS = ["*"]\n'
    (project / SETTINGS).write_text(changed)
    found = run(project, "--engine", engine)
    assert found.code == 1, found.stdout + found.stderr
    rows = {(rule, symbol, severity, proof) for rule, _, symbol, severity, proof in found.findings("medium", "high")}
    assert rows >= SEEN
    told = [
        evidence["text"]
        for result in found.project["results"]
        if result["rule"] == "tls-protocol-old"
        for finding in result["findings"]
        for evidence in finding["evidence"]
    ]
    assert engine == "docker" or any(re.search(r"offers TLSv1\.1 only\): TLSv1\.1 with", text) for text in told), told
