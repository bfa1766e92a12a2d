"""Painting what surrounds the head: the background, the neck and the clothes."""

import numpy as np

from drawings.portrait.canvas import (
    Array,
    Canvas,
    between,
    cover,
    ellipse,
    fade,
    lerp,
    mix,
    spot,
    stroke,
)
from drawings.portrait.head import SHADOW, SKULL


def paint_scene(art: Canvas) -> None:
    """A gradient, lit from the side of the light; sometimes a disc or blurred lights."""
    who = art.who
    slope = 0.5 + 0.35 * (art.v + 0.5 * art.u * (2 * who.scene - 1))
    art.rgb[:] = lerp(who.back_colour, who.back_other, np.clip(slope, 0, 1))
    with art.only(who.halo) as part:
        paint_halo(part)
    with art.only(who.bokeh) as part:
        paint_bokeh(part)
    glow = spot(art.u - 1.1 * who.light_x, art.v + 0.7, 1.9, 1.9)
    art.shade((1.14, 1.12, 1.08), glow)
    vignette = np.clip(art.u**2 + art.v**2 - 0.8, 0, 1)
    art.shade((0.80, 0.78, 0.82), vignette)


def paint_halo(art: Canvas) -> None:
    """A pale disc behind the head."""
    who = art.who
    disc = ellipse(art.u - who.halo_x, art.v - who.halo_y, who.halo_size, who.halo_size)
    art.paint(who.back_other * 0.55 + 0.45, 0.55 * cover(disc, art.pixel))


def paint_bokeh(art: Canvas) -> None:
    """Lights out of focus."""
    who = art.who
    for k in range(5):
        x = np.sin(who.phase * (k + 1) + 2.4 * k)
        y = np.cos(who.phase2 * (k + 1) + 1.7 * k) * 0.7 - 0.3
        size = 0.12 + 0.05 * (k % 3)
        disc = ellipse(art.u - x, art.v - y, size, size)
        art.paint(who.back_colour * 0.4 + 0.6, 0.3 * cover(disc, 0.04 + art.pixel))


def paint_neck(art: Canvas) -> None:
    """The neck, in the shadow of the chin, and the collar bones' light."""
    who = art.who
    art = art.window(-1, 0.2, 1, 1)
    x, y = art.across(0.01), art.y
    half = who.neck + 2.2 * np.maximum(y - 0.74, 0) ** 2
    inside = np.maximum(np.abs(x) - half, 0.1 - y)
    across = np.clip(x / half, -1, 1)
    lit = np.clip(0.45 + 0.6 * (across * who.light_x + 0.3), 0, 1)
    head = ellipse(x + 0.06 * who.light_x, y - SKULL, who.width * 0.95, who.chin + 0.07)
    art.paint(
        lerp(who.skin_shadow, who.skin, lit * (1 - 0.75 * fade(head, 0.12))),
        cover(inside, art.pixel),
    )
    tendon = spot(np.abs(x) - 0.10, y - 0.86, 0.03, 0.14)
    art.shade(SHADOW, 0.25 * tendon)


def paint_clothes(art: Canvas) -> None:
    """Shoulders with one of four collars."""
    who = art.who
    art = art.window(-1, 0.45, 1, 1)
    x, y = art.u - who.shift_x, art.v - who.shift_y
    shoulder = 0.735 + 0.42 * x * x / (0.14 + np.abs(x)) - y
    opening = -np.ones_like(art.x)
    for collar, width, depth, sharp in (
        ("crew", 0.31, 0.16, 0),
        ("v-neck", 0.27, 0.42, 1),
        ("shirt", 0.23, 0.32, 1),
    ):
        bowl = ellipse(x, y - 0.70, width, depth)
        wedge = (np.abs(x) / width + (y - 0.62) / depth - 1) * 0.7 * width
        opening = mix(opening, -(wedge if sharp else bowl), who.which("collar", collar))
    inside = np.maximum(shoulder, opening)
    fold = 0.5 + 0.5 * np.sin(7 * x + 4 * y + who.phase) * np.sin(5 * x - 6 * y + who.phase2)
    lit = np.clip(0.80 + 0.35 * x * who.light_x - 0.22 * fold + 0.5 * (0.86 - y), 0.35, 1.15)
    fabric = lerp(who.cloth, who.cloth_other, who.striped * stripes(art, y))
    alpha = cover(inside, art.pixel)
    art.shade(SHADOW, 0.8 * fade(inside, 0.05))
    art.paint(fabric * lit[:, None], alpha)
    art.shade((0.78, 0.76, 0.78), alpha * stroke(inside + 0.035, 0.006, art.pixel))
    with art.only(who.collar == "turtleneck") as part:
        paint_turtleneck(part)
    with art.only(who.collar == "shirt") as part:
        paint_shirt_collar(part)


def stripes(art: Canvas, y: Array) -> Array:
    """Horizontal stripes, 0..1, softened where they would be finer than the pixels."""
    return np.clip(0.5 + np.sin(y * 62 + art.who.phase) * min(3.0, 0.1 / art.pixel), 0, 1)


def paint_turtleneck(art: Canvas) -> None:
    who = art.who
    x, y = art.u - who.shift_x, art.v - who.shift_y
    half = who.neck + 0.035
    top = 0.615 + 0.09 * (1 - (x / half) ** 2)
    tube = np.maximum(np.abs(x) - half - 0.35 * np.maximum(y - 0.80, 0), top - y)
    ribs = 0.5 + 0.5 * np.sin(x * 70) * min(1.0, 0.04 / art.pixel)
    lit = 0.78 + 0.5 * x * who.light_x + 0.10 * ribs - 0.25 * fade(np.abs(y - 0.70), 0.08)
    art.paint(who.cloth * np.clip(lit, 0.4, 1.1)[:, None], cover(tube, art.pixel))


def paint_shirt_collar(art: Canvas) -> None:
    who = art.who
    x, y = np.abs(art.u - who.shift_x), art.v - who.shift_y
    edge = 0.225 - 0.62 * (y - 0.66)  # the inner edge runs from the neck to the top button
    flap = np.maximum(between(x, edge, edge + 0.15), between(y, 0.62 + 0.3 * x, 1.02 - 0.35 * x))
    art.shade(SHADOW, 0.55 * fade(flap, 0.05))
    art.paint(who.cloth * 0.86 + 0.14, cover(flap, art.pixel))
    art.shade((0.84, 0.84, 0.86), cover(flap, art.pixel) * stroke(flap + 0.02, 0.004, art.pixel))
