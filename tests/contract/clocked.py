"""Serves with a clock that standard input moves: a line is a number of minutes.

Arguments: data folder, front.
"""

import json
import sys
import threading
from dataclasses import asdict
from pathlib import Path

from holdfast import ManualClock
from holdfast.server import ReadyInfo, ServerSettings, serve

clock = ManualClock(1_763_280_000_000)


def follow() -> None:
    for line in sys.stdin:
        sys.stdout.write(f"{clock.advance(minutes=float(line))}\n")
        sys.stdout.flush()


def ready(info: ReadyInfo) -> None:
    sys.stdout.write(json.dumps(asdict(info)) + "\n")
    sys.stdout.flush()
    threading.Thread(target=follow, daemon=True).start()


data, native = Path(sys.argv[1]), sys.argv[2] == "native"
settings = ServerSettings(
    data=data, port=0, drain_grace_s=0, front="native" if native else "python"
)
sys.exit(serve(settings, ready=ready, clock=clock))
