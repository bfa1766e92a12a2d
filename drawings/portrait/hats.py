"""Painting hats: one function a kind, on a common frame."""

import numpy as np

from drawings.portrait.canvas import (
    Array,
    Canvas,
    cover,
    ellipse,
    fade,
)
from drawings.portrait.head import skull


def hat_frame(art: Canvas) -> tuple[Array, Array, Array]:
    """x, y from the middle of the hat's rim, tipped with the head; and the hat's half-width."""
    who = art.who
    half = who.width + who.side + 0.035
    x, y = art.across(0.02), art.down(0.02, -0.40)
    return x, y - 0.03 * who.hat_tip * x - 0.05 * (x / half) ** 2, half


def dome(
    art: Canvas, x: Array, y: Array, half: Array, height: float, tint: Array, pattern: Array
) -> None:
    """A rounded crown above the rim, lit; the pattern is added to the light."""
    across, up = x / half, np.minimum(y, 0) / height
    light = art.light(np.clip(across * 0.85, -1, 1), np.clip(up * 0.9, -1, 1))
    shape = np.maximum((np.sqrt(across * across + up * up) - 1) * 0.55, y)
    art.paint(
        tint * np.clip(0.66 + 0.42 * light + pattern, 0.2, 1.2)[:, None], cover(shape, art.pixel)
    )


def paint_beanie(art: Canvas) -> None:
    """A knitted dome with a folded cuff, and a pompom on some."""
    who = art.who
    x, y, half = hat_frame(art)
    knit = np.sin(x / half * 34) * min(1.0, 0.035 / art.pixel)
    pompom = ellipse(x, y + 0.60, 0.15, 0.13)
    art.paint(who.hat_trim * (0.6 - 0.5 * y)[:, None], who.hoops * cover(pompom, art.pixel + 0.02))
    shade_below(art, x, y - 0.06, half)
    dome(art, x, y, half + 0.01, 0.56, who.hat_colour, 0.07 * knit)
    cuff = np.maximum(np.abs(y + 0.02) - 0.095, np.abs(x) - half - 0.03 + 0.5 * (y + 0.02) ** 2)
    light = 0.82 + 0.34 * x * who.light_x - 0.8 * np.abs(y + 0.02) + 0.09 * knit
    art.paint(who.hat_trim * np.clip(light, 0.3, 1.1)[:, None], cover(cuff - 0.01, art.pixel))


def shade_below(art: Canvas, x: Array, y: Array, half: Array) -> None:
    """The hat's shadow on the forehead."""
    head, _, _ = skull(art)
    shape = np.maximum(np.abs(x) - half + 0.06, y - 0.05)
    art.shade((0.62, 0.54, 0.56), 0.8 * fade(shape, 0.09) * cover(head, art.pixel))


def paint_cap(art: Canvas) -> None:
    """A dome of panels and a visor that shades the forehead."""
    who = art.who
    x, y, half = hat_frame(art)
    seam = fade(np.abs(x - 0.06 * who.turn) - 0.004, 0.012 + art.pixel)
    shade_below(art, x, y - 0.10, half)
    dome(art, x, y - 0.03, half, 0.50, who.hat_colour, -0.16 * seam)
    visor = ellipse(x - 0.05 * who.turn, y - 0.02, half * 0.86, 0.115)
    light = 0.86 + 0.3 * x * who.light_x - 2.2 * np.maximum(y, 0)
    art.paint(who.hat_trim * np.clip(light, 0.35, 1.1)[:, None], cover(visor, art.pixel))
    art.shade((0.6, 0.6, 0.62), 0.6 * fade(np.abs(visor + 0.004), 0.02) * (y < 0.02) * (visor < 0))
    badge = ellipse(x - 0.04 * who.turn, y + 0.22, 0.085, 0.085)
    art.paint(who.hat_trim * 0.5 + 0.5, 0.85 * cover(badge, art.pixel))


def paint_brim(art: Canvas) -> None:
    """A tall crown with a ribbon, and a wide brim."""
    who = art.who
    x, y, half = hat_frame(art)
    weave = np.sin(x * 60) * np.sin(y * 70) * min(1.0, 0.02 / art.pixel)
    shade_below(art, x, y - 0.08, half)
    slope = half * (0.97 + 0.22 * np.clip(y, -0.6, 0))
    crown = np.maximum(np.abs(x) - slope, np.maximum(y, -y - 0.44 + 0.05 * np.cos(x * 8)))
    lit = np.clip(0.80 + 0.55 * x * who.light_x - 0.2 * y + 0.06 * weave, 0.3, 1.15)
    art.paint(who.hat_colour * lit[:, None], cover(crown - 0.02, art.pixel + 0.01))
    ribbon = np.maximum(crown - 0.022, np.abs(y + 0.09) - 0.06)
    art.paint(who.hat_trim * lit[:, None], cover(ribbon, art.pixel))
    brim = ellipse(x, y - 0.02, half * 1.62, 0.105)
    art.paint(
        who.hat_colour * np.clip(lit + 0.06 - 2.0 * np.maximum(y, 0), 0.3, 1.2)[:, None],
        cover(brim, art.pixel),
    )
    art.shade(
        (0.7, 0.68, 0.7), 0.6 * fade(np.abs(brim + 0.012), 0.014 + art.pixel) * (brim < 0) * (y > 0)
    )


def paint_beret(art: Canvas) -> None:
    """A soft disc that leans to one side over a narrow band."""
    who = art.who
    x, y, half = hat_frame(art)
    lean = np.sign(who.hat_tip)
    shade_below(art, x, y - 0.03, half)
    bx, by = x - 0.12 * lean, y + 0.20 - 0.16 * lean * x
    across, down = bx / (half + 0.12), by / 0.30
    light = art.light(np.clip(across * 0.8, -1, 1), np.clip(down * 0.85, -1, 1))
    soft = (np.sqrt(across * across + down * down) - 1) * 0.4
    soft = np.maximum(soft, y - 0.03)
    felt = np.sin(x * 9 + y * 14 + who.phase)
    art.paint(
        who.hat_colour * np.clip(0.68 + 0.40 * light + 0.03 * felt, 0.2, 1.2)[:, None],
        cover(soft, art.pixel),
    )
    band = np.maximum(np.abs(y) - 0.035, np.abs(x) - half)
    art.paint(who.hat_colour * 0.6, cover(band, art.pixel + 0.006))


PAINTERS = {"beanie": paint_beanie, "cap": paint_cap, "brim": paint_brim, "beret": paint_beret}


def paint_hat(art: Canvas) -> None:
    for kind, painter in PAINTERS.items():
        with art.only(art.who.hat == kind) as part:
            painter(part)
