// The walls of variants: the same picture in several formats, several shapes, and several looks.

import { variantPath } from "./address.js";
import { hasAlpha } from "./alpha.js";
import { looks, shapes } from "./shapes.js";
import { isOpen, optionsNear, widthNear } from "./site.js";
import { formatsOf } from "./snippet.js";
import { bytesText, fetchVariant, savedText, showBlob, showProblem } from "./variants.js";

export const COLUMN = 480; // pixels: narrower than most photos, so that they are made smaller

let latest = null; // the picture that was chosen last

const NAMES = { jpeg: "JPEG", png: "PNG", webp: "WebP", avif: "AVIF", gif: "GIF" };

/** Of the small pictures to choose from: still ones, of one shape where that may be asked. */
export const stripOptions = () => (isOpen() ? "160x120,g=attention,anim=0" : optionsNear(160, "anim=0"));

const sizeText = (size) => `${size.width} × ${size.height}`;

/** The formats that the snippet would offer, the one for everybody first; transparency is looked for, not guessed. */
async function formatsFor(picture) {
  const ending = picture.key.split(".").pop().toLowerCase();
  const alpha = !["jpg", "jpeg", "gif"].includes(ending) && (await seeThrough(picture));
  return formatsOf({ alpha, animated: ending === "gif" }).reverse();
}

async function seeThrough(picture) {
  const answer = await fetchVariant(variantPath(stripOptions(), { key: picture.key })); // the strip has it
  if (!answer.ok) return false;
  const bitmap = await createImageBitmap(answer.blob).catch(() => null);
  return bitmap !== null && hasAlpha(bitmap);
}

function element(name, className, text = "") {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}

function card(title, options, picture) {
  const path = variantPath(options, { key: picture.key });
  const box = element("article", "card");
  const link = element("a", "frame");
  link.href = path;
  const image = element("img");
  image.alt = `${picture.key}: ${title}`;
  link.append(image);
  const facts = element("p", "card-facts", "…");
  const trouble = element("div", "trouble");
  trouble.hidden = true;
  const address = element("a", "mono address", options);
  address.href = path;
  box.append(link, element("h3", "", title), facts, trouble, address);
  return { box, link, image, facts, trouble, path };
}

async function fill(made, describe) {
  const answer = await fetchVariant(made.path);
  if (!answer.ok) {
    made.link.hidden = true;
    made.facts.hidden = true;
    showProblem(made.trouble, answer.problem);
    return;
  }
  const size = await showBlob(made.image, answer.blob);
  made.box.dataset.bytes = String(answer.bytes);
  describe(made, answer, size);
}

function describeFormat(made, answer, size, picture) {
  const bytes = element("strong", "bytes", bytesText(answer.bytes));
  const saved = element("span", answer.bytes < picture.size ? "saved" : "", `${savedText(answer.bytes, picture.size)} than the original`);
  const meter = element("span", "meter");
  meter.setAttribute("aria-hidden", "true");
  const level = element("span");
  level.style.setProperty("--share", `${Math.max(1, Math.min(100, (100 * answer.bytes) / (picture.size || answer.bytes)))}%`);
  meter.append(level);
  made.facts.replaceChildren(bytes, " ", element("span", "", `${sizeText(size)} ${NAMES[answer.type] || answer.type}`), meter, " ", saved);
}

function describeShape(made, answer, size) {
  made.facts.textContent = `${sizeText(size)} ${NAMES[answer.type] || answer.type} · ${bytesText(answer.bytes)}`;
}

function formatCards(picture, formats) {
  const width = Math.min(COLUMN, picture.width || COLUMN);
  if (widthNear(width) === null) return []; // only presets are open, and beside one no format may be named
  return [
    ...formats.map((format) => card(NAMES[format], optionsNear(width, `fm=${format}`), picture)),
    card("Automatic", optionsNear(width), picture),
  ];
}

/**
 * Fill the walls ({formats, shapes, looks}) with variants of `picture`, one of those named `keys`; four requests at a
 * time, so that a small machine stays lively.
 */
export async function showCards(picture, keys, walls) {
  latest = picture;
  const wanted = await formatsFor(picture);
  if (latest !== picture) return; // another picture was chosen meanwhile
  const formats = formatCards(picture, wanted);
  const shaped = shapes().map((shape) => card(shape.title, shape.options, picture));
  const looking = looks(picture.key, keys).map((look) => card(look.title, look.options, picture));
  for (const [wall, cards] of [[walls.formats, formats], [walls.shapes, shaped], [walls.looks, looking]]) {
    wall.replaceChildren(...cards.map((made) => made.box));
    wall.closest("section").hidden = cards.length === 0;
  }
  const work = [
    ...formats.map((made) => () => fill(made, (...said) => describeFormat(...said, picture))),
    ...[...shaped, ...looking].map((made) => () => fill(made, describeShape)),
  ];
  const lane = async () => { for (let next = work.shift(); next; next = work.shift()) await next(); };
  await Promise.all([lane(), lane(), lane(), lane()]);
}
