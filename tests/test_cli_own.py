"""The command line with one's own labelled drawings: train, evaluate and predict by them."""

import json

import pytest
import torch
from visiting import DRAWINGS

from mnist_core.checkpoint import Checkpoint
from mnist_core.cli import main
from mnist_core.config import SHIPPED
from mnist_core.places import shipped_weights


@pytest.fixture
def own(tmp_path):
    """A file in which somebody's 7 is a 2."""
    lines = [{"strokes": strokes, "label": 2 if d == 7 else d} for d, strokes in DRAWINGS.items()]
    file = tmp_path / "own.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


def printed(capsys, *arguments) -> list[dict]:
    assert main([*map(str, arguments), "--json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_predict_reads_by_ones_own_drawings_as_well(capsys, own):
    alone = printed(capsys, "predict", own)
    taught = printed(capsys, "predict", own, "--own", own)
    assert [row["reading"] for row in alone] == ["0", "1", "2", "3", "4", "7", "8"]
    assert [row["reading"] for row in taught] == ["0", "1", "2", "3", "4", "2", "8"]
    assert [row["own"] for row in taught] == [None] * 5 + [5, None]


def test_evaluate_measures_on_a_file_of_drawings(capsys, own):
    (result,) = printed(capsys, "evaluate", "--dataset", own)
    assert (result["count"], result["accuracy"]) == (7, pytest.approx(6 / 7))
    missing = [d for d, share in enumerate(result["per_class_accuracy"]) if share is None]
    assert missing == [5, 6, 7, 9]
    assert main(["evaluate", "--dataset", str(own)]) == 0
    assert "  5  –\n" in capsys.readouterr().out


def test_a_network_is_taught_a_file_of_drawings_from_weights_and_keeps_them(capsys, own, tmp_path):
    run, before = tmp_path / "run", torch.get_num_threads()
    start = shipped_weights(SHIPPED[1])
    told = ["--dataset", own, "--start-from", start, "--epochs", 1, "--threads", 1, "--quiet"]
    assert main([*map(str, ["train", "--out", run, *told])]) == 0
    torch.set_num_threads(before)
    own.unlink()
    (result,) = printed(capsys, "evaluate", "--checkpoint", run)
    assert result["count"] == 7
    assert len(Checkpoint.load(run / "checkpoint.pt").own) == 7


@pytest.mark.parametrize("content", ["", "[]", "GIF89a", '{"strokes": [], "label": 1}'])
def test_a_file_of_something_else_is_one_sentence(capsys, own, content):
    own.write_text(content)
    for command in (["predict", own, "--own", own], ["evaluate", "--dataset", own]):
        assert main([*map(str, command)]) == 5
        assert capsys.readouterr().err.count("\n") == 1
