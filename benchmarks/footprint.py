"""What s3magic costs a notebook: loading it, a mount daemon at rest, and the wait from magic to first byte.

Each figure is the median of several fresh kernels, measured inside a real ipykernel. "A library
beside it" is boto3, imported in a kernel of its own: what a notebook pays that uses S3 without s3magic.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

RUNS = 5

MEASURE = """
import json, time, gc
def rss():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6
def cost(statement):
    gc.collect(); memory, begun = rss(), time.perf_counter()
    get_ipython().run_cell(statement)
    return {"seconds": time.perf_counter() - begun, "megabytes": rss() - memory}
"""

FIRST_BYTE = """
import psutil
get_ipython().run_cell("%s3sandbox")
begun = time.perf_counter()
m = get_ipython().run_line_magic("s3mount", "s3://teaching/iris/ mounted")
with open(m / "E1_north_america.nc", "rb") as file:
    file.read(1)
seconds = time.perf_counter() - begun
daemon = next(p for p in psutil.Process().children() if "s3magic.mounting.daemon" in p.cmdline())
result = {"seconds": seconds, "megabytes": daemon.memory_info().rss / 1e6}
get_ipython().run_line_magic("s3umount", "mounted")
get_ipython().run_line_magic("s3sandbox", "stop")
print(json.dumps(result))
"""


@contextmanager
def kernel() -> Iterator[BlockingKernelClient]:
    """Start a kernel in a folder of its own; end it."""
    with tempfile.TemporaryDirectory() as folder:
        manager, client = start_new_kernel(kernel_name="python3", cwd=folder, env={**os.environ, "IPYTHONDIR": folder})
        try:
            yield client
        finally:
            client.stop_channels()
            manager.shutdown_kernel()


def printed(client: BlockingKernelClient, code: str) -> dict[str, float]:
    """Run code and read the JSON that it printed last."""
    said: list[str] = []
    reply = client.execute_interactive(
        code, output_hook=lambda m: said.append(m["content"].get("text", "")) if m["msg_type"] == "stream" else None
    )
    if reply["content"]["status"] != "ok":
        raise SystemExit("\n".join(reply["content"]["traceback"]))
    return json.loads("".join(said).strip().splitlines()[-1])


def loading(statement: str) -> dict[str, float]:
    """Return what one statement costs a fresh kernel."""
    with kernel() as client:
        return printed(client, f"{MEASURE}\nprint(json.dumps(cost({statement!r})))")


def first_byte() -> dict[str, float]:
    """Return the wait from magic to first byte, and the daemon's memory then."""
    with kernel() as client:
        return printed(client, f"{MEASURE}\ncost('%load_ext s3magic')\n{FIRST_BYTE}")


def main() -> None:
    """Print the table."""
    rows = {
        "%load_ext s3magic": lambda: loading("%load_ext s3magic"),
        "import boto3 (a library beside it)": lambda: loading("import boto3"),
        "%s3mount to first byte; its daemon": first_byte,
    }
    print(f"{'median of ' + str(RUNS) + ' fresh kernels':38}{'seconds':>10}{'MB':>8}")
    for name, measure in rows.items():
        results = [measure() for _ in range(RUNS)]
        seconds, megabytes = (statistics.median(r[key] for r in results) for key in ("seconds", "megabytes"))
        print(f"{name:38}{seconds:10.3f}{megabytes:8.1f}")


if __name__ == "__main__":
    main()
