// metrics.py, in the hole: planes (3, H, W), [-1, 1], compared on the [0, 1] scale; and the error map.

function toUnit(planes) {
  return Float64Array.from(planes, (value) => Math.min(1, Math.max(0, (value + 1) / 2)));
}

/** The mean of a plane's or planes' values over the hole. */
function meanInHole(values, hole) {
  let sum = 0, number = 0;
  for (let i = 0; i < values.length; i++) {
    if (hole[i % hole.length]) {
      sum += values[i];
      number++;
    }
  }
  return sum / number;
}

/** Gaussian mean, 11 taps, σ 1.5, of every pixel of a plane; the border is repeated outwards. */
function blur(plane, width, height) {
  const taps = Array.from({ length: 11 }, (_, i) => Math.exp(-((i - 5) ** 2) / 4.5));
  const total = taps.reduce((sum, tap) => sum + tap, 0);
  const along = (from, length, step, lines, between) => {
    const out = new Float64Array(from.length);
    for (let line = 0; line < lines; line++) {
      for (let i = 0; i < length; i++) {
        let sum = 0;
        for (let k = -5; k <= 5; k++) {
          sum += taps[k + 5] * from[line * between + Math.min(length - 1, Math.max(0, i + k)) * step];
        }
        out[line * between + i * step] = sum / total;
      }
    }
    return out;
  };
  return along(along(plane, width, 1, height, width), height, width, width, 1);
}

function ssimMap(x, y, width, height) {
  const times = (a, b) => a.map((value, i) => value * b[i]);
  const [mx, my, xx, yy, xy] = [x, y, times(x, x), times(y, y), times(x, y)].map((p) => blur(p, width, height));
  const c1 = 0.01 ** 2, c2 = 0.03 ** 2;
  return mx.map((_, i) => {
    const products = mx[i] * my[i], squares = mx[i] ** 2 + my[i] ** 2;
    const luminance = (2 * products + c1) / (squares + c1);
    return luminance * ((2 * (xy[i] - products) + c2) / (xx[i] + yy[i] - squares + c2));
  });
}

/** The sum of the squared Laplacian over the hole's pixels; the border is repeated outwards. */
function detail(planes, hole, width, height) {
  let sum = 0;
  for (let i = 0; i < planes.length; i++) {
    const place = i % hole.length;
    if (!hole[place]) continue;
    const x = place % width, start = i - place;
    const left = planes[x ? i - 1 : i], right = planes[x < width - 1 ? i + 1 : i];
    const above = planes[place >= width ? i - width : i], below = planes[place + width < hole.length ? i + width : i];
    sum += (left + right + above + below - 4 * planes[i]) ** 2;
  }
  return sum;
}

/** Of a filled picture against the truth; both composited, so that they differ in the hole alone. */
function scores(filled, truth, hole, width, height) {
  const [x, y] = [toUnit(filled), toUnit(truth)], error = x.map((value, i) => value - y[i]);
  const area = hole.length, structure = [];
  for (let at = 0; at < x.length; at += area) {
    structure.push(meanInHole(ssimMap(x.subarray(at, at + area), y.subarray(at, at + area), width, height), hole));
  }
  return {
    L1: meanInHole(error.map(Math.abs), hole),
    PSNR: -10 * Math.log10(meanInHole(error.map((value) => value * value), hole)),
    SSIM: structure.reduce((sum, value) => sum + value, 0) / structure.length,
    sharpness: Math.sqrt(detail(x, hole, width, height) / detail(y, hole, width, height)),
  };
}

/** notebook.viz.error_map: mean absolute error as colours; `colours` holds 256 × RGB. */
function errorMap(filled, truth, width, height, colours, largest = 0.5) {
  const [x, y] = [toUnit(filled), toUnit(truth)], area = width * height, map = new ImageData(width, height);
  for (let p = 0; p < area; p++) {
    let error = 0;
    for (let c = 0; c < 3; c++) error += Math.abs(x[c * area + p] - y[c * area + p]) / 3;
    const level = Math.min(255, Math.floor(Math.min(1, error / largest) * 256));
    map.data.set([...colours.subarray(3 * level, 3 * level + 3), 255], 4 * p);
  }
  return map;
}
