// Every kind of hole of inpaintlib.masks, from the same random numbers. Boxes, cells and pixels are
// the same to the pixel; strokes are drawn here by raster.js and there by OpenCV, whose edges differ.

/** Python's round: halves to the even number. */
function roundEven(value) {
  const low = Math.floor(value), rest = value - low;
  return rest === 0.5 ? low + (low % 2) : Math.round(value);
}

/** A share of the shorter side, in pixels, at least 1. */
function inPixels(share, height, width) {
  return Math.max(1, roundEven(share * Math.min(height, width)));
}

function box(mask, width, top, left, bottom, right) {
  for (let row = top; row < bottom; row++) mask.fill(1, row * width + left, row * width + right);
}

function boxOfSides(mask, height, width, random, tall, wide) {
  const top = random.integer(0, height - tall), left = random.integer(0, width - wide);
  box(mask, width, top, left, top + tall, left + wide);
}

function drawRectangle(mask, height, width, random, low, high) {
  const shortest = inPixels(low, height, width), longest = inPixels(high, height, width);
  const tall = random.integer(shortest, longest), wide = random.integer(shortest, longest);
  boxOfSides(mask, height, width, random, tall, wide);
}

function drawPixels(mask, random, probability) {
  const below = Math.fround(probability);
  for (let place = 0; place < mask.length; place++) mask[place] = random.rand() < below ? 1 : 0;
}

const STROKES = [1, 3], STEPS = [4, 11];
const MEAN_ANGLE = (2 * Math.PI) / 5, ANGLE_SPREAD = (2 * Math.PI) / 15;
const times = (count, make) => Array.from({ length: count }, make);
const clip = (value, low, high) => Math.min(high, Math.max(low, value));

/** A stroke's corners, [x, y]: up and down in turn, mostly to the right. */
function walk(height, width, steps, random) {
  const [below, above] = times(2, () => Math.fround(random.rand() * ANGLE_SPREAD));
  const angles = times(steps, () => MEAN_ANGLE - below + (below + above) * random.rand());
  const mean = Math.hypot(height, width) / 8;
  const lengths = times(steps, () => clip(mean + (mean / 2) * random.randn(), 0, 2 * mean));
  let x = random.rand() * (width - 1), y = random.rand() * (height - 1);
  const corners = [[x, y]];
  for (let step = 0; step < steps; step++) {
    const angle = step % 2 ? angles[step] : -angles[step];
    x = clip(x + lengths[step] * Math.cos(angle), 0, width - 1);
    y = clip(y + lengths[step] * Math.sin(angle), 0, height - 1);
    corners.push([x, y]);
  }
  return corners.map((corner) => corner.map(roundEven));
}

/** A line from pixel to pixel, as wide and round as OpenCV draws it, but for its edge. */
function drawLine(mask, height, width, [ax, ay], [bx, by], thickness) {
  const a = { x: ax + 0.5, y: ay + 0.5 }, b = { x: bx + 0.5, y: by + 0.5 };
  const slope = Math.max(Math.abs(bx - ax), Math.abs(by - ay)) / (Math.hypot(bx - ax, by - ay) || 1);
  const body = thickness > 1 ? 2 * ((thickness + 1) >> 1) + 0.7 : slope;
  paintSegment(mask, width, height, a, b, body, 1);
}

function flip(mask, height, width, upsideDown) {
  const old = mask.slice();
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const from = upsideDown ? (height - 1 - row) * width + column : row * width + width - 1 - column;
      mask[row * width + column] = old[from];
    }
  }
}

function drawBrush(mask, height, width, random, size) {
  const pens = [(24 / 256) * size, (78 / 256) * size].map((share) => inPixels(share, height, width));
  const drawn = new Uint8Array(mask.length);
  for (let strokes = random.integer(...STROKES); strokes > 0; strokes--) {
    const corners = walk(height, width, random.integer(...STEPS), random);
    const pen = Math.max(1, random.integer(...pens) - 1);
    for (let i = 1; i < corners.length; i++) drawLine(drawn, height, width, corners[i - 1], corners[i], pen);
  }
  for (const upsideDown of [true, false]) {
    if (random.rand() < 0.5) flip(drawn, height, width, upsideDown);
  }
  for (let place = 0; place < mask.length; place++) mask[place] |= drawn[place];
}

