// Times a CloudFront Function over many requests, beside one that does nothing.
//
// usage: node edge_function.mjs <function.mjs> <trivial.mjs> <requests.json> <rounds> <pairs>
// out:   {"ours": [µs per call…], "trivial": […], "static": share, "slowest": µs}
import { readFileSync } from 'node:fs';

const [, , ours, trivial, listing, rounds, pairs] = process.argv;
const requests = JSON.parse(readFileSync(listing, 'utf8'));
const first = "import cf from 'cloudfront';\n";
let selected = 0;
const cf = Object.freeze({ selectRequestOriginById: () => { selected += 1; } });

function load(path) {
  const source = readFileSync(path, 'utf8').replace(first, '');
  return new Function('cf', `'use strict';\n${source}\nreturn handler;`)(cf);
}

function eventOf(asked) {
  const headers = {};
  for (const name in asked.headers) headers[name] = { value: asked.headers[name] };
  const request = { method: 'GET', uri: asked.uri, querystring: {}, headers, cookies: {}, rawQueryString: () => asked.query };
  return { version: '1.0', context: {}, viewer: { ip: '192.0.2.1' }, request };
}

function timed(handler, times) {
  const events = [];
  for (let i = 0; i < times; i++) for (const asked of requests) events.push(eventOf(asked));
  const begun = process.hrtime.bigint();
  for (let i = 0; i < events.length; i++) handler(events[i]);
  return Number(process.hrtime.bigint() - begun) / 1000 / events.length;
}

function slowest(handler) {
  let most = 0;
  for (const asked of requests) {
    let best = Infinity; // the least of five: what the request costs, not what the machine did meanwhile
    for (let i = 0; i < 5; i++) {
      const event = eventOf(asked);
      const begun = process.hrtime.bigint();
      handler(event);
      best = Math.min(best, Number(process.hrtime.bigint() - begun) / 1000);
    }
    most = Math.max(most, best);
  }
  return most;
}

const mine = load(ours);
const nothing = load(trivial);
const cold = timed(mine, 1); // the first thousand calls of a process, before anything is compiled
selected = 0;
for (const asked of requests) mine(eventOf(asked));
const found = { ours: [], trivial: [], cold, static: 1 - selected / requests.length };
timed(nothing, Number(rounds));
for (let i = 0; i < Number(pairs); i++) {
  found.ours.push(timed(mine, Number(rounds)));
  found.trivial.push(timed(nothing, Number(rounds)));
}
found.slowest = slowest(mine);
process.stdout.write(JSON.stringify(found));
