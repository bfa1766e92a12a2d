"""Painting the eyes, the brows and what is worn over them."""

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
    mix,
    rounded_box,
    spot,
    stroke,
)
from drawings.portrait.head import DEEP, SHADOW


def fold(art: Canvas, depth: float) -> tuple[Array, Array]:
    """The two halves of the face laid on each other: distance from the middle, and side, -1 or 1.

    The half that the head turns away from is foreshortened.
    """
    x = art.across(depth)
    side = np.sign(x)
    return np.abs(x) * (1 + 0.09 * side * art.who.turn), side


def paint_eyes(art: Canvas) -> None:
    """White, iris, pupil, catchlight, lids and lashes, both eyes at once."""
    who = art.who
    art = art.window(-0.62, -0.34, 0.62, 0.22)
    out, side = fold(art, 0.09)
    x, y = (out - who.eye_gap), art.down(0.05, -0.05)
    y = y + who.eye_slant * x / who.eye_width
    u = x / who.eye_width
    bulge = 1 - u * u
    ends = (np.abs(u) - 1) * who.eye_width
    upper = -who.eye_open * bulge * (1 + 0.12 * u)
    lower = 0.62 * who.eye_open * bulge * (1 - 0.15 * u)
    opening = np.maximum(between(y, upper, lower), ends)
    lid = np.clip(bulge, 0, 1)

    crease = y - upper + 0.036 * np.sqrt(lid) + 0.006
    art.paint(who.eyeshadow, 0.75 * who.makeup * fade(np.abs(y - upper + 0.03), 0.055) * lid)
    art.shade(DEEP, 0.55 * stroke(crease, 0.006, art.pixel) * np.clip(lid * 2.5, 0, 1))
    art.shade(SHADOW, 0.5 * fade(opening, 0.035))
    white = cover(opening, art.pixel)
    art.paint(colour(0.96, 0.94, 0.92), white)

    ix, iy = x - who.gaze_x * side, y - who.gaze_y + 0.006
    paint_iris(art, ix, iy, side, white)
    art.shade((0.58, 0.52, 0.56), 0.75 * white * fade(y - upper - 0.006, 0.03))
    paint_lashes(art, u, y, upper, lower, ends)


def paint_iris(art: Canvas, x: Array, y: Array, side: Array, white: Array) -> None:
    who = art.who
    radius = np.sqrt(x * x + y * y) / who.iris_size
    shade = np.clip(0.62 + 5.5 * y + 0.25 * radius, 0.45, 1.35)
    ring = np.clip((radius - 0.74) * 3.5, 0, 1)
    iris = who.iris * (shade * (1 - 0.6 * ring))[:, None]
    art.paint(iris, white * cover((radius - 1) * who.iris_size, art.pixel))
    art.paint(colour(0.05, 0.04, 0.06), white * cover((radius - 0.44) * who.iris_size, art.pixel))
    towards = 0.021 * np.sign(who.light_x)
    glint = ellipse(x * side - towards, y + 0.020, 0.0155, 0.0155)
    art.paint(colour(1, 1, 1), 0.95 * white * cover(glint, art.pixel + 0.004))
    art.paint(colour(1, 1, 1), 0.35 * white * spot(x * side + towards, y - 0.022, 0.02, 0.016))


def paint_lashes(art: Canvas, u: Array, y: Array, upper: Array, lower: Array, ends: Array) -> None:
    """The upper lid's dark line grows towards the outer corner; with make-up it has a wing."""
    who = art.who
    her = 1 - who.male
    wing = (0.10 + 0.16 * who.makeup) * her
    beyond = np.maximum(np.maximum(u - 1 - wing, -1 - u), 0) * who.eye_width
    lift = np.maximum(u - 0.75, 0) * 0.12 * her
    thick = (0.009 + 0.006 * her + 0.004 * who.makeup) * (0.7 + 0.4 * np.clip(u, -1, 1))
    thick = thick * np.clip((1 + wing - u) * 5, 0.25, 1)
    line = np.maximum(np.abs(y - np.minimum(upper, 0) + lift + 0.4 * thick) - thick, beyond)
    art.paint(colour(0.11, 0.07, 0.07), 0.93 * cover(line, art.pixel))
    rim = np.maximum(np.abs(y - lower), np.maximum(ends, 0))
    art.shade(DEEP, 0.7 * stroke(rim, 0.005, art.pixel))