function drawShape(mask, height, width, random) {
  const shorter = Math.min(height, width);
  const [x, y, x2, y2, size, size2] = times(6, () => random.rand());
  const start = [roundEven(x * (width - 1)), roundEven(y * (height - 1))];
  const kind = random.integer(0, 2);
  if (kind === 0) {
    const end = [roundEven(x2 * (width - 1)), roundEven(y2 * (height - 1))];
    drawLine(mask, height, width, start, end, Math.max(1, roundEven((0.02 + 0.08 * size) * shorter)));
  } else if (kind === 1) {
    paintSegment(mask, width, height, { x: start[0] + 0.5, y: start[1] + 0.5 }, { x: start[0] + 0.5, y: start[1] + 0.5 }, 2 * roundEven((0.05 + 0.2 * size) * shorter), 1);
  } else {
    const [across, down] = [size, size2].map((share) => roundEven((0.05 + 0.2 * share) * shorter));
    const top = Math.max(0, start[1] - down), left = Math.max(0, start[0] - across);
    box(mask, width, top, left, Math.min(height, start[1] + down + 1), Math.min(width, start[0] + across + 1));
  }
}

function drawShapes(mask, height, width, random, low, high) {
  for (let tries = 0; tries <= 200; tries++) {
    mask.fill(0);
    for (let shapes = random.integer(1, 4); shapes > 0; shapes--) drawShape(mask, height, width, random);
    const fraction = count(mask) / mask.length;
    if (fraction > low && fraction <= high) return;
  }
  throw new Error(`after 200 draws no hole of ${low} to ${high} of the picture: choose another size`);
}

const KINDS = {
  square: (mask, h, w, random, size) => {
    const side = inPixels(size, h, w);
    boxOfSides(mask, h, w, random, side, side);
  },
  centre: (mask, h, w, _random, size) => {
    const side = inPixels(size, h, w), top = (h - side) >> 1, left = (w - side) >> 1;
    box(mask, w, top, left, top + side, left + side);
  },
  rectangle: (mask, h, w, random, size) => drawRectangle(mask, h, w, random, 0.6 * size, Math.min(1, 1.2 * size)),
  brush: drawBrush,
  "box and brush": (mask, h, w, random, size) => {
    drawRectangle(mask, h, w, random, 0.75 * size, size);
    drawBrush(mask, h, w, random, size);
  },
  shapes: (mask, h, w, random, size) => drawShapes(mask, h, w, random, 0.1 * size, 0.6 * size),
  blocks: (mask, h, w, random, size) => {
    const cells = 8, grid = new Uint8Array(cells * cells);
    drawPixels(grid, random, 0.4 * size);
    for (let place = 0; place < mask.length; place++) {
      const row = Math.floor(((Math.floor(place / w) + 0.5) * cells) / h);
      mask[place] = grid[row * cells + Math.floor((((place % w) + 0.5) * cells) / w)];
    }
  },
  half: (mask, h, w, random) => {
    const sides = [[0, 0, h, w >> 1], [0, w - (w >> 1), h, w], [0, 0, h >> 1, w], [h - (h >> 1), 0, h, w]];
    box(mask, w, ...sides[random.integer(0, 3)]);
  },
  border: (mask, h, w, _random, size) => {
    const edge = inPixels(0.25 * size, h, w);
    if (2 * edge >= Math.min(h, w)) throw new Error(`a border of ${edge} pixels leaves nothing known`);
    mask.fill(1);
    for (let row = edge; row < h - edge; row++) mask.fill(0, row * w + edge, row * w + w - edge);
  },
  pixels: (mask, _h, _w, random, size) => drawPixels(mask, random, size),
};

/** studio.holes.draw_hole: a mask of height × width zeros and ones, row by row. */
function drawHole(kind, size, seed, height, width) {
  const mask = new Uint8Array(height * width);
  KINDS[kind](mask, height, width, new Random(seed), size);
  return mask;
}
