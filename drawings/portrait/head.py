"""Painting the head: skin, ears, nose and mouth."""

import numpy as np

from drawings.portrait.canvas import (
    Array,
    Canvas,
    between,
    colour,
    cover,
    ellipse,
    fade,
    lerp,
    spot,
    stroke,
)

SKULL = -0.08  # height of the skull's centre: the widest place of the head
CROWN = 0.65  # from there to the crown
SHADOW = (0.76, 0.62, 0.60)  # a soft shadow on skin is warm
DEEP = (0.54, 0.36, 0.34)  # a crease on skin


def skull(art: Canvas) -> tuple[Array, Array, Array]:
    """The head's outline: signed distance, and the surface's direction (across, down) inside it."""
    who = art.who
    y = art.y - SKULL
    lower = np.clip(y / who.chin, 0, 1.5)
    squared = lower * lower
    x = art.x - 0.05 * who.turn * lower
    across = x / (who.width * (1 - who.jaw * lower))
    upper = np.minimum(y, 0) / CROWN
    below = squared * (1 + who.square * (lower - 1))
    radius = np.sqrt(across * across + upper * upper + below)
    return (radius - 1) * 0.55, across, upper + lower


def paint_head(art: Canvas) -> None:
    """The skin of the head as a softly lit, slightly flattened ball."""
    who = art.who
    distance, across, down = skull(art)
    light = art.light(0.86 * across, 0.80 * down)
    lit = np.clip(0.42 + 0.72 * light, 0, 1)
    skin = lerp(who.skin_shadow, who.skin, lit)
    skin += (0.20 * np.clip(light - 0.5, 0, 1))[:, None] * (1.25 - who.skin)
    art.paint(skin, cover(distance, art.pixel))


def paint_ears(art: Canvas) -> None:
    """Both ears; the one that the head turns away from shows more."""
    who = art.who
    art = art.window(-0.85, -0.35, 0.85, 0.42)
    x = art.across(-0.055)
    side = np.sign(x)
    out, y = np.abs(x) - who.width + 0.005, art.y - 0.045
    lean = out + 0.18 * y
    shape = ellipse(lean, y, 0.075, who.ear_size)
    lit = np.clip(0.62 + 0.42 * side * who.light_x, 0, 1)
    skin = lerp(who.skin_shadow, who.skin * 0.97 + np.float32(0.02), lit)
    art.paint(skin, cover(shape, art.pixel))
    art.shade(DEEP, 0.45 * spot(lean - 0.005, y + 0.01, 0.042, who.ear_size * 0.66))
    helix = fade(np.abs(shape + 0.014) - 0.006, 0.014) * cover(shape, art.pixel)
    art.shade((1.12, 1.08, 1.06), 0.8 * helix)


def paint_earrings(art: Canvas) -> None:
    who = art.who
    art = art.window(-0.85, 0.05, 0.85, 0.5)
    x = np.abs(art.across(-0.055)) - who.width - 0.015
    y = art.y - 0.045 - who.ear_size - 0.01
    hoop = (stroke(ellipse(x, y - 0.075, 0.052, 0.075), 0.012, art.pixel)) * who.hoops
    stud = cover(ellipse(x, y - 0.012, 0.026, 0.026), art.pixel) * (1 - who.hoops)
    pearl = cover(ellipse(x, y - 0.065, 0.034, 0.034), art.pixel) * (1 - who.hoops)
    for alpha in (hoop, stud, pearl):
        art.paint(who.metal, alpha)
    art.paint(colour(1, 1, 1), 0.8 * pearl * spot(x + 0.012, y - 0.053, 0.018, 0.018))


