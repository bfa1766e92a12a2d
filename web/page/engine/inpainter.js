// photos/inpainter.py: any photo, any hole: each hole cut out with its context, filled, pasted back.

/** Let waiting messages in: what awaits onnxruntime-web, which answers in the same task, lets none in. */
const pause = () => new Promise((go) => setTimeout(go));

/** A copy of an ImageData with the holes of a mask (its size) filled; stops early when `stale()`. */
async function inpaint(photo, mask, network, stale = () => false) {
  const { width, height } = photo, { size } = network;
  const filled = { width, height, data: photo.data.slice(), grey: isGrey(photo) };
  const { map, boxes } = findHoles(mask, height, width, size >> 3);
  const tiles = boxes.flatMap((box, index) => {
    const tight = tighten(map, width, index + 1, box);
    return cut(map, height, width, index + 1, tight, size);
  });
  for (const together of rounds(tiles)) {
    const looks = together.map((tile) => look(filled, map, tile.window, size));
    for (const [index, { image, hidden }] of looks.entries()) {
      await pause();
      if (stale()) return null;
      const prediction = await network.predict(image, hidden);
      paste(filled, map, together[index], await blend(prediction, image, hidden, size, size), size);
    }
  }
  return filled;
}

/** Fills that need no network: measure.classical.image_mean, and each pixel its neighbours' mean.
 * One that takes long stops early when `stale()`, with null. */
const SIMPLE = {
  "image mean": (planes, mask) => {
    const area = mask.length, known = mask.map((hole) => 1 - hole), out = planes.slice();
    for (let at = 0; at < planes.length; at += area) {
      const mean = meanInHole(planes.subarray(at, at + area), known);
      for (let p = 0; p < area; p++) if (mask[p]) out[at + p] = mean;
    }
    return out;
  },
  harmonic: extend,
};

function toPlanes({ data, width, height }) {
  const area = width * height, planes = new Float32Array(3 * area);
  for (let p = 0; p < area; p++) for (let c = 0; c < 3; c++) planes[c * area + p] = data[4 * p + c] / 127.5 - 1;
  return planes;
}

/** A copy of the photo with the planes' values in its hole. */
function withPlanes(photo, planes, mask) {
  const area = mask.length, data = photo.data.slice();
  for (let p = 0; p < area; p++) {
    if (mask[p]) for (let c = 0; c < 3; c++) data[4 * p + c] = toByte(planes[c * area + p]);
  }
  return { width: photo.width, height: photo.height, data };
}
