"""Kept variants: made once, served until their original changes. The port is in `port`, adapters beside it."""
