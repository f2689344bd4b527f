"""`/docs`: the OpenAPI document as a page of our own; nothing is loaded from elsewhere, so it works offline too."""

from __future__ import annotations

import base64
import hashlib

_SCRIPT = """
const make = (tag, text, parent, name) => {
  const element = document.createElement(tag);
  element.textContent = text;
  if (name) element.className = name;
  parent.append(element);
  return element;
};
const show = (api) => {
  const main = document.querySelector("main");
  main.textContent = "";
  document.querySelector("h1").textContent = `${api.info.title} ${api.info.version}`;
  for (const [path, operations] of Object.entries(api.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const entry = make("details", "", main);
      const head = make("summary", "", entry);
      make("b", method.toUpperCase(), head, method);
      make("code", path, head);
      make("span", operation.summary || "", head);
      for (const parameter of operation.parameters || []) {
        make("p", `${parameter.name} (${parameter.in}${parameter.required ? ", required" : ""}): ` +
          (parameter.description || ""), entry);
      }
      const body = operation.requestBody && Object.keys(operation.requestBody.content).join(", ");
      if (body) make("p", `Body: ${body}. ${operation.requestBody.description || ""}`, entry);
      for (const [status, response] of Object.entries(operation.responses)) {
        make("p", `${status}: ${response.description}`, entry);
      }
    }
  }
  make("h2", "Shapes", main);
  for (const [name, schema] of Object.entries(api.components.schemas)) {
    const entry = make("details", "", main);
    make("code", name, make("summary", "", entry));
    make("pre", JSON.stringify(schema, null, 2), entry);
  }
};
fetch("openapi.json").then((answer) => answer.json()).then(show)
  .catch(() => { document.querySelector("main").textContent = "openapi.json could not be read."; });
"""

PAGE = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Imagemill API</title>
<meta name="viewport" content="width=device-width">
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: CanvasText; background: Canvas; color-scheme: light dark; }}
details {{ border-bottom: 1px solid color-mix(in srgb, CanvasText 20%, Canvas); padding: .4rem 0; }}
summary {{ cursor: pointer; }} summary b {{ display: inline-block; width: 5rem; }} summary span {{ margin-left: 1rem; }}
p {{ margin: .3rem 0 .3rem 5rem; }} pre {{ overflow: auto; font-size: .85rem; }}
</style></head>
<body><h1>Imagemill API</h1>
<p style="margin-left:0">Send the key as <code>Authorization: Bearer imk_…</code>.
The same as data: <a href="openapi.json">openapi.json</a>.</p>
<main>Reading openapi.json …</main><script>{_SCRIPT}</script></body></html>
"""

_HASH = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode("ascii")

HEADERS = {
    "content-security-policy": (
        f"default-src 'none'; script-src 'sha256-{_HASH}'; style-src 'unsafe-inline'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache",
}
"""The one script is allowed by its hash, so nothing else can run in the page."""
