"""How well a network reads what people draw: real pen strokes, as pictures and as strokes.

    python tests/benchmarks/drawing.py --pen-digits pendigits-train.unipen

The digits are UCI's pen-based ones (Alpaydin and Alimoglu 1998, CC BY 4.0), 7,494 by 30 people
in the training file, which no network here was trained on. Each is drawn on a 280×280 canvas in
eight ways and read twice: through `drawing.prepare`, and with the canvas merely resized to 28×28,
as most demos do. Its strokes are also sent as the page's pad sends them. Printed per checkpoint:
accuracy per way, their mean and worst, per digit, the confusion, and the expected calibration
error (Guo et al. 2017, 15 bins). A sheet of the errors is written as PNG.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from mnist_core.digits.photo import prepare  # noqa: E402
from mnist_core.digits.strokes import rasterize  # noqa: E402

CANVAS = 280
WAYS = {  # longest side of the digit and width of the pen in pixels, turn in degrees, place
    "as drawn": (170, 18, 0, "middle"),
    "large": (256, 18, 0, "middle"),
    "small": (60, 10, 0, "middle"),
    "in a corner": (90, 14, 0, "corner"),
    "thin pen": (170, 3, 0, "middle"),
    "fat marker": (190, 40, 0, "middle"),
    "tilted left": (170, 18, -15, "middle"),
    "tilted right": (170, 18, 15, "middle"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pen-digits", type=Path, required=True, help="a UNIPEN file of digits")
    parser.add_argument(
        "--checkpoint", type=Path, nargs="+", default=sorted((ROOT / "weights").glob("*.pt"))
    )
    parser.add_argument("--every", type=int, default=1, help="use only every n-th digit")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    parser.add_argument("--errors", type=Path, help="where to write the sheet of errors, PNG")
    arguments = parser.parse_args()
    digits = list(read_unipen(arguments.pen_digits))[:: arguments.every]
    labels = np.array([label for label, _ in digits])
    views = all_views([strokes for _, strokes in digits])
    reports = {}
    for path in arguments.checkpoint:
        probabilities = {view: read(path, images) for view, images in views.items()}
        reports[path.name] = report(probabilities, labels)
        if not arguments.json:
            print(f"{path.name}, {len(labels):,} digits\n{as_text(reports[path.name])}\n")
        if arguments.errors:
            name = f"{arguments.errors.stem}-{path.stem}.png"
            error_sheet(views, probabilities, labels).save(arguments.errors.with_name(name))
    if arguments.json:
        print(json.dumps({"digits": len(labels), "checkpoints": reports}))


def read_unipen(path: Path) -> Iterator[tuple[int, list[np.ndarray]]]:
    """(label, strokes f[n,2], y down) of each digit in a UNIPEN file."""
    for segment in path.read_text().split(".SEGMENT")[1:]:
        head, *strokes = segment.split(".PEN_DOWN")
        label = int(head.split('"')[1])
        lines = [stroke.split(".PEN_UP")[0].split() for stroke in strokes]
        yield label, [np.array(line, float).reshape(-1, 2) * (1, -1) for line in lines]


def all_views(digits: list[list[np.ndarray]]) -> dict[str, np.ndarray]:
    """Each view's images u8 [N,28,28]: "<way>" prepared, "<way>, resized", and "strokes"."""
    views = {"strokes": np.stack([_or_blank(rasterize(strokes)) for strokes in digits])}
    with ProcessPoolExecutor() as pool:
        for way in WAYS:
            pairs = list(pool.map(partial(_both, way=way), digits, chunksize=100))
            views[way] = np.stack([prepared for prepared, _ in pairs])
            views[f"{way}, resized"] = np.stack([resized for _, resized in pairs])
    return views


def draw(strokes: list[np.ndarray], way: str) -> Image.Image:
    """Black ink on a white canvas of `CANVAS` pixels, mode L, drawn at twice the size."""
    longest, pen, turn, place = WAYS[way]
    angle = np.deg2rad(turn)
    cos, sin = np.cos(angle), np.sin(angle)
    strokes = [stroke @ np.array([[cos, sin], [-sin, cos]]) for stroke in strokes if len(stroke)]
    points = np.concatenate(strokes)
    low, high = points.min(0), points.max(0)
    scale = (longest - pen) / max((high - low).max(), 1e-9)
    half = (high - low) / 2 * scale + pen / 2
    middle = np.full(2, CANVAS / 2) if place == "middle" else CANVAS - 4 - half
    picture = Image.new("L", (2 * CANVAS, 2 * CANVAS), 255)
    brush = ImageDraw.Draw(picture)
    for stroke in strokes:
        path = 2 * ((stroke - (low + high) / 2) * scale + middle)
        brush.line([tuple(point) for point in path], fill=0, width=2 * pen, joint="curve")
        for x, y in path:
            brush.ellipse((x - pen, y - pen, x + pen, y + pen), fill=0)
    return picture.resize((CANVAS, CANVAS), Image.Resampling.BOX)


