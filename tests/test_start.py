"""What it takes to show the first page, and how the page starts where Spaces runs it."""

import json
import subprocess
import sys
from pathlib import Path

from mnist_core.data import _FILES

ROOT = Path(__file__).parent.parent
BUILDS = """
import json, sys
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
from pathlib import Path
import app
app.build(Path(sys.argv[1]), Path(sys.argv[2]))
heavy = [name for name in ("torch", "torchvision", "matplotlib") if name in sys.modules]
print(json.dumps([heavy, [file for file in opened if file.startswith(sys.argv[1])]]))
"""


def test_the_first_page_needs_neither_torch_nor_the_digits(tmp_path):
    data = tmp_path / "data"
    (data / "MNIST" / "raw").mkdir(parents=True)
    for name in _FILES:
        (data / "MNIST" / "raw" / name).touch()
    done = subprocess.run(
        [sys.executable, "-c", BUILDS, str(data), str(tmp_path / "runs")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout.splitlines()[-1]) == [[], []]
    assert not (tmp_path / "runs").exists()
