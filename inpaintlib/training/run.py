"""One training run in its folder: begun or resumed, on one process or several.

What a step draws depends on (seed, step) alone: its batch, its holes, its noise, and its dropout,
for which the global random stream is seeded anew at every step. A resumed run therefore goes the
way that an uninterrupted one went.
"""

import signal
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import nn
from tqdm.auto import tqdm

from inpaintlib.images import Batch
from inpaintlib.models.contract import Model
from inpaintlib.seeding import stream
from inpaintlib.training import distributed
from inpaintlib.training.checkpoints import load_state, save_state, save_weights
from inpaintlib.training.ema import EMA
from inpaintlib.training.folder import RunFolder
from inpaintlib.training.loop import Record, train
from inpaintlib.training.preview import Viewer
from inpaintlib.training.recipes import Pictures

SEEN = 128  # validation pictures looked at
DRAWN = 32  # by a model that needs many passes for a picture
REFRESHED = 16  # batches that BatchNorm's statistics are measured on
STOPS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True)
class Rhythm:
    """Steps between two log lines, two saved states and two looks at the validation pictures.

    Example:
        >>> Rhythm.of(1200)
        Rhythm(log=6, save=60, look=120)
    """

    log: int
    save: int
    look: int

    @staticmethod
    def of(steps: int) -> "Rhythm":
        """200 lines, 20 states and 10 looks a run; more of them in a long one."""
        wanted = ((200, 100), (20, 1_000), (10, 5_000))
        return Rhythm(*(max(1, min(steps // times, most)) for times, most in wanted))


class Run:
    """A model in training, see `prepare`, and everything around it.

    Args:
        facts: what decided how it goes, see `RunSettings.facts`; the weights' card holds them too.
        board: makes a TensorBoard writer, given `purge_step`; or None.
    """

    def __init__(
        self,
        folder: RunFolder,
        model: Model,
        pictures: Pictures,
        facts: dict[str, Any],
        *,
        board: Callable[..., Any] | None = None,
    ) -> None:
        self.folder, self.model, self.pictures = folder, model, pictures
        self.make_board, self.board = board, None
        self.seed, self.precision = facts["seed"], facts["precision"]
        self.accumulate = facts["accumulate"]
        private = ("folder", "start_from")  # places on this machine; of the masks', the name stays
        self.card = {name: value for name, value in facts.items() if name not in private}
        self.card["masks"] = facts.get("masks") and Path(facts["masks"]).name
        self.steps: int = model.config.steps
        self.rhythm = Rhythm.of(self.steps)
        self.ema = EMA(model.generator)
        self.viewer = Viewer(
            model,
            self.ema,
            pictures.fixed(self.seed, DRAWN if getattr(self.model, "draws", False) else SEEN),
            refreshing=lambda: islice(self.batches(0), REFRESHED),
            damaged=pictures.recipe.damage is not None,
        )
        self.scores: dict[str, float] = {}  # of the last look
        self.earlier = 0.0  # seconds spent before this process began
        self.began = perf_counter()

    def go(self, say: Callable[[str], None]) -> int:
        """Train to the end or to a signal; `say` takes each line for the user.

        Returns:
            0, or the number of the signal that stopped the run, which was then saved.

        Raises:
            FloatingPointError: a term or a weight is not finite; the last good state is kept.
            OSError: the folder cannot be written; the last state is kept.
        """
        start = self.load()
        with ExitStack() as stack:
            caught = stack.enter_context(stop_signals())
            silent = True if distributed.rank() else None  # None: a bar in a terminal only
            bar = stack.enter_context(tqdm(total=self.steps, initial=start, disable=silent))
            if self.make_board is not None:
                self.board = self.make_board(purge_step=start + 1)  # what a crash left goes
                stack.callback(self.board.close)
            for record in self.records(start):
                stop = distributed.anywhere(caught[0] if caught else 0)
                self.after(record, stopping=bool(stop))
                bar.update()
                if stop:
                    name = signal.Signals(stop).name
                    say(f"{name}: stopped after step {record.step + 1}, saved; --resume goes on")
                    return stop
        score = ""
        if self.scores:
            values = ", ".join(f"{name} {value:.2f}" for name, value in self.scores.items())
            score = f", in the holes of the validation pictures {values}"
        say(f"{self.steps} steps, {self.seconds() / 60:.1f} minutes{score}: {self.folder.weights}")
        return 0

    def load(self) -> int:
        """The steps made so far. A new run saves first: a full disk shows before the work."""
        if distributed.from_first(not self.folder.state.exists()):
            self.save(0)
            distributed.from_first(None)  # the others wait until the file is there
        step = load_state(self.folder.state, self.model, ema=self.ema)
        if distributed.rank() == 0:
            self.earlier = self.folder.cut_log(step)
        return step

    def records(self, start: int) -> Iterator[Record]:
        """The training loop, with the global random stream seeded before each step."""
        records = train(
            self.model,
            self.batches(start),
            start=start,
            steps=self.steps,
            ema=self.ema,
            precision=self.precision,
            accumulate=self.accumulate,
        )
        for step in range(start, self.steps):
            torch.manual_seed(stream(self.seed, "step", step, distributed.rank()).initial_seed())
            yield next(records)

    def batches(self, start: int) -> Iterator[Batch]:
        """This process's part of every batch, from the batch of step `start` on."""
        made = map(channels_last, map(distributed.share, self.pictures.batches(self.seed, start)))
        return ahead(made) if self.model.device.type == "cuda" else made

    def after(self, record: Record, *, stopping: bool) -> None:
        """What is due after a step; at the end of the run, everything."""
        step = record.step + 1
        last = step == self.steps
        if last or step % self.rhythm.log == 0:
            terms = distributed.average(record.terms)
            self.write({"step": step, "seconds": round(self.seconds(), 1), "terms": terms})
        looking = last or step % self.rhythm.look == 0
        saving = last or stopping or step % self.rhythm.save == 0
        if looking or saving:
            self.check_finite(step)  # before anything good is overwritten
        if looking:
            self.look(step)
        if saving:
            self.save(step)

    def check_finite(self, step: int) -> None:
        """Raise FloatingPointError if a weight or a statistic is spoilt: no loss shows that yet."""
        for name, values in self.model.state_dict().items():
            if values.is_floating_point() and not torch.isfinite(values).all():
                raise FloatingPointError(f"step {step}: not finite after its update: {name}")

    def look(self, step: int) -> None:
        """Measure the averaged generator, write a preview, and keep its weights.

        The last look's weights are those of the run. To keep the best by PSNR would be to choose
        the most blurred: averages win it, and fine detail that is not exactly right loses it.
        """
        with self.viewer.averaged():
            completed = self.viewer.complete(self.model.config.batch_size)
            self.scores = self.viewer.scores(completed)
            if distributed.rank() == 0:
                facts = {"steps": step, "seconds": round(self.seconds()), **self.scores}
                save_weights(self.folder.weights, self.model.generator, card=self.card | facts)
        if self.scores:
            self.write({"step": step, "seconds": round(self.seconds(), 1), **self.scores})
        if distributed.rank() == 0:
            self.folder.save_preview(step, self.viewer.rows(completed))

    def write(self, line: dict[str, Any]) -> None:
        """Add a line to the log, and to TensorBoard."""
        if distributed.rank():
            return
        self.folder.add(line)
        if self.board is not None:
            scores = {name: line[name] for name in line.keys() - {"step", "seconds"}}
            for name, value in line.get("terms", scores).items():
                self.board.add_scalar(name, value, line["step"])

    def save(self, step: int) -> None:
        if distributed.rank() == 0:
            save_state(self.folder.state, self.model, step=step, ema=self.ema)

    def seconds(self) -> float:
        """Time spent on this run, with what came before a resumption."""
        return self.earlier + perf_counter() - self.began


def prepare(model: Model, device: torch.device) -> Model:
    """The model on its device, in the memory layout that convolutions like best.

    With several GPUs BatchNorm becomes SyncBatchNorm, which sees the whole batch. It exists for
    GPUs only: processes on CPUs normalise each its own part.
    """
    if distributed.size() > 1 and device.type == "cuda":
        nn.SyncBatchNorm.convert_sync_batchnorm(model)
    return model.to(device).to(memory_format=torch.channels_last)


def channels_last(batch: Batch) -> Batch:
    """The batch in the memory layout of `prepare`; the values are the same."""
    return batch.each(lambda tensor: tensor.contiguous(memory_format=torch.channels_last))


@contextmanager
def stop_signals() -> Generator[list[int]]:
    """While the context lasts, Ctrl-C and SIGTERM are only noted; a second one acts as usual."""
    caught: list[int] = []
    before = {number: signal.getsignal(number) for number in STOPS}

    def note(number: int, _: object) -> None:
        caught.append(number)
        for each, handler in before.items():
            signal.signal(each, handler)

    for number in STOPS:
        signal.signal(number, note)
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """The same batches, each made in a thread while the one before is worked on."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(batches.__next__)
        while True:
            batch, coming = coming.result(), pool.submit(batches.__next__)
            yield batch
