"""What the stub image runs instead of the scanner: it does what the file `stub.json` of the checkout says."""

import json
import os
import signal
import sys
import time
from pathlib import Path

ORDERS = Path("/in/tree/stub.json")
orders = json.loads(ORDERS.read_text(encoding="utf-8")) if ORDERS.exists() else {}
OUT = Path("/out")
(OUT / "seen.json").write_text(
    json.dumps(
        {
            "argv": sys.argv[1:],
            "env": dict(os.environ),
            "tree": sorted(str(each.relative_to("/in/tree")) for each in Path("/in/tree").rglob("*") if each.is_file()),
            "event": Path("/in/event.json").read_text(encoding="utf-8") if Path("/in/event.json").exists() else None,
            "caps": next(
                line.split()[1]
                for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
                if line.startswith("CapEff")
            ),
            "socket": Path("/var/run/docker.sock").exists(),
        }
    ),
    encoding="utf-8",
)
(OUT / "github").mkdir()
(OUT / "github" / "output").write_text(
    "blocks<<X\n2\nX\njson-path<<X\n/out/seen.json\nX\ndirectory<<X\n/out\nX\nother<<X\n/outside\nX\n", encoding="utf-8"
)
(OUT / "github" / "summary").write_text("# stub\n", encoding="utf-8")
for name in orders.get("files", []):
    path = OUT / "workspace" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("report\n", encoding="utf-8")
if orders.get("wait"):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.stdout.write("waiting\n")
    sys.stdout.flush()
    time.sleep(60)
sys.exit(orders.get("code", 0))
