"""A picture in a few bytes or colours: BlurHash, ThumbHash, perceptual hash, palette.

Pure Python over the 10 000 pixels of a reduced picture (some milliseconds each): equal to the reference
implementations, which the tests hold them to, and nothing to install.
"""
