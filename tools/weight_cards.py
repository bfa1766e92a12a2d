"""Write the card and the result strip of files in `data/weights`: `make weights` calls it.

A card is `data/weights/NAME.md`, its strip `NAME.jpg`; `weight_cards.py NAME …` writes some. A card
tells the training's time and curve, which only the machine that trained knows: elsewhere it is
left as it is. No photograph of a data set is shown: networks trained on photographs fill
scikit-image's `astronaut` (NASA, public domain), the others drawn faces.
"""

import json
import os
import sys
from functools import partial
from pathlib import Path
from unittest.mock import patch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402
from PIL import Image  # noqa: E402
from skimage import data as photographs  # noqa: E402
from skimage.transform import resize  # noqa: E402
from torch import Tensor  # noqa: E402
from torchvision.utils import make_grid  # noqa: E402

from inpaintlib.data import draw_faces, fixed_batch, load_faces  # noqa: E402
from inpaintlib.images import (  # noqa: E402
    Batch,
    from_bytes,
    paint_holes,
    to_bytes,
)
from inpaintlib.masks import centre  # noqa: E402
from inpaintlib.measure import comparison  # noqa: E402
from inpaintlib.measure.cards import METRICS_SHOWN, folder_of, plus_minus, row  # noqa: E402
from inpaintlib.measure.systems import network  # noqa: E402
from inpaintlib.measure.variety import variety  # noqa: E402
from inpaintlib.metrics import sharpness  # noqa: E402
from inpaintlib.models.contract import count_parameters  # noqa: E402
from inpaintlib.photos import shipped  # noqa: E402
from inpaintlib.seeding import stream  # noqa: E402
from inpaintlib.training import recipes  # noqa: E402
from inpaintlib.training.folder import RunFolder  # noqa: E402
from tools.make_weights import runs, surroundings  # noqa: E402

KINDS = ("square", "centre", "free-form", "half")
NOT_FOR_HALF = "Holes over half of a picture were not in its training: it is not meant for them."


def main(names: list[str]) -> None:
    """A card and a strip for each of these files, or for all, whose training is known here."""
    for name in names or shipped.available():
        if name not in shipped.SHIPPED:  # the classifiers, which have no card
            continue
        if not all((f / "config.json").is_file() for f, _ in runs(name, shipped.SHIPPED[name])):
            print(f"{name}: card left as it is, its training runs are not on this machine")
            continue
        strip(name).save(shipped.folder() / f"{name}.jpg", quality=88)
        (shipped.folder() / f"{name}.md").write_text(text(name), "utf-8")
        print(name)


# The strip -----------------------------------------------------------------------------------


def strip(name: str) -> Image.Image:
    """Holes over what the network makes of them; or sixteen samples."""
    family = shipped.load(name)
    if not shipped.is_inpainter(name):
        digits = shipped.SHIPPED[name].family == "gan"
        blank = torch.zeros(32, 1 if digits else 3, 28 if digits else 64, 28 if digits else 64)
        samples = family.generate(Batch(blank), generator=torch.Generator().manual_seed(0))
        return sheet(samples, columns=16)
    image, mask = subjects(drawn=shipped.SHIPPED[name].drawn, size=family.config.size)
    system = network(name)
    batch = system.batch(image, mask, "strip")
    before = paint_holes(image, mask) if system.damage is None else batch.seen()
    with torch.no_grad():
        fills = [system.fill(batch)]
        if recipes.recipe(shipped.family_of(name)).draws:
            fills += [family.generate(batch, generator=stream(name, k)) for k in range(2)]
    return sheet(torch.cat([before, *fills, image]), columns=len(image))


def subjects(drawn: bool, size: int) -> tuple[Tensor, Tensor]:
    """Pictures (N, 3, size, size) that anyone may show, and a hole of another kind for each."""
    masks = torch.cat(
        [comparison.fixed_masks(kind, seed, 1, size) for seed in (3, 4) for kind in KINDS]
    )
    if drawn:
        faces, _ = draw_faces(len(masks), size=size, start=3_000_000)
        return from_bytes(faces), masks
    head = photographs.astronaut()[30:200, 139:309]  # Eileen Collins, framed as in CelebA
    small = resize(head, (size, size), anti_aliasing=True)
    face = torch.from_numpy(2 * small - 1).float().permute(2, 0, 1)
    return face.expand(len(masks), -1, -1, -1).contiguous(), masks


