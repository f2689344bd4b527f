// Fetch a variant and say what it is: the bytes shown are the very bytes that were counted.

// What browsers send for <img>; fetch() alone would say */* and get JPEG.
const IMAGE_ACCEPT = "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5";

const shownBlobs = new WeakMap();

/** Ask for a variant. Answers {ok, bytes, type, blob, milliseconds, cache} or {ok: false, problem}; AbortError passes through. */
export async function fetchVariant(path, signal) {
  const begun = performance.now();
  let response;
  try {
    response = await fetch(path, { headers: { Accept: IMAGE_ACCEPT }, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    return { ok: false, problem: { title: "The server did not answer", detail: "Is it still running?", errors: [] } };
  }
  if (!response.ok) return { ok: false, problem: await readProblem(response) };
  const blob = await response.blob();
  return {
    ok: true,
    blob,
    bytes: blob.size,
    type: (response.headers.get("Content-Type") || "").split(";")[0].replace("image/", ""),
    milliseconds: performance.now() - begun,
    cache: response.headers.get("Cache-Status") || "",
  };
}

/** The body of an error (RFC 9457), or words of our own where it is none. */
export async function readProblem(response) {
  const problem = await response.json().catch(() => ({}));
  return {
    status: response.status,
    title: problem.title || `The server answered ${response.status}`,
    detail: problem.detail || "",
    errors: Array.isArray(problem.errors) ? problem.errors : [],
  };
}

/** Show `blob` in `image`; resolves to its size in pixels once it is decoded. */
export async function showBlob(image, blob) {
  const before = shownBlobs.get(image);
  const address = URL.createObjectURL(blob);
  shownBlobs.set(image, address);
  image.src = address;
  try {
    await image.decode();
  } catch {
    // A newer picture took its place, or this browser cannot decode the format; the size tells which.
  }
  if (before) URL.revokeObjectURL(before);
  return { width: image.naturalWidth, height: image.naturalHeight };
}

/** Write a problem into `box`: the sentence, and every wrong option with what was expected. */
export function showProblem(box, problem) {
  const title = document.createElement("strong");
  const count = problem.errors.length;
  if (count) title.textContent = count === 1 ? "One option is wrong." : `${count} options are wrong.`;
  else title.textContent = problem.detail || problem.title;
  const list = document.createElement("ul");
  for (const fault of problem.errors) {
    const item = document.createElement("li");
    const name = document.createElement("code");
    name.textContent = fault.option;
    item.append(name, ` expected ${fault.expected}; received “${fault.received}”.`);
    list.append(item);
  }
  box.replaceChildren(title, ...(problem.errors.length ? [list] : []));
  box.hidden = false;
}

/** 1234567 as "1.23 MB": decimal units, as file managers and networks count. */
export function bytesText(count) {
  if (count < 1000) return `${count} B`;
  const [value, unit] = count < 999_500 ? [count / 1000, "kB"] : [count / 1_000_000, "MB"];
  return `${value >= 100 ? Math.round(value) : value.toPrecision(3).replace(/\.?0+$/, "")} ${unit}`;
}

/** How many bytes fewer than the original, in words; "" where the original's size is unknown. */
export function savedText(bytes, original) {
  if (!original) return "";
  const share = 100 * (1 - bytes / original);
  if (share < 0.5) return share > -0.5 ? "as many" : `${Math.round(-share)} % more`;
  return `${share > 99 ? share.toFixed(1) : Math.round(share)} % less`;
}

/** What `Cache-Status` (RFC 9211) says, for people. */
export function cacheText(status) {
  if (status.includes("detail=made")) return "made just now";
  if (status.includes("collapsed")) return "made just now, shared";
  const detail = /detail=(\w+)/.exec(status);
  return status.includes("hit") ? `kept${detail ? ` (${detail[1]})` : ""}` : "";
}
