"""The command line as a user meets it: what it prints, writes, returns and refuses."""

import json
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mnist_core import config, places
from mnist_core.checkpoint import Checkpoint
from mnist_core.cli import main
from mnist_core.cli.console import quoted
from mnist_core.cli.flags import parser
from mnist_core.digits.mnist import load_mnist
from mnist_core.errors import MnistError
from mnist_core.runs.record import command
from mnist_core.training import Trainer

ROOT = Path(__file__).parent.parent
SEVEN = [[[0.2, 0.2], [0.8, 0.2], [0.45, 0.9]]]
ONE = [[[0.5, 0.1], [0.5, 0.9]]]


@pytest.fixture(autouse=True)
def no_default_data(monkeypatch, tmp_path):
    """Nothing is fetched or written outside the test's own folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MNIST_DATA_DIR", raising=False)
    monkeypatch.setenv("MNIST_RUNS_DIR", str(tmp_path / "runs"))


def run(capsys, *arguments):
    """Exit code, standard output, standard error."""
    try:
        code = main([str(argument) for argument in arguments])
    except SystemExit as stop:  # argparse
        code = stop.code
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def saved_run(folder):
    """A run's folder with a checkpoint before the first step."""
    Trainer(config.TUTORIAL).checkpoint().save(folder / "checkpoint.pt")
    return folder


def drawings(path, *drawn):
    """A file of strokes, or of lines as they stand."""
    lines = [each if isinstance(each, str) else json.dumps({"strokes": each}) for each in drawn]
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def test_strokes_are_read_with_the_weights_that_come_with_it(capsys, tmp_path):
    code, out, _ = run(capsys, "predict", drawings(tmp_path / "d.jsonl", SEVEN, ONE), "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [row["digit"] for row in rows] == [7, 1]
    assert [row["file"].rsplit(":", 1)[1] for row in rows] == ["1", "2"]
    for row in rows:
        assert len(row["probabilities"]) == 10
        assert sum(row["probabilities"]) == pytest.approx(1, abs=1e-5)
        assert max(row["probabilities"]) == row["probabilities"][row["digit"]]


def test_pictures_are_read(capsys, tmp_path):
    canvas = np.full((200, 200, 3), 255, np.uint8)
    canvas[30:170, 92:108] = 0
    Image.fromarray(canvas).save(tmp_path / "one.png")
    Image.fromarray(canvas).save(tmp_path / "one.webp")
    code, out, _ = run(capsys, "predict", tmp_path / "one.png", tmp_path / "one.webp")
    assert code == 0
    assert re.fullmatch(r"(.*one\.(png|webp): 1 \(\d+\.\d%\)\n){2}", out)


def test_what_cannot_be_read_is_said_and_the_others_are_still_answered(capsys, tmp_path):
    (tmp_path / "text.png").write_text("not a picture")
    Image.new("L", (50, 50), 255).save(tmp_path / "blank.png")
    lines = drawings(
        tmp_path / "d.jsonl", SEVEN, "{", '{"strokes": 3}', '{"strokes": []}', "[]",
        '{"strokes": [[[0, NaN], [1, 1]]]}', "[" * 10**6, "null", '{"strokes": [[[1e999, 0]]]}',
        '{"strokes": ' + "[" * 10**5 + "]" * 10**5 + "}",
        '{"strokes": [[[1' + "0" * 400 + ", 0]]]}", SEVEN,
    )  # fmt: skip
    files = [tmp_path / "gone.png", tmp_path / "text.png", tmp_path / "blank.png", lines]
    code, out, err = run(capsys, "predict", *files, "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 1
    assert err == ""
    assert [row.get("digit") for row in rows] == [None] * 3 + [7] + [None] * 10 + [7]
    said = [row["error"] for row in rows if "error" in row]
    assert all(re.fullmatch(r".{10,199}\.", sentence) for sentence in said), said


def test_files_as_other_programs_write_them_are_read(capsys, tmp_path):
    line = json.dumps({"strokes": SEVEN}) + "\r\n"
    (tmp_path / "MARKED.JSONL").write_text(line, encoding="utf-8-sig", newline="")
    code, out, _ = run(capsys, "predict", tmp_path / "MARKED.JSONL", "--json")
    assert (code, json.loads(out)["digit"]) == (0, 7)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full disk here")
def test_what_the_system_refuses_is_one_line(capsys, monkeypatch, tmp_path):
    code, _, err = run(capsys, "train", "--out", tmp_path / ("x" * 300))
    assert (code, err) == (1, "error: File name too long\n")
    drawn = drawings(tmp_path / "d.jsonl", SEVEN)
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "mnist_core", "predict", str(drawn)],
            cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "error: No space left on device\n")


