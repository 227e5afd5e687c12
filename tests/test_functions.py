"""The package from somebody's code: `from mnist_core import read, train`."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pictures import seven
from visiting import DRAWINGS

from mnist_core import read, train
from mnist_core.errors import CheckpointError, ConfigError, DrawingError
from mnist_core.history import EvalEvent

ROOT = Path(__file__).parent.parent
SEVEN = DRAWINGS[7]


def test_a_drawing_is_read_in_each_of_its_forms(tmp_path):
    seven().save(tmp_path / "seven.png")
    strokes = read(SEVEN)
    forms = (tmp_path / "seven.png", str(tmp_path / "seven.png"),
             (tmp_path / "seven.png").read_bytes(), strokes.image)  # fmt: skip
    assert strokes.digit == 7
    assert [read(form).digit for form in forms] == [7] * 4
    assert read(SEVEN, "tutorial").probabilities != strokes.probabilities


def test_what_cannot_be_read_is_the_packages_own_error(tmp_path):
    with pytest.raises(DrawingError, match=r"u8 \[28,28\]"):
        read(np.zeros((3, 3)))
    with pytest.raises(DrawingError):
        read(tmp_path / "none.png")
    with pytest.raises(CheckpointError):
        read(SEVEN, tmp_path / "none.pt")
    with pytest.raises(ConfigError):
        train("unknown")
    with pytest.raises(ConfigError):
        train(learning=1)


def test_a_recipe_becomes_a_run_that_reads(mnist_dir, tmp_path):
    seen = []
    run = train("tutorial", data_dir=mnist_dir, epochs=1, batch_size=512, learning_rate=0.1,
                device="cpu", watch=seen.append)  # fmt: skip
    assert run.history.evaluations[-1].accuracy > 0.8
    assert [event for event in seen if isinstance(event, EvalEvent)] == run.history.evaluations
    run.save(tmp_path / "run.pt")
    assert read(SEVEN, run).probabilities == read(SEVEN, tmp_path / "run.pt").probabilities


def test_the_package_itself_loads_nothing():
    code = (
        "import sys, mnist_core\n"
        "heavy = {'torch', 'numpy', 'gradio', 'mnist_core.reading'}\n"
        "assert not heavy & set(sys.modules)\n"
        "from mnist_core import read, train; assert 'torch' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
