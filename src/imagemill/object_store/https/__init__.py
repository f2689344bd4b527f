"""Originals read from allow-listed web servers: a read-only adapter of the object store port (row T14, threats S1-S7).

Separate from the other adapters because its danger is another one: whoever chooses an address here chooses to whom
this machine speaks. Read inwards: `addresses` (which addresses may be spoken to), `dialer` (resolve once, check every
answer, connect to the checked one), `location` (which URLs there are), `fetch` (one question with all its bounds),
`store` (the port). Imported only where a source needs it: the HTTP library costs a start some 40 ms.
"""
