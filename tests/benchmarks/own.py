"""How well a network learns somebody's hand, from a few of their own labelled digits.

    python tests/benchmarks/own.py --pen-digits pendigits-train.unipen --uji UJIpenchars
    python tests/benchmarks/own.py --pen-digits pendigits-train.unipen --each --rounds 50
    python tests/benchmarks/own.py --pen-digits pendigits-train.unipen --each --teach 1

UCI's pen digits (Alpaydin and Alimoglu 1998, CC BY 4.0) are 30 people's: the first K of each digit
of each are their own, all later ones are read. UJI's pen characters (Llorens et al., CC BY 4.0) are
11 people's in two sessions: the first session's digits are their own, the second's are read. With
`--teach N` the networks of every so many people are trained on theirs as well (*Teach it mine*).
With `--rounds N` somebody writes N digits a round and says of the misread ones alone what they
were, which is then read by. Printed per network: errors alone, with the drawings, and of how many;
people read worse than before by more than one digit; after training, errors and MNIST's accuracy;
errors of each round, alone and with what was corrected before it. No network was trained on these
people, and nothing was set on them.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from functools import partial
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from mnist_core import places  # noqa: E402
from mnist_core.checkpoint import Checkpoint  # noqa: E402
from mnist_core.config import teaching  # noqa: E402
from mnist_core.digits import datasets  # noqa: E402
from mnist_core.digits.split import Split  # noqa: E402
from mnist_core.digits.strokes import rasterize  # noqa: E402
from mnist_core.evaluation import evaluate  # noqa: E402
from mnist_core.numpy_network import TaughtReader  # noqa: E402
from mnist_core.reading import reader_of  # noqa: E402
from mnist_core.training import Trainer  # noqa: E402

Drawn = list[tuple[int, np.ndarray]]
"""Somebody's digits in their order: label, u8 [28,28]."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pen-digits", type=Path, required=True, help="UNIPEN file of digits")
    parser.add_argument("--uji", type=Path, help="UNIPEN file of digits and letters")
    parser.add_argument("--teach", type=int, help="train on every n-th person's digits as well")
    parser.add_argument(
        "--rounds", type=int, help="digits in a round of correcting what is misread"
    )
    parser.add_argument("--data-dir", type=Path, help="where MNIST is, to teach")
    parser.add_argument("--each", type=int, nargs="*", default=[1, 5], help="of each digit: K")
    parser.add_argument(
        "--checkpoint", type=Path, nargs="+", default=sorted((ROOT / "weights").glob("*.pt"))
    )
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    people = read_people(arguments.pen_digits)
    for path in arguments.checkpoint:
        start = Checkpoint.load(path)
        for each in arguments.each:
            pairs = [first(person, each) for person in people]
            report(path.name, f"pen digits, K = {each}", start, pairs)
        if arguments.uji:
            report(path.name, "UJI, session 1 to 2", start, read_sessions(arguments.uji))
        if arguments.rounds:
            report_rounds(path.name, start, people, arguments.rounds)
        if arguments.teach:
            chosen = [first(person, 5) for person in people[:: arguments.teach]]
            load = partial(datasets.load, folder=arguments.data_dir or places.data_dir())
            report_taught(path.name, start, chosen, load)


def read_people(path: Path) -> list[Drawn]:
    """Each person's digits in the order they were written in; `.COMMENT` has who and when."""
    people = defaultdict(list)
    for label, comment, image in _drawings(path, down=-1):
        if image is not None:
            _, writer, number = map(int, comment)
            people[writer].append((number, int(label), image))
    return [
        [drawn[1:] for drawn in sorted(person, key=lambda drawn: drawn[0])]
        for person in people.values()
    ]


def read_sessions(path: Path) -> list[tuple[Drawn, Drawn]]:
    """Each person's digits of both sessions: 62 characters a session, one after the other."""
    every = [(label, image) for label, _, image in _drawings(path, down=1)]
    sessions = [every[start : start + 62] for start in range(0, len(every), 62)]
    digits = [
        [(int(label), image) for label, image in part if label.isdigit()] for part in sessions
    ]
    return list(zip(digits[::2], digits[1::2], strict=True))


def first(person: Drawn, each: int) -> tuple[Drawn, Drawn]:
    """The first so many of each digit, and the others."""
    own, later, seen = [], [], defaultdict(int)
    for label, image in person:
        (own if seen[label] < each else later).append((label, image))
        seen[label] += 1
    return own, later


