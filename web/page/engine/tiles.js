// photos/tiles.py: from a photo to the windows that a network is shown, and back. A photo is an
// ImageData (RGBA); a mask and a map of holes are arrays of height × width, row by row; a box is
// { top, bottom, left, right }, the second of each pair exclusive.

/** The largest value within `reach` places, along lines `step` apart: one direction of a dilation. */
function spread(mask, length, step, lines, between, reach) {
  const out = new Uint8Array(mask.length);
  for (let line = 0; line < lines; line++) {
    let last = -Infinity; // the nearest hole behind, then the nearest ahead
    for (let i = 0; i < length; i++) {
      const place = line * between + i * step;
      if (mask[place]) last = i;
      if (i - last <= reach) out[place] = 1;
    }
    last = Infinity;
    for (let i = length - 1; i >= 0; i--) {
      const place = line * between + i * step;
      if (mask[place]) last = i;
      if (last - i <= reach) out[place] = 1;
    }
  }
  return out;
}

function dilate(mask, height, width, reach) {
  return spread(spread(mask, width, 1, height, width, reach), height, width, width, 1, reach);
}

/** Number the connected regions of a mask (corners connect) from 1 on; returns map and count. */
function regions(mask, height, width) {
  const map = new Int32Array(mask.length), stack = [];
  let number = 0;
  const start = (place) => {
    if (!mask[place] || map[place]) return;
    map[place] = ++number;
    stack.push(place);
    while (stack.length) {
      const at = stack.pop(), x = at % width, y = (at - x) / width;
      for (let j = Math.max(0, y - 1); j <= Math.min(height - 1, y + 1); j++) {
        for (let i = Math.max(0, x - 1); i <= Math.min(width - 1, x + 1); i++) {
          const near = j * width + i;
          if (mask[near] && !map[near]) {
            map[near] = number;
            stack.push(near);
          }
        }
      }
    }
  };
  // OpenCV numbers them by the first 2×2 block that they touch, and tiles are filled in that order.
  for (let y = 0; y < height; y += 2) {
    for (let x = 0; x < width; x += 2) {
      for (const [j, i] of [[y, x], [y, x + 1], [y + 1, x], [y + 1, x + 1]]) {
        if (j < height && i < width) start(j * width + i);
      }
    }
  }
  return { map, number };
}

/** Number the holes of a mask; those that lie within twice `reach` pixels count as one. */
function findHoles(mask, height, width, reach) {
  const { map, number } = regions(dilate(mask, height, width, reach), height, width);
  const boxes = Array.from({ length: number }, () => ({ top: height, bottom: 0, left: width, right: 0 }));
  for (let place = 0; place < mask.length; place++) {
    if (!mask[place]) map[place] = 0;
    if (!map[place]) continue;
    const x = place % width, y = (place - x) / width, box = boxes[map[place] - 1];
    box.top = Math.min(box.top, y);
    box.bottom = Math.max(box.bottom, y + 1);
    box.left = Math.min(box.left, x);
    box.right = Math.max(box.right, x + 1);
  }
  return { map, boxes };
}

/** The smallest box around the part of a hole that lies in `box`; null if there is none. */
function tighten(map, width, number, box) {
  const tight = { top: box.bottom, bottom: box.top, left: box.right, right: box.left };
  for (let y = box.top; y < box.bottom; y++) {
    for (let x = box.left; x < box.right; x++) {
      if (map[y * width + x] !== number) continue;
      tight.top = Math.min(tight.top, y);
      tight.bottom = y + 1;
      tight.left = Math.min(tight.left, x);
      tight.right = Math.max(tight.right, x + 1);
    }
  }
  return tight.bottom > tight.top ? tight : null;
}

/** The squared distance of every place of a line to the nearest, given the squares across it
 * (Felzenszwalb and Huttenlocher 2012). */
function lineDistance(squares, length, out) {
  const at = new Int32Array(length), from = new Float64Array(length + 1);
  let last = -1;
  for (let q = 0; q < length; q++) {
    if (squares[q] === Infinity) continue;
    let cross = -Infinity;
    while (last >= 0) {
      const p = at[last];
      cross = (squares[q] + q * q - squares[p] - p * p) / (2 * (q - p));
      if (cross > from[last]) break;
      last--;
    }
    last++;
    at[last] = q;
    from[last] = last ? cross : -Infinity;
  }
  for (let q = 0, k = 0; q < length; q++) {
    while (k < last && from[k + 1] < q) k++;
    out[q] = last < 0 ? Infinity : (q - at[k]) ** 2 + squares[at[k]];
  }
}

