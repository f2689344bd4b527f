// What the two walls below the formats show. Where the site does not let everyone ask anything, they show what it lists.

import { allows, hasRatio, isOpen, presets, widthNear } from "./site.js";

const LOGO = "windmill.png"; // the sample that is clear around its edges

const SHAPES = [
  { title: "Square, around what matters", options: "300x300,g=attention" },
  { title: "A banner", options: "w=480,ar=12:5,g=attention" },
  { title: "All of it, on itself", options: "300x300,fit=contain,bg=blur" },
  { title: "A heart", options: "300x300,g=attention,mask=heart" },
  { title: "A frame and round corners", options: "w=260,pad=20,bg=b0452c,radius=36" },
  { title: "The middle, closer", options: "crop=30p:30p:40p:40p,w=300" },
];

const LOOKS = [
  { title: "Words on it", options: "w=320,text=Made by its URL,textpos=s,textcolor=white,textfont=DejaVuSans-Bold", needs: "text" },
  { title: "A logo in the corner", options: `w=320,wm=${LOGO},wmscale=30p,wmpos=se`, logo: true },
  { title: "Two colours", options: "w=320,duotone=1b1464:ffd166" },
  { title: "Black and white, crisp", options: "w=320,grayscale=1,con=25,sharpen=1" },
  { title: "A part made unreadable", options: "w=320,redact=pixelate:35p:25p:30p:40p" },
  { title: "Tilted", options: "w=280,rot=-6,bg=ffd166" },
];

const LISTED = [
  { title: "Square, around what matters", ratio: "1:1", width: 320, more: "g=attention" },
  { title: "A banner", ratio: "16:9", width: 480, more: "g=attention" },
  { title: "All of it, on itself", ratio: "1:1", width: 320, more: "fit=contain,bg=blur" },
];

/** The cards of shapes: {title, options}. Elsewhere than on an open site, its own presets are among them. */
export function shapes() {
  if (isOpen()) return SHAPES;
  return [
    ...LISTED.filter((shape) => hasRatio(shape.ratio)).map(({ title, ratio, width, more }) => (
      { title, options: `w=${widthNear(width)},ar=${ratio},${more}` })),
    ...presets().map((name) => ({ title: `The preset “${name}”`, options: `p=${name}` })),
  ];
}

/** The cards of looks for the picture `key`, which may need words or a logo; none where they are not open. */
export function looks(key, keys) {
  if (!isOpen()) return [];
  return LOOKS.filter((look) => (!look.needs || allows(look.needs)) && (!look.logo || (key !== LOGO && keys.includes(LOGO))));
}
