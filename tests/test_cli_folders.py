"""Where the command line writes: a run's folder, a package's."""

import shutil

import pytest

from mnist_core import places
from mnist_core.cli import main


def run(capsys, *arguments):
    """Exit code and standard error."""
    return main([str(argument) for argument in arguments]), capsys.readouterr().err


@pytest.mark.parametrize("command", ["train --out", "export run --package"])
def test_a_file_where_a_folder_should_be_is_named_and_left_alone(capsys, tmp_path, command):
    file = tmp_path / "file"
    file.write_text("mine")
    for path in (file, file / "inside"):
        code, err = run(capsys, *command.split(), path)
        assert (code, err) == (2, f"error: {file} is a file, where a folder should be.\n")
    assert file.read_text() == "mine"


def test_a_file_that_is_no_runs_own_is_resumed_in_a_folder_of_its_name(
    capsys, mnist_dir, monkeypatch, tmp_path
):
    """Beside it may lie others, as the weights that come with the project do."""
    monkeypatch.setenv("MNIST_RUNS_DIR", str(tmp_path / "runs"))
    file = tmp_path / "kept" / "mine.pt"
    file.parent.mkdir()
    shutil.copy(places.shipped_weights("tutorial"), file)  # finished: there is nothing to train
    resume = ["train", "--data-dir", mnist_dir, "--resume"]
    assert run(capsys, *resume, file)[0] == 0
    assert [*file.parent.iterdir()] == [file]
    mine = tmp_path / "runs" / "mine"
    made = {path.name for path in mine.iterdir()}
    assert made >= {"checkpoint.pt", "history.json"}
    for again in (mine, mine / "checkpoint.pt"):  # which are a run's own
        assert run(capsys, *resume, again)[0] == 0
    assert {path.name for path in mine.iterdir()} == made
    code, err = run(capsys, *resume, file)
    assert (code, err) == (2, f"error: {mine} already holds another run; choose another --out.\n")
