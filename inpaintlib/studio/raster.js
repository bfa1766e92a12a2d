// Pixels of a mask: a Uint8Array of height × width zeros and ones, row by row. A pixel belongs to a
// shape when its centre does. Nothing here touches the page.

/** A pen's place: an odd pen sits on a pixel's centre, an even one on a corner between four. */
function snap(position, diameter) {
  return diameter % 2 ? Math.floor(position) + 0.5 : Math.round(position);
}

/** Set the pixels within diameter / 2 of the segment from a to b; returns how many changed. */
function paintSegment(mask, width, height, a, b, diameter, value) {
  const radius = diameter / 2;
  const [left, right] = span(a.x, b.x, radius, width);
  const [top, bottom] = span(a.y, b.y, radius, height);
  const dx = b.x - a.x, dy = b.y - a.y, length = dx * dx + dy * dy;
  let changed = 0;
  for (let row = top; row < bottom; row++) {
    for (let column = left; column < right; column++) {
      const x = column + 0.5 - a.x, y = row + 0.5 - a.y;
      const share = length ? Math.min(1, Math.max(0, (x * dx + y * dy) / length)) : 0;
      const ex = x - share * dx, ey = y - share * dy;
      if (ex * ex + ey * ey <= radius * radius) changed += put(mask, row * width + column, value);
    }
  }
  return changed;
}

/** Set every pixel of the box that has corners in the pixels at a and b. */
function paintBox(mask, width, height, a, b, value) {
  const clip = (position, size) => Math.min(size - 1, Math.max(0, Math.floor(position)));
  const columns = [clip(a.x, width), clip(b.x, width)].sort((p, q) => p - q);
  const rows = [clip(a.y, height), clip(b.y, height)].sort((p, q) => p - q);
  for (let row = rows[0]; row <= rows[1]; row++) {
    for (let column = columns[0]; column <= columns[1]; column++) {
      put(mask, row * width + column, value);
    }
  }
}

/** Set the pixels inside a closed polygon (even-odd rule). */
function paintPolygon(mask, width, height, points, value) {
  for (let row = 0; row < height; row++) {
    const y = row + 0.5, crossings = [];
    points.forEach((p, index) => {
      const q = points[(index + 1) % points.length];
      if (p.y <= y !== q.y <= y) crossings.push(p.x + ((y - p.y) / (q.y - p.y)) * (q.x - p.x));
    });
    crossings.sort((p, q) => p - q);
    for (let pair = 0; pair + 1 < crossings.length; pair += 2) {
      const first = Math.max(0, Math.ceil(crossings[pair] - 0.5));
      const end = Math.min(width, Math.ceil(crossings[pair + 1] - 0.5));
      for (let column = first; column < end; column++) put(mask, row * width + column, value);
    }
  }
}

function put(mask, place, value) {
  if (mask[place] === value) return 0;
  mask[place] = value;
  return 1;
}

function span(a, b, radius, size) {
  const low = Math.floor(Math.min(a, b) - radius), high = Math.ceil(Math.max(a, b) + radius);
  return [Math.max(0, low), Math.min(size, high)];
}

function count(mask) {
  let holes = 0;
  for (let place = 0; place < mask.length; place++) holes += mask[place];
  return holes;
}
