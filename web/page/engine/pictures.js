// Pictures on their way in and out: decoded, checked, scaled for the screen, as files.

const VIEW = 1024; // pixels: the longest side that is shown and painted on
const SMALLEST = 8, MOST_MEGAPIXELS = 40; // of an upload: pixels a side, and in all

function canvasOf(width, height) {
  const canvas = new OffscreenCanvas(width, height);
  return [canvas, canvas.getContext("2d", { willReadFrequently: true })];
}

/** A file's picture as an ImageData, upright; transparent parts show white. */
async function decode(content, name) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(new Blob([content]), { premultiplyAlpha: "none" });
  } catch {
    throw new Error(`${name}: this is no picture; expected JPEG, PNG, WebP, …`);
  }
  const { width, height } = bitmap;
  if (Math.min(width, height) < SMALLEST) {
    throw new Error(`${name}: ${width}×${height} pixels; expected at least ${SMALLEST} a side`);
  }
  if (width * height > MOST_MEGAPIXELS * 1e6) {
    const size = `${((width * height) / 1e6).toFixed(0)} megapixels (${width}×${height})`;
    throw new Error(`${name}: ${size}; expected at most ${MOST_MEGAPIXELS}: shrink it first`);
  }
  const [, pen] = canvasOf(width, height);
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, width, height);
  pen.drawImage(bitmap, 0, 0);
  bitmap.close();
  return pen.getImageData(0, 0, width, height);
}

function asCanvas({ data, width, height }) {
  const [canvas, pen] = canvasOf(width, height);
  pen.putImageData(new ImageData(data, width, height), 0, 0);
  return canvas;
}

async function pngOf(picture) {
  const blob = await asCanvas(picture).convertToBlob({ type: "image/png" });
  return blob.arrayBuffer();
}

/** Height and width of a picture as it is shown. */
function viewSize({ width, height }) {
  const longest = Math.max(width, height, VIEW);
  const scaled = (side) => Math.max(1, roundEven((side * VIEW) / longest));
  return { height: scaled(height), width: scaled(width) };
}

/** A picture's file as it is shown: PNG, or a smaller JPEG. */
async function viewOf(picture) {
  const { width, height } = viewSize(picture);
  if (width === picture.width && height === picture.height) return pngOf(picture);
  const [canvas, pen] = canvasOf(width, height);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(asCanvas(picture), 0, 0, width, height);
  return (await canvas.convertToBlob({ type: "image/jpeg", quality: 0.9 })).arrayBuffer();
}

/** A mask of what is shown as a mask of the picture: the nearest pixel's value. */
function maskOf(shown, { height, width }, picture) {
  if (height === picture.height && width === picture.width) return shown;
  const mask = new Uint8Array(picture.width * picture.height);
  const down = Math.fround(height / picture.height), across = Math.fround(width / picture.width);
  for (let y = 0; y < picture.height; y++) {
    const row = Math.min(height - 1, Math.floor(Math.fround((y + 0.5) * down))) * width;
    for (let x = 0; x < picture.width; x++) {
      mask[y * picture.width + x] = shown[row + Math.min(width - 1, Math.floor(Math.fround((x + 0.5) * across)))];
    }
  }
  return mask;
}
