// photos/blending.py: keep a fill's structure, take its colours from the known pixels around it.

/** For every hidden pixel its place, its neighbours in the picture, and which of them are hidden. */
function poissonSystem(hole, width, height) {
  const place = new Int32Array(hole.length).fill(-1), hidden = [];
  for (let p = 0; p < hole.length; p++) {
    if (hole[p]) {
      place[p] = hidden.length;
      hidden.push(p);
    }
  }
  const degree = new Float64Array(hidden.length), beside = new Int32Array(4 * hidden.length).fill(-1);
  const known = []; // pairs: a hidden pixel, a known neighbour
  hidden.forEach((p, i) => {
    const x = p % width;
    const near = [x > 0 ? p - 1 : -1, p >= width ? p - width : -1, x < width - 1 ? p + 1 : -1, p + width < hole.length ? p + width : -1];
    near.forEach((q, side) => {
      if (q < 0) return;
      degree[i]++;
      if (hole[q]) beside[4 * i + side] = place[q]; // left, above, right, below
      else known.push(i, q);
    });
  });
  return { hidden, degree, beside, known };
}

/** Modified incomplete Cholesky factors of the system: the inverse of the diagonal. Conjugate
 * gradients need a fifth of the rounds with them (Bridson, Fluid Simulation, 2008, section 4.3). */
function factors({ hidden, degree, beside }) {
  const inverse = new Float64Array(hidden.length), tuning = 0.97;
  for (let i = 0; i < hidden.length; i++) {
    let pivot = degree[i];
    const [left, above] = [beside[4 * i], beside[4 * i + 1]];
    if (left >= 0) pivot -= inverse[left] ** 2 * (1 + tuning * (beside[4 * left + 3] >= 0));
    if (above >= 0) pivot -= inverse[above] ** 2 * (1 + tuning * (beside[4 * above + 2] >= 0));
    inverse[i] = 1 / Math.sqrt(pivot < 0.25 * degree[i] ? degree[i] : pivot);
  }
  return inverse;
}

/** z with (L L') z = r. */
function precondition({ beside }, inverse, r, z) {
  const count = r.length;
  for (let i = 0; i < count; i++) {
    let sum = r[i];
    for (let k = 4 * i; k < 4 * i + 2; k++) if (beside[k] >= 0) sum += inverse[beside[k]] * z[beside[k]];
    z[i] = sum * inverse[i];
  }
  for (let i = count - 1; i >= 0; i--) {
    let sum = z[i];
    for (let k = 4 * i + 2; k < 4 * i + 4; k++) if (beside[k] >= 0) sum += inverse[i] * z[beside[k]];
    z[i] = sum * inverse[i];
  }
}

const BREATH = 100; // milliseconds of computing until messages are let in

/** The solution of: neighbours · its value - Σ hidden neighbours = b, by conjugate gradients;
 * null when it is no longer wanted. */
async function solve(system, inverse, b, stale) {
  const count = b.length, { degree, beside } = system;
  const x = new Float64Array(count), r = b.slice(), z = new Float64Array(count), q = new Float64Array(count);
  precondition(system, inverse, r, z);
  const d = z.slice();
  let product = dot(r, z);
  const enough = product * 1e-18;
  let paused = performance.now();
  for (let round = 0; round < 10 * count && product > enough && product > 1e-24; round++) {
    for (let i = 0; i < count; i++) {
      let sum = degree[i] * d[i];
      for (let k = 4 * i; k < 4 * i + 4; k++) if (beside[k] >= 0) sum -= d[beside[k]];
      q[i] = sum;
    }
    const step = product / dot(d, q);
    for (let i = 0; i < count; i++) {
      x[i] += step * d[i];
      r[i] -= step * q[i];
    }
    precondition(system, inverse, r, z);
    const next = dot(r, z), turn = next / product;
    for (let i = 0; i < count; i++) d[i] = z[i] + turn * d[i];
    product = next;
    if (performance.now() - paused > BREATH) {
      await pause();
      if (stale()) return null;
      paused = performance.now();
    }
  }
  return x;
}

function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** Continue known values of planes into the hole; 0 in a picture that is all hole. Null when `stale()`. */
async function extend(planes, hole, width, height, stale = () => false) {
  const area = hole.length, channels = planes.length / area, out = Float64Array.from(planes);
  const system = poissonSystem(hole, width, height);
  if (!system.known.length) return system.hidden.length ? out.fill(0) : out;
  const inverse = factors(system), b = new Float64Array(system.hidden.length);
  for (let c = 0; c < channels; c++) {
    b.fill(0);
    for (let k = 0; k < system.known.length; k += 2) b[system.known[k]] += planes[c * area + system.known[k + 1]];
    const solution = await solve(system, inverse, b, stale);
    if (!solution) return null;
    solution.forEach((value, i) => (out[c * area + system.hidden[i]] = value));
  }
  return out;
}

/** poisson_blend: planes (C, H, W), [-1, 1]; known pixels as they were, the blended fill in the hole. */
async function blend(prediction, observed, hole, width, height) {
  const area = hole.length, lacking = new Float64Array(observed.length);
  for (let i = 0; i < observed.length; i++) lacking[i] = hole[i % area] ? 0 : observed[i] - prediction[i];
  const shift = await extend(lacking, hole, width, height), out = Float32Array.from(observed);
  for (let i = 0; i < observed.length; i++) {
    if (hole[i % area]) out[i] = Math.min(1, Math.max(-1, prediction[i] + shift[i]));
  }
  return out;
}
