"""Painting beards and moustaches."""

import numpy as np

from drawings.portrait.canvas import (
    Canvas,
    cover,
    ellipse,
    fade,
    mix,
    spot,
)
from drawings.portrait.head import SHADOW, skull


def paint_beard(art: Canvas) -> None:
    """Stubble, goatee, full beard: one field over the lower face, with an opening for the lips."""
    who = art.who
    art = art.window(-0.66, -0.15, 0.66, 1.0)
    x, y = art.across(0.06), art.down(0.03)
    face, across, _ = skull(art)
    side = np.abs(x)
    cheek = 0.20 + 0.62 * np.clip(0.30 - side, 0, 0.22) - 0.96 * np.maximum(side - 0.34, 0)
    grown = who.beard_drop * who.which("beard", "full")
    stubble = who.which("beard", "stubble")
    full = np.maximum(face - 0.02 - grown * np.clip((y - 0.35) * 3, 0, 1), cheek - y)
    goatee = ellipse(x, y - 0.60, 0.155, 0.15 + grown)
    round_mouth = ellipse(x, y - who.mouth_y - 0.05, who.mouth_width + 0.055, 0.17)
    goatee = np.maximum(
        np.minimum(goatee, round_mouth), np.maximum(face - 0.03, who.mouth_y - 0.05 - y)
    )
    shape = mix(full, goatee, who.which("beard", "goatee"))
    lips = ellipse(x, y - who.mouth_y - 0.022, who.mouth_width + 0.02, 0.072 + 0.7 * who.gap)
    shape = np.maximum(shape, -lips)
    fan = x / (0.45 + 0.8 * np.maximum(y, 0))  # beard hair fans out from the cheeks
    hairs = 0.6 * np.sin(61 * fan + 3 * np.sin(11 * y + who.phase))
    hairs += 0.5 * np.sin(97 * fan + 5 * np.sin(17 * y + 9 * x + who.phase2))
    hairs *= min(1.0, 0.02 / art.pixel)
    density, softness = 0.95 - 0.61 * stubble, 0.03 + 0.09 * stubble
    bright = np.clip(
        0.62 + 0.34 * across * who.light_x + 0.30 * (0.75 - y) + 0.16 * hairs, 0.3, 1.2
    )
    art.shade(SHADOW, 0.35 * (1 - stubble) * fade(shape, 0.05) * cover(face, art.pixel))
    art.paint(
        who.beard_colour * bright[:, None],
        density * cover(shape, softness + art.pixel) * (1 + 0.06 * hairs),
    )


def paint_moustache(art: Canvas) -> None:
    who = art.who
    art = art.window(-0.46, 0.15, 0.46, 0.62)
    x, y = np.abs(art.across(0.105)), art.down(0.06, who.mouth_y - 0.055)
    u = x / (who.mouth_width + 0.045)
    droop = 0.075 * u * u - 0.025 * who.smile * u * u - 0.012
    thick = 0.036 * np.sqrt(np.clip(1.05 - u * u, 0, 1)) * (1 - 0.35 * spot(x, 0, 0.03, 1))
    shape = np.maximum(np.abs(y - droop) - thick, (u - 1) * 0.1)
    hairs = np.sin(x * 75 - y * 70 + who.phase) * min(1.0, 0.03 / art.pixel)
    art.shade(SHADOW, 0.4 * fade(shape, 0.03))
    art.paint(
        who.beard_colour * (0.86 + 0.14 * hairs - 2 * y)[:, None],
        0.95 * cover(shape, art.pixel + 0.01),
    )
