// The landing page: choose a picture, see its variants, play, upload. Every name shown here is written by strangers, so
// it reaches the document as text or as an attribute, never as markup.

import { keyPath, variantPath } from "./address.js";
import { COLUMN, showCards, stripOptions } from "./cards.js";
import { Playground } from "./playground.js";
import { learn, optionsNear, widthNear, writes } from "./site.js";
import { listWithKey, wireUpload } from "./upload.js";
import { bytesText } from "./variants.js";

const MOST = 12; // pictures in the strip

const byId = (id) => document.getElementById(id);
const playground = new Playground();
let pictures = [];
let chosen = null;

async function loadPictures() {
  const response = await fetch("/samples.json");
  if (!response.ok) return listWithKey(MOST);
  const told = await response.json();
  learn(told.site);
  return told.items;
}

function drawStrip() {
  const bare = pictures.length === 0;
  byId("empty").hidden = !bare;
  document.body.classList.toggle("bare", bare); // nothing to show: what would stand there empty is not there
  byId("strip").replaceChildren(...pictures.map((picture) => {
    const button = document.createElement("button");
    button.type = "button";
    button.title = picture.key;
    button.setAttribute("aria-label", `Show ${picture.key}`);
    button.setAttribute("aria-pressed", String(picture === chosen));
    const image = document.createElement("img");
    image.src = variantPath(stripOptions(), { key: picture.key });
    image.alt = "";
    image.width = 80;
    image.height = 60;
    button.append(image);
    button.addEventListener("click", () => choose(picture));
    return button;
  }));
}

/** Show `picture` everywhere on the page. */
async function choose(picture) {
  chosen = picture;
  drawStrip();
  const hero = byId("hero");
  hero.src = variantPath(optionsNear(1200), { key: picture.key });
  hero.alt = `The original ${picture.key}`;
  const kind = picture.key.split(".").pop().toUpperCase();
  const facts = `${picture.width} × ${picture.height} · ${kind} · ${bytesText(picture.size)}`;
  byId("hero-facts").textContent = `${picture.key} · ${facts}`;
  byId("anatomy-key").textContent = picture.key;
  const column = Math.min(COLUMN, picture.width || COLUMN);
  byId("formats-width").textContent = String(Math.min(widthNear(column) ?? column, picture.width || column));
  byId("formats-original").textContent = facts;
  const walls = { formats: byId("format-cards"), shapes: byId("shape-cards"), looks: byId("look-cards") };
  const keys = pictures.map((one) => one.key);
  await Promise.all([playground.show(picture), showCards(picture, keys, walls), showColours(picture)]);
  for (const link of document.querySelectorAll("nav a[href^='#']")) link.hidden = byId(link.hash.slice(1)).hidden;
  if (chosen === picture) document.documentElement.dataset.shown = picture.key; // what a test waits for
}

/** The picture's own colours, as wide as their share, leading to everything that anyone may know of it. */
async function showColours(picture) {
  const link = byId("hero-info");
  link.href = `/info/${keyPath(picture.key)}`;
  const response = await fetch(link.href).catch(() => null);
  const told = response?.ok ? await response.json() : null;
  if (chosen !== picture) return;
  link.hidden = told === null;
  byId("hero-colours").replaceChildren(...(told?.colours.palette ?? []).map(({ colour, share }) => {
    const swatch = document.createElement("span");
    swatch.title = colour;
    swatch.style.setProperty("--colour", colour);
    swatch.style.setProperty("--share", String(share));
    return swatch;
  }));
}

async function copy(button, text) {
  const usual = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Select and press Ctrl+C";
  }
  setTimeout(() => { button.textContent = usual; }, 1500);
}

byId("copy-url").addEventListener("click", (event) => copy(event.target, byId("url").textContent));
byId("copy-snippet").addEventListener("click", (event) => copy(event.target, byId("snippet").textContent));

wireUpload({
  onStored: (picture) => {
    pictures = [picture, ...pictures.filter((other) => other.key !== picture.key)].slice(0, MOST);
    return choose(picture);
  },
  onRemoved: (key) => {
    pictures = pictures.filter((other) => other.key !== key);
    if (pictures.length) return choose(pictures[0]);
    return drawStrip();
  },
});

pictures = await loadPictures();
const first = optionsNear(COLUMN, writes("avif") ? "fm=avif" : "");
byId("anatomy-options").textContent = first;
playground.begin(first);
// The heaviest shows best what a variant saves; a still one, because a long animation takes its time.
const moves = (picture) => Number(picture.key.toLowerCase().endsWith(".gif"));
const heaviest = [...pictures].sort((one, other) => moves(one) - moves(other) || other.size - one.size)[0];
if (heaviest) await choose(heaviest);
else drawStrip();
