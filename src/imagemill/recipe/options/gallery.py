"""One picture for each option and telling value: shown in `docs/options.md`, and compared by a test (goldens).

Separate from the option rows because one row may want several pictures, and some want other options beside theirs.
A picture's file is `docs/pictures/options/<name>.webp`, made from a sample photo by
`python -m tests.engine.goldens --write NAME…` and looked at by whoever adds the row.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Example:
    """A picture: which option it shows, its file's stem, the options as in a URL, the sample it is made from."""

    option: str
    name: str
    options: str
    sample: str = "rocket.jpg"

    @property
    def file(self) -> str:
        """The picture's file name."""
        return f"{self.name}.webp"


GALLERY: tuple[Example, ...] = (
    Example("w", "w", "w=160"),
    Example("h", "h", "h=25p"),
    Example("ar", "ar", "w=200,ar=16:9", "astronaut.jpg"),
    Example("fit", "fit-inside", "w=200,h=200,fit=inside"),
    Example("fit", "fit-cover", "w=200,h=200,fit=cover"),
    Example("fit", "fit-contain", "w=200,h=200,fit=contain,bg=fff8e0"),
    Example("fit", "fit-fill", "w=200,h=200,fit=fill"),
    Example("fit", "fit-outside", "w=160,h=160,fit=outside"),
    Example("g", "g-w", "w=120,h=200,g=w"),
    Example("g", "g-attention", "w=120,h=200,g=attention", "astronaut.jpg"),
    Example("g", "g-entropy", "w=120,h=200,g=entropy", "chelsea.png"),
    Example("g", "g-fp", "w=120,h=200,g=fp:0.9:0.5"),
    Example("enlarge", "enlarge", "crop=180:60:100:70,w=200,enlarge=1", "chelsea.png"),
    Example("dpr", "dpr", "w=100,dpr=2"),
    Example("crop", "crop", "crop=25p:10p:50p:50p,w=200", "chelsea.png"),
    Example("trim", "trim", "trim=20,w=200", "windmill.png"),
    Example("pad", "pad", "w=180,pad=10:30,bg=ffd166"),
    Example("bg", "bg-colour", "w=200,bg=06d6a0", "windmill.png"),
    Example("bg", "bg-auto", "w=200,h=120,fit=contain,bg=auto", "astronaut.jpg"),
    Example("bg", "bg-blur", "w=200,h=120,fit=contain,bg=blur", "astronaut.jpg"),
    Example("radius", "radius", "w=200,radius=24"),
    Example("radius", "radius-corners", "w=200,radius=60:0:60:0"),
    Example("mask", "mask-circle", "w=160,h=160,fit=cover,mask=circle", "astronaut.jpg"),
    Example("mask", "mask-ellipse", "w=200,mask=ellipse"),
    Example("mask", "mask-triangle", "w=120,h=120,fit=cover,mask=triangle", "astronaut.jpg"),
    Example("mask", "mask-triangle-180", "w=120,h=120,fit=cover,mask=triangle-180", "astronaut.jpg"),
    Example("mask", "mask-pentagon", "w=120,h=120,fit=cover,mask=pentagon", "astronaut.jpg"),
    Example("mask", "mask-pentagon-180", "w=120,h=120,fit=cover,mask=pentagon-180", "astronaut.jpg"),
    Example("mask", "mask-hexagon", "w=120,h=120,fit=cover,mask=hexagon", "astronaut.jpg"),
    Example("mask", "mask-square", "w=120,h=120,fit=cover,mask=square", "astronaut.jpg"),
    Example("mask", "mask-star", "w=120,h=120,fit=cover,mask=star", "astronaut.jpg"),
    Example("mask", "mask-heart", "w=120,h=120,fit=cover,mask=heart", "astronaut.jpg"),
    Example("rot", "rot-90", "w=200,rot=90"),
    Example("rot", "rot-15", "w=180,rot=15,bg=ffd166", "chelsea.png"),
    Example("rot", "rot-clear", "w=150,rot=-30", "astronaut.jpg"),
    Example("flip", "flip-h", "w=200,flip=h", "chelsea.png"),
    Example("flip", "flip-v", "w=200,flip=v", "chelsea.png"),
    Example("blur", "blur-2", "w=200,blur=2", "chelsea.png"),
    Example("blur", "blur-12", "w=200,blur=12", "chelsea.png"),
    Example("sharpen", "sharpen-1", "w=200,sharpen=1", "coffee.png"),
    Example("sharpen", "sharpen-10", "w=200,sharpen=10", "coffee.png"),
    Example("pixelate", "pixelate", "w=200,pixelate=8", "chelsea.png"),
    Example("bri", "bri-30", "w=200,bri=30", "coffee.png"),
    Example("bri", "bri--30", "w=200,bri=-30", "coffee.png"),
    Example("con", "con-40", "w=200,con=40", "coffee.png"),
    Example("con", "con--40", "w=200,con=-40", "coffee.png"),
    Example("sat", "sat-60", "w=200,sat=60", "coffee.png"),
    Example("sat", "sat--60", "w=200,sat=-60", "coffee.png"),
    Example("hue", "hue", "w=200,hue=120", "coffee.png"),
    Example("gam", "gam", "w=200,gam=2", "coffee.png"),
    Example("grayscale", "grayscale", "w=200,grayscale=1", "coffee.png"),
    Example("sepia", "sepia", "w=200,sepia=1", "coffee.png"),
    Example("invert", "invert", "w=200,invert=1", "coffee.png"),
    Example("normalize", "normalize", "w=200,normalize=1", "coffee.png"),
    Example("duotone", "duotone", "w=200,duotone=1b1464:fff200", "coffee.png"),
    Example("redact", "redact-blur", "w=200,redact=blur:170:40:130:130", "astronaut.jpg"),
    Example("redact", "redact-pixelate", "w=200,rot=10,redact=pixelate:170:40:130:130", "astronaut.jpg"),
    Example("wm", "wm", "w=200,h=133,wm=windmill.png,wmscale=40p"),
    Example("wm", "wm2", "w=200,wm=windmill.png,wmscale=25p,wm2=coffee.png,wm2pos=nw,wm2scale=30p"),
    Example("wmpos", "wmpos", "w=200,wm=windmill.png,wmscale=25p,wmpos=nw"),
    Example("wmx", "wmx", "w=200,wm=windmill.png,wmscale=25p,wmpos=w,wmx=-20"),
    Example("wmy", "wmy", "w=200,wm=windmill.png,wmscale=25p,wmpos=n,wmy=60"),
    Example("wmscale", "wmscale", "w=200,wm=windmill.png,wmscale=60p,wmpos=center", "coffee.png"),
    Example("wmop", "wmop", "w=200,wm=windmill.png,wmscale=60p,wmpos=center,wmop=40", "coffee.png"),
    Example("wmtile", "wmtile", "w=200,wm=windmill.png,wmscale=20p,wmtile=1,wmop=50", "coffee.png"),
    *(
        Example("wmblend", f"wmblend-{blend}", f"w=200,wm=hubble.jpg,wmscale=60p,wmblend={blend}", "coffee.png")
        for blend in ("normal", "multiply", "screen", "overlay", "darken", "lighten")
    ),
    Example("text", "text", "w=200,text=Hello,textcolor=white"),
    Example("text", "text-lines", "w=200,text64=R3LDvMOfZSwg0JfQtNGA0LDRgdGC0LUsINep15zXlded,textcolor=white"),
    Example("textpos", "textpos", "w=200,text=Hello,textcolor=white,textpos=sw"),
    Example("textsize", "textsize", "w=200,text=Hello,textcolor=white,textsize=48"),
    Example("textcolor", "textcolor", "w=200,text=Hello,textcolor=ffd166,textsize=40"),
    Example("textfont", "textfont", "w=200,text=Hello,textcolor=white,textsize=40,textfont=DejaVuSans-Bold"),
    Example("textop", "textop", "w=200,text=Hello,textcolor=white,textsize=48,textop=35"),
    Example("fm", "fm-png", "w=160,fm=png", "windmill.png"),
    Example("fm", "fm-jpeg", "w=160,fm=jpeg", "windmill.png"),
    Example("fm", "fm-gif", "w=160,fm=gif", "windmill.png"),
    Example("q", "q-5", "w=200,q=5,fm=jpeg", "chelsea.png"),
    Example("q", "q-76", "w=200,q=76,fm=jpeg", "chelsea.png"),
    Example("q", "q-palette", "w=200,q=20,fm=png", "chelsea.png"),
    Example("lossless", "lossless", "w=160,lossless=1,fm=webp", "chelsea.png"),
    Example("anim", "anim-1", "w=160,fm=webp", "mill.gif"),
    Example("anim", "anim-0", "w=160,anim=0,fm=webp", "mill.gif"),
    Example("page", "page", "w=160,page=9,fm=webp", "mill.gif"),
    Example("icc", "icc-p3", "w=200,icc=p3", "coffee.png"),
)
"""Pictures in the order of the option table. Those that name no format and quality are written without loss."""