def report(name: str, what: str, start: Checkpoint, pairs: list[tuple[Drawn, Drawn]]) -> None:
    reader = reader_of(start)
    counts = []
    for own, later in pairs:
        images, labels = _arrays(later)
        alone = reader.answers(images).probabilities.argmax(1)
        taught = TaughtReader(reader, _split(own)).answers(images).probabilities.argmax(1)
        counts.append(((alone != labels).sum(), (taught != labels).sum(), len(labels)))
    before, after, count = np.array(counts).sum(0).tolist()
    worse = sum(int(b > a + 1) for a, b, _ in counts)
    fall = 1 - after / max(before, 1)
    print(json.dumps({"network": name, "digits": what, "errors": [before, after], "of": count,
                      "fall": round(fall, 3), "worse_by_two": worse}), flush=True)  # fmt: skip


def report_rounds(name: str, start: Checkpoint, people: list[Drawn], size: int) -> None:
    reader = reader_of(start)
    rounds = min(map(len, people)) // size
    errors = np.zeros((2, rounds), int)  # alone, corrected
    for person in people:
        misread: Drawn = []
        for number in range(rounds):
            drawn = person[number * size : (number + 1) * size]
            images, labels = _arrays(drawn)
            alone = reader.answers(images).probabilities.argmax(1) != labels
            reads = TaughtReader(reader, _split(misread)) if misread else reader
            wrong = reads.answers(images).probabilities.argmax(1) != labels
            errors[:, number] += alone.sum(), wrong.sum()
            misread += [each for each, is_wrong in zip(drawn, wrong, strict=True) if is_wrong]
    print(json.dumps({"network": name, "digits": f"pen digits, rounds of {size}",
                      "of": size * len(people), "alone": errors[0].tolist(),
                      "corrected": errors[1].tolist()}), flush=True)  # fmt: skip


def report_taught(name: str, start: Checkpoint, pairs: list[tuple[Drawn, Drawn]], load) -> None:
    _, mnist = load("mnist")
    before = evaluate(start.network(), mnist).accuracy
    counts, accuracies, seconds = [], [], []
    for own, later in pairs:
        images, labels = _arrays(later)
        alone = _misread(start.network(), images, labels)
        trainer = Trainer.start_from(start, teaching(start.config), own=_split(own))
        splits = trainer.splits(load)
        began = time.process_time()
        list(trainer.events(*splits))
        seconds.append(time.process_time() - began)
        taught = _misread(trainer.model, images, labels)
        reader = TaughtReader(reader_of(trainer.checkpoint()), _split(own))
        both = int((reader.answers(images).probabilities.argmax(1) != labels).sum())
        counts.append((alone, taught, both, len(labels)))
        accuracies.append(trainer.history.evaluations[-1].accuracy)
        said = (
            f"{len(counts)} of {len(pairs)}: errors {alone} to {taught}, {both} with the drawings,"
            f" MNIST {accuracies[-1]:.2%}"
        )
        print(said, file=sys.stderr, flush=True)
    errors = np.array(counts).sum(0).tolist()
    print(json.dumps({"network": name, "digits": "pen digits, K = 5, taught", "people": len(pairs),
                      "errors": errors[:2], "with_drawings": errors[2], "of": errors[3],
                      "worse_by_two": sum(int(b > a + 1) for a, b, *_ in counts),
                      "mnist": [before, float(np.mean(accuracies))],
                      "core_seconds": float(np.median(seconds))}), flush=True)  # fmt: skip


def _misread(network: torch.nn.Module, images: np.ndarray, labels: np.ndarray) -> int:
    split = Split(torch.from_numpy(images), torch.from_numpy(labels))
    return int((~evaluate(network, split).right).sum())


def _arrays(drawn: Drawn) -> tuple[np.ndarray, np.ndarray]:
    return np.stack([image for _, image in drawn]), np.array([label for label, _ in drawn])


def _split(drawn: Drawn) -> Split:
    return Split(*map(torch.from_numpy, _arrays(drawn)))


def _drawings(path: Path, down: int):
    """(label, what `.COMMENT` says, u8 [28,28] or None) of each drawing."""
    for segment in path.read_text().split(".SEGMENT")[1:]:
        head, *strokes = segment.split(".PEN_DOWN")
        comment = head.partition(".COMMENT")[2].split()
        lines = [stroke.split(".PEN_UP")[0].split() for stroke in strokes]
        points = [np.array(line, float).reshape(-1, 2) * (1, down) for line in lines]
        yield head.split('"')[1], comment, rasterize(points)


if __name__ == "__main__":
    main()
