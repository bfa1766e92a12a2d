"""Painting hair: its outline, its strands, what hangs behind the head and what falls before it."""

import numpy as np

from drawings.portrait.canvas import (
    Array,
    Canvas,
    colour,
    cover,
    fade,
    lerp,
    mix,
)
from drawings.portrait.head import CROWN, SHADOW, SKULL, skull


def hair_shape(art: Canvas) -> tuple[Array, Array, Array]:
    """The hair's outline as a cap that becomes a curtain: signed distance, across (-1..1), height.

    Lines of constant `across` run from the crown down the outline, as combed hair does.
    """
    who = art.who
    sway = waves(art)
    upper = np.minimum(art.y - SKULL, 0) / (CROWN + who.top)
    end = np.minimum(0.35, who.length - SKULL + 0.02)
    lower = np.maximum(art.y - who.length + end, 0) / end
    half = who.width + who.side + who.flare * np.maximum(art.y - SKULL, 0)
    x = art.x + 0.02 * who.turn - 0.07 * who.part * upper * upper
    across = (x + sway * np.sign(x)) / half
    rise = upper * upper + lower * lower
    square = across * across
    radius = np.sqrt(square + rise - 0.25 * np.minimum(square, 1) * upper * upper)
    distance = (radius - 1) * 0.6
    angle = np.arctan2(art.y - SKULL, x)
    bulges = np.abs(np.sin(angle * 8 + who.phase)) + 0.7 * np.abs(np.sin(angle * 13 + who.phase2))
    distance = distance - who.curl * (1.5 * bulges - 1)
    meridian = (across + 0.35 * who.part * upper * upper) / np.sqrt(np.maximum(1.02 - rise, 0.04))
    return distance, meridian, upper


def waves(art: Canvas) -> Array:
    """How far wavy hair swings outwards, below the crown."""
    who = art.who
    return who.wave * np.sin(art.y * 12 + who.phase) * np.clip((art.y + 0.45) * 2.5, 0, 1)


def hairline(art: Canvas) -> Array:
    """Signed distance to the opening in which the face shows: an arch, open below.

    Its apex is the parting; the hair sweeps down from there, steeply on one side.
    """
    who = art.who
    x, y = art.across(0.05), art.down(0.02)
    spring = np.float32(0.02)  # where the arch begins
    rise = np.minimum(y - spring, 0) / (who.hairline - spring)
    fringe = who.which("style", "fringe")
    apex = 0.22 * who.part
    lean = x - apex
    reach = who.temple - apex * np.sign(lean) - 0.10 * np.clip(y - 0.15, 0, 0.25)
    across = (np.abs(lean) + 0.8 * waves(art)) / (reach + 0.16 * np.maximum(y - 0.5, 0))
    rise = rise + fringe * 0.05 * np.sin(lean * 38 + who.phase)
    square = across * across
    arch = rise * rise + square * (0.25 + 0.75 * across)
    box = np.square(rise * rise) + square * square * square
    power = mix(arch, box, fringe)
    curls = who.curl * (1 - 2 * np.abs(np.sin(x * 19 + who.phase)))
    wisps = 0.004 * np.sin(lean * 60 + who.phase2)
    return (np.sqrt(power) - 1) * 0.40 + curls + wisps


def strands(art: Canvas, flow: Array, upper: Array) -> Array:
    """Light and dark strands, about -1..1; those finer than a pixel are left out."""
    who = art.who
    total = np.zeros_like(flow)
    for wavelength, weight in ((0.36, 0.5), (0.15, 0.5), (0.075, 0.4), (0.034, 0.3)):
        visible = min(1.0, max(0.0, wavelength * 0.55 / art.pixel / 2.2 - 0.35))
        if visible:
            drift = who.phase * (1 + 9 * weight) + upper * 2.0 * weight + 1.5 * art.y
            total += np.float32(visible * weight) * np.sin(flow * (6.28 / wavelength) + drift)
    curly = np.flatnonzero(who.curl > 0.01)
    x, y, here = art.x[curly], art.y[curly], who[curly]
    ringlets = np.sin(x * 33 + 3 * np.sin(y * 19 + here.phase))
    ringlets *= np.sin(y * 31 + 3 * np.sin(x * 23 + here.phase2))
    total[curly] = 0.4 * total[curly] + 0.9 * ringlets
    return total


