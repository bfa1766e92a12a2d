"""All that decides how a training run goes: what `config.json` holds, and `--resume` compares."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from inpaintlib import __version__
from inpaintlib.data.mask_files import FolderMasks
from inpaintlib.training import distributed, recipes
from inpaintlib.training.recipes import Preset


@dataclass(frozen=True)
class RunSettings:
    """The words of `train`, or what stands for those that were left out."""

    family: str  # see `recipes.RECIPES`
    preset: str = "lesson"
    steps: int | None = None  # None: the preset's
    batch: int | None = None  # pictures a batch; None: the preset's
    folder: str | Path | None = None  # of the pictures; see `data.locations` for what None means
    large: bool = False  # learn from the larger set of faces
    masks: str | Path | None = None  # folder of masks to learn from; None: the preset's holes
    start_from: str | Path | None = None  # weights of the generator, or a run's state
    seed: int = 0  # of everything that is drawn at random
    precision: str = "auto"  # or "float32" or "bfloat16"; auto tries which is faster
    accumulate: int = 1  # parts that each batch is worked through in

    @classmethod
    def of(cls, given: Mapping[str, Any], stored: Mapping[str, Any]) -> "RunSettings":
        """The settings that were given; the others as a run was begun with, or the defaults.

        Args:
            given: values by name; None counts as not given.
            stored: of the run that is resumed, as `facts` made it; empty for a new one.
        """
        names = {field.name for field in fields(cls)}
        before = {name: value for name, value in stored.items() if name in names}
        return cls(**before | {name: value for name, value in given.items() if value is not None})

    def chosen_preset(self) -> Preset:
        """The family's preset with this run's number of steps, and its seed for its noise.

        Raises:
            ValueError: an unknown name, no step at all, or a batch that the parts cannot share.
        """
        given = {"steps": self.steps, "batch_size": self.batch}
        changes: dict[str, Any] = {name: n for name, n in given.items() if n is not None}
        if hasattr(recipes.preset(self.family, self.preset).config, "seed"):
            changes["seed"] = self.seed
        preset = recipes.preset(self.family, self.preset, **changes)
        if preset.config.steps < 1:
            raise ValueError(f"expected at least one step, got {preset.config.steps}")
        if preset.config.batch_size < 1:
            raise ValueError(f"expected a batch of at least one, got {preset.config.batch_size}")
        if self.masks is not None:
            if preset.mask is None:
                raise ValueError(f"{self.family} draws whole pictures: it learns from no masks")
            preset = replace(preset, mask=FolderMasks(self.masks, size=preset.config.size))
        parts = self.accumulate * distributed.size()
        if parts < 1 or preset.config.batch_size % parts:
            raise ValueError(
                f"{self.family} learns from batches of {preset.config.batch_size}: they cannot be "
                f"divided into {parts} equal parts (processes × --accumulate)"
            )
        return preset

    def facts(self, preset: Preset) -> dict[str, Any]:
        """The settings as JSON, with those of the preset.

        Folders may have moved when a run is resumed; the masks in theirs must be the same.
        """
        config = preset.config
        folder, masks = (p and Path(p).absolute() for p in (self.folder, self.masks))
        chosen = replace(self, steps=config.steps, batch=config.batch_size)
        holes = preset.mask
        masks_seen = holes.masks.numpy().tobytes() if isinstance(holes, FolderMasks) else None
        found = asdict(replace(chosen, folder=folder, masks=masks)) | {
            "settings": asdict(config),
            "mask_checksum": masks_seen and hashlib.blake2b(masks_seen, digest_size=8).hexdigest(),
            "version": __version__,
        }
        return json.loads(json.dumps(found, default=str))  # as they come back from the file


def check_same(stored: Mapping[str, Any], facts: Mapping[str, Any], where: Path) -> None:
    """Raise ValueError, naming the first difference, unless the run began with these facts."""
    for name, value in facts.items():
        known = stored.get(name), "auto"  # which is yet to be chosen
        if name not in ("folder", "masks", "version") and value not in known:
            before, now = (str(v) for v in (stored.get(name), value))
            on = f": to train on, --start-from {where / 'state.pt'} --out NEW" * (name == "steps")
            raise ValueError(f"{where} began with {name} {before}, not {now}{on}")
