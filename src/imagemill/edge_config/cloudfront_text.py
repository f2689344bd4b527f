"""The texts of the CloudFront Functions; `cloudfront` fills them in.

Only what runtime 2.0 has: ES 5.1, `const` and `let`, arrow functions, regular expressions without look-behind. No
comment inside of it: CloudFront counts every byte. In the order of the text:

    COUNTED       parameters that mean something to us; a name with an escape in it may be one of them
    LOOPS, OURS   what an Imagemill says of itself when it fetches an original from a web server (RFC 8586)
    text          a header's value, joined where it came more than once (RFC 9110 section 5.3)
    staticName    the object of the variant, '' where the maker must be asked: not exactly one `v`, an odd spelling,
                  something that is not for everyone, options out of the canonical order, a format with no ending;
                  `fit=cover`, which people write though it is the default, is left out as in the name
                  Escaped as SigV4 has it, so that whoever signs or checks the path reads it alike
    handler       never throws; after a fault of its own the maker gets the path, and no word of a viewer's
    REFUSED       behind the key group alone: the answer to a query that a policy's wildcard could have been led into

`OPENED` is the text of the other function, which runs as an answer leaves (viewer response).
"""

from __future__ import annotations

COMMENT = "// Written by `imagemill edge-config cloudfront` from the platform's settings; do not edit."

FRAME = """\
import cf from 'cloudfront';
«comment»
const MAKER = «maker»;
const HINTS = «hints»;
const COUNTED = /^(?=[^=]{1,9}(?:=|$))(?:(?:v|s|exp|kid)(?:=|$)|[^=]*%)/;
const OPTIONS = «plain»;
const HINTED = «hinted»;
const STATED = «stated»;
const UNSURE = «unsure»;
const LOOPS = /(?:^|,)[ \\t]*imagemill[ \\t]*(?:[;,]|$)/i;
const OURS = /^Imagemill\\//;
const CLASSES = [
  «classes»
];

function text(header) {
  if (!header) return '';
  return header.multiValue ? header.multiValue.map(one => one.value).join(',') : header.value;
}

function visible(part) {
  return part.replace(/[^\\x21-\\x7e]+/g, encodeURIComponent);
}

function reduceAccept(headers, options) {
  if (STATED.test(options)) {
    delete headers.accept;
    return 'stated';
  }
  const accept = text(headers.accept).replace(/\\t/g, ' ');
  if (UNSURE.test(accept)) {
    headers.accept = { value: accept.replace(/[^\\x20-\\x7e]/g, '?') };
    return '';
  }
  for (let i = 0; i < CLASSES.length; i++) {
    if (CLASSES[i][0].test(accept)) {
      headers.accept = { value: CLASSES[i][1] };
      return CLASSES[i][2];
    }
  }
  headers.accept = { value: '*/*' };
  return 'jpg';
}

«names»
«guard»
function judge(request) {
  const headers = request.headers;
  const uri = request.uri;
  const query = request.rawQueryString() || '';
  const pairs = query ? query.split('&').filter(pair => COUNTED.test(pair)) : [];
  request.querystring = {};
  headers['«asked»'] = { value: visible(pairs.length ? uri + '?' + pairs.join('&') : uri) };
  if (uri.slice(0, 5) !== '/img/') {
    delete headers.accept;
    HINTS.forEach(name => delete headers[name]);
    return '';
  }
  const plain = OPTIONS.exec(uri);
  const options = plain ? plain[1] : '';
  if (plain && !HINTED.test(options)) HINTS.forEach(name => delete headers[name]);
  const bucket = reduceAccept(headers, options);
  return plain && bucket ? «static» : '';
}

function handler(event) {
  const request = event.request;
  «guarded»
  delete request.headers['«edge»'];
  delete request.headers['«asked»'];
  delete request.headers['«marked»'];
  if (LOOPS.test(text(request.headers['cdn-loop'])) || OURS.test(text(request.headers['user-agent']))) {
    request.headers['«marked»'] = { value: '1' };
  }
  let name = '';
  try {
    name = judge(request);
  } catch (fault) {
    name = '';
  }
  if (name) request.uri = name;
  else cf.selectRequestOriginById(MAKER);
  return request;
}
"""

STATIC = """\
const PLAIN = «uri»;
const VERSION = «version»;
const CLOSED = «closed»;
const SEEMS = «seems»;
const READS = /^(?:GET|HEAD)$/;
const ENDED = «ended»;
const NAMES = '«names»'.split(',');

function ordered(items) {
  let last = -1;
  for (let i = 0; i < items.length; i++) {
    const place = NAMES.indexOf(items[i].split('=')[0]);
    if (place <= last) return false;
    last = place;
  }
  return true;
}

function staticName(request, options, pairs, bucket) {
  const version = pairs.length === 1 && VERSION.exec(pairs[0]);
  const plain = version && PLAIN.exec(request.uri);
  if (!plain || CLOSED.test(options) || HINTED.test(options) || !READS.test(request.method)) return '';
  if (bucket !== 'stated' && SEEMS.test(request.uri)) return '';
  «listed»
  const key = plain[1];
  let folder = version[1];
  «hidden»
  let ending = '@' + bucket + '.' + bucket;
  let forms = 0;
  const items = (options === '_' ? [] : options.split(',')).filter(item => {
    if (item.slice(0, 3) !== 'fm=') return true;
    const form = ENDED.exec(item);
    ending = form ? '.' + (form[1] === 'jpeg' ? 'jpg' : form[1]) : '';
    forms++;
    return false;
  });
  if (!ending || forms > 1 || !ordered(items)) return '';
  const leaf = (items.filter(item => item !== 'fit=cover').join(',') || '_') + ending;
  const path = key.replace(/[@()]/g, sign => '%' + sign.charCodeAt(0).toString(16));
  return '/«site»/' + path + '/~/' + folder + '/' + encodeURIComponent(leaf);
}
"""

GUARD = """\
const SIGNED = «signed»;
const REFUSED = {
  statusCode: 403,
  statusDescription: 'Forbidden',
  headers: { 'cache-control': { value: 'no-store' }, 'content-type': { value: 'application/problem+json' } },
  body: «problem»
};

"""
OPENED = """\
«comment»
function handler(event) {
  const headers = event.response.headers;
  const kept = headers['cache-control'];
  const own = kept && /(?:^|[ ,])private(?:[ ,=]|$)/.test(kept.value);
  if (!own && !headers['«name»']) headers['«name»'] = { value: '«value»' };
  return event.response;
}
"""
GUARDED = "if (!SIGNED.test(request.rawQueryString() || '')) return REFUSED;"
