"""One image request, one direction: parse, verify, locate, plan, recall or make, respond.

`pipeline` shows the whole flow on one screen; each stage has a file of its own.
"""