def paint_skin_details(art: Canvas) -> None:
    """What the ball lacks: sockets, cheeks, chin and folds; then blush, freckles and wrinkles."""
    who = art.who
    art = art.window(-0.62, -0.62, 0.62, 0.80)
    x, y = art.across(0.09), art.down(0.05)
    side = np.abs(x)
    art.shade(SHADOW, 0.42 * spot(side - who.eye_gap, y + 0.075, 0.17, 0.115))
    cheek = spot(side - 0.27, y - 0.19, 0.21, 0.20)
    art.shade((1.09, 1.07, 1.06), 0.8 * cheek * (1 + np.sign(x) * who.light_x))
    art.paint(who.skin * colour(1.0, 0.62, 0.60), who.blush * 0.6 * cheek)
    art.shade(SHADOW, 0.5 * spot(x, y - 0.525, 0.15, 0.05))
    art.shade((1.08, 1.07, 1.06), 0.9 * spot(x, y - 0.62, 0.14, 0.10))
    art.shade((1.06, 1.05, 1.05), spot(x - 0.15 * who.light_x, y + 0.38, 0.34, 0.20))
    art.shade(SHADOW, 0.35 * spot(x, y - 0.315, 0.022, 0.07))
    smile = np.clip(who.smile, 0, 1)
    drop = (y - 0.21) / 0.2
    fold_x = who.nose_width * 1.15 + 0.03 * smile + 0.13 * drop - 0.05 * drop * drop
    fold = fade(np.abs(side - fold_x), 0.03) * spot(0, y - 0.30, 1, 0.13)
    art.shade(SHADOW, (0.10 + 0.22 * smile + 0.5 * who.wrinkles) * fold)
    with art.only(who.freckles) as part:
        paint_freckles(part)
    with art.only(who.wrinkles) as part:
        paint_wrinkles(part)


def paint_freckles(art: Canvas) -> None:
    """Dots where three waves meet, on the cheeks and the nose."""
    who = art.who
    x, y = art.across(0.1), art.down(0.05, 0.13)
    waves = (
        np.sin(78 * x + 23 * y + who.phase)
        + np.sin(-31 * x + 82 * y)
        + np.sin(59 * x + 61 * y + who.phase2)
    )
    dots = np.clip((waves - 1.35) * 1.6, 0, 1) * min(1.0, 0.03 / art.pixel)
    art.shade((0.74, 0.58, 0.50), 0.62 * dots * spot(x, y, 0.46, 0.17))


def paint_wrinkles(art: Canvas) -> None:
    """Lines on the forehead, beside the eyes and below them."""
    who = art.who
    x, y = art.across(0.09), art.down(0.05)
    waves = np.sin((y + 0.05 * x * x) * 95 + who.phase) * min(1.0, 0.05 / art.pixel)
    art.shade(SHADOW, 0.42 * who.wrinkles * np.clip(waves, 0, 1) * spot(x, y + 0.36, 0.33, 0.11))
    side = np.abs(x) - who.eye_gap
    rays = np.clip(np.sin(np.arctan2(y + 0.05, side) * 15 + 1.5), 0, 1) * min(1.0, 0.03 / art.pixel)
    art.shade(SHADOW, 0.5 * who.wrinkles * rays * spot(side - 0.17, y + 0.05, 0.07, 0.10))
    bag = stroke(y - 0.045 + 3.2 * side * side, 0.012, art.pixel + 0.02)
    art.shade(SHADOW, 0.7 * who.wrinkles * bag * spot(side, 0, 0.11, 1))