def paint_brows(art: Canvas) -> None:
    """A tapering arch made of hairs that lean outwards."""
    who = art.who
    art = art.window(-0.62, -0.48, 0.62, 0.02)
    out, _ = fold(art, 0.09)
    y = art.down(0.05, who.brow_height)
    u = (out - who.eye_gap - 0.012) / (who.eye_width * 1.28)
    arch = 0.010 * u - who.brow_arch * (1 - (u - 0.15) ** 2) - 0.012 * np.clip(who.smile, 0, 1)
    thick = who.brow_thick * np.clip(
        1.0 - 0.35 * u - 0.5 * np.maximum(u, 0) ** 2 - 0.55 * np.maximum(-u - 0.45, 0), 0.12, 1.2
    )
    ends = (np.abs(u) - 1) * who.eye_width
    brow = np.maximum(np.abs(y - arch) - thick, ends)
    hairs = 0.86 + 0.14 * np.sin(u * 46 + y * 140 + who.phase) * min(1.0, 0.03 / art.pixel)
    art.paint(who.brow, 0.90 * hairs * cover(brow, art.pixel + 0.012))


def paint_temples(art: Canvas) -> None:
    """The arms of the glasses, from the lenses to the ears; hair falls over them."""
    who = art.who
    art = art.window(-0.85, -0.30, 0.85, 0.15)
    out, _ = fold(art, 0.11)
    ear = np.abs(art.across(-0.055)) - who.width
    y = art.down(0.06, -0.115) + 0.02 * (out - who.eye_gap)
    arm = np.maximum(
        np.abs(y) - 0.9 * who.rim_thick, np.maximum(ear, who.eye_gap + who.lens * 0.9 - out)
    )
    art.paint(who.rim, cover(arm, art.pixel))


def paint_glasses(art: Canvas) -> None:
    """Frames of three kinds, their shadow on the cheeks, the bridge and the lenses' reflections."""
    who = art.who
    art = art.window(-0.85, -0.40, 0.85, 0.34)
    out, side = fold(art, 0.11)
    x, y = out - who.eye_gap - 0.012, art.down(0.06, -0.045)
    lens = lens_shape(art, x, y)
    bridge_y = y + 0.055 - 1.8 * out * out
    bridge = np.maximum(np.abs(bridge_y), out - who.eye_gap - 0.012 + who.lens * 0.86)
    art.shade(SHADOW, 0.55 * fade(np.abs(lens_shape(art, x, y - 0.03)) - 0.008, 0.035))
    sun = who.which("glasses", "sun")
    inside = cover(lens, art.pixel)
    dark = lerp(who.rim * 0.25, who.rim * 0.6 + 0.06, np.clip(0.45 + 2.4 * y, 0, 1))
    art.paint(lerp(colour(0.93, 0.97, 1.0), dark, sun), inside * (0.10 + 0.80 * sun))
    streak = fade(np.abs(x * side - 0.55 * y - 0.045 * np.sign(who.light_x)) - 0.014, 0.02)
    art.paint(colour(1, 1, 1), 0.25 * inside * streak)
    frame = np.minimum(np.abs(lens) - who.rim_thick, bridge - 0.8 * who.rim_thick)
    art.paint(who.rim, cover(frame, art.pixel))
    shine = np.abs(lens + 0.3 * who.rim_thick) - 0.25 * who.rim_thick
    art.paint(who.rim * 0.4 + 0.6, 0.45 * cover(shine, art.pixel) * np.clip(-y * 9, 0, 1))


def lens_shape(art: Canvas, x: Array, y: Array) -> Array:
    """Signed distance to the lens: round, or a rounded box for square frames and sunglasses."""
    who = art.who
    box = rounded_box(x, y, who.lens, who.lens * 0.74, who.lens * 0.42)
    disc = np.sqrt(x * x + y * y) - who.lens * 0.94
    return mix(box, disc, who.which("glasses", "round"))