def sheet(pictures: Tensor, columns: int) -> Image.Image:
    """(N, C, H, W) as one picture."""
    grid = to_bytes(make_grid(pictures.cpu(), nrow=columns, padding=3, pad_value=1.0))
    return Image.fromarray(grid.permute(1, 2, 0).numpy())


# The text ------------------------------------------------------------------------------------


def text(name: str) -> str:
    """The card in Markdown."""
    card, made = shipped.card(name), shipped.SHIPPED[name]
    folders = [RunFolder(folder) for folder, _ in runs(name, made)]
    logs, configs = [run.lines() for run in folders], [run.config() for run in folders]
    minutes = sum(log[-1]["seconds"] for log in logs if log) / 60
    stages = ((run["steps"], run["settings"]["size"]) for run in configs)  # the table may be newer
    facts = {
        "family": f"`{made.family}`, {count_parameters(shipped.load(name).generator):,} parameters",
        "learned from": f"{card['pictures']:,} pictures of {card['data']}",
        "licence": card["licence"],
        "steps": ", then ".join(f"{steps:,} at {size}×{size}" for steps, size in stages),
        "time": f"{minutes:.0f} minutes beside other work: {card['machine']}, {card['precision']}",
        "seed": str(card["seed"]),
        "made by": f"`make weights NAMES={name}`, inpaintlib {card['version']}",
    }
    if made.ancestor:
        of = "" if made.ancestor in shipped.SHIPPED else "the file in commit "
        facts["steps"] += f", after those of {of}{made.ancestor}"
    lines = [f"# {name}", "", f"![What {name} makes]({name}.jpg)", "", "| | |", "|---|---|"]
    lines += [row([key, value]) for key, value in facts.items()]
    lines += ["", *metrics(name), *curve(logs), "Settings:", "", "```json"]
    return "\n".join([*lines, json.dumps(card["settings"]), "```", ""])


def metrics(name: str) -> list[str]:
    """The comparison's numbers, if there are any."""
    kind = "drawn" if shipped.SHIPPED[name].drawn else "celeba"
    path = folder_of(kind) / f"{name}.json"
    if recipes.recipe(shipped.SHIPPED[name].family).draws:
        return many_answers(name)
    if not path.is_file():
        return []
    card = json.loads(path.read_text("utf-8"))
    seeds = ", ".join(map(str, card["seeds"]))
    head = f"In the hole, {card['pictures']} validation pictures, masks of seeds {seeds}:"
    lines = [head, "", row(["hole", "L1", "PSNR (dB)", "SSIM"]), row(["---"] * 4)]
    for hole, summary in card["holes"].items():
        cells = [plus_minus(summary[metric], digits) for metric, digits in METRICS_SHOWN.items()]
        lines.append(row([hole, *cells]))
    return [*lines, "", NOT_FOR_HALF, ""]


def many_answers(name: str) -> list[str]:
    """What six fills of each hole are worth, of a network that draws them."""
    family, size = shipped.load(name), shipped.card(name)["settings"]["size"]
    with patch.dict(os.environ, surroundings(shipped.SHIPPED[name].drawn)):
        pictures = load_faces("validation", size=size)
    batch = fixed_batch(pictures, 24, mask=partial(centre, side=size // 2), seed=0)
    mask = batch.holes()[1]
    with torch.no_grad():
        fills = [family.generate(batch, generator=stream(name, k)) for k in range(6)]
    found = variety(torch.stack(fills), batch.image, mask)
    sharp = sharpness(fills[0], batch.image, mask).nanmedian()
    means = {what: value.mean().item() for what, value in found.items()}
    return [
        "Six fills of each of 24 validation pictures, in a centre hole of half the side: "
        f"PSNR of one fill {means['one']:.2f} dB, of the best of six {means['best']:.2f} dB, of "
        f"their mean {means['mean']:.2f} dB; two fills differ by {means['diversity']:.3f} (mean "
        f"L1 distance, 0 to 1); median sharpness of one fill {sharp:.2f}.",
        "",
    ]


def curve(logs: list[list[dict]]) -> list[str]:
    """How the validation pictures' holes were filled as training went on; each run has its own."""
    looks = [
        " · ".join(
            f"{line['step']:,}: {line['psnr']:.2f}, {line['sharpness']:.2f}"
            for line in log
            if "psnr" in line
        )
        for log in logs
    ]
    if not any(looks):
        return []
    text = "Validation in training's mixture of holes, step: PSNR in dB, sharpness. "
    return [text + "; then, with other draws of the holes, ".join(filter(None, looks)), ""]


if __name__ == "__main__":
    main(sys.argv[1:])