def read(checkpoint: Path, images: np.ndarray) -> np.ndarray:
    """u8 [N,28,28] → probabilities f32 [N,10]."""
    import torch

    from mnist_core.checkpoint import Checkpoint
    from mnist_core.evaluation import classify

    return classify(Checkpoint.load(checkpoint).network(), torch.from_numpy(images)).numpy()


def report(probabilities: dict[str, np.ndarray], labels: np.ndarray) -> dict:
    """All the figures, accuracies 0..1."""
    accuracy = {
        view: float((answers.argmax(1) == labels).mean()) for view, answers in probabilities.items()
    }
    answers = np.concatenate([probabilities[way] for way in WAYS])
    truth = np.tile(labels, len(WAYS))
    confusion = np.zeros((10, 10), int)
    np.add.at(confusion, (truth, answers.argmax(1)), 1)
    return {
        "strokes": accuracy["strokes"],
        "ways": {way: accuracy[way] for way in WAYS},
        "mean": float(np.mean([accuracy[way] for way in WAYS])),
        "worst": min(accuracy[way] for way in WAYS),
        "calibration_error": calibration_error(answers, truth),
        "calibration_error_strokes": calibration_error(probabilities["strokes"], labels),
        "resized": {way: accuracy[f"{way}, resized"] for way in WAYS},
        "resized_mean": float(np.mean([accuracy[f"{way}, resized"] for way in WAYS])),
        "resized_worst": min(accuracy[f"{way}, resized"] for way in WAYS),
        "per_digit": (confusion.diagonal() / confusion.sum(1)).tolist(),
        "confusion": confusion.tolist(),
    }


def calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = 15) -> float:
    """Mean gap between confidence and accuracy over equal bins of confidence, 0..1."""
    confidence = probabilities.max(1)
    right = probabilities.argmax(1) == labels
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = np.bincount(bin_of, weights=right - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(labels))


def as_text(report: dict) -> str:
    rows = [("way", "prepared", "only resized")]
    rows += [(way, _percent(report["ways"][way]), _percent(report["resized"][way])) for way in WAYS]
    rows += [
        (name, _percent(report[name]), _percent(report[f"resized_{name}"]))
        for name in ("mean", "worst")
    ]
    rows.append(("sent as strokes", _percent(report["strokes"]), ""))
    lines = [f"{name:16}{prepared:>10}{resized:>14}" for name, prepared, resized in rows]
    lines.append(
        f"expected calibration error {_percent(report['calibration_error'])} as pictures, "
        f"{_percent(report['calibration_error_strokes'])} as strokes"
    )
    lines.append(
        "per digit  " + "  ".join(f"{d}: {v:.1%}" for d, v in enumerate(report["per_digit"]))
    )
    lines.append("true ↓ read as →" + "".join(f"{digit:7}" for digit in range(10)))
    lines += [
        f"{digit:16}" + "".join(f"{count:7}" for count in row)
        for digit, row in enumerate(report["confusion"])
    ]
    return "\n".join(lines)


def error_sheet(
    views: dict[str, np.ndarray], probabilities: dict[str, np.ndarray], labels: np.ndarray
) -> Image.Image:
    """The misread among "strokes" and the ways, worst first within (truth, answer), 30 a row."""
    found = []
    for view in ("strokes", *WAYS):
        answers = probabilities[view]
        for index in np.flatnonzero(answers.argmax(1) != labels):
            answer = answers[index].argmax()
            key = (labels[index], answer, -answers[index, answer])
            found.append((key, views[view][index]))
    found.sort(key=lambda error: error[0])
    cell, columns = 60, 30
    rows = -(-len(found) // columns)
    sheet = Image.new("L", (cell * columns, max(1, rows) * (cell + 12)), 40)
    brush = ImageDraw.Draw(sheet)
    for place, ((label, answer, certainty), image) in enumerate(found):
        x, y = place % columns * cell, place // columns * (cell + 12)
        sheet.paste(Image.fromarray(image).resize((56, 56), Image.Resampling.NEAREST), (x, y + 12))
        brush.text((x + 2, y), f"{label}>{answer} {-certainty:.0%}", fill=220)
    return sheet


def _both(strokes: list[np.ndarray], way: str) -> tuple[np.ndarray, np.ndarray]:
    canvas = draw(strokes, way)
    resized = canvas.resize((28, 28), Image.Resampling.BILINEAR)
    return _or_blank(prepare(canvas)["image"]), 255 - np.asarray(resized)


def _or_blank(image: np.ndarray | None) -> np.ndarray:
    """A digit that was not found is read from an empty image, so it counts as it deserves."""
    return np.zeros((28, 28), np.uint8) if image is None else image


def _percent(share: float) -> str:
    return f"{share:.2%}"


if __name__ == "__main__":
    main()
