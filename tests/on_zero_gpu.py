"""The app as ZeroGPU runs it, with the real `spaces` package: for test_zero_gpu.py.

    python tests/on_zero_gpu.py LOG

A small server here is the device API that hands out GPUs; every request to it is a line of LOG.
There is no GPU, so the forked process trains on the CPU. While the file LOG.refuse exists, the
visitor's quota is used up; LOG.kill ends the forked process. A chunk lasts at most 3 seconds, a
visitor's token 1.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

log = Path(sys.argv[1])
ROOT = Path(__file__).parent.parent


class DeviceApi(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        with log.open("a") as file:
            file.write(f"{self.path}\n")
        grant = {"idle": False, "nvidiaIndex": 0, "nvidiaUUID": "GPU-0", "allowToken": "x"}
        if urlsplit(self.path).path != "/schedule":
            self._answer(200, {})
        elif log.with_suffix(".refuse").exists():
            self._answer(429, {"left": 3, "wait": 600})
        else:
            self._answer(200, grant)

    def _answer(self, status: int, values: dict) -> None:
        body = json.dumps(values).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def main() -> None:
    api = ThreadingHTTPServer(("127.0.0.1", 0), DeviceApi)
    threading.Thread(target=api.serve_forever, daemon=True).start()
    os.environ["SPACES_ZERO_GPU"] = "true"
    os.environ["SPACES_ZERO_DEVICE_API_URL"] = f"http://127.0.0.1:{api.server_address[1]}"
    sys.path.insert(0, str(ROOT))

    import spaces.zero.torch  # before torch

    from mnist_core.page import environment, shell

    shell.RENEW_SECONDS = 1
    import app
    from mnist_core.runs import drive, zero_gpu

    train = drive.train

    def train_or_die(
        chunk: drive.Chunk, control: drive.Control, device: str
    ) -> Iterator[drive.Progress]:
        for progress in train(chunk, control, "cpu"):
            yield progress
            if log.with_suffix(".kill").exists():  # here nothing is half sent
                log.with_suffix(".kill").unlink()
                os.kill(os.getpid(), signal.SIGKILL)

    drive.train = train_or_die
    zero_gpu.MOST_SECONDS = 3
    spaces.zero.torch.init = spaces.zero.torch.move = lambda *_, **__: None
    app.main(environment.stop_signal())


if __name__ == "__main__":  # a worker for the CPU imports this file too
    main()
