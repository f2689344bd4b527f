// What the site lets everyone ask, so that the page shows only pictures that will be answered.

const OPEN = { access: "open", widths: [], ratios: [], formats: [], allow: [], presets: [] };

let rules = OPEN;

/** Take the rules that the server tells with its samples; without them everything counts as open. */
export function learn(told) {
  rules = { ...OPEN, ...told };
}

export const isOpen = () => rules.access === "open";
export const presets = () => (isOpen() ? [] : rules.presets);
export const writes = (format) => !rules.formats.length || rules.formats.includes(format);
export const allows = (word) => isOpen() && rules.allow.includes(word);
export const hasRatio = (ratio) => sizesAreListed() && rules.ratios.includes(ratio);

function sizesAreListed() {
  return rules.access === "sizes" && rules.widths.length > 0;
}

/** `width`, or the listed one that is next to it; null where only presets are open. */
export function widthNear(width) {
  if (isOpen()) return width;
  if (!sizesAreListed()) return null;
  return rules.widths.find((listed) => listed >= width) ?? rules.widths.at(-1);
}

/** Options of a picture about `width` pixels wide and what else they say; only a preset where nothing else is open. */
export function optionsNear(width, more = "") {
  const near = widthNear(width);
  if (near !== null) return [`w=${near}`, more].filter(Boolean).join(",");
  return rules.presets.length ? `p=${rules.presets[0]}` : "_";
}
