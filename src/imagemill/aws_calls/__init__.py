"""Calls to services of AWS beside its object store, signed by ourselves: no SDK has to be imported for three verbs."""