/** Pixels across a hole where it is thickest. */
function thickness(map, height, width, number, box) {
  const top = Math.max(0, box.top - 1), bottom = Math.min(height, box.bottom + 1);
  const left = Math.max(0, box.left - 1), right = Math.min(width, box.right + 1);
  const tall = bottom - top, wide = right - left;
  const squares = new Float64Array(tall * wide), line = new Float64Array(tall), found = new Float64Array(tall);
  for (let x = 0; x < wide; x++) {
    for (let y = 0; y < tall; y++) line[y] = map[(top + y) * width + left + x] === number ? Infinity : 0;
    lineDistance(line, tall, found);
    for (let y = 0; y < tall; y++) squares[y * wide + x] = found[y];
  }
  let most = 0;
  const row = new Float64Array(wide);
  for (let y = 0; y < tall; y++) {
    lineDistance(squares.subarray(y * wide, (y + 1) * wide), wide, row);
    for (let x = 0; x < wide; x++) most = Math.max(most, row[x]);
  }
  return 2 * Math.sqrt(most);
}

/** The fewest equal parts of start..stop that are no longer than `longest`. */
function divide(start, stop, longest) {
  const length = stop - start, parts = Math.ceil(length / longest);
  const edge = (part) => start + Math.floor((length * part) / parts);
  return Array.from({ length: parts }, (_, part) => [edge(part), edge(part + 1)]);
}

/** A stretch of at most `wide` with start..stop in its middle, moved to lie within 0..length. */
function around(start, stop, wide, length) {
  const size = Math.min(wide, length);
  const first = Math.min(Math.max(0, Math.floor((start + stop - size) / 2)), length - size);
  return [first, first + size];
}

/** The tiles of one hole, in reading order: its number, what is filled, what is seen, and its turn. */
function cut(map, height, width, number, box, size) {
  const thick = Math.ceil(thickness(map, height, width, number, box));
  const margin = Math.max(size >> 3, thick);
  const longest = Math.max(size - 2 * margin, size >> 1, Math.min(2 * thick, height, width));
  const tiles = [];
  divide(box.top, box.bottom, longest).forEach(([top, bottom], row) => {
    divide(box.left, box.right, longest).forEach(([left, right], column) => {
      const cell = tighten(map, width, number, { top, bottom, left, right });
      if (!cell) return;
      const extent = Math.max(cell.bottom - cell.top, cell.right - cell.left);
      const wide = Math.max(size, Math.min(2 * extent, extent + 2 * margin));
      const rows = around(cell.top, cell.bottom, wide, height), columns = around(cell.left, cell.right, wide, width);
      const window = { top: rows[0], bottom: rows[1], left: columns[0], right: columns[1] };
      tiles.push({ number, cell, window, turn: 2 * (row % 2) + (column % 2) });
    });
  });
  return tiles;
}

const AT_ONCE = 8; // windows that are looked at before any of them is filled

/** Batches of tiles that do not touch; the cells between them come when those are filled. */
function rounds(tiles) {
  const batches = [];
  for (let turn = 0; turn < 4; turn++) {
    const together = tiles.filter((tile) => tile.turn === turn);
    for (let start = 0; start < together.length; start += AT_ONCE) batches.push(together.slice(start, start + AT_ONCE));
  }
  return batches;
}

/** A window at the network's size: its planes, [-1, 1], and what is hidden of it, zeros and ones. */
function look(photo, map, window, size) {
  const tall = window.bottom - window.top, wide = window.right - window.left, area = tall * wide;
  const both = new Float32Array(4 * area);
  for (let y = 0; y < tall; y++) {
    for (let x = 0; x < wide; x++) {
      const place = (window.top + y) * photo.width + window.left + x, at = y * wide + x;
      for (let c = 0; c < 3; c++) both[c * area + at] = photo.data[4 * place + c] / 127.5 - 1;
      both[3 * area + at] = map[place] > 0 ? 1 : 0;
    }
  }
  const scaled = resize(both, 4, tall, wide, size, size, "bilinear");
  const hidden = scaled.slice(3 * size * size).map((share) => (share > 0 ? 1 : 0));
  return { image: scaled.slice(0, 3 * size * size), hidden };
}

/** Whether a photo has no colour anywhere; its fill shall have none either. */
function isGrey({ data }) {
  for (let at = 0; at < data.length; at += 4) if (data[at] !== data[at + 1] || data[at] !== data[at + 2]) return false;
  return true;
}

/** Put a filled window into the tile's part of the hole, in place: now known. */
function paste(photo, map, tile, fill, size) {
  const { window, cell } = tile;
  const tall = window.bottom - window.top, wide = window.right - window.left;
  const planes = resize(fill, 3, size, size, tall, wide, "bicubic");
  for (let y = cell.top; y < cell.bottom; y++) {
    for (let x = cell.left; x < cell.right; x++) {
      const place = y * photo.width + x;
      if (map[place] !== tile.number) continue;
      const from = (y - window.top) * wide + x - window.left;
      const colour = [0, 1, 2].map((c) => planes[c * tall * wide + from]);
      if (photo.grey) colour.fill((colour[0] + colour[1] + colour[2]) / 3);
      for (let c = 0; c < 3; c++) photo.data[4 * place + c] = toByte(colour[c]);
      map[place] = 0;
    }
  }
}

/** images.to_bytes of one value. */
function toByte(value) {
  return Math.min(255, Math.max(0, Math.round((value + 1) * 127.5)));
}
