"""Who is drawn: the sampling of a person, as numbers, before a single pixel is painted.

Lengths are in picture units: the picture spans [-1, 1] both ways, x to the right and y downwards.
Numbers are (N, 1, 1) and colours (N, 3, 1, 1), ready to broadcast against a picture.
"""

import numpy as np

from drawings.portrait.attributes import describe
from drawings.portrait.dice import Dice, along
from drawings.portrait.tables import (
    BACKGROUNDS,
    BEARDS,
    CLOTHES,
    COLLARS,
    EYESHADOWS,
    GLASSES,
    HAIR_COLOURS,
    HATS,
    HERS,
    HIS,
    IRISES,
    LIPSTICKS,
    METALS,
    RIMS,
    SKINS,
    STYLE_COLUMNS,
    STYLES,
)


class People:
    """Named arrays, one row a person: `who.smile` holds every smile, `who[rows]` a few people."""

    def __init__(self, traits: dict[str, np.ndarray], rows: np.ndarray | slice = np.s_[:]):
        self.traits, self.rows = traits, rows

    def __getattr__(self, trait: str) -> np.ndarray:
        return self.traits[trait][self.rows]

    def __getitem__(self, rows: np.ndarray) -> "People":
        everyone = np.arange(len(self.traits["male"]))
        return People(self.traits, everyone[self.rows][rows])

    def which(self, trait: str, value: str) -> np.ndarray:
        """1 for the people whose named trait has this value, 0 for the others, (N, 1, 1)."""
        return (getattr(self, trait) == value).astype(np.float32)[:, None, None]


def sample_people(seed: int, block: int, count: int) -> tuple[People, dict[str, np.ndarray]]:
    """Draw `count` people, and say in CelebA's words what they look like.

    Returns:
        The people, and their attributes, boolean (count,) arrays.
    """
    dice = Dice(seed, block, count)
    traits = {"male": dice.chance(0.48), "age": dice.random.beta(1.3, 2.0, count)}
    for sample in SAMPLERS:
        traits |= sample(dice, traits)
    tuck_hair_under_hat(traits)
    return People({name: shape_trait(t) for name, t in traits.items()}), describe(traits)


def shape_trait(values: np.ndarray) -> np.ndarray:
    """(N,) to (N, 1, 1) and (N, 3) to (N, 3, 1, 1), float32, flags too; names stay (N,)."""
    if values.dtype.kind == "U":
        return values
    return values.astype(np.float32)[..., None, None]


def sample_light(dice: Dice, traits: dict) -> dict[str, np.ndarray]:
    """Where the light comes from, and the scene behind."""
    angle = dice.uniform(-1.15, 1.15)
    height = dice.uniform(0.35, 0.6)
    back = dice.uniform()
    return {
        "light_x": np.sin(angle) * 0.75,
        "light_y": -height,
        "light_z": np.cos(angle) * 0.75,
        "back_colour": dice.mix(BACKGROUNDS, back),
        "back_other": dice.mix(BACKGROUNDS, np.clip(back + dice.uniform(-0.25, 0.25), 0, 1)),
        "halo": dice.chance(0.45),
        "bokeh": dice.chance(0.35),
        "halo_x": dice.uniform(-0.35, 0.35),
        "halo_y": dice.uniform(-0.35, 0.1),
        "halo_size": dice.uniform(0.62, 0.95),
        "scene": dice.uniform(),
    }


def sample_pose(dice: Dice, traits: dict) -> dict[str, np.ndarray]:
    return {
        "turn": dice.normal(0, 0.55, limit=1.8),
        "nod": dice.normal(0, 0.4),
        "tilt": dice.normal(0, 0.055),
        "scale": dice.normal(1.02, 0.03),
        "shift_x": dice.normal(0, 0.02),
        "shift_y": dice.normal(0.01, 0.02),
    }


