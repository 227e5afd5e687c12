import io

import numpy as np
import pytest
from pictures import canvas, png_header, prepare
from PIL import Image, ImageDraw

from mnist_core.digits.handwriting import handwriting, handwriting_images
from mnist_core.digits.photo import FORMATS, MAX_PIXELS, open_picture
from mnist_core.digits.strokes import rasterize
from mnist_core.errors import DrawingError


def difference(a, b):
    """Mean absolute difference over the ink, 0 for the same and about 1 for unrelated digits."""
    a, b = a.astype(float), b.astype(float)
    return np.abs(a - b).sum() / ((a.sum() + b.sum()) / 2)


def saved(picture, **options):
    file = io.BytesIO()
    picture.save(file, **options)
    file.seek(0)
    return file


def test_a_drawn_picture_gives_nearly_what_its_strokes_give():
    for digit in range(10):
        strokes = rasterize(handwriting(digit, np.random.default_rng(3)))
        assert difference(prepare(canvas(digit)), strokes) < 0.25, digit


@pytest.mark.parametrize("digit", [1, 4, 8])
def test_place_and_size_do_not_matter(digit):
    there = prepare(canvas(digit, pen=16, longest=160))
    assert difference(prepare(canvas(digit, pen=16, longest=160, at=(100, 190))), there) < 0.1
    assert difference(prepare(canvas(digit, pen=8, longest=80)), there) < 0.2
    assert difference(prepare(canvas(digit, 1200, longest=700, pen=70)), there) < 0.2


@pytest.mark.parametrize("pen", [3, 10, 30])
def test_thin_and_fat_pens_come_near_the_same_width(pen):
    assert difference(prepare(canvas(2, pen=pen)), prepare(canvas(2, pen=18))) < 0.45
    ink = prepare(canvas(1, pen=pen)).sum() / 255
    assert 0.75 < ink / (prepare(canvas(1, pen=18)).sum() / 255) < 1.6


def test_light_on_dark_is_read_as_dark_on_light():
    picture = canvas()
    negative = Image.fromarray(255 - np.asarray(picture))
    assert difference(prepare(negative), prepare(picture)) < 0.01


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "LA", "CMYK", "1", "I", "F", "I;16"])
def test_every_mode_is_read(mode):
    picture = canvas()
    if mode in ("I", "I;16"):
        converted = Image.fromarray(np.asarray(picture).astype(np.uint16) * 257)
        converted = converted if mode == "I;16" else converted.convert("I")
    else:
        converted = picture.convert("RGB").convert(mode) if mode == "P" else picture.convert(mode)
    assert difference(prepare(converted), prepare(picture)) < 0.1


@pytest.mark.parametrize("ink", [(0, 0, 0), (255, 255, 255), (200, 30, 30)])
def test_ink_on_a_transparent_ground_is_read_whatever_its_colour(ink):
    picture = canvas()
    layer = Image.new("RGBA", picture.size, (*ink, 0))
    layer.putalpha(Image.fromarray(255 - np.asarray(picture)))
    assert difference(prepare(layer), prepare(picture)) < 0.05


