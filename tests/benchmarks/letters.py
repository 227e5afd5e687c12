"""How well a network tells letters from digits, on real people's pen strokes.

    python tests/benchmarks/letters.py --uji UJIpenchars --pen-digits pendigits-train.unipen

UJI's pen characters (Llorens et al., UCI, CC BY 4.0) are 11 people's; counted are the letters
that look like no digit. The pen digits (Alpaydin and Alimoglu 1998, UCI, CC BY 4.0) are 30
people's.
No network here was trained on either, and no threshold was set on them. A drawing's score is how
probable it is that it is a digit; for a network that was never shown anything else, the cosine to
its class means; without these, its largest probability. Printed per checkpoint: the share of the
letters refused where 99 and 99.5 % of the pen digits are answered, AUROC of UJI's digits against
those letters, letters taken for digits where 95 % of UJI's digits are answered, and what slips
through. With `--data-dir` also the score that 99.5 % of MNIST's training digits and of synthetic
digits of another seed reach: this is what the thresholds are set to.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from mnist_core import evaluation, inspection  # noqa: E402
from mnist_core.checkpoint import Checkpoint  # noqa: E402
from mnist_core.config import NONE  # noqa: E402
from mnist_core.digits import datasets  # noqa: E402
from mnist_core.digits.handwriting import handwriting_images  # noqa: E402
from mnist_core.digits.strokes import rasterize  # noqa: E402

LETTERS = "AEFHKMNPQRTWXefhkmnprtvwx"
HELD_BACK = 10_000, 3
"""Number and seed of the synthetic digits beside MNIST's: no network is trained on these."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--uji", type=Path, required=True, help="UNIPEN file of digits and letters")
    parser.add_argument("--pen-digits", type=Path, required=True, help="UNIPEN file of digits")
    parser.add_argument("--data-dir", type=Path, help="where MNIST is, to print thresholds as well")
    parser.add_argument(
        "--checkpoint", type=Path, nargs="+", default=sorted((ROOT / "weights").glob("*.pt"))
    )
    arguments = parser.parse_args()
    characters = list(read_unipen(arguments.uji, down=1))
    digits = images([strokes for label, strokes in characters if label.isdigit()])
    others = [(label, strokes) for label, strokes in characters if label in LETTERS]
    letters = images([strokes for _, strokes in others])
    pen_digits = images([strokes for _, strokes in read_unipen(arguments.pen_digits, down=-1)])
    for path in arguments.checkpoint:
        checkpoint = Checkpoint.load(path)
        scores = [score(checkpoint, drawn) for drawn in (digits, letters, pen_digits)]
        result = {"checkpoint": path.name, "letters": len(letters), **report(*scores)}
        taken = scores[1] > np.quantile(scores[2], 0.01)
        slipped = Counter(label for (label, _), slips in zip(others, taken, strict=True) if slips)
        result["slipped_at_99"] = dict(slipped.most_common())
        if arguments.data_dir:
            known = [datasets.load("mnist", arguments.data_dir)[0].images,
                     torch.from_numpy(handwriting_images(*HELD_BACK)[0])]  # fmt: skip
            reached = [float(np.quantile(score(checkpoint, drawn), 0.005)) for drawn in known]
            result["reached_by_99.5"] = dict(zip(("mnist", "synthetic"), reached, strict=True))
        print(json.dumps(result))


def read_unipen(path: Path, down: int) -> Iterator[tuple[str, list[np.ndarray]]]:
    """(label, strokes f[n,2], y down) of each drawing; `down` is 1 where y is so in the file."""
    for segment in path.read_text().split(".SEGMENT")[1:]:
        head, *strokes = segment.split(".PEN_DOWN")
        lines = [stroke.split(".PEN_UP")[0].split() for stroke in strokes]
        points = [np.array(line, float).reshape(-1, 2) * (1, down) for line in lines]
        yield head.split('"')[1], points


def images(drawings: list[list[np.ndarray]]) -> torch.Tensor:
    """u8 [N,28,28]"""
    blank = np.zeros((28, 28), np.uint8)
    drawn = [rasterize(strokes) for strokes in drawings]
    return torch.from_numpy(np.stack([blank if image is None else image for image in drawn]))


def score(checkpoint: Checkpoint, drawn: torch.Tensor) -> np.ndarray:
    """f [N], high for a digit."""
    network = checkpoint.network()
    if checkpoint.config.nondigits:
        return 1 - evaluation.outputs(network, drawn)[:, NONE].exp().double().numpy()
    if checkpoint.class_means is not None:
        features = F.normalize(inspection.features(network, drawn))
        return (features @ F.normalize(checkpoint.class_means).T).amax(1).numpy()
    return evaluation.classify(network, drawn).amax(1).numpy()


def report(digits: np.ndarray, letters: np.ndarray, pen_digits: np.ndarray) -> dict[str, float]:
    """Shares 0..1, from the scores of each."""
    refused = {
        f"refused_at_{share:g}": float((letters <= np.quantile(pen_digits, 1 - share / 100)).mean())
        for share in (99, 99.5)
    }
    above = (digits[:, None] > letters).mean() + (digits[:, None] == letters).mean() / 2
    passed = float((letters > np.quantile(digits, 0.05)).mean())
    return {**refused, "auroc": float(above), "false_positives_at_95": passed}


if __name__ == "__main__":
    main()