def sample_head(dice: Dice, traits: dict) -> dict[str, np.ndarray]:
    male, age = traits["male"], traits["age"]
    tone = dice.uniform() ** 1.35
    skin = along(SKINS, tone)
    return {
        "tone": tone,
        "skin": skin,
        "skin_shadow": skin * (0.74, 0.54, 0.47) + np.array((0.03, 0.01, 0.02)),
        "width": dice.normal(0.50, 0.018) + 0.012 * male,
        "chin": dice.normal(0.80, 0.025) + 0.02 * male,
        "jaw": dice.normal(0.17, 0.05) - 0.07 * male,
        "square": np.clip(dice.normal(0.25, 0.2) + 0.35 * male, 0, 1),
        "ear_size": dice.normal(0.14, 0.012) + 0.01 * male,
        "neck": dice.normal(0.225, 0.015) + 0.055 * male,
        "freckles": dice.chance(0.16) & (tone < 0.5),
        "blush": np.where(dice.chance(0.35), dice.uniform(0.35, 0.7), dice.uniform(0, 0.12)),
        "wrinkles": np.clip((age - 0.45) * 2.2, 0, 1),
        "phase": dice.uniform(0, 6.28),
        "phase2": dice.uniform(0, 6.28),
    }


def sample_hair(dice: Dice, traits: dict) -> dict[str, np.ndarray]:
    male, age, tone = traits["male"], traits["age"], traits["tone"]
    style = np.where(male, dice.choose(HIS), dice.choose(HERS))
    table = np.array([STYLES[name] for name in style]).T
    hair = dict(zip(STYLE_COLUMNS.split(), table, strict=True))
    hair["part"] = hair["part"] * dice.uniform(0.6, 1.1) * np.where(dice.chance(0.5), 1, -1)
    hair["top"] = hair["top"] * dice.uniform(0.85, 1.2)
    hair["length"] = hair["length"] + dice.uniform(-0.05, 0.05) * (hair["length"] > 0.3)
    hair["hairline"] = hair["hairline"] + dice.uniform(-0.03, 0.03) - 0.05 * age * male
    name = hair_colour_name(dice, age, tone)
    shades = {colour: dice.mix(palette) for colour, palette in HAIR_COLOURS.items()}
    hair["hair_colour"] = np.select([name[:, None] == c for c in shades], list(shades.values()))
    return hair | {"style": style, "hair_name": name}


def hair_colour_name(dice: Dice, age: np.ndarray, tone: np.ndarray) -> np.ndarray:
    """Grey comes with age; black is the rule on dark skin, blond and red are seen on light skin."""
    fair = dice.choose({"Black_Hair": 17, "Brown_Hair": 40, "Blond_Hair": 29, "Red_Hair": 14})
    dark = dice.choose({"Black_Hair": 76, "Brown_Hair": 21, "Blond_Hair": 3})
    name = np.where(tone < 0.55, fair, dark)
    return np.where(dice.chance(np.clip((age - 0.5) * 2.4, 0.01, 0.95)), "Gray_Hair", name)


def sample_beard(dice: Dice, traits: dict) -> dict[str, np.ndarray]:
    """Beards are a shade darker than the hair, or a little redder."""
    beard = dice.choose(BEARDS)
    beard = np.where(traits["male"], beard, "none")
    tint = np.where(dice.chance(0.3)[:, None], (1.0, 0.86, 0.76), (0.86, 0.84, 0.84))
    return {
        "beard": beard,
        "moustache": np.isin(beard, ("goatee", "full", "moustache")),
        "beard_colour": traits["hair_colour"] * tint,
        "beard_drop": dice.uniform(0.0, 0.09),
    }


