"""From the words of `train` to a run: presets and defaults, or with `--resume` what was stored."""

import json
import platform
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from inpaintlib import __version__
from inpaintlib.data import runs_folder
from inpaintlib.models.contract import Family, count_parameters
from inpaintlib.training import distributed, recipes
from inpaintlib.training.checkpoints import load_networks, load_weights
from inpaintlib.training.folder import RunFolder
from inpaintlib.training.precision import faster, time_precisions
from inpaintlib.training.recipes import Pictures, Preset
from inpaintlib.training.run import Run, channels_last, prepare

DEFAULTS: dict[str, Any] = {
    "preset": "lesson",
    "steps": None,  # the preset's
    "folder": None,  # of the pictures; see `data.locations`
    "large": False,  # learn from the larger set of faces
    "start_from": None,  # weights that the generator begins with, or a run's state
    "seed": 0,
    "precision": "auto",
    "accumulate": 1,
}
Say = Callable[[str], None]


def launch(
    family: str,
    wishes: dict[str, Any],
    *,
    out: Path | None = None,
    resume: bool = False,
    device: str | None = None,
    tensorboard: bool = False,
    say: Say,
) -> int:
    """Begin a training run, or go on with one.

    Args:
        family: its name, see `recipes.FAMILIES`.
        wishes: values for some of `DEFAULTS`; None counts as no wish.
        out: the run's folder; `runs/<family>-<preset>` if None.
        resume: go on in that folder; every wish must be what the run began with.
        device: "cpu", "cuda", …; the GPU where there is one if None.
        tensorboard: log there too, below the folder.
        say: takes each line for the user.

    Returns:
        0, or the number of the signal that stopped the run.

    Raises:
        ValueError: an unknown name, a folder with something in it, nothing to resume, a run
            that began otherwise, or weights that do not fit.
        ImportError: TensorBoard is wanted and not installed.
        OSError, FloatingPointError: see `Run.go`.
    """
    place = distributed.start(choose_device(device))
    if distributed.rank():
        say = silent
    wishes = {name: value for name, value in wishes.items() if value is not None}
    recipes.recipe(family)
    folder = RunFolder(
        out or runs_folder() / f"{family}-{wishes.get('preset', DEFAULTS['preset'])}"
    )
    stored = folder.config() if resume else {}
    options = DEFAULTS | {name: stored[name] for name in DEFAULTS if name in stored} | wishes
    if not resume:
        folder.check_new()

    preset = choose_preset(family, options)
    with distributed.first_goes_first():
        pictures = recipes.load(family, preset, root=options["folder"], large=options["large"])
    say(f"{family} · {preset.config.steps:,} steps · {pictures.training}")
    torch.manual_seed(options["seed"])
    model = recipes.recipe(family).build(preset.config)
    if options["start_from"] and not resume:
        start_from(Path(options["start_from"]), model)
    model = prepare(model, place)
    if options["precision"] == "auto":
        options["precision"] = stored.get("precision") or quickest(model, pictures, options, say)

    facts = describe(family, options, pictures)
    if resume:
        check_same(stored, facts, folder)
    elif distributed.rank() == 0:
        folder.begin(facts)
    run = Run(
        folder,
        model,
        pictures,
        seed=options["seed"],
        precision=options["precision"],
        accumulate=options["accumulate"],
        board=open_board(folder) if tensorboard and not distributed.rank() else None,
    )
    say(f"{count_parameters(model):,} parameters on {place}, {run.precision} · {folder.path}")
    card = {name: value for name, value in facts.items() if name not in ("folder", "start_from")}
    return run.go(card | {"machine": machine(place)}, say)


def start_from(path: Path, family: Family) -> None:
    """Begin with what an earlier run learned.

    Args:
        path: weights of the generator, or a run's `state.pt`, of which the discriminator is taken
            too, if it fits: it need not learn again what a fill looks like.
        family: with the same generator; nothing else of it changes.

    Raises:
        ValueError: the file is missing or damaged, or does not fit.
    """
    if path.suffix == ".pt":
        load_networks(path, family)
    else:
        load_weights(path, family.generator)


def machine(device: torch.device) -> str:
    """Where a run computes, for its card: "cuda, NVIDIA …" or "cpu, x86_64, 2 threads"."""
    if device.type == "cuda":
        return f"cuda, {torch.cuda.get_device_name(device)}"
    return f"{device.type}, {platform.machine()}, {torch.get_num_threads()} thread(s)"


def choose_device(name: str | None) -> torch.device:
    """The device of that name; if None, the GPU if there is one, else the CPU.

    Raises:
        ValueError: no such device.
    """
    try:
        device = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # torch without CUDA asserts
        raise ValueError(f"no device {name!r} here: {str(error).splitlines()[0]}") from error
    return device


def choose_preset(family: str, options: dict[str, Any]) -> Preset:
    """The family's preset with the wished number of steps, and the run's seed for its noise.

    Raises:
        ValueError: an unknown name, no step at all, or a batch that the parts cannot share equally.
    """
    steps, parts = options["steps"], options["accumulate"] * distributed.size()
    changes = {} if steps is None else {"steps": steps}
    if hasattr(recipes.preset(family, options["preset"]).config, "seed"):
        changes["seed"] = options["seed"]
    preset = recipes.preset(family, options["preset"], **changes)
    if preset.config.steps < 1:
        raise ValueError(f"expected at least one step, got {preset.config.steps}")
    if parts < 1 or preset.config.batch_size % parts:
        raise ValueError(
            f"{family} learns from batches of {preset.config.batch_size}: they cannot be divided "
            f"into {parts} equal parts (processes × --accumulate)"
        )
    return preset


def quickest(model: Family, pictures: Pictures, options: dict[str, Any], say: Say) -> str:
    """The precision that trains faster here, found by a few steps on copies."""
    batch = next(map(channels_last, map(distributed.share, pictures.batches())))
    seconds = time_precisions(
        model, batch, last_step=model.config.steps, accumulate=options["accumulate"]
    )
    seconds = distributed.from_first(seconds)  # all must agree
    times = ", ".join(f"{name} {1000 * value:.0f} ms" for name, value in seconds.items())
    say(f"a step takes: {times}")
    return faster(seconds)


def describe(family: str, options: dict[str, Any], pictures: Pictures) -> dict[str, Any]:
    """All that decides how a run goes, as `config.json` holds it."""
    config, training = pictures.preset.config, pictures.training
    folder = options["folder"]
    facts = options | {
        "family": family,
        "steps": config.steps,
        "folder": None if folder is None else str(Path(folder).absolute()),
        "start_from": options["start_from"] and str(options["start_from"]),
        "settings": asdict(config),
        "data": training.name,
        "licence": training.licence,
        "pictures": len(training),
        "version": __version__,
    }
    return json.loads(json.dumps(facts))  # tuples become lists, as they do in the file


def check_same(stored: dict[str, Any], facts: dict[str, Any], folder: RunFolder) -> None:
    """Raise ValueError, naming the first difference, unless the run began with these facts."""
    for name, value in facts.items():
        if name not in ("folder", "version") and value != stored.get(name):
            before, now = (str(v) for v in (stored.get(name), value))
            raise ValueError(f"{folder.path} began with {name} {before}, not {now}")


def open_board(folder: RunFolder) -> Any:
    """A TensorBoard writer.

    Raises:
        ImportError: TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ImportError("--tensorboard needs: pip install 'inpaintlib[log]'") from error
    return SummaryWriter(str(folder.path / "tensorboard"))


def silent(_: str) -> None:
    """What the other processes say."""