def hair_colours(art: Canvas, flow: Array, meridian: Array, upper: Array) -> Array:
    """(N, 3, H, W): the strands, lit, with a band of sheen round the crown."""
    who = art.who
    light = art.light(np.clip(meridian, -1, 1) * 0.8, np.clip(upper * 0.9, -1, 1))
    hair = strands(art, flow, upper)
    bright = 0.62 + 0.42 * light + 0.13 * hair
    lit = who.hair_colour * np.clip(bright, 0.25, 1.3)[:, None]
    height = -upper - 0.62 + 0.10 * meridian * meridian + 0.03 * hair
    band = np.maximum(1 - (height / 0.16) ** 2, 0) ** 2 * np.clip(light + 0.15, 0, 1)
    sheen = who.hair_colour * 0.6 + colour(0.42, 0.38, 0.34)
    return lerp(lit, sheen, 0.42 * band * (1 + 0.5 * hair))


def paint_back_hair(art: Canvas, outline: tuple[Array, Array, Array]) -> None:
    """What hangs behind the head and the neck, in shadow."""
    who = art.who
    distance, meridian, upper = outline
    art.shade((0.82, 0.80, 0.84), 0.7 * who.density * fade(distance, 0.10))
    with art.only(who.bun) as part:
        paint_bun(part)
    dark = 0.50 + 0.10 * strands(art, meridian, upper)
    art.paint(who.hair_colour * dark[:, None], who.density * cover(distance, art.pixel))


def paint_bun(art: Canvas) -> None:
    who = art.who
    x, y = art.across(-0.08, 0.05 * who.part), art.y - SKULL + CROWN + 0.10
    x, y = x / who.bun, y / (who.bun * 0.85)
    swirl = np.sin(9 * np.arctan2(y, x) + 14 * np.sqrt(x * x + y * y)) * min(1.0, 0.04 / art.pixel)
    light = art.light(np.clip(x, -1, 1) * 0.9, np.clip(y, -1, 1) * 0.9)
    bright = 0.66 + 0.40 * light + 0.10 * swirl
    shape = (np.sqrt(x * x + y * y) - 1) * who.bun
    art.paint(who.hair_colour * bright[:, None], cover(shape, art.pixel))


def paint_front_hair(art: Canvas, outline: tuple[Array, Array, Array]) -> None:
    """Hair over the forehead and beside the face, and its shadow on the skin."""
    who = art.who
    distance, meridian, upper = outline
    opening = hairline(art)
    face, _, _ = skull(art)
    shadow = fade(-opening, 0.10) * (opening < 0) * cover(art.y - 0.25, 0.3)
    strength = (0.25 + 0.5 * who.falls) * who.density
    art.shade(SHADOW, strength * shadow * cover(face, art.pixel))
    flow = meridian + who.sideways * fade(opening, 0.5) * (1.9 * opening - 0.9 * meridian)
    colours = hair_colours(art, flow, meridian, upper)
    from_parting = art.across(0.05, 0.22 * who.part + 0.06 * who.part * upper)
    parting = who.sideways * fade(np.abs(from_parting), 0.02)
    colours *= (1 - 0.36 * parting * fade(np.abs(art.y + 0.64) - 0.04, 0.14))[:, None]
    colours *= (1 - 0.25 * who.falls * fade(np.abs(opening), 0.03))[:, None]
    root = art.pixel + 0.008 + 0.05 * (1 - who.falls) * (art.y < 0)
    alpha = who.density * cover(-opening, root) * cover(distance, art.pixel)
    art.paint(colours, alpha)
