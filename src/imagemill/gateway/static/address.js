// Addresses of pictures. A key is written by strangers: every character that means something in a URL is encoded.

const encodeSegment = (text) => encodeURIComponent(text).replace(/%(2C|3D|3A|40|2B)/g, (code) => decodeURIComponent(code));

/** The path of a key: segment by segment, or as base64url where a plain spelling would mean something else. */
export function keyPath(key) {
  if (!key.startsWith("b64:")) return key.split("/").map(encodeURIComponent).join("/");
  const bytes = new TextEncoder().encode(key);
  const encoded = btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  return `b64:${encoded}`;
}

/** The path of a variant. With the picture's version in it the answer may be kept for ever. */
export function variantPath(options, picture) {
  const version = picture.version ? `?v=${encodeURIComponent(picture.version)}` : "";
  return `/img/${encodeSegment(options) || "_"}/${keyPath(picture.key)}${version}`;
}
