// Runs a CloudFront Function as functions of the viewer's request or response are run: one JSON line in, one out.
//
// usage: node cloudfront_function.mjs <function.mjs>
// in:  {"method": …, "uri": …, "query": string or null, "headers": [[name, value]…], "origins": [ids]?}
// out: {"uri": …, "headers": {name: value}, "querystring": {…}, "origin": id or null}, {"refused": status} where it
//      answers by itself, or {"error": …}
// in:  {"status": …, "answered": [[name, value]…]}   out: {"headers": {name: value}}
//
// The module 'cloudfront' is replaced by an object of this file; the rest of the text runs as it is.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const source = readFileSync(process.argv[2], 'utf8');
const first = "import cf from 'cloudfront';\n";
if (!source.startsWith(first) && source.includes('cf.')) throw new Error('the function does not begin with its import');
const text = source.startsWith(first) ? source.slice(first.length) : source;
let selected = null;
const cf = Object.freeze({ selectRequestOriginById: id => { selected = id; } });
const handler = new Function('cf', `'use strict';\n${text}\nreturn handler;`)(cf);

function headersOf(pairs) {
  const headers = {};
  for (const [name, value] of pairs) {
    const low = name.toLowerCase();
    const before = headers[low];
    if (!before) headers[low] = { value };
    else {
      const all = before.multiValue ?? [{ value: before.value }];
      headers[low] = { value, multiValue: [...all, { value }] };
    }
  }
  return headers;
}

function queryOf(query) {
  const found = {};
  for (const pair of (query ?? '').split('&').filter(Boolean)) {
    const [name, ...rest] = pair.split('=');
    const value = rest.join('=');
    if (!Object.hasOwn(found, name)) found[name] = { value };
    else found[name] = { value: found[name].value, multiValue: [...(found[name].multiValue ?? [{ value: found[name].value }]), { value }] };
  }
  return found;
}

function run(asked) {
  const query = asked.query ?? undefined;
  const request = {
    method: asked.method, uri: asked.uri, querystring: queryOf(query), headers: headersOf(asked.headers), cookies: {},
  };
  Object.defineProperty(request, 'rawQueryString', { value: () => query });
  const event = {
    version: '1.0',
    context: { distributionId: 'E1EXAMPLE', eventType: 'viewer-request', requestId: 'example' },
    viewer: { ip: '192.0.2.1' },
    request,
  };
  selected = null;
  const answer = handler(event);
  if (answer.statusCode) return { uri: asked.uri, headers: {}, querystring: {}, origin: null, refused: answer.statusCode };
  return { uri: answer.uri, headers: joined(answer.headers), querystring: answer.querystring, origin: selected };
}

function joined(headers) {
  return Object.fromEntries(Object.entries(headers).map(([name, header]) =>
    [name, header.multiValue ? header.multiValue.map(one => one.value).join(', ') : header.value]));
}

function leave(asked) {
  const event = {
    version: '1.0',
    context: { distributionId: 'E1EXAMPLE', eventType: 'viewer-response', requestId: 'example' },
    viewer: { ip: '192.0.2.1' },
    request: { method: 'GET', uri: '/', querystring: {}, headers: {}, cookies: {} },
    response: { statusCode: asked.status, headers: headersOf(asked.answered), cookies: {} },
  };
  const answer = handler(event);
  if (answer.statusCode !== asked.status) throw new Error('the function changed the status');
  return { headers: joined(answer.headers) };
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    const asked = JSON.parse(line);
    answer = asked.answered ? leave(asked) : run(asked);
  } catch (fault) {
    answer = { error: String(fault) };
  }
  process.stdout.write(JSON.stringify(answer) + '\n');
}
