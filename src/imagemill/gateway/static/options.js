// The options text as a list of named values, so that a slider can change one and leave the rest as it was written.

const SAME = { width: "w", height: "h", gravity: "g", format: "fm", f: "fm", quality: "q", background: "bg" };
const SIZE = /^(\d*)x(\d*)$/;

/** "300x200,q=70" as [["w","300"],["h","200"],["q","70"]]; what has no "=" stays as [text, null]. */
export function readOptions(text) {
  const pairs = [];
  for (const [place, item] of text.split(/[,&]/).map((part) => part.trim()).filter(Boolean).entries()) {
    const size = place === 0 && SIZE.exec(item);
    if (item === "_") continue;
    if (size) {
      if (size[1]) pairs.push(["w", size[1]]);
      if (size[2]) pairs.push(["h", size[2]]);
      continue;
    }
    const cut = item.indexOf("=");
    if (cut < 0) pairs.push([item, null]);
    else pairs.push([SAME[item.slice(0, cut)] || item.slice(0, cut), item.slice(cut + 1)]);
  }
  return pairs;
}

export function writeOptions(pairs) {
  return pairs.map(([name, value]) => (value === null ? name : `${name}=${value}`)).join(",") || "_";
}

export function valueOf(pairs, name) {
  const found = pairs.find((pair) => pair[0] === name);
  return found ? found[1] : null;
}

/** `pairs` with `name` set to `value`, or without it where `value` is empty. */
export function withValue(pairs, name, value) {
  const kept = pairs.filter((pair) => pair[0] !== name);
  if (value === "" || value === null) return kept;
  const place = pairs.findIndex((pair) => pair[0] === name);
  if (place < 0) return [...kept, [name, String(value)]];
  return pairs.map((pair) => (pair[0] === name ? [name, String(value)] : pair));
}
