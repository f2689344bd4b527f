"""Rendering without a server: pictures in files or memory become variants, one at a time or a million.

Separate from `delivery`, which answers strangers over HTTP: here the caller owns the pictures, so nothing has to be
signed, spent or negotiated. The workers, the limits and the meaning of options are the same.
"""
