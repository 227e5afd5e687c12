"""Read a picture of a digit, `python load.py PICTURE`, with torch, safetensors and Pillow alone.

Unlike the lab that made it: no shadows, lines, marks around it, fat or thin pens, numbers."""

import json
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image, ImageChops, ImageOps
from safetensors.torch import load_file

CONFIG = json.loads(Path(__file__).with_name("config.json").read_text("utf-8"))
WEIGHTS = load_file(Path(__file__).with_name("model.safetensors"))


def prepare(file: str) -> torch.Tensor:  # → u8 [28,28], ink 255, 20 long, its mass in the middle
    picture = ImageOps.exif_transpose(Image.open(file)).convert("RGBA")
    grey = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("L")
    paper = Image.new("L", grey.size, max(range(256), key=grey.histogram().__getitem__))
    ink = ImageOps.autocontrast(ImageChops.difference(grey, paper))
    if not (box := ink.point(lambda level: 255 * (level > 100)).getbbox()):
        raise ValueError("There is no ink in this picture.")
    ink = ImageOps.contain(ink.crop(box), (20, 20)).crop((0, 0, 28, 28))
    x = torch.frombuffer(bytearray(ink.tobytes()), dtype=torch.uint8).view(28, 28)
    moves = [round(14 - float(x.sum(axis) @ torch.arange(28) / x.sum())) for axis in (1, 0)]
    return x.roll(moves, (0, 1))


def network(images: torch.Tensor) -> torch.Tensor:  # u8 [B,28,28] → log-probabilities f32 [B,N]
    x = ((images / 255 - CONFIG["mean"]) / CONFIG["std"])[:, None]
    for name, *settings in CONFIG["layers"]:
        x = getattr(F, name, torch.flatten)(x, *[WEIGHTS.get(str(s), s) for s in settings])
    return x


if __name__ == "__main__":
    shares = network(prepare(sys.argv[1])[None])[0].exp()
    print(f"{CONFIG['labels'][shares.argmax()]}, {shares.max():.1%}")
