"""Fill painted holes in three free photographs, by a network and by a formula; a strip of them.

    python tools/fill_examples.py [MODEL] [--seam hard|poisson] [-o OUT]

The photographs come with scikit-image: the astronaut (NASA) and the cat (Stéfan van der Walt) are
in the public domain, the coffee (Rachel Michetti) is CC0. Above what was painted, below the fills.
"""

import argparse
import sys
from pathlib import Path

from PIL import Image, ImageDraw
from skimage import data

from inpaintlib.data.writing import write_whole
from inpaintlib.measure.cards import best_network
from inpaintlib.measure.classical import CLASSICAL, Formula
from inpaintlib.photos import fetch
from inpaintlib.photos.inpainter import Inpainter

SAMPLES = Path(__file__).resolve().parent.parent / "data" / "samples"
OUT = SAMPLES / "fill_examples.jpg"
SIDE, GAP = 384, 12  # of a picture in the strip, and between two
PAPER, PAINT = (255, 255, 255), (232, 62, 140)


def astronaut(pen: ImageDraw.ImageDraw) -> None:
    """A scratch across forehead and cheek, and one over the suit."""
    stroke(pen, [(166, 58), (188, 96), (200, 128), (222, 158), (252, 186)], 7)
    suit = [(108, 372), (140, 338), (176, 314), (214, 304), (246, 307), (284, 324), (318, 352)]
    stroke(pen, suit, 8)


def cat(pen: ImageDraw.ImageDraw) -> None:
    """A leaf on the cheek."""
    stroke(pen, [(92, 176), (112, 186), (136, 190)], 18)


def coffee(pen: ImageDraw.ImageDraw) -> None:
    """A round spot on the table."""
    pen.ellipse([448, 20, 508, 80], fill=255)


def stroke(pen: ImageDraw.ImageDraw, points: list[tuple[int, int]], width: int) -> None:
    """A brush stroke with round ends and joints."""
    pen.line(points, fill=255, width=width, joint="curve")
    for x, y in (points[0], points[-1]):
        pen.ellipse([x - width / 2, y - width / 2, x + width / 2, y + width / 2], fill=255)


EXAMPLES = {
    "astronaut": (data.astronaut, astronaut, (60, 0, 400)),
    "cat": (data.chelsea, cat, (60, 0, 300)),
    "coffee": (data.coffee, coffee, (200, 0, 400)),
}


def example(inpainters: list[Inpainter], name: str, seam: str) -> list[Image.Image]:
    """A photo with its holes painted over, and filled by each: squares for the strip."""
    read, paint, (left, top, side) = EXAMPLES[name]
    photo = Image.fromarray(read())
    mask = Image.new("L", photo.size)
    paint(ImageDraw.Draw(mask))
    painted = Image.composite(Image.new("RGB", photo.size, PAINT), photo, mask)
    # the painted one is filled: nothing hidden is at hand
    shown = [painted, *(one.fill(painted, mask, seam=seam) for one in inpainters)]
    window = (left, top, left + side, top + side)
    return [one.crop(window).resize((SIDE, SIDE), Image.Resampling.LANCZOS) for one in shown]


def strip(columns: list[list[Image.Image]]) -> Image.Image:
    """A column each: painted above, filled below."""
    wide, high = (count * (SIDE + GAP) - GAP for count in (len(columns), len(columns[0])))
    page = Image.new("RGB", (wide, high), PAPER)
    for column, images in enumerate(columns):
        for row, image in enumerate(images):
            page.paste(image, (column * (SIDE + GAP), row * (SIDE + GAP)))
    return page


def made_by(model: str) -> str:
    """What a picture's comment says of the network in it, so that a test knows when it is old."""
    return f"{model} {fetch.published()[model]['sha256']}"


def main(arguments: list[str] | None = None) -> int:
    """Write the strip."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", default=best_network("celeba"), metavar="MODEL")
    parser.add_argument("--seam", choices=["hard", "poisson"], default="poisson")
    parser.add_argument("-o", "--out", type=Path, default=OUT)
    options = parser.parse_args(arguments)
    inpainters = [Inpainter(options.model), Inpainter(Formula(CLASSICAL["exemplar"]))]
    sheet = strip([example(inpainters, name, options.seam) for name in EXAMPLES])
    how = {"quality": 88, "comment": made_by(options.model)}
    write_whole(options.out, lambda part: sheet.save(part, format="JPEG", **how))
    print(options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
