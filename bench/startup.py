"""How long ``feedfleet local --simulate`` takes from its start to the first tick in Redis.

python bench/startup.py [--json PATH]
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import redis

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from redis_server import RedisServer

RUNS = 3
TARGET_SECONDS = 10.0


def seconds_to_first_tick() -> float:
    """Start the quickstart fleet, wait for a stream to exist, and stop it."""
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder)) as server:
        command = [sys.executable, "-m", "feedfleet", "local", str(ROOT / "examples" / "quickstart.yaml"), "--simulate"]
        started = time.perf_counter()
        process = subprocess.Popen(
            command, env={**os.environ, "FEEDFLEET_REDIS_URL": server.url}, stdout=subprocess.DEVNULL
        )
        try:
            with redis.Redis.from_url(server.url) as client:
                while not client.exists("md:topics"):
                    if process.poll() is not None:
                        raise RuntimeError(f"feedfleet local ended with {process.returncode}")
                    time.sleep(0.01)
            return time.perf_counter() - started
        finally:
            process.terminate()
            process.wait()


def main() -> int:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description="Time to the first tick.")
    parser.add_argument("--json", type=Path, help="write the results there too")
    options = parser.parse_args()
    times = [seconds_to_first_tick() for _ in range(RUNS)]
    listed = ", ".join(f"{seconds:.1f}" for seconds in times)
    print(f"feedfleet local --simulate to its first tick: {listed} s (target: under {TARGET_SECONDS:.0f})")
    if options.json is not None:
        machine = {"processor": platform.machine(), "cores": os.cpu_count(), "system": platform.platform()}
        result = {"python": platform.python_version(), "machine": machine, "seconds": times}
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0 if max(times) < TARGET_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
