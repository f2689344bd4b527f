"""Configuration for what stands in front of us, nginx or Varnish, written from the platform's own settings.

`facts` is what both need to know, `patterns` the regular expressions by which they decide exactly as we do or leave the
decision to us; `nginx` and `varnish` write the text. Nothing here listens, connects or looks at a picture.
"""
