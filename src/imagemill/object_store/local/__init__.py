"""The object store in a folder: a plain readable tree, served as it is.

`store` is the port (asynchronous, locked per key) and `upload` one write in progress. Below them everything blocks:
`layout` says where things lie, `finding` and `listing` read, `placing` writes, `leftovers` sweeps; `tree` is a folder
that no key can leave, `sidecar` what we know of an object beyond its bytes.
"""

from imagemill.object_store.local.store import LocalStore

__all__ = ["LocalStore"]
