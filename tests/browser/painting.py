"""Painting with mouse or keyboard, and what the mask should then be, worked out on its own."""

from itertools import pairwise

import numpy as np
from skimage.measure import points_in_poly

SIDE = 128
BOX = """() => {
  const { left, top, width, height } = document.querySelector('.ip-stage').getBoundingClientRect();
  return [left, top, width, height];
}"""


def tool(page, name):
    page.click(f"[data-do={name}]")


def clear(page):
    tool(page, "clear")


def drag(page, pixels):
    """Drag through points given in pixels of the picture; returns where the mouse really was."""
    left, top, width, height = page.evaluate(BOX)
    places = [(round(left + x * width / SIDE), round(top + y * height / SIDE)) for x, y in pixels]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place)
    page.mouse.up()
    return [((x - left) * SIDE / width, (y - top) * SIDE / height) for x, y in places]


def touch(page, *fingers):
    """Draw with fingers that move together, each through its points in pixels of the picture."""
    left, top, width, height = page.evaluate(BOX)
    session = page.context.new_cdp_session(page)
    paths = [
        [(round(left + x * width / SIDE), round(top + y * height / SIDE)) for x, y in finger]
        for finger in fingers
    ]
    for kind, places in zip(
        ["touchStart", *["touchMove"] * (len(paths[0]) - 1)], zip(*paths, strict=True), strict=True
    ):
        points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    return [((x - left) * SIDE / width, (y - top) * SIDE / height) for x, y in paths[0]]


def stroke(points, diameter):
    """The pixels whose centre is at most half a diameter from the path, and those on the edge."""
    # JavaScript rounds halves up, numpy to even
    path = np.floor(points) + 0.5 if diameter % 2 else np.floor(np.array(points) + 0.5)
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    distance = np.full((SIDE, SIDE), np.inf)
    for (ax, ay), (bx, by) in pairwise(path):
        length = max(np.hypot(bx - ax, by - ay), 1e-12)
        ux, uy = (bx - ax) / length, (by - ay) / length
        along = np.clip((x - ax) * ux + (y - ay) * uy, 0, length)
        distance = np.minimum(distance, np.hypot(x - ax - along * ux, y - ay - along * uy))
    return distance <= diameter / 2, np.isclose(distance, diameter / 2, atol=1e-9)


def polygon(points):
    """The pixels whose centre is inside."""
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    centres = np.stack([x.ravel(), y.ravel()], axis=1)
    return points_in_poly(centres, points).reshape(SIDE, SIDE)


def same(mask, expected, either=None):
    """Equal pixel by pixel; `either` marks pixels where rounding may decide."""
    decided = ~either if either is not None else np.ones_like(expected)
    return bool((mask == expected)[decided].all())
