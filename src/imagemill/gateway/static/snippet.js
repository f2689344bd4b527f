// The <picture> that an upload is answered with: three formats, several widths, no layout shift.

import { variantPath } from "./address.js";

const WIDTHS = [320, 480, 640, 960, 1280, 1600];
const SHOWN_WIDTH = 800;

const escaped = (text) =>
  text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** The widths worth offering: never wider than the original, which is the last where it is narrower than the widest. */
export function widthsFor(width) {
  const smaller = WIDTHS.filter((candidate) => candidate < width);
  return width > WIDTHS.at(-1) ? WIDTHS : [...smaller, width];
}

/** The formats to offer, the last one for everybody: it keeps motion and transparency where the original has them. */
export function formatsOf(picture) {
  if (picture.animated) return ["webp", "gif"];
  return ["avif", "webp", picture.alpha ? "png" : "jpeg"];
}

/** HTML for `picture` {key, version, width, height, alpha, animated}; `base` is the server's public address. */
export function pictureSnippet(picture, alt, base) {
  const widths = widthsFor(picture.width);
  const address = (options) => escaped(base + variantPath(options, picture));
  const srcset = (format, indent) =>
    widths.map((width) => `${address(`w=${width},fm=${format}`)} ${width}w`).join(`,\n${indent}`);
  const shown = Math.min(SHOWN_WIDTH, picture.width);
  const plain = widths.find((width) => width >= shown); // for browsers that read no srcset
  const sizes = `(max-width: ${shown}px) 100vw, ${shown}px`;
  const formats = formatsOf(picture);
  const last = formats.at(-1);
  const sources = formats.slice(0, -1).map((format) =>
    `  <source type="image/${format}" sizes="${sizes}" srcset="\n    ${srcset(format, "    ")}">`);
  return [
    "<picture>",
    ...sources,
    `  <img src="${address(`w=${plain},fm=${last}`)}" sizes="${sizes}" srcset="\n    ${srcset(last, "    ")}"`,
    `    width="${picture.width}" height="${picture.height}" alt="${escaped(alt)}" loading="lazy" decoding="async">`,
    "</picture>",
  ].join("\n");
}