def test_the_tutorials_two_files_are_two(capsys, tmp_path):
    same = tmp_path / "same.pth"
    folder = saved_run(tmp_path / "run")
    code, _, err = run(capsys, "export", folder, "--model", same, "--optimizer", same)
    assert (code, "go together" in err, same.exists()) == (2, True, False)


def test_thousands_of_drawings_are_read_in_one_call(capsys, tmp_path):
    code, out, _ = run(capsys, "predict", drawings(tmp_path / "d.jsonl", *[SEVEN] * 2500), "--json")
    assert code == 0
    assert len(out.splitlines()) == 2500


def test_a_run_is_not_overwritten(capsys, tmp_path):
    folder = saved_run(tmp_path / "run")
    before = (folder / "checkpoint.pt").read_bytes()
    code, _, err = run(capsys, "train", "--out", folder)
    assert code == 2
    assert f"--resume {folder}" in err
    assert (folder / "checkpoint.pt").read_bytes() == before


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--epochs", "-1"], "epochs must be between 1 and 100, not -1"),
        (["--batch-size", "0"], "batch size must be between"),
        (["--learning-rate", "nan"], "learning rate must be between"),
        (["--device", "tpu"], "invalid choice: 'tpu'"),
        (["--epochs", "many"], "invalid int value: 'many'"),
        (["--threads", "0"], "must be at least 1"),
        (["--threads", "100000"], "at most 512"),
    ],
)
def test_a_setting_out_of_range_is_refused_before_anything_is_written(
    capsys, tmp_path, flags, said
):
    code, out, err = run(capsys, "train", *flags, "--out", tmp_path / "run")
    assert code == 2
    assert out == ""
    assert said in err
    assert "Traceback" not in err
    assert not (tmp_path / "run").exists()


def test_only_the_number_of_epochs_can_be_changed_on_resume(capsys, tmp_path):
    folder = saved_run(tmp_path / "run")
    code, _, err = run(capsys, "train", "--resume", folder, "--learning-rate", "0.5")
    assert code == 2
    assert err == (
        "error: learning rate is 0.01 in this run and cannot be changed now;"
        " only the number of epochs can.\n"
    )


@pytest.mark.parametrize("command", ["evaluate --checkpoint", "train --resume"])
def test_a_broken_checkpoint_is_one_line_and_its_exit_code(capsys, tmp_path, command):
    (tmp_path / "broken.pt").write_bytes(b"broken")
    code, out, err = run(capsys, *command.split(), tmp_path / "broken.pt")
    assert (code, out) == (4, "")
    assert err.startswith("error: broken.pt ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "command",
    ["export --package out", "evaluate --checkpoint", "predict x.png --checkpoint",
     "train --resume", "train --start-from"],
)  # fmt: skip
def test_a_run_that_is_not_there_is_said_with_those_that_are(capsys, tmp_path, command):
    """A brace in a name is no place for a value."""
    (tmp_path / "runs" / "empty").mkdir(parents=True)
    for name in ("runs/none", "runs/empty", "{gone}"):
        code, out, err = run(capsys, *command.split(), name)
        assert (code, out) == (4, "")
        assert err == (
            f"error: There is no run or checkpoint {quoted(Path(name))}; in"
            f" {quoted(tmp_path / 'runs')} there is none: train one.\n"
        )
    there = saved_run(tmp_path / "runs" / "a run")
    err = run(capsys, *command.split(), "runs/none")[2]
    assert err.endswith(f" there are {quoted(there)}.\n")
    assert not (tmp_path / "out").exists()


