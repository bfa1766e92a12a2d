"""The painter's stock: palettes and hair styles, and how common each kind of thing is."""

# sRGB; a person's tone is mixed from two neighbours of a list
SKINS = "fde6da fad7c0 f3c5a1 e6ad83 d09366 b07449 96603f 74482f"
IRISES = "5b3a22 3d2817 7a5230 6f7f3f 4f8a5b 4a86b8 6fa7cf 7c8a96"
BACKGROUNDS = (
    "f3c9a5 e9a79b d98e8e c9b6d9 9fb4d8 8ec3cf 93c7b0 "
    "b9cf9d e8d28f f0e0c6 6f8fae 5b7f86 46506b 7d5a73"
)
CLOTHES = (
    "e9dfd0 2f3e5c c8553d 3f7d6e e2a93b 8a9bb0 5d4a66 d98c9a 33363d 94b08a f2f2ee 7b3b3b 4f86c6"
)
RIMS = "2a2326 5a3522 20293f 8c5a33 b08a4f 7a2a33 3a3a3e c9c2b8"
LIPSTICKS = "b3263c c8435f a8324a d0607a 8e2a3f c95a4f"
EYESHADOWS = "8a5a6a 5a6a8a 8a6a4a 6a4a5a"
METALS = "e8c46a d9dde2 f3e6d8"

HAIR_COLOURS = {
    "Black_Hair": "1d1920 2b2428",
    "Brown_Hair": "3c261b 573521 6f4429 8a5632",
    "Blond_Hair": "c39a5c dcb673 ecd298",
    "Gray_Hair": "8d8e95 b5b5ba dddcdc",
    "Red_Hair": "8c3a1e b0522a cc6e36",
}

# A hair style is a row of numbers, in picture units:
#   top, side: volume above and beside the skull;  length: height at which it ends;
#   flare: widening on the way down;  hairline: its height on the forehead;
#   temple: half-width of the face that shows;  part: how far the parting lies off the middle;
#   wave, curl: size of the waves and of the curls;  bun: size of a bun on the crown;
#   falls: 1 if it falls over the forehead, 0 if it is combed up;
#   sideways: 1 if it is combed from the parting;  density: its opacity, 0 for the bald
STYLE_COLUMNS = "top side length flare hairline temple part wave curl bun falls sideways density"
STYLES = {
    "bald": (0, 0, -0.06, 0, -0.53, 0.465, 0, 0, 0, 0, 0, 0, 0),
    "buzz": (0.035, 0.012, -0.06, 0, -0.53, 0.465, 0, 0, 0, 0, 0, 0, 0.75),
    "crop": (0.1, 0.03, -0.04, 0, -0.53, 0.462, 0.3, 0, 0.005, 0, 0, 0, 1),
    "parted": (0.13, 0.04, -0.03, 0, -0.56, 0.455, 1.1, 0.004, 0, 0, 0.5, 1, 1),
    "quiff": (0.18, 0.028, -0.05, 0, -0.55, 0.46, 0.6, 0.01, 0, 0, 0, 0, 1),
    "curls": (0.14, 0.075, 0.02, 0, -0.48, 0.45, 0.2, 0, 0.022, 0, 0.6, 0, 1),
    "afro": (0.22, 0.21, 0.2, 0, -0.5, 0.45, 0, 0, 0.022, 0, 0.3, 0, 1),
    "pixie": (0.11, 0.06, 0.06, 0, -0.54, 0.44, 1.1, 0.006, 0, 0, 0.8, 1, 1),
    "bob": (0.11, 0.09, 0.56, 0.06, -0.58, 0.42, 0.6, 0.004, 0, 0, 0.7, 1, 1),
    "fringe": (0.12, 0.095, 0.62, 0.04, -0.25, 0.4, 0, 0.004, 0, 0, 1, 0, 1),
    "straight": (0.1, 0.075, 1.4, 0.05, -0.59, 0.42, 0.4, 0.004, 0, 0, 0.7, 1, 1),
    "wavy": (0.13, 0.11, 1.3, 0.1, -0.58, 0.425, 0.7, 0.032, 0, 0, 0.7, 1, 1),
    "ringlets": (0.16, 0.18, 1.05, 0.1, -0.53, 0.415, 0.4, 0.018, 0.024, 0, 0.6, 0, 1),
    "updo": (0.06, 0.02, -0.02, 0, -0.56, 0.47, 0.3, 0, 0, 0.19, 0, 0, 1),
}

# how common a style, a beard, ... is, relative to the others of its kind
HIS = dict(bald=11, buzz=12, crop=18, parted=22, quiff=15, curls=10, afro=6, wavy=3, straight=3)
HERS = dict(pixie=7, bob=14, fringe=13, straight=16, wavy=19, ringlets=11, updo=13, afro=5, curls=2)
BEARDS = dict(none=42, stubble=18, goatee=11, full=19, moustache=10)
GLASSES = dict(none=70, round=10, square=11, sun=9)
HATS = dict(none=82, beanie=6, cap=5, brim=4, beret=3)
COLLARS = {"crew": 38, "v-neck": 22, "shirt": 24, "turtleneck": 16}
