"""What has to be settled in the process before gradio and torch are imported. Imports neither.

A value in the environment that means nothing is said in a sentence, and the program ends; what
would only be in the way (a proxy that Python cannot speak to, a folder for uploads that is another
user's, certificates that are not there) is put aside. And the wish to stop, which may come at any
moment from here on, is noted.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from .. import places
from ..errors import ConfigError, MnistError

_PROXIES = ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY")
_AT_ONCE = "GRADIO_DEFAULT_CONCURRENCY_LIMIT"
_HERE = ("localhost", "127.0.0.1", "::1")


def prepare() -> None:
    """Settle the environment. Raises ConfigError for a value in it that means nothing."""
    # One thread to a visitor: those of several would spin against each other, and waking a second
    # one takes longer than it saves on one digit.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    given = os.environ.get("GRADIO_TEMP_DIR")
    os.environ["GRADIO_TEMP_DIR"] = str(places.writable(Path(given)) if given else _uploads())
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        if not Path(os.environ.get(name, "/")).exists():
            del os.environ[name]
    _put_proxies_aside()
    places.name_the_user()
    places.slots(), places.fetches_at_start()  # which are said now if they mean nothing
    for name in ("GRADIO_SERVER_PORT", "GRADIO_NUM_PORTS"):
        places.whole_number(name, 65_535)
    if os.environ.get(_AT_ONCE) != "none":
        places.whole_number(_AT_ONCE, 1000)
    if places.cluster() and not (find_spec("ray") and find_spec("grpc")):
        raise ConfigError('MNIST_CLUSTER needs a package: pip install "ray[client]"')
    if os.environ.get("GRADIO_MCP_SERVER", "").lower() == "true" and not find_spec("mcp"):
        raise ConfigError(  # which gradio would not say
            "GRADIO_MCP_SERVER needs a package: pip install gradio[mcp]=={version}",
            version=version("gradio"),
        )
    root = os.environ.get("GRADIO_ROOT_PATH") or "/"
    if not root.startswith(("/", "http://", "https://")):
        raise ConfigError("GRADIO_ROOT_PATH must begin with /, not be {value}.", value=root[:40])


def stop_signal() -> threading.Event:
    """Set by Ctrl-C and by SIGTERM, the first as any later one: nothing is interrupted by them.

    For the main thread, where signals arrive.
    """
    wanted = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: wanted.set())
    return wanted


def fail(error: MnistError) -> None:
    """End the program with a sentence."""
    sys.stderr.write(f"error: {error}\n")
    raise SystemExit(error.exit_code)


def _uploads() -> Path:
    """A folder of this user's own: the usual one may have been made by another user."""
    user = os.getuid() if hasattr(os, "getuid") else "user"
    folder = Path(tempfile.gettempdir()) / f"mnist-lab-{user}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        return Path(tempfile.mkdtemp(prefix="mnist-lab-"))


def _put_proxies_aside() -> None:
    """What gradio asks of its own page goes by no proxy."""
    for name in (*_PROXIES, *map(str.lower, _PROXIES)):
        if (value := os.environ.get(name)) and not _is_proxy(value):
            del os.environ[name]
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), *_HERE)))


def _is_proxy(value: str) -> bool:
    """Whether Python can speak to it; SOCKS needs a package (socksio)."""
    try:
        address = urlsplit(value if "://" in value else f"http://{value}")
        spoken = ("http", "https", *(("socks5", "socks5h") if find_spec("socksio") else ()))
        return address.scheme in spoken and bool(address.hostname) and address.port != 0
    except ValueError:
        return False
