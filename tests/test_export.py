"""What goes with its users: the package by itself, its model card, and ONNX in another runtime."""

import json
import random
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from digits import answered, drawn, small_split
from huggingface_hub import ModelCard
from PIL import Image, ImageDraw

from mnist_core import reading
from mnist_core.checkpoint import Checkpoint
from mnist_core.cli import main
from mnist_core.config import NONE, TrainConfig, teaching
from mnist_core.digits.datasets import load_shown
from mnist_core.digits.nondigits import letter_images
from mnist_core.digits.split import normalize
from mnist_core.errors import ConfigError
from mnist_core.evaluation import evaluate, outputs
from mnist_core.export.card import model_card
from mnist_core.export.figures import Figures
from mnist_core.export.onnx_file import export_onnx
from mnist_core.export.package import package, write_folder
from mnist_core.places import shipped_weights
from mnist_core.training import Trainer

SHIPPED = ("modern", "tutorial")
PICTURES = 40

ALONE = """
import json, re, runpy, sys
from importlib import metadata

allowed, wanted = set(sys.stdlib_module_names), ["torch", "safetensors", "pillow"]
taken = set()
while wanted:
    name = re.sub(r"[-_.]+", "-", wanted.pop()).lower()
    if name in taken:
        continue
    taken.add(name)
    try:
        needs = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        continue
    wanted += [re.match(r"[\\w.-]+", need)[0] for need in needs if "extra ==" not in need]
for module, packages in metadata.packages_distributions().items():
    if taken & {re.sub(r"[-_.]+", "-", package).lower() for package in packages}:
        allowed.add(module)

class Blocker:
    def find_spec(self, name, *_):
        if name.split(".")[0] not in allowed:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Blocker())
assert "numpy" not in allowed and "mnist_core" not in allowed
import torch
load = runpy.run_path(sys.argv[1])
images = torch.load(sys.argv[2])
pictures = [load["network"](load["prepare"](name)[None])[0].exp().tolist() for name in sys.argv[3:]]
print(json.dumps({"network": load["network"](images).tolist(), "pictures": pictures}))
"""
"""Runs load.py where nothing but torch, safetensors, Pillow and what these need can be imported."""


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """Folders with the packages of the shipped weights, by recipe."""
    folder, test = tmp_path_factory.mktemp("packages"), small_split(200)
    for recipe in SHIPPED:
        checkpoint = Checkpoint.load(shipped_weights(recipe))
        write_folder(folder / recipe, package(checkpoint, measured(checkpoint, test), recipe))
    return folder


