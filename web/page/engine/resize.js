// torch's interpolate(..., antialias=True): what photos/tiles.py scales windows with.

const linear = (x) => Math.max(0, 1 - Math.abs(x));
/** Keys' cubic with a = -0.5. */
const cubic = (x) => {
  const t = Math.abs(x);
  if (t < 1) return (1.5 * t - 2.5) * t * t + 1;
  return t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0;
};
const FILTERS = { bilinear: [linear, 1], bicubic: [cubic, 2] };

/** For every place of a line of `to` pixels: its first source pixel and the weights from there on. */
function weightsOf(from, to, [filter, reach]) {
  const scale = Math.fround(from / to); // float32, as in torch: whether a weight is 0 depends on it
  const support = Math.fround(reach * Math.max(1, scale)), shrink = Math.fround(scale >= 1 ? 1 / scale : 1);
  return Array.from({ length: to }, (_, place) => {
    const centre = Math.fround(scale * (place + 0.5));
    const first = Math.max(0, Math.trunc(Math.fround(centre - support) + 0.5));
    const end = Math.min(from, Math.trunc(Math.fround(centre + support) + 0.5));
    const raw = [];
    for (let x = first; x < end; x++) raw.push(Math.fround(filter(Math.fround((x - centre + 0.5) * shrink))));
    const total = raw.reduce((sum, weight) => sum + weight, 0);
    return { first, weights: raw.map((weight) => weight / total) };
  });
}

/** Planes (channels, height, width) to (channels, tall, wide), all float32. */
function resize(planes, channels, height, width, tall, wide, kind) {
  const across = weightsOf(width, wide, FILTERS[kind]), down = weightsOf(height, tall, FILTERS[kind]);
  const wider = new Float32Array(channels * height * wide);
  for (let line = 0; line < channels * height; line++) {
    for (let x = 0; x < wide; x++) {
      const { first, weights } = across[x];
      let sum = 0;
      for (let k = 0; k < weights.length; k++) sum += weights[k] * planes[line * width + first + k];
      wider[line * wide + x] = sum;
    }
  }
  const result = new Float32Array(channels * tall * wide);
  for (let channel = 0; channel < channels; channel++) {
    for (let y = 0; y < tall; y++) {
      const { first, weights } = down[y], out = (channel * tall + y) * wide;
      for (let k = 0; k < weights.length; k++) {
        const weight = weights[k], line = (channel * height + first + k) * wide;
        for (let x = 0; x < wide; x++) result[out + x] += weight * wider[line + x];
      }
    }
  }
  return result;
}
