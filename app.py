"""The page as a program: `python app.py` serves it. `demo` is for `gradio app.py` and notebooks.

A worker process imports this file too (as `__mp_main__`), and needs nothing of it.
"""

from __future__ import annotations

import sys
import threading

IS_PROGRAM = __name__ == "__main__" and threading.current_thread() is threading.main_thread()
"""Not when `gradio app.py` runs this file again, in a thread, because it was changed."""

if __name__ != "__mp_main__":
    from mnist_core import places
    from mnist_core.errors import ConfigError, MnistError
    from mnist_core.page import environment

    if IS_PROGRAM:
        stop_wanted = environment.stop_signal()
    try:
        environment.prepare()  # before gradio and torch
    except MnistError as error:
        environment.fail(error)

    import gradio as gr

    from mnist_core.page.lab import Lab  # with `spaces`, which must come before torch
    from mnist_core.page.shell import build

    if gr.NO_RELOAD:  # the runs go on when the page is changed
        lab = Lab(places.data_dir(), places.runs_dir())
    demo = build(lab)


def main(stop_wanted: threading.Event) -> None:
    """Serve the page until that event (Ctrl-C, SIGTERM), and save every run. Raises MnistError."""
    sys.setswitchinterval(0.0005)  # seconds: who draws waits less for threads that compute
    try:
        if not stop_wanted.is_set():
            _serve()
        while not stop_wanted.wait(0.5):
            pass
    finally:
        demo.close(verbose=False)
        lab.close()


def _serve() -> None:
    """Then load what reads and trains, while the first browser loads the page."""
    try:
        demo.launch(prevent_thread_lock=True)
    except (OSError, ValueError) as error:
        raise ConfigError("The page cannot be served: {reason}", reason=str(error)) from error
    if places.fetches_at_start():
        lab.download.start()
    _ = lab.scheduler  # now, to say it when another server has these runs
    import torchvision.datasets  # noqa: F401  (what MNIST is read with takes a second to import)

    from mnist_core import reading  # noqa: F401
    from mnist_core.page import gallery, run_view  # noqa: F401


if IS_PROGRAM:
    try:
        main(stop_wanted)
    except MnistError as error:
        environment.fail(error)
