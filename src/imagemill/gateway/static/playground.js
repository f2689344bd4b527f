// The playground: one text of options, and controls that are only another way of writing it.

import { variantPath } from "./address.js";
import { readOptions, valueOf, withValue, writeOptions } from "./options.js";
import { bytesText, cacheText, fetchVariant, savedText, showBlob, showProblem } from "./variants.js";

const PAUSE_MS = 180; // after the last movement of a slider: one request, not fifty
const USUAL_QUALITY = 76; // contract, option q

const SLIDERS = [
  { id: "width", name: "w", unset: 0, words: (value) => (value ? `${value} px` : "auto") },
  { id: "height", name: "h", unset: 0, words: (value) => (value ? `${value} px` : "auto") },
  { id: "quality", name: "q", unset: USUAL_QUALITY, words: (value) => String(value) },
  { id: "radius", name: "radius", unset: 0, words: (value) => (value ? `${value} px` : "none") },
];
const CHOICES = [{ id: "fit", name: "fit" }, { id: "format", name: "fm" }, { id: "gravity", name: "g" }];

const byId = (id) => document.getElementById(id);

export class Playground {
  #picture = null;
  #timer = 0;
  #running = null;

  constructor() {
    byId("controls").addEventListener("submit", (event) => event.preventDefault());
    byId("options").addEventListener("input", () => { this.#follow(); this.#soon(); });
    for (const slider of SLIDERS) {
      byId(slider.id).addEventListener("input", (event) => {
        const value = Number(event.target.value);
        this.#change(slider.name, value === slider.unset ? "" : value);
      });
    }
    for (const choice of CHOICES) {
      byId(choice.id).addEventListener("change", (event) => this.#change(choice.name, event.target.value));
    }
    this.#follow();
  }

  /** Begin with these options. */
  begin(options) {
    byId("options").value = options;
    this.#follow();
  }

  /** Work on another picture, with the options as they are. */
  show(picture) {
    this.#picture = picture;
    this.#follow();
    return this.#draw();
  }

  #change(name, value) {
    const options = byId("options");
    options.value = writeOptions(withValue(readOptions(options.value), name, value));
    this.#follow();
    this.#soon();
  }

  /** Bring every control and the address in step with the text. */
  #follow() {
    const text = byId("options").value;
    const pairs = readOptions(text);
    for (const slider of SLIDERS) {
      const said = Number(valueOf(pairs, slider.name)) || slider.unset;
      byId(slider.id).value = said;
      byId(`${slider.id}-value`).textContent = slider.words(said);
    }
    for (const choice of CHOICES) {
      const said = valueOf(pairs, choice.name) || "";
      for (const radio of byId(choice.id).querySelectorAll("input")) radio.checked = radio.value === said;
    }
    if (this.#picture) byId("url").textContent = location.origin + variantPath(text, { key: this.#picture.key });
  }

  #soon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#draw(), PAUSE_MS);
  }

  async #draw() {
    if (!this.#picture) return;
    this.#running?.abort();
    const mine = new AbortController();
    this.#running = mine;
    byId("canvas").classList.add("busy");
    let answer;
    try {
      answer = await fetchVariant(variantPath(byId("options").value, { key: this.#picture.key }), mine.signal);
    } catch {
      return; // a newer change took over
    }
    if (this.#running !== mine) return;
    byId("canvas").classList.remove("busy");
    byId("options").setAttribute("aria-invalid", String(!answer.ok));
    byId("facts").hidden = !answer.ok;
    if (!answer.ok) {
      showProblem(byId("trouble"), answer.problem);
      return;
    }
    byId("trouble").hidden = true;
    const size = await showBlob(byId("preview"), answer.blob);
    this.#describe(answer, size);
  }

  #describe(answer, size) {
    const lines = [
      ["Format", answer.type.toUpperCase()],
      ["Size", `${size.width} × ${size.height}`],
      ["Bytes", bytesText(answer.bytes), "playground-bytes"],
      ["Against the original", savedText(answer.bytes, this.#picture.size) || "–"],
      ["Answer", [`${Math.round(answer.milliseconds)} ms`, cacheText(answer.cache)].filter(Boolean).join(", ")],
    ];
    byId("facts").replaceChildren(...lines.map(([term, words, id]) => {
      const pair = document.createElement("div");
      const dt = document.createElement("dt");
      dt.textContent = term;
      const dd = document.createElement("dd");
      dd.textContent = words;
      if (id) dd.id = id;
      pair.append(dt, dd);
      return pair;
    }));
  }
}
