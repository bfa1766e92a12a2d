"""What a drawn person looks like, in CelebA's words."""

import numpy as np


def describe(traits: dict) -> dict[str, np.ndarray]:
    """The person in CelebA's attribute names, boolean (N,) arrays."""
    style, colour, beard, hat = (traits[k] for k in ("style", "hair_name", "beard", "hat"))
    bald = style == "bald"
    attributes = {
        "Bags_Under_Eyes": traits["wrinkles"] > 0.25,
        "Bald": bald,
        "Bangs": style == "fringe",
        "Big_Nose": traits["nose_width"] > 0.118,
        "Bushy_Eyebrows": traits["bushy"],
        "Eyeglasses": traits["glasses"] != "none",
        "Goatee": beard == "goatee",
        "Heavy_Makeup": traits["makeup"] > 0.6,
        "Male": traits["male"],
        "Mouth_Slightly_Open": traits["gap"] > 0,
        "Mustache": traits["moustache"],
        "Narrow_Eyes": traits["eye_open"] < 0.048,
        "No_Beard": beard == "none",
        "Pale_Skin": traits["tone"] < 0.12,
        "Rosy_Cheeks": traits["blush"] > 0.3,
        "Smiling": traits["smile"] > 0.5,
        "Straight_Hair": np.isin(style, ("bob", "fringe", "straight")),
        "Wavy_Hair": np.isin(style, ("wavy", "ringlets", "curls")),
        "Wearing_Earrings": traits["earrings"],
        "Wearing_Hat": hat != "none",
        "Wearing_Lipstick": traits["lipstick"],
        "Young": traits["young"],
    }
    shades = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair")
    attributes |= {shade: (colour == shade) & ~bald for shade in shades}
    return dict(sorted(attributes.items()))
