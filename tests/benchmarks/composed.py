"""How well numbers put together from people's digits are read, and what letters pass for.

    python tests/benchmarks/composed.py --pen-digits pendigits-train.unipen --uji UJIpenchars

The pen digits (Alpaydin and Alimoglu 1998, UCI, CC BY 4.0) are 30 people's, and are set side by
side, as high as they are, with gaps of 0.08 to 0.6 of their mean height. UJI's letters (Llorens et
al., UCI, CC BY 4.0) are those that look like no digit. No network here was trained on either and
nothing was set on them. Printed per checkpoint: the share of numbers of 2, 3 and 5 digits that are
read exactly; of pen digits that are read, taken for several and refused; of letters refused.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from letters import LETTERS, ROOT, read_unipen

from mnist_core.reading import Reading, read_strokes, reader

Strokes = list[np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pen-digits", type=Path, required=True, help="UNIPEN file of digits")
    parser.add_argument("--uji", type=Path, help="UNIPEN file of letters")
    parser.add_argument("--count", type=int, default=1000, help="numbers of each length")
    parser.add_argument("--misread", action="store_true", help="list what was read wrong")
    parser.add_argument(
        "--checkpoint", type=Path, nargs="+", default=sorted((ROOT / "weights").glob("*.pt"))
    )
    options = parser.parse_args()
    digits = list(read_unipen(options.pen_digits, down=-1))
    letters = [one for one in read_unipen(options.uji, down=1) if one[0] in LETTERS] if (
        options.uji) else []  # fmt: skip
    for path in options.checkpoint:
        classifier, rng = reader(path), np.random.default_rng(1)
        result: dict[str, object] = {"checkpoint": path.name, "count": options.count}
        for length in (2, 3, 5):
            wrong = []
            for _ in range(options.count):
                chosen = [digits[i] for i in rng.integers(len(digits), size=length)]
                number = "".join(label for label, _ in chosen)
                found = read_strokes(classifier, beside([strokes for _, strokes in chosen], rng))
                if found.reading != number:
                    wrong.append((number, found.reading))
            result[f"exact_{length}"] = 1 - len(wrong) / options.count
            if options.misread:
                print(length, wrong, file=sys.stderr)
        for name, drawn in (("pen_digits", digits), ("letters", letters)):
            kinds = Counter(kind(read_strokes(classifier, unit(s))) for _, s in drawn)
            result[name] = {each: count / len(drawn) for each, count in kinds.items()}
        print(json.dumps(result))


def beside(digits: list[Strokes], rng: np.random.Generator) -> Strokes:
    """Digits from left to right, their middles on a line, in the unit square."""
    boxes = [(np.concatenate(strokes).min(0), np.concatenate(strokes).max(0)) for strokes in digits]
    height = np.mean([high[1] - low[1] for low, high in boxes])
    drawn, right = [], 0.0
    for strokes, (low, high) in zip(digits, boxes, strict=True):
        place = np.array([right - low[0], -(low[1] + high[1]) / 2])
        drawn += [line + place for line in strokes]
        right += high[0] - low[0] + height * rng.uniform(0.08, 0.6)
    return unit(drawn)


def unit(strokes: Strokes) -> Strokes:
    """Strokes put into the unit square."""
    points = np.concatenate(strokes)
    low, size = points.min(0), max(float(np.ptp(points, axis=0).max()), 1e-9)
    return [(line - low) / size for line in strokes]


def kind(reading: Reading) -> str:
    return "several" if reading.digits else "one" if reading.reading else "none"


if __name__ == "__main__":
    main()