def paint_nose(art: Canvas) -> None:
    """No outline: the shaded flank, the light on the ridge and the tip, and the nostrils."""
    who = art.who
    art = art.window(-0.42, -0.35, 0.42, 0.48)
    tip = who.nose_length
    x = art.across(0.14)
    ridge = art.across(0.09) - 0.05 * who.turn * np.clip((art.y + 0.1) * 3.3, 0, 1)
    y = art.down(0.10)
    shaded = -np.sign(who.light_x)
    along = spot(0, y - 0.05, 1, 0.27)
    reach = 0.035 + 0.10 * np.clip(y + 0.10, 0, 0.4)
    flank = along * fade(np.abs(ridge - shaded * reach) - 0.01, 0.055)
    art.shade(SHADOW, 0.80 * np.abs(who.light_x) * flank)
    art.shade(SHADOW, 0.30 * along * fade(np.abs(ridge + shaded * reach) - 0.005, 0.04))
    art.shade((1.12, 1.10, 1.09), 0.75 * spot(ridge, y, 0.035, 0.26))
    half = np.abs(x) / who.nose_width
    wing = ellipse(half - 0.72, (y - tip) / who.nose_width, 0.36, 0.42)
    art.shade(SHADOW, 0.42 * fade(np.abs(wing), 0.26) * np.clip((half - 0.75) * 4, 0, 1))
    art.shade(SHADOW, 0.80 * spot(half, y - tip - 0.05, 1.25, 0.055))
    nostril = ellipse(half - 0.42, (y - tip - 0.024) / who.nose_width, 0.25, 0.15)
    art.shade(DEEP, 0.75 * cover(nostril * who.nose_width, 0.014 + art.pixel))
    art.shade((1.16, 1.12, 1.11), spot(x - 0.03 * who.light_x, y - tip + 0.03, 0.065, 0.06))


def paint_mouth(art: Canvas) -> None:
    """Lips between four curves over the mouth's width: top, parting, parting again, bottom."""
    who = art.who
    art = art.window(-0.46, 0.2, 0.46, 0.72)
    across = art.across(0.105) / who.mouth_width
    y = art.down(0.06, who.mouth_y)
    bulge = np.clip(1 - across * across, 0, 1)
    ends = (np.abs(across) - 1) * who.mouth_width
    middle = 0.055 * who.smile * (bulge - 0.55)
    part = who.gap * bulge
    bow = 1 - 0.30 * spot(across, 0, 0.28, 1)
    top = middle - 0.35 * part - who.lip_upper * np.sqrt(bulge) * bow * (0.35 + 0.65 * bulge)
    above, below = middle - 0.35 * part, middle + 0.9 * part
    bottom = below + who.lip_lower * bulge
    art.shade(SHADOW, 0.5 * fade(np.maximum(between(y, middle, bottom + 0.02), ends), 0.05))
    upper = np.maximum(between(y, top, above), ends)
    lower = np.maximum(between(y, below, bottom), ends)
    art.paint(who.lip * 0.80, cover(upper, art.pixel))
    art.paint(who.lip, cover(lower, art.pixel))
    gloss = spot(across - 0.25 * who.light_x, y - below - 0.4 * who.lip_lower, 0.45, 0.018)
    art.paint(colour(1, 0.94, 0.92), (0.22 + 0.22 * who.lipstick) * gloss * cover(lower, art.pixel))
    hole = cover(np.maximum(between(y, above, below), ends), art.pixel) * (who.gap > 0)
    paint_teeth(art, hole, across, y, above, below)
    line = np.maximum(np.abs(y - middle), ends)
    art.shade(DEEP, 0.85 * stroke(line, 0.0075, art.pixel) * (who.gap == 0))
    corner = ellipse(ends, y - middle, 0.026, 0.022)
    art.shade(SHADOW, 0.5 * fade(corner + 0.015, 0.03))


def paint_teeth(
    art: Canvas, hole: Array, across: Array, y: Array, above: Array, below: Array
) -> None:
    """An open mouth: the dark, the tongue, and the upper row of teeth."""
    art.paint(colour(0.30, 0.08, 0.10), hole)
    art.paint(colour(0.74, 0.34, 0.36), hole * fade(ellipse(across, y - below, 0.5, 0.02), 0.01))
    teeth = cover(y - above - 0.68 * (below - above), art.pixel) * hole
    art.paint(lerp(colour(0.97, 0.95, 0.92), colour(0.80, 0.78, 0.76), across * across), teeth)
    gaps = np.clip(np.cos(across * 22) * 8 - 7, 0, 1) * min(1.0, 0.012 / art.pixel)
    art.shade((0.80, 0.76, 0.76), teeth * gaps * 0.6)
