"""`train --trackio`: with the real library where it is installed, otherwise a sentence."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mnist_core.cli import main

ROOT = Path(__file__).parent.parent


def test_what_is_missing_is_named(monkeypatch, mnist_dir, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "trackio", None)
    arguments = ["train", "--trackio", "digits", "--data-dir", str(mnist_dir)]
    assert main([*arguments, "--out", str(tmp_path / "run")]) == 2
    assert "pip install trackio" in capsys.readouterr().err


def test_a_runs_curve_is_logged(monkeypatch, mnist_dir, tmp_path):
    """Trackio reads its folder from the environment once, so it is another process that logs."""
    pytest.importorskip("trackio", reason="trackio is not installed")
    environment = {**os.environ, "TRACKIO_DIR": str(tmp_path / "trackio")}
    command = [sys.executable, "-m", "mnist_core", "train", "--trackio", "digits", "--quiet"]
    command += ["--epochs", "1", "--batch-size", "512", "--out", str(tmp_path / "run")]
    command += ["--data-dir", str(mnist_dir)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    listed = [sys.executable, "-m", "trackio.cli", "get", "metric", "--project", "digits"]
    listed += ["--run", "run", "--metric", "test accuracy", "--json"]
    done = subprocess.run(listed, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert '"value": 0.' in done.stdout
