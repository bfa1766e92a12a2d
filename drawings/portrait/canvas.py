"""The painter's tools: a canvas for a batch of portraits, soft edges and soft spots.

A shape is a signed distance, negative inside. Its coverage of a pixel is read off the distance,
which gives smooth edges at every size (Quilez, "2D distance functions", iquilezles.org).
"""

from collections.abc import Generator
from contextlib import contextmanager

import numpy as np

from drawings.portrait.people import People

Array = np.ndarray


def cover(distance: Array, pixel: float) -> Array:
    """How much of a pixel lies inside a shape, 0..1, from the signed distance to its edge."""
    return np.clip(0.5 - distance / pixel, 0, 1)


def stroke(distance: Array, half_width: Array | float, pixel: float) -> Array:
    """Coverage by a line along `distance == 0`; one thinner than a pixel fades, never breaks."""
    drawn = np.maximum(half_width, 0.5 * pixel, dtype=np.float32)
    return cover(np.abs(distance) - drawn, pixel) * (half_width / drawn)


def fade(distance: Array, width: Array | float) -> Array:
    """1 inside a shape, falling smoothly to 0 at `width` outside it: a soft shadow."""
    t = np.clip(1 - distance / width, 0, 1)
    return t * t * (3 - 2 * t)


def spot(x: Array | float, y: Array | float, width: Array | float, height: Array | float) -> Array:
    """A soft round spot, 1 at the origin and 0 at the ellipse with these half-axes."""
    return np.maximum(1 - (x / width) ** 2 - (y / height) ** 2, 0) ** 2


def ellipse(x: Array, y: Array, width: Array | float, height: Array | float) -> Array:
    """Approximate signed distance to an ellipse with these half-axes."""
    radius = np.sqrt((x / width) ** 2 + (y / height) ** 2)
    return (radius - 1) * np.minimum(width, height, dtype=np.float32)


def between(y: Array, top: Array, bottom: Array) -> Array:
    """Signed distance, measured upright, to the band between two curves."""
    return np.maximum(top - y, y - bottom)


def rounded_box(x: Array, y: Array, width: Array, height: Array, corner: Array) -> Array:
    """Signed distance to a box with these half-sides and corner radius."""
    dx, dy = np.abs(x) - width + corner, np.abs(y) - height + corner
    outside = np.sqrt(np.maximum(dx, 0) ** 2 + np.maximum(dy, 0) ** 2)
    return outside + np.minimum(np.maximum(dx, dy), 0) - corner


class Canvas:
    """A batch of portraits being painted, or a window on one.

    Attributes:
        rgb: (N, 3, H, W), [0, 1]: painted in place.
        u, v: (1, 1, W) and (1, H, 1), [-1, 1]: picture coordinates of the pixel centres.
        x, y: (N, H, W): coordinates of the upright, unscaled head.
        pixel: a pixel's side in picture units.
        who: the sitters.
    """

    def __init__(self, rgb: Array, u: Array, v: Array, x: Array, y: Array, who: People):
        self.rgb, self.u, self.v, self.x, self.y, self.who = rgb, u, v, x, y, who
        self.pixel = float(u[0, 0, 1] - u[0, 0, 0])

    @classmethod
    def blank(cls, who: People, size: int) -> "Canvas":
        """An empty canvas of `size` × `size` pixels for these people."""
        line = ((np.arange(size, dtype=np.float32) + 0.5) * 2 / size - 1).astype(np.float32)
        u, v = line[None, None, :], line[None, :, None]
        across, down = (u - who.shift_x) / who.scale, (v - who.shift_y) / who.scale
        cosine, sine = np.cos(who.tilt), np.sin(who.tilt)
        x, y = cosine * across + sine * down, cosine * down - sine * across
        return cls(np.zeros((len(x), 3, size, size), np.float32), u, v, x, y, who)

    def window(self, left: float, top: float, right: float, bottom: float) -> "Canvas":
        """A part of the whole canvas; what is painted there is painted here."""
        columns = np.s_[round((left + 1) / self.pixel) : round((right + 1) / self.pixel) + 1]
        rows = np.s_[round((top + 1) / self.pixel) : round((bottom + 1) / self.pixel) + 1]
        part = (..., rows, columns)
        u, v = self.u[:, :, columns], self.v[:, rows]
        return Canvas(self.rgb[part], u, v, self.x[part], self.y[part], self.who)

    @contextmanager
    def only(self, chosen: Array) -> Generator["Canvas"]:
        """A canvas with only the people whose flag is not 0; it is put back at the end."""
        rows = np.flatnonzero(chosen)
        part = Canvas(self.rgb[rows], self.u, self.v, self.x[rows], self.y[rows], self.who[rows])
        yield part
        self.rgb[rows] = part.rgb

    def paint(self, colour: Array, alpha: Array) -> None:
        """Cover with a colour, (N, 3, 1, 1) or (N, 3, H, W), where alpha (N, H, W) says so."""
        for channel in range(3):
            plane = self.rgb[:, channel]
            step = colour[:, channel] - plane
            step *= alpha
            plane += step

    def shade(self, tint: tuple[float, float, float], alpha: Array) -> None:
        """Multiply by a tint where alpha says so: below 1 is shadow, above 1 is light."""
        for channel, factor in enumerate(tint):
            self.rgb[:, channel] *= 1 + (factor - 1) * alpha

    def across(self, depth: float, x: float | Array = 0.0) -> Array:
        """x measured from a point of the head that lies `depth` in front of its axis.

        When the head turns, the nose moves more than the eyes, and the ears move the other way.
        """
        return self.x - (x + depth * self.who.turn)

    def down(self, depth: float, y: float | Array = 0.0) -> Array:
        """y measured from a point of the head that lies `depth` in front of its axis."""
        return self.y - (y + depth * self.who.nod)

    def light(self, x: Array, y: Array) -> Array:
        """Lambert's cosine, [-1, 1], where a ball looks towards (x, y, √(1 - x² - y²))."""
        z = np.sqrt(np.clip(1 - x * x - y * y, 0, 1))
        who = self.who
        return x * who.light_x + y * who.light_y + z * who.light_z


def colour(*rgb: float) -> Array:
    """A colour, ready to paint everyone's picture with."""
    return np.array(rgb, np.float32).reshape(1, 3, 1, 1)


def lerp(start: Array, end: Array, t: Array) -> Array:
    """From one colour to another, (N, 3, H, W) or (N, 3, 1, 1), as t (N, H, W) goes from 0 to 1."""
    return mix(start, end, t[:, None])


def mix(start: Array | float, end: Array | float, t: Array) -> Array:
    """From `start` to `end` as t goes from 0 to 1; with a flag for t, a choice."""
    return start + (end - start) * t
