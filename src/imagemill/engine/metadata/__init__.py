"""What a picture says of itself in words: EXIF, IPTC and XMP, read with care and written anew.

Blocks of strangers are never copied: they are parsed into values, of which some are told (`telling`) or kept
(`keeping`), and what is kept is written into fresh blocks. So what nobody parsed, such as maker notes, embedded
thumbnails, trailing bytes, cannot travel along.
"""
