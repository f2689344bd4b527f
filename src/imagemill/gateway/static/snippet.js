// The <picture> that an upload is answered with: three formats, several widths, no layout shift.

import { variantPath } from "./address.js";
import { isOpen, optionsNear, widthNear, writes } from "./site.js";

const WIDTHS = [320, 480, 640, 960, 1280, 1600];
const SHOWN_WIDTH = 800;

const escaped = (text) =>
  text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** The widths worth offering: never wider than the original, which is the last where it is narrower than the widest. */
export function widthsFor(width) {
  if (!isOpen()) return [...new Set(WIDTHS.filter((one) => one < width).concat(Math.min(width, WIDTHS.at(-1))).map(widthNear))];
  const smaller = WIDTHS.filter((candidate) => candidate < width);
  return width > WIDTHS.at(-1) ? WIDTHS : [...smaller, width];
}

/** The formats to offer, the last one for everybody: it keeps motion and transparency where the original has them. */
export function formatsOf(picture) {
  const formats = picture.animated ? ["webp", "gif"] : ["avif", "webp", picture.alpha ? "png" : "jpeg"];
  return formats.filter(writes);
}

/** HTML for `picture` {key, version, width, height, alpha, animated}; `base` is the server's public address. */
export function pictureSnippet(picture, alt, base) {
  if (widthNear(picture.width) === null || !formatsOf(picture).length) return plainSnippet(picture, alt, base);
  const widths = widthsFor(picture.width);
  const address = (options) => escaped(base + variantPath(options, picture));
  const srcset = (format, indent) =>
    widths.map((width) => `${address(`w=${width},fm=${format}`)} ${Math.min(width, picture.width)}w`).join(`,\n${indent}`);
  const shown = Math.min(SHOWN_WIDTH, picture.width);
  const plain = widths.find((width) => width >= shown) ?? widths.at(-1); // for browsers that read no srcset
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

/** Where nobody may choose a width or these formats: one address, whose shape the site decides. */
function plainSnippet(picture, alt, base) {
  const address = base + variantPath(optionsNear(SHOWN_WIDTH), picture);
  return `<img src="${escaped(address)}" alt="${escaped(alt)}" loading="lazy" decoding="async">`;
}
