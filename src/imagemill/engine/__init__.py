"""Original bytes and a recipe become variant bytes. Only `render`, `steps`, `probe` and `libvips` import pyvips."""
