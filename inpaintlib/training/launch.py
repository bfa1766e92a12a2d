"""From the words of `train` to a run, or to its resumption."""

import platform
from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from inpaintlib.data import runs_folder
from inpaintlib.models.contract import Model, count_parameters
from inpaintlib.training import distributed, recipes
from inpaintlib.training.checkpoints import load_networks, load_weights
from inpaintlib.training.folder import RunFolder
from inpaintlib.training.precision import quickest
from inpaintlib.training.recipes import Pictures
from inpaintlib.training.run import Run, channels_last, prepare
from inpaintlib.training.settings import RunSettings, check_same

Say = Callable[[str], None]


def launch(
    given: Mapping[str, Any],
    *,
    out: Path | None = None,
    resume: bool = False,
    device: str | None = None,
    tensorboard: bool = False,
    say: Say,
) -> int:
    """Begin a training run, or go on with one.

    Args:
        given: some of the `RunSettings`, the family at least; None counts as not given.
        out: the run's folder; `runs/<family>-<preset>` if None.
        resume: go on in that folder; what is given must be what the run began with.
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
    writer = tensorboard_writer() if tensorboard else None
    settings = RunSettings.of(given, {})
    recipes.recipe(settings.family)  # an unknown name before anything else
    folder = RunFolder(out or runs_folder() / f"{settings.family}-{settings.preset}")
    stored = folder.config() if resume else {}
    settings = RunSettings.of(given, stored)
    preset = settings.chosen_preset()  # of the run's own preset: its batch decides what divides it
    facts = settings.facts(preset)
    if resume:
        check_same(stored, facts, folder.path)
    else:
        folder.check_new()
    with distributed.first_goes_first():
        pictures = recipes.load(settings.family, preset, root=settings.folder, large=settings.large)
    if len(pictures.training) < preset.config.batch_size:
        raise ValueError(
            f"{len(pictures.training)} pictures to learn from are fewer than a batch of "
            f"{preset.config.batch_size}: try --batch {len(pictures.training)}"
        )
    training = pictures.training
    facts |= {"data": training.name, "licence": training.licence, "pictures": len(training)}
    split = f"{training} · {len(pictures.validation):,} to validate"
    say(f"{settings.family} · {preset.config.steps:,} steps · {split}")
    model = make_model(settings, pictures, fresh=not folder.state.exists())
    model = prepare(model, place)
    if not resume:
        usual = recipes.preset(settings.family, settings.preset).config.steps
        check_steps(settings.family, model, usual)
    if settings.precision == "auto":  # a resumed run keeps its own, unless it is asked for anew
        facts["precision"] = try_precisions(model, pictures, settings.accumulate, say)
    if resume:
        check_same(stored, facts, folder.path)
    elif distributed.rank() == 0:
        folder.begin(facts)
    try:
        here = writer and not distributed.rank()
        board = partial(writer, str(folder.path / "tensorboard")) if here else None
        run = Run(folder, model, pictures, facts | {"machine": machine(place)}, board=board)
        say(f"{count_parameters(model):,} parameters on {place}, {run.precision} · {folder.path}")
        return run.go(say)
    except Exception:
        if not resume and not distributed.rank():
            folder.forget_start()
        raise


def make_model(settings: RunSettings, pictures: Pictures, *, fresh: bool) -> Model:
    """The model; before any step is saved with new weights, or those that it is to start from."""
    torch.manual_seed(settings.seed)
    model = pictures.recipe.build(pictures.preset.config)
    if settings.start_from and fresh:
        start_from(Path(settings.start_from), model)
    return model


def check_steps(family: str, model: Model, usual: int) -> None:
    """Raise ValueError if the run ends before the last part of its training begins.

    A part begins where other networks learn than a step before, within the preset's `usual` steps.
    """
    steps = model.config.steps
    phases = model.phases()
    learning = (tuple(phase.active(n) for phase in phases) for n in range(usual))
    last = max((n for n, (a, b) in enumerate(pairwise(learning), start=1) if a != b), default=0)
    if steps <= last:
        raise ValueError(
            f"expected more than {last:,} steps, because the last part of {family}'s training "
            f"begins after {last:,}, got {steps:,}"
        )


def start_from(path: Path, model: Model) -> None:
    """Begin with what an earlier run learned.

    Args:
        path: weights of the generator, or a run's `state.pt`, of which the discriminator is taken
            too, if it fits: it need not learn again what a fill looks like.
        model: with the same generator; nothing else of it changes.

    Raises:
        ValueError: the file is missing or damaged, or does not fit.
    """
    if path.suffix == ".pt":
        load_networks(path, model)
    else:
        load_weights(path, model.generator)


def machine(device: torch.device) -> str:
    """Where a run computes, for its card: "cuda, NVIDIA …" or "cpu, x86_64, 2 threads"."""
    if device.type == "cuda":
        return f"cuda, {torch.cuda.get_device_name(device)}"
    return f"{device.type}, {platform.machine()}, {torch.get_num_threads()} thread(s)"


def choose_device(name: str | None) -> torch.device:
    """The device of that name; if None, the GPU (NVIDIA's or Apple's) if there is one, or the CPU.

    Raises:
        ValueError: no such device.
    """
    try:
        # Of several processes each touches its own GPU alone: the first would hold a part for all.
        device = distributed.own(torch.device(name or best_device()))
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # torch without CUDA asserts
        reason = str(error).splitlines()[0][:100]  # some go on for a page
        raise ValueError(f"no device {name!r} here: {reason}") from error
    return device


def best_device() -> str:
    """The name of the fastest kind of device that is here."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def try_precisions(model: Model, pictures: Pictures, accumulate: int, say: Say) -> str:
    """The precision that trains faster here, the same on all processes."""
    batch = next(map(channels_last, map(distributed.share, pictures.batches())))
    chosen, times = quickest(model, batch, accumulate=accumulate)
    say(f"a step takes: {times}")
    return distributed.from_first(chosen)


def tensorboard_writer() -> Any:
    """TensorBoard's class of writers, which takes a folder.

    Raises:
        ImportError: TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ImportError("--tensorboard needs: pip install 'inpaintlib[log]'") from error
    return SummaryWriter


def silent(_: str) -> None:
    """What the other processes say."""
