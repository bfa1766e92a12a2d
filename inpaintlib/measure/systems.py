"""What is compared: controls, fills without a network, networks by name or by file."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from torch import Tensor

from inpaintlib.data import ImageSet
from inpaintlib.images import Batch, hide
from inpaintlib.measure.classical import CLASSICAL, PCA, MeanImage
from inpaintlib.models.contract import count_parameters
from inpaintlib.photos import shipped
from inpaintlib.photos.blending import blended
from inpaintlib.photos.inpainter import Inpainter
from inpaintlib.seeding import stream
from inpaintlib.training.recipes import RECIPES

Fill = Callable[[Batch], Tensor]
CONTROLS = ("truth", "grey", "image mean")
FILLS = ("truth", "grey", *CLASSICAL, "mean face", "PCA")
BLENDED = " blended"
LEARNED_FROM = 1_000  # pictures, of those fills that learn: more help PCA little and cost memory


@dataclass(frozen=True)
class System:
    """Something that fills holes.

    Attributes:
        name: as in the table.
        kind: "control", "classical", "network", or "blended": a network's fill without its seam.
        fill: batch to completed pictures (B, C, H, W), [-1, 1].
        parameters: of a network; None for others.
        damage: makes what the holes show, for a system that must find them; else they are grey.
    """

    name: str
    kind: str
    fill: Fill
    parameters: int | None = None
    damage: Callable[..., Tensor] | None = None

    def batch(self, image: Tensor, mask: Tensor, *key: int | str) -> Batch:
        """The pictures as this system gets them; `key` addresses the draws of its damage."""
        if self.damage is None:
            return hide(image, mask)
        observed = self.damage(image, mask, generator=stream("evaluation damage", *key))
        return Batch(image, mask, observed)


def systems(training: ImageSet, names: Sequence[str] | None = None) -> Iterator[System]:
    """Controls, classical fills and networks, made one after the other.

    Args:
        training: what the fills that learn are trained on, at the size of the comparison.
        names: which, see `check_names`; None for all, of the networks those whose weights are here,
            were trained on such pictures, and give one fill for a hole.

    Raises:
        ValueError: no system of that name, or its weights are missing.
    """
    if names is None:
        names = [*FILLS, *(name for name in _networks() if _fits(name, training))]
    check_names(names)
    for name in names:
        yield _fill_by_name(name, training) if name in FILLS else network(name)


def check_names(names: Sequence[str]) -> None:
    """Raise ValueError unless every name is a fill's, a network's or a file's of weights.

    A network that is told where the hole is may be followed by " blended": its seam taken away.
    """
    for name in names:
        model = name.removesuffix(BLENDED)
        if name in FILLS or name in _networks():
            continue
        if Path(model).suffix and not Path(model).is_file():
            raise ValueError(f"{model}: no such file of weights")
        if model in shipped.SHIPPED or not Path(model).is_file():
            known = ", ".join((*FILLS, *_networks()))
            raise ValueError(f"no system {name!r}: expected one of {known}, or a file of weights")
        if not shipped.is_inpainter(model) or (model != name and not _is_told(model)):
            raise ValueError(f"{name}: its family, {shipped.family_of(model)}, cannot do that")


def _networks() -> list[str]:
    """The names of shipped inpainters, then of those that can be blended."""
    plain = [name for name in shipped.SHIPPED if shipped.is_inpainter(name)]
    return [*plain, *(f"{name}{BLENDED}" for name in plain if _is_told(name))]


def _is_told(model: str) -> bool:
    """Whether the network is told where the hole is."""
    return RECIPES[shipped.family_of(model)].damage is None


def _fits(name: str, training: ImageSet) -> bool:
    """Whether a network's weights are here, learned from such pictures, and give one fill."""
    model = name.removesuffix(BLENDED)
    made = shipped.SHIPPED[model]
    drawn = made.drawn is (training.kind == "drawn")
    return drawn and model in shipped.available() and not RECIPES[made.family].draws


def _fill_by_name(name: str, training: ImageSet) -> System:
    """A control or a fill without a network."""
    some = slice(LEARNED_FROM)
    if name == "truth":
        return System(name, "control", lambda batch: batch.image)
    if name == "grey":
        return System(name, "control", lambda batch: batch.holes()[0])  # holes are shown grey
    if name == "mean face":
        return System(name, "classical", _on_holes(MeanImage(training.floats(some))))
    if name == "PCA":
        return System(name, "classical", _on_holes(PCA(training.floats(some))))
    kind = "control" if name in CONTROLS else "classical"
    return System(name, kind, _on_holes(CLASSICAL[name]))


def network(name: str) -> System:
    """A network, by its name or file, as a system; one called "… blended" loses its seam."""
    model = name.removesuffix(BLENDED)
    network = Inpainter(model).model
    size = count_parameters(network.generator)
    if model != name:
        return System(name, "blended", partial(blended, network), size)
    return System(name, "network", network.generate, size, RECIPES[shipped.family_of(model)].damage)


def _on_holes(fill: Callable[[Tensor, Tensor], Tensor]) -> Fill:
    return lambda batch: fill(*batch.holes())