def measured(checkpoint, test):
    network, means = checkpoint.network(), checkpoint.means_to_tell_by
    splits = test, load_shown("letters test", Path())
    read, letters = (evaluate(network, split, class_means=means) for split in splits)
    return Figures(evaluation=read, letters=letters)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Digits of many hands as pictures: a pen of usual width on paper, in many places."""
    folder, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(1)
    random.seed(1)  # of the hands: two ways of preparing agree on 95 % of many, not of any forty
    files = []
    for number in range(PICTURES):
        size = int(rng.integers(100, 300))
        picture = Image.new("L", (size + 60, size + 20), 235)
        for stroke in reading.example(number % 10):
            points = [(size * x + 40, size * y + 10) for x, y in stroke]
            ImageDraw.Draw(picture).line(points, 20, round(0.085 * size), joint="curve")
        files.append(folder / f"{number}.png")
        picture.save(files[-1])
    return files


@pytest.mark.parametrize("recipe", SHIPPED)
def test_by_itself_a_package_computes_and_reads_what_the_lab_does(
    packages, pictures, tmp_path, recipe
):
    checkpoint = Checkpoint.load(shipped_weights(recipe))
    images = torch.randint(0, 256, (20, 28, 28), dtype=torch.uint8)
    torch.save(images, tmp_path / "images.pt")
    command = [sys.executable, "-I", "-W", "ignore", "-c", ALONE, packages / recipe / "load.py"]
    done = subprocess.run(
        [*map(str, [*command, tmp_path / "images.pt", *pictures])],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    computed = torch.tensor(answer["network"])
    assert torch.allclose(computed, outputs(checkpoint.network(), images), atol=1e-4)
    reader = reading.reader_of(checkpoint)
    lab = [reading.read_picture(reader, str(picture)).probabilities for picture in pictures]
    alone = [shares[:10] for shares in answer["pictures"]]
    same = [np.argmax(a) == np.argmax(b) for a, b in zip(lab, alone, strict=True)]
    assert sum(same) >= 0.95 * PICTURES


def test_its_program_is_short_and_refuses_a_picture_without_ink(packages, tmp_path):
    program = packages / "modern" / "load.py"
    assert sum(bool(line) for line in program.read_text(encoding="utf-8").splitlines()) <= 30
    Image.new("L", (50, 50), 200).save(tmp_path / "blank.png")
    command = [sys.executable, str(program), str(tmp_path / "blank.png")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "There is no ink in this picture." in done.stderr


@pytest.mark.parametrize("recipe", SHIPPED)
def test_every_field_of_a_model_card_is_filled(packages, recipe):
    text = (packages / recipe / "README.md").read_text(encoding="utf-8")
    card = ModelCard(text)
    result = card.data.eval_results[0]
    read = re.search(r"\*\*([\d.]+)%\*\*", text)
    assert result.metric_value == pytest.approx(float(read[1]) / 100, abs=1e-4)
    assert (card.data.license, card.data.library_name) == ("mit", "pytorch")
    settings = TrainConfig.from_dict(
        json.loads((packages / recipe / "config.json").read_text())["trained"]
    )
    for name, value in settings.to_dict().items():
        assert f"| {name.replace('_', ' ')} | {value} |" in text
    assert f"--recipe {recipe}" in text
    assert torch.__version__ in text
    assert not re.search(r"\b(None|nan|inf|TODO|needed|null)\b|\{\w*\}", text)


def test_what_a_network_swallows_and_doubts_is_counted(packages):
    said = {
        recipe: re.search(r"swallows (\d+) of 1,000.*doubts ([\d.]+)%", text)
        for recipe in SHIPPED
        for text in [(packages / recipe / "README.md").read_text(encoding="utf-8")]
    }
    assert int(said["modern"][1]) < 50 < int(said["tutorial"][1]) <= 1_000


def test_a_network_that_takes_everything_says_so():
    checkpoint = replace(Checkpoint.load(shipped_weights("tutorial")), class_means=None)
    figures = measured(checkpoint, small_split(50))
    assert figures.swallowed is None
    assert "takes everything for one" in model_card(checkpoint, figures, "x")


def test_calibration_is_the_mean_distance_of_sureness_from_truth():
    """Four digits at 90 %, three of them right: |0.9 - 0.75| × 4; one at 60 % and right: 0.4 × 1.
    Together (0.6 + 0.4) / 5."""
    rows = [(0, {0: 0.9}), (1, {1: 0.9}), (2, {2: 0.9}), (3, {4: 0.9}), (5, {5: 0.6})]
    figures = Figures(evaluation=answered(rows), letters=answered(rows))
    assert figures.calibration_error == pytest.approx(0.2)
    assert [(count, share) for *_, count, share in figures.bands()] == [
        (0, None), (1, 1.0), (4, 0.75), (0, None), (0, None),
    ]  # fmt: skip


def test_a_name_is_only_a_name_in_a_model_card():
    checkpoint = Checkpoint.load(shipped_weights("tutorial"))
    test = small_split(50)
    read = evaluate(checkpoint.network(), test)
    figures = Figures(evaluation=read, letters=read)
    text = model_card(checkpoint, figures, '---\n# "a": <b>[x](y)</b>')
    card = ModelCard(text)
    assert card.data.model_name == '--- # "a": <b>[x](y)</b>'
    assert "<b>" not in card.text


def test_letters_are_their_own_and_always_the_same():
    letters, labels = letter_images(20, 4)
    assert letters.shape == (20, 28, 28)
    assert labels.tolist() == [NONE] * 20
    assert np.array_equal(letters, letter_images(20, 4)[0])
    assert not np.array_equal(letters, letter_images(20, 5)[0])


@pytest.mark.parametrize("recipe", SHIPPED)
def test_another_runtime_gives_the_same_answers(tmp_path, recipe):
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    pytest.importorskip("onnxscript", reason="onnxscript is not installed")
    checkpoint, file = Checkpoint.load(shipped_weights(recipe)), tmp_path / "network.onnx"
    export_onnx(checkpoint, file)
    assert [each.name for each in tmp_path.iterdir()] == ["network.onnx"]
    digits = normalize(torch.randint(0, 256, (7, 28, 28), dtype=torch.uint8))
    session = runtime.InferenceSession(file, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"images": digits.numpy()})
    with torch.no_grad():
        expected = checkpoint.network()(digits)
    assert torch.allclose(torch.from_numpy(found).exp(), expected.exp(), atol=1e-5)


def test_what_onnx_needs_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(ConfigError, match="pip install onnxscript"):
        export_onnx(Checkpoint.load(shipped_weights("tutorial")), tmp_path / "network.onnx")


def test_the_command_line_packs_with_figures_of_the_test_digits(mnist_dir, tmp_path, capsys):
    run, folder = str(shipped_weights("tutorial")), tmp_path / "my digits"
    data = ["--data-dir", str(mnist_dir)]
    assert main(["export", run, "--package", str(folder), *data]) == 0
    assert "9,828 of 10,000" in (folder / "README.md").read_text(encoding="utf-8")
    assert sorted(file.name for file in folder.iterdir()) == [
        "README.md", "config.json", "load.py", "model.safetensors",
    ]  # fmt: skip


@pytest.mark.parametrize("dataset", ["own", "mnist+own"])
def test_a_run_on_ones_own_drawings_is_measured_on_mnist_and_what_is_not_is_said(
    mnist_dir, tmp_path, dataset
):
    start = Checkpoint.load(shipped_weights("tutorial"))
    config = replace(teaching(start.config), dataset=dataset)
    taught = Trainer.start_from(start, config, own=drawn(12))
    taught.checkpoint().save(tmp_path / "run.pt")
    command = ["export", tmp_path / "run.pt", "--package", tmp_path / "out"]
    assert main([*map(str, [*command, "--data-dir", mnist_dir])]) == 0
    text = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "of MNIST's test digits (9,828 of 10,000)" in text
    assert "How well it reads the hand it was taught is not measured" in text
    assert "labelled drawings of whoever trained it" in text
    assert "mnist_core train" not in text
    card = ModelCard(text)
    assert card.data.eval_results[0].dataset_type == "ylecun/mnist"
    assert (card.data.datasets is None) == (dataset == "own")


@pytest.mark.parametrize(
    ("flags", "said"),
    [([], "Nothing to write"), (["--model", "x.pth"], "give --model and --optimizer")],
)
def test_what_cannot_be_exported_is_a_sentence(capsys, flags, said):
    assert main(["export", str(shipped_weights("tutorial")), *flags]) == 2
    assert said in capsys.readouterr().err
