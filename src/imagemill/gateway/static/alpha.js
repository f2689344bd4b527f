// Whether a picture lets the ground through: such a picture needs PNG, not JPEG, where a browser reads neither AVIF nor WebP.

const PROBE = 64; // pixels a side: enough to notice transparency, cheap to read

/** Whether any pixel of `image`, an image element that is decoded or a bitmap, is not opaque. */
export function hasAlpha(image) {
  const canvas = document.createElement("canvas");
  canvas.width = PROBE;
  canvas.height = PROBE;
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0, PROBE, PROBE);
  const pixels = context.getImageData(0, 0, PROBE, PROBE).data;
  for (let place = 3; place < pixels.length; place += 4) if (pixels[place] < 255) return true;
  return false;
}
