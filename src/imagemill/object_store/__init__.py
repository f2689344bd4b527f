"""Objects by key: bytes that are whole or not there. The port is in `port`, its adapters beside it."""
