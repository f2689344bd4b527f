"""The fixed order of work (contract, "Order"): for `explain` and the page of options.

Whatever the order of an option list, the picture is made in this one.
"""

ORDER = (
    "page",
    "orient",
    "trim",
    "crop",
    "resize",
    "flip",
    "rotate",
    "blur/sharpen/pixelate",
    "colour",
    "redact",
    "pad/bg",
    "radius/mask",
    "layers and text",
    "encode",
)
