"""The command line as a process of its own: stopped at any moment, and on an odd machine."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from servers import PATIENCE_SECONDS

from mnist_core.checkpoint import Checkpoint

ROOT = Path(__file__).parent.parent


def started(folder, *arguments, program=("-m", "mnist_core"), **options):
    """The command line as a process of its own, in a folder."""
    line = [sys.executable, *program, *map(str, arguments)]
    return subprocess.Popen(
        line, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    )


def until_saved(process, folder, batches):
    """Wait until a run has been saved after so many."""
    file = folder / "checkpoint.pt"
    while not (file.exists() and Checkpoint.load(file).batches_done >= batches):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.1)


def test_ctrl_c_however_often_saves_and_prints_the_command_that_goes_on(mnist_dir, tmp_path):
    folder = tmp_path / "a run"
    flags = ["--data-dir", mnist_dir, "--threads", 1, "--out", folder, "--epochs", 3]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = started(tmp_path, "train", *flags, env=environment)
    until_saved(process, folder, 21)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT):
        process.send_signal(number)
    _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert f"python -m mnist_core train --resume '{folder}'" in err
    stopped = Checkpoint.load(folder / "checkpoint.pt")
    assert 20 < stopped.batches_done < 3 * 938
    assert json.loads((folder / "history.json").read_text())["config"]["epochs"] == 3


@pytest.mark.skipif(os.name != "posix", reason="no signals to a group of processes")
def test_ctrl_c_before_the_first_batch_is_one_line_and_leaves_nothing(tmp_path):
    process = started(
        tmp_path, "train", "--dataset", "handwriting", "--out", "run", start_new_session=True,
        # What a shell runs in the background ignores Ctrl-C, and so would all that this starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        env=os.environ | {"PYTHONPATH": str(ROOT), "MNIST_CACHE_DIR": str(tmp_path / "cache")},
    )  # fmt: skip
    said = ""
    while "Synthetic digits" not in said:
        said += process.stderr.read(1)
        assert process.poll() is None, said
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130
    assert err.splitlines()[-1].endswith("Interrupted.")
    assert "Traceback" not in err
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


ODD_MACHINE = """
import sys
def unknown(uid):
    raise KeyError("getpwuid(): uid not found: 12345")
try:
    import pwd
    pwd.getpwuid = unknown
except ImportError:
    pass
from mnist_core.cli import main
sys.exit(main())
"""


def test_a_user_without_a_name_an_old_console_and_an_odd_path_are_no_obstacle(mnist_dir, tmp_path):
    """Its first step is where torch asks for a user's name, and its first line where → stood."""
    checkout = tmp_path / "a:b 中文" if os.name == "posix" else tmp_path / "a b 中文"
    shutil.copytree(ROOT / "mnist_core", checkout / "mnist_core")
    folder = checkout / "a run 一"
    nameless = ("USER", "LOGNAME", "LNAME", "USERNAME", "HOME")
    environment = {name: value for name, value in os.environ.items() if name not in nameless}
    flags = ["--data-dir", mnist_dir, "--threads", 1, "--out", folder]
    environment |= {"PYTHONIOENCODING": "ascii"}
    process = started(checkout, "train", *flags, program=("-c", ODD_MACHINE), env=environment)
    until_saved(process, folder, 1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130
    assert out.startswith("tutorial: network net ")
    assert "Traceback" not in err
    assert r"a run \u4e00" in out
    assert r"a run \u4e00" in err