def sample_features(dice: Dice, traits: dict) -> dict[str, np.ndarray]:
    male, age = traits["male"], traits["age"]
    smile = np.where(dice.chance(0.55), dice.uniform(0.55, 1.1), dice.uniform(-0.1, 0.4))
    opened = dice.chance(np.where(smile > 0.5, 0.6, 0.22))
    lipstick = ~male & dice.chance(0.55)
    lip = (
        traits["skin"] * 0.5
        + np.array((0.62, 0.24, 0.27)) * 0.5 * (1 - 0.4 * traits["tone"])[:, None]
    )
    bushy = dice.chance(np.where(male, 0.34, 0.08))
    hair = traits["hair_colour"]
    return {
        "eye_gap": dice.normal(0.215, 0.010),
        "eye_width": dice.normal(0.122, 0.006) - 0.006 * male,
        "iris_size": dice.normal(0.060, 0.002) - 0.003 * male,
        "eye_open": dice.normal(0.068, 0.010) - 0.012 * male - 0.010 * np.clip(smile, 0, 1),
        "eye_slant": dice.normal(0.010, 0.012),
        "iris": dice.mix(
            IRISES, np.where(traits["tone"] > 0.55, dice.uniform(0, 0.3), dice.uniform())
        ),
        "gaze_x": dice.normal(0, 0.012),
        "gaze_y": dice.normal(0, 0.005),
        "makeup": lipstick * dice.uniform(0.2, 1),
        "eyeshadow": dice.mix(EYESHADOWS),
        "brow": hair * 0.72 + 0.06 * (hair.mean(1, keepdims=True) < 0.15),
        "bushy": bushy,
        "brow_height": dice.normal(-0.195, 0.012) + 0.015 * male,
        "brow_thick": np.where(bushy, 0.032, dice.normal(0.019, 0.003) + 0.004 * male),
        "brow_arch": dice.normal(0.035, 0.012) - 0.012 * male,
        "nose_width": dice.normal(0.088, 0.012) + 0.014 * male + 0.02 * traits["tone"],
        "nose_length": dice.normal(0.215, 0.02),
        "mouth_width": dice.normal(0.165, 0.014) + 0.045 * np.clip(smile, 0, 1),
        "mouth_y": dice.normal(0.405, 0.012),
        "smile": smile,
        "gap": opened * dice.uniform(0.022, 0.07),
        "lip_upper": dice.normal(0.034, 0.006) - 0.008 * male,
        "lip_lower": dice.normal(0.048, 0.007) - 0.008 * male,
        "lipstick": lipstick,
        "lip": np.where(lipstick[:, None], dice.pick(LIPSTICKS), lip),
        "young": age < 0.5,
    }


def sample_wardrobe(dice: Dice, traits: dict) -> dict[str, np.ndarray]:
    male = traits["male"]
    return {
        "glasses": dice.choose(GLASSES),
        "rim": dice.pick(RIMS),
        "rim_thick": dice.uniform(0.010, 0.020),
        "lens": dice.uniform(0.150, 0.172),
        "hat": dice.choose(HATS),
        "hat_colour": dice.pick(CLOTHES),
        "hat_trim": dice.pick(CLOTHES),
        "hat_tip": dice.uniform(-1, 1),
        "earrings": ~male & (traits["length"] < 0.3) & dice.chance(0.7),
        "hoops": dice.chance(0.4),
        "metal": dice.mix(METALS),
        "collar": dice.choose(COLLARS),
        "cloth": dice.pick(CLOTHES),
        "cloth_other": dice.pick(CLOTHES),
        "striped": dice.chance(0.3),
    }


def tuck_hair_under_hat(traits: dict) -> None:
    """A hat presses the hair down, and no bun stands through it."""
    hat = traits["hat"] != "none"
    traits["top"] = np.where(hat, np.clip(traits["top"], 0.0, 0.03), traits["top"])
    traits["side"] = np.where(hat, np.clip(traits["side"], 0.0, 0.07), traits["side"])
    traits["bun"] = np.where(hat, 0, traits["bun"])


# in this order: each may look at what the ones before it have drawn
SAMPLERS = (
    sample_light,
    sample_pose,
    sample_head,
    sample_hair,
    sample_beard,
    sample_features,
    sample_wardrobe,
)
