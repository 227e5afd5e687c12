"""The README says what is true: commands parse, files exist, versions agree."""

import json
import re
import shlex
from pathlib import Path

import pytest
from pictures import seven

from mnist_core import config, places
from mnist_core.cli.flags import parser

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"python -m mnist_core ([a-z].*?)(?:`|\n|  )", README)


def test_it_is_short():
    assert len(README.splitlines()) <= 150


def test_it_shows_commands():
    assert len(COMMANDS) >= 5


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_it_shows_is_understood(command):
    parser().parse_args(shlex.split(command.replace("…", "x")))


def test_the_gate_runs_the_commands_it_gives():
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    assert len(blocks) == 2
    assert all(block.count("\n") == 1 for block in blocks)
    assert "pip install -r requirements.txt" in blocks[0]
    assert "python -m pytest" in blocks[1]


def test_spaces_gets_the_gradio_that_the_requirements_pin():
    pinned = dict(re.findall(r"^(\w+)==(\S+)$", (ROOT / "requirements.txt").read_text(), re.M))
    assert f"sdk_version: {pinned['gradio']}" in README
    for line in (ROOT / "requirements.txt").read_text().splitlines():
        assert line.startswith("#") or re.fullmatch(r"[\w-]+==[\w.]+", line), line


def test_every_environment_variable_that_is_read_is_explained():
    code = [file.read_text(encoding="utf-8") for file in (ROOT / "mnist_core").rglob("*.py")]
    read = set(re.findall(r'"(MNIST_[A-Z_]+)"', "".join(code)))
    assert {"MNIST_DATA_DIR", "MNIST_SLOTS"} <= read <= set(re.findall(r"`(MNIST_\w+)`", README))


def test_every_file_it_names_exists():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
    tree = re.search(r"```\n(app\.py.*?)```", README, re.DOTALL)[1]
    for line in tree.splitlines():
        name = line.split("  ")[0].strip() if not line.startswith(" ") else None
        assert name is None or not name or (ROOT / name).exists(), line


@pytest.mark.parametrize("recipe", config.SHIPPED)
def test_every_shipped_weight_has_its_card(recipe):
    card = json.loads(places.shipped_weights(recipe).with_suffix(".json").read_text())
    assert card["config"]["recipe"] == recipe
    assert 0.97 < card["test_accuracy"] < 1
    assert card["command"].startswith(f"python -m mnist_core train --recipe {recipe}")
    assert {"torch", "python"} <= card["versions"].keys()
    config.TrainConfig.from_dict(card["config"])


def test_the_api_example_runs(server, tmp_path, monkeypatch, capsys):
    snippet = re.search(r"```python\n(.*?)```", README, re.DOTALL)[1]
    seven().save(tmp_path / "digit.png")
    monkeypatch.chdir(tmp_path)
    exec(snippet.replace("http://127.0.0.1:7860", server.url), {})
    strokes, picture = capsys.readouterr().out.strip().splitlines()[-2:]
    assert strokes.startswith("7 ")
    assert picture == "7"
