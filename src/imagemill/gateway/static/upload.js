// Upload a picture with the admin key, and show what to paste into a page.

import { hasAlpha } from "./alpha.js";
import { keyPath, variantPath } from "./address.js";
import { optionsNear } from "./site.js";
import { pictureSnippet } from "./snippet.js";
import { bytesText, readProblem, showProblem } from "./variants.js";

const KEPT = "imagemill.admin-key"; // sessionStorage: gone with the tab, never sent by itself
const PRECONDITION_FAILED = 412;

const byId = (id) => document.getElementById(id);

function adminKey() {
  try { return sessionStorage.getItem(KEPT) || ""; } catch { return ""; }
}

function keepAdminKey(key) {
  try { sessionStorage.setItem(KEPT, key); } catch { /* storage is off in this browser: it is asked again */ }
}

/** PUT with progress, which fetch() cannot tell. Answers {status, record} or {status, problem}. */
function put(key, file, secret, replace, onProgress) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("PUT", `/v1/originals/${keyPath(key)}`);
    request.setRequestHeader("Authorization", `Bearer ${secret}`);
    if (!replace) request.setRequestHeader("If-None-Match", "*");
    request.upload.onprogress = (event) => onProgress(event.loaded / (event.total || file.size || 1));
    request.onload = async () => {
      const response = new Response(request.responseText, { status: request.status });
      if (response.ok) resolve({ status: request.status, record: await response.json() });
      else resolve({ status: request.status, problem: await readProblem(response) });
    };
    request.onerror = () => resolve({
      status: 0,
      problem: { title: "The upload broke off", detail: "The upload broke off. Is the server still running?", errors: [] },
    });
    request.send(file);
  });
}

/** Wire the form. `onStored(picture)` and `onRemoved(key)` tell the rest of the page. */
export function wireUpload({ onStored, onRemoved }) {
  let stored = null;
  const form = byId("upload-form");
  byId("admin-key").value = adminKey();

  const choose = (file) => {
    if (!file) return;
    byId("file-name").textContent = `${file.name} · ${bytesText(file.size)}`;
    byId("key").value = file.name.normalize("NFC");
    byId("replace").hidden = true;
    byId("upload-trouble").hidden = true;
  };
  byId("file").addEventListener("change", (event) => choose(event.target.files[0]));
  const drop = byId("drop");
  for (const kind of ["dragenter", "dragover"]) {
    drop.addEventListener(kind, (event) => { event.preventDefault(); drop.classList.add("over"); });
  }
  for (const kind of ["dragleave", "drop"]) {
    drop.addEventListener(kind, (event) => { event.preventDefault(); drop.classList.remove("over"); });
  }
  drop.addEventListener("drop", (event) => {
    if (!event.dataTransfer.files.length) return;
    byId("file").files = event.dataTransfer.files;
    choose(byId("file").files[0]);
  });

  const send = async (replace) => {
    const file = byId("file").files[0];
    const key = byId("key").value.trim();
    const secret = byId("admin-key").value.trim();
    if (!file || !key || !secret) return form.reportValidity();
    const progress = byId("progress");
    byId("upload-trouble").hidden = true;
    byId("replace").hidden = true;
    byId("send").disabled = true;
    progress.value = 0;
    progress.hidden = false;
    const answer = await put(key, file, secret, replace, (share) => { progress.value = share; });
    progress.hidden = true;
    byId("send").disabled = false;
    if (answer.problem) {
      byId("replace").hidden = answer.status !== PRECONDITION_FAILED;
      const taken = answer.status === PRECONDITION_FAILED;
      return showProblem(byId("upload-trouble"), taken ? { ...answer.problem, detail: `There is already a picture “${key}”.` } : answer.problem);
    }
    keepAdminKey(secret);
    stored = answer.record;
    await showStored();
    return onStored(stored);
  };

  const showStored = async () => {
    byId("answer").hidden = false;
    const image = byId("answer-image");
    image.src = variantPath(optionsNear(Math.min(480, stored.width)), stored);
    image.alt = byId("alt").value || stored.key;
    await image.decode().catch(() => {});
    const picture = {
      ...stored,
      alpha: image.naturalWidth > 0 && hasAlpha(image),
      animated: ["gif", "webp"].includes(stored.format) && stored.pages > 1, // the pages of a TIFF are no frames
    };
    const base = stored.url ? new URL(stored.url, location.href).origin : location.origin;
    byId("answer-facts").textContent = `${stored.key} · ${stored.width} × ${stored.height} · ${bytesText(stored.size)}`;
    byId("snippet").textContent = pictureSnippet(picture, byId("alt").value, base);
    byId("answer").scrollIntoView({ block: "nearest" });
  };

  form.addEventListener("submit", (event) => { event.preventDefault(); send(false); });
  byId("replace").addEventListener("click", () => send(true));
  byId("remove").addEventListener("click", async () => {
    const response = await fetch(`/v1/originals/${keyPath(stored.key)}`, {
      method: "DELETE",
      headers: { Authorization: `Bearer ${adminKey()}` },
    });
    if (!response.ok) return showProblem(byId("upload-trouble"), await readProblem(response));
    byId("answer").hidden = true;
    return onRemoved(stored.key);
  });
}

/** The pictures that the control API lists, where this tab knows the admin key; else none. */
export async function listWithKey(limit) {
  if (!adminKey()) return [];
  const response = await fetch(`/v1/originals?limit=${limit}`, { headers: { Authorization: `Bearer ${adminKey()}` } });
  return response.ok ? (await response.json()).items : [];
}
