// Arrays on their way between a test and a page: { dtype, content }, the bytes as base64.

function fromPython(value) {
  if (value?.dtype === undefined) return value;
  const bytes = Uint8Array.from(atob(value.content), (letter) => letter.charCodeAt(0));
  return new { float32: Float32Array, uint8: Uint8Array, int32: Int32Array }[value.dtype](bytes.buffer);
}

function toPython(value) {
  if (!ArrayBuffer.isView(value)) return value;
  const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  let letters = "";
  for (const byte of bytes) letters += String.fromCharCode(byte);
  return { dtype: value.constructor.name, content: btoa(letters) };
}
