"""Random draws for several people at once, and colours mixed from palettes."""

from collections.abc import Mapping

import numpy as np


class Dice:
    """Random draws for `count` people at once."""

    def __init__(self, seed: int, block: int, count: int):
        self.random = np.random.default_rng((seed, block))
        self.count = count

    def uniform(self, low=0.0, high=1.0) -> np.ndarray:
        return self.random.uniform(low, high, self.count)

    def normal(self, mean=0.0, deviation=1.0, *, limit=2.0) -> np.ndarray:
        draw = self.random.standard_normal(self.count)
        return mean + deviation * np.clip(draw, -limit, limit)

    def chance(self, probability) -> np.ndarray:
        return self.uniform() < probability

    def choose(self, weights: Mapping[str, float]) -> np.ndarray:
        odds = np.array(list(weights.values()), float)
        return self.random.choice(list(weights), self.count, p=odds / odds.sum())

    def mix(self, palette: str, where: np.ndarray | None = None) -> np.ndarray:
        """A colour at a place in [0, 1] along a palette, uniform unless told, (count, 3)."""
        return along(palette, self.uniform() if where is None else where)

    def pick(self, palette: str) -> np.ndarray:
        """One of the palette's own colours, (count, 3), a little varied."""
        colours = colour_list(palette)
        chosen = colours[self.random.integers(len(colours), size=self.count)]
        return np.clip(chosen + self.random.uniform(-0.03, 0.03, (self.count, 3)), 0, 1)


def colour_list(palette: str) -> np.ndarray:
    """Hexadecimal colours, separated by spaces, as (K, 3) in [0, 1]."""
    return np.array([list(bytes.fromhex(colour)) for colour in palette.split()]) / 255


def along(palette: str, where: np.ndarray) -> np.ndarray:
    """The colours at the places `where` in [0, 1] along a palette, (N, 3)."""
    colours = colour_list(palette)
    knots = np.linspace(0, 1, len(colours))
    return np.stack([np.interp(where, knots, channel) for channel in colours.T], axis=1)
