"""The pixels' way from file to file, one step a file; `engine.render` strings them together.

A step takes an image (8 or 16 bit, one frame) and the `Work`, and returns an image. Images are libvips' lazy ones: a
step describes pixels, and all of them are computed strip by strip while the encoder writes.
"""