def test_export_writes_the_tutorials_pair(capsys, tmp_path):
    folder = saved_run(tmp_path / "run")
    pair = ["--model", tmp_path / "model.pth", "--optimizer", tmp_path / "optimizer.pth"]
    assert run(capsys, "export", folder, *pair)[0] == 0
    weights = Checkpoint.load(folder / "checkpoint.pt").model
    assert torch.equal(torch.load(tmp_path / "model.pth")["fc2.bias"], weights["fc2.bias"])
    assert torch.load(tmp_path / "optimizer.pth")["param_groups"][0]["momentum"] == 0.5


@pytest.mark.parametrize("command", ["train", "evaluate", "predict", "export"])
def test_every_flag_has_its_explanation(capsys, command):
    code, out, _ = run(capsys, command, "--help")
    flags = re.split(r"\n  (?=-)", out[out.index("options:") :])[1:]
    assert code == 0
    assert len(flags) > 2
    assert all(re.match(r"-.*?(  +|\n +)[A-Za-z]", flag) for flag in flags)


@pytest.mark.parametrize("recipe", [*config.RECIPES, config.OWN, "another"])
def test_the_command_that_a_record_gives_trains_such_a_run(recipe):
    settings = replace(config.QUICK, recipe=recipe, epochs=2, learning_rate=0.3)
    options = parser().parse_args(shlex.split(command(settings))[3:])
    given = {name: getattr(options, name) for name in config.SETTINGS}
    given = {name: value for name, value in given.items() if value is not None}
    assert {**replace(config.RECIPES[options.recipe], **given).to_dict(), "recipe": recipe} == (
        settings.to_dict()
    )


def test_every_kind_of_error_has_its_own_exit_code():
    codes = [kind.exit_code for kind in MnistError.__subclasses__()]
    assert len(set(codes)) == len(codes)
    assert not set(codes) & {0, 1, 130}


@pytest.mark.parametrize("recipe", config.SHIPPED)
def test_evaluate_gives_the_figures_of_the_shipped_weights_and_makes_no_training_digits(
    capsys, mnist_dir, monkeypatch, tmp_path, recipe
):
    monkeypatch.setenv("MNIST_CACHE_DIR", str(tmp_path / "cache"))
    weights = places.shipped_weights(recipe)
    given = ["--checkpoint", weights] if recipe != config.SHIPPED[0] else []
    code, out, _ = run(capsys, "evaluate", *given, "--data-dir", mnist_dir, "--json")
    assert code == 0
    assert not (tmp_path / "cache").exists()
    result = json.loads(out)
    card = json.loads(weights.with_suffix(".json").read_text())
    confusion = np.array(result["confusion"])
    assert set(result) == {"loss", "accuracy", "count", "per_class_accuracy", "confusion"}
    assert result["count"] == confusion.sum() == 10_000
    assert result["accuracy"] == confusion.trace() / 10_000
    assert result["accuracy"] == pytest.approx(card["test_accuracy"], abs=2e-4)
    labels = load_mnist(mnist_dir)[1].labels
    assert confusion.sum(1).tolist() == torch.bincount(labels).tolist()  # rows are the truth
    shares = confusion.diagonal() / confusion.sum(1)
    assert result["per_class_accuracy"] == pytest.approx(shares.tolist(), abs=1e-6)


def test_a_path_is_printed_as_each_systems_command_line_takes_it():
    assert quoted(Path("runs/mine"), windows=False) == "runs/mine"
    assert quoted(Path("it's a run"), windows=False) == """'it'"'"'s a run'"""
    assert quoted(Path("C:/My runs"), windows=True) == '"C:/My runs"'
    assert quoted(Path("runs"), windows=True) == "runs"