def test_an_ink_that_is_thin_everywhere_is_ink():
    layer = Image.new("RGBA", canvas().size, (0, 0, 0, 0))
    layer.putalpha(Image.fromarray((255 - np.asarray(canvas())) // 3))
    assert difference(prepare(layer), prepare(canvas())) < 0.05


@pytest.mark.parametrize("white", [1, 255, 1023, 4095, 65535])
def test_of_how_many_bits_a_picture_is_makes_no_difference(white):
    pixels = (np.asarray(canvas()) / 255 * 0.97 * white).astype(np.float32)
    assert difference(prepare(Image.fromarray(pixels)), prepare(canvas())) < 0.05
    assert prepare(Image.fromarray(np.zeros_like(pixels))) is None


def test_colours_of_the_same_brightness_are_told_apart():
    mask = np.asarray(canvas()) < 128
    pixels = np.where(mask[..., None], [255, 0, 0], [76, 76, 76]).astype(np.uint8)
    assert difference(prepare(Image.fromarray(pixels)), prepare(canvas())) < 0.1


def test_exif_rotation_is_followed():
    upright = canvas(7)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter clockwise to see it upright
    file = saved(upright.rotate(90, expand=True).convert("RGB"), format="JPEG", exif=exif,
                 quality=95)  # fmt: skip
    assert difference(prepare(open_picture(file)), prepare(upright)) < 0.1


def test_a_pixel_that_is_no_number_costs_no_other():
    pixels = 255 - np.asarray(canvas()).astype(np.float32)
    pixels[3, 3] = np.nan
    assert difference(prepare(Image.fromarray(pixels)), prepare(canvas())) < 0.05


def test_sixteen_bits_survive_a_file():
    deep = Image.fromarray(np.asarray(canvas()).astype(np.uint16) * 257)
    assert difference(prepare(open_picture(saved(deep, format="PNG"))), prepare(canvas())) < 0.05


@pytest.mark.parametrize("form", FORMATS)
def test_every_accepted_format_is_read(form):
    file = saved(canvas().convert("RGB"), format=form)
    assert difference(prepare(open_picture(file)), prepare(canvas())) < 0.1


def test_uneven_noisy_paper_is_evened_out():
    rng = np.random.default_rng(0)
    ink = 1 - np.asarray(canvas()) / 255
    y, x = np.mgrid[0:280, 0:280] / 280
    paper = 200 - 90 * x - 40 * y + rng.normal(0, 4, ink.shape)
    photo = np.clip(paper * (1 - 0.7 * ink), 0, 255).astype(np.uint8)
    assert difference(prepare(Image.fromarray(photo)), prepare(canvas())) < 0.25


def test_dust_far_from_the_digit_is_left_out():
    picture = canvas(at=(120, 120), longest=140)
    dusty = picture.copy()
    ImageDraw.Draw(dusty).ellipse((262, 262, 266, 266), fill=0)
    assert difference(prepare(dusty), prepare(picture)) < 0.02


def test_digits_that_are_already_prepared_come_back_unchanged():
    images, _ = handwriting_images(40, seed=9)
    for image in images:
        assert np.array_equal(prepare(Image.fromarray(image)), image)


def test_a_digit_in_mnists_frame_is_read_in_any_polarity_and_mode():
    images, _ = handwriting_images(20, seed=9)
    for image in images:
        for picture in (Image.fromarray(255 - image), Image.fromarray(image).convert("RGBA")):
            assert np.array_equal(prepare(picture), image)


@pytest.mark.parametrize(
    "picture",
    [
        Image.new("L", (280, 280), 255),
        Image.new("L", (280, 280), 0),
        Image.new("RGBA", (280, 280), (0, 0, 0, 0)),
        Image.new("L", (1, 1), 0),
        Image.new("L", (3000, 2), 0),
        Image.fromarray(np.random.default_rng(0).integers(200, 206, (90, 90), dtype=np.uint8)),
        Image.fromarray(np.tile(np.linspace(90, 240, 280).astype(np.uint8), (280, 1))),
    ],
    ids=["white", "black", "transparent", "one pixel", "strip", "noise", "gradient"],
)
def test_nothing_is_seen_where_nothing_is_drawn(picture):
    assert prepare(picture) is None


def test_a_speck_or_a_blob_is_no_digit():
    for box in [(140, 140, 141, 141), (138, 138, 144, 144), (60, 60, 220, 220)]:
        picture = Image.new("L", (280, 280), 255)
        ImageDraw.Draw(picture).ellipse(box, fill=0)
        assert prepare(picture) is None, box


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a picture",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        saved(canvas(), format="PNG").read()[:400],
        saved(canvas(), format="JPEG").read()[:300],
        png_header(280, 280),
    ],
    ids=["empty", "text", "postscript", "svg", "cut PNG", "cut JPEG", "hollow PNG"],
)
def test_a_file_that_is_no_whole_picture_is_refused_in_a_sentence(content, tmp_path):
    with pytest.raises(DrawingError, match=r"^This is not a picture"):
        open_picture(io.BytesIO(content))
    path = tmp_path / "secret-folder.png"
    path.write_bytes(content)
    with pytest.raises(DrawingError) as refused:
        open_picture(path)
    assert "secret" not in str(refused.value)


def test_a_bomb_is_refused_before_it_is_decoded():
    side = int(MAX_PIXELS**0.5) + 10
    for width, height in [(side, side), (60_000, 60_000), (2**31 - 1, 2**31 - 1)]:
        with pytest.raises(DrawingError):
            open_picture(io.BytesIO(png_header(width, height)))
    with pytest.raises(DrawingError, match="too large"):
        open_picture(io.BytesIO(png_header(side, side)))


def test_a_missing_file_is_a_sentence_without_its_path(tmp_path):
    with pytest.raises(DrawingError, match=r"^There is no such picture\.$"):
        open_picture(tmp_path / "none.png")
    with pytest.raises(DrawingError):
        open_picture(tmp_path)


def test_a_picture_is_not_changed_by_being_read():
    picture = canvas()
    before = picture.tobytes()
    prepare(picture)
    assert picture.tobytes() == before
