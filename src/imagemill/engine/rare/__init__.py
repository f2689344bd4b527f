"""The formats that have their own workers: SVG, HEIC, JPEG XL, BMP, ICO, JPEG 2000, PDF (architecture, "Decoders").

Each has a reader of its header (`headers`, `svg_document`), which runs before any decoder, and a decoder that hands
pixels to libvips, so that all later steps are the same for every format.
"""
