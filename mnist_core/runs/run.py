"""One run's state and pace: idle, or trained in chunks by a thread of its own until it pauses.

The thread takes in what a lender's training tells (see `drive`), and saves when the run begins,
pauses or stops, and in between as often as costs 1 % of its time. Pages look at a `RunState`; a few
test digits and the visitor's drawing are read for them by a recent network, once for each that
arrives, and none arrives for that while no page looks.

But: a run does not know whose it is, nor when it may train; see `scheduler`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import closing, suppress
from contextvars import copy_context
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from ..checkpoint import Checkpoint
from ..errors import BusyError, LostError, Message, MnistError
from ..evaluation import classify
from ..history import MAX_LOGGED, History
from ..training import Trainer, examples_seen
from .drive import FAULT, Chunk, Lender, Load, Pace, Progress, Wish, samples_of
from .folder import RunFolder, Saver
from .live import LiveTest
from .run_state import RunState, Status

_WATCHED_SECONDS = 2.0  # for which a page that has looked counts as looking: it does twice a second
_RECENT = 25  # Progress that the images per second are of: five seconds
_MOST_LOST = 3  # times that a run is lent again although no checkpoint has arrived


class Run:
    """One run, which the scheduler makes, launches and ends. Safe to use from any thread."""

    def __init__(self, folder: RunFolder, load: Load, unseen_seconds: float) -> None:
        """As the folder has it, idle; what is damaged is said, and can be deleted."""
        self.folder, self._load, self._unseen_seconds = folder, load, unseen_seconds
        self.context = copy_context()  # of the visitor's last request that came with their quota
        self.thread: threading.Thread | None = None
        self._lock = threading.RLock()
        self._pace: Pace = "run"
        self._is_stopped = self._has_begun = self._is_fetching = False
        self._seen_at = self._paused_at = time.monotonic()
        self._watched_at = -_WATCHED_SECONDS
        self._recent: deque[tuple[float, int]] = deque(maxlen=_RECENT)
        self._saver = Saver(folder.checkpoint)
        self._drawing: Tensor | None = None
        self._model: nn.Module | None = None
        self._is_read = False  # the samples and the drawing, by the checkpoint
        self._checkpoint: Checkpoint | None = None  # the last to arrive; its history goes further
        self._known = 0, 0  # losses and evaluations up to the checkpoint
        about, run, damage = folder.open()
        self.state = RunState(
            run_id=folder.path.name,
            about=about,
            touched=folder.trained_at,
            status="failed" if damage else "stopped",
            sentence=damage,
            history=History(),
        )
        if run is not None:
            self._receive(run)
            if run.history.evaluations[about.config.epochs :]:
                self.update("finished")

    @property
    def is_unseen(self) -> bool:
        """Whether no page has looked at it for long, or it has been paused for as long."""
        paused_at = self._paused_at if self.state.status == "paused" else self._seen_at
        return time.monotonic() - min(self._seen_at, paused_at) > self._unseen_seconds

    def set(self, **changes: object) -> None:
        """Change what a page sees."""
        with self._lock:
            self.state = replace(self.state, **changes)  # type: ignore[arg-type]

    def update(self, status: Status, sentence: str = "", place: int = 0) -> None:
        """Set what it is doing."""
        with self._lock:
            self.set(status=status, sentence=sentence, place=place, images_per_second=None)
            self._has_begun &= self.state.active

    def describe(self, **changes: object) -> None:
        """Change what the run is, on the disk first. Raises CheckpointError."""
        with self._lock:  # a page may rename it while its thread notes the training set's size
            about = replace(self.state.about, **changes)  # type: ignore[arg-type]
            self.folder.write(about)
            self.set(about=about)

    def launch(self, lend: Lender, ended: Callable[[Status, str], None]) -> None:
        """Have it trained by what is lent, on a thread of its own, until `ended` is called with
        what is to be its status (one may be "paused") and its sentence."""
        self._is_stopped = False
        self._recent.clear()  # a pause is not training
        self.update("running" if self._has_begun else "starting")
        self.thread = threading.Thread(target=self._run, args=(lend, ended), daemon=True)
        self.thread.start()

    def settle(self, status: Status, sentence: str) -> bool:
        """At the end of its thread: idle or paused from now on, unless it is to go on by now."""
        with self._lock:
            if status == "paused" and self._is_stopped:
                status = "stopped"
            if status == "paused" and self._pace != "pause":
                return False
            self._paused_at = time.monotonic()
            self.update(status, sentence)
            return True

    def stop(self) -> None:
        """Save and stop after the current batch."""
        with self._lock:
            self._is_stopped = True
            self.update("stopping")

    def set_pace(self, pace: Pace) -> None:
        """Pause, take a step, or go on, from the next batch or launch on."""
        with self._lock:
            self._pace = pace

    def see(self) -> RunState:
        """What there is to see now, by a page that is open."""
        with self._lock:
            if self.state.status == "paused" and self.is_unseen:
                self.update("stopped", Message("The run was paused for long."))
            self._seen_at = time.monotonic()
            return self.state

    def look(self, drawing: Tensor | None) -> RunState:
        """`see` with the samples and the `drawing` u8 [28,28], or the last one, read."""
        with self._lock:
            self._watched_at = time.monotonic()
            if not (self.state.samples or self.state.active or self._is_fetching):
                self._is_fetching = True
                threading.Thread(target=self._fetch_samples, daemon=True).start()
            before = self._drawing
            if drawing is not None and (before is None or not torch.equal(drawing, before)):
                self._drawing, self._is_read = drawing, False
            if self._checkpoint is not None and not self._is_read:
                self._read(self._checkpoint)
            return self.see()

    def _read(self, run: Checkpoint) -> None:
        self._model = self._model or run.network()
        self._model.load_state_dict(run.model)
        if self.state.samples is not None:
            self.set(readings=classify(self._model, self.state.samples.images))
        if self._drawing is not None:
            self.set(reading=classify(self._model, self._drawing[None])[0])
        self.set(filters=next(weights for weights in run.model.values() if weights.ndim == 4))
        self._is_read = True

    def _fetch_samples(self) -> None:
        """MNIST's test digits for an idle run, and its cloud; as long as they are missing, none."""
        with suppress(MnistError):
            _, test = self._load("mnist")  # whatever it is trained on: others may have to be made
            cloud = LiveTest(test).cloud(self._checkpoint.network()) if self._checkpoint else None
            self.set(samples=samples_of(test), cloud=cloud)
        self._is_read = self._is_fetching = False

    def _run(self, lend: Lender, ended: Callable[[Status, str], None]) -> None:
        try:
            status, sentence = self._train(lend)
        except MnistError as error:
            status, sentence = "failed", error.message
        except Exception:
            logging.getLogger(__name__).exception("run %s", self.folder.path.name)
            status, sentence = "failed", FAULT
        ended(status, sentence)

    def _train(self, lend: Lender) -> tuple[Status, str]:
        if not self._has_begun:
            self._begin()
        lost = 0
        try:
            while not self._is_complete():
                if self._is_stopped:
                    return "stopped", ""
                if self.is_unseen:
                    return "stopped", Message("Nobody looked at the run for a while.")
                if self._pace == "pause":
                    return "paused", ""
                before = self._checkpoint
                try:
                    # Lent in the visitor's name, which is in their request's context.
                    self.context.copy().run(self._train_chunk, lend, self._pace)
                except LostError:
                    lost = lost + 1 if self._checkpoint is before else 1
                    if lost > _MOST_LOST:
                        raise
                    self._go_back()
                    self._start_again()
        except BusyError as error:  # what was lent is gone
            return "stopped", error.message
        finally:
            self._go_back()
            self._save()
        return "finished", ""

    def _start_again(self) -> None:
        with self._lock:
            self._recent.clear()
            if not self._is_stopped:
                self.update("starting")

    def _begin(self) -> None:
        """The run as it was saved, or before its first step, to be seen from now on."""
        config, run = self.state.config, self._checkpoint
        if run is None and self.folder.checkpoint.exists():
            run = Checkpoint.load(self.folder.checkpoint)  # damaged, which is said once more
        run = run or Trainer(config).checkpoint()
        run = replace(run, config=replace(run.config, epochs=config.epochs))
        seen, resumes = self._seen(run), run.history.resumes
        if seen and seen not in resumes:
            resumes.append(seen)
        self._receive(run)
        self._has_begun = True
        self._save()

    def _train_chunk(self, lend: Lender, pace: Pace) -> None:
        """Train as far as a chunk goes; after a step, pause."""
        assert self._checkpoint is not None
        history = self._checkpoint.history
        recent = History(history.steps[-1:], history.evaluations[-1:])
        chunk = Chunk(
            load=self._load,
            checkpoint=replace(self._checkpoint, history=recent),
            pace=pace,
            train_size=self.state.about.train_size,
        )
        progress: Progress | None = None
        with closing(lend(chunk, partial(self._control, pace))) as training:
            for progress in training:
                self._take(progress)
        with self._lock:
            if self._pace == pace != "run" and progress is not None and progress.samples is None:
                self._pace = "pause" if progress.ends_epoch == (pace == "epoch") else pace

    def _control(self, pace: Pace) -> Wish:
        if self._is_stopped or self._pace != pace or self.is_unseen:
            return "stop"
        is_watched = time.monotonic() - self._watched_at < _WATCHED_SECONDS
        return "checkpoint" if is_watched or self._saver.is_due else "continue"

    def _take(self, progress: Progress) -> None:
        """What a lender tells, shown from now on, and kept when that is due."""
        if self.state.about.train_size != progress.train_size:
            self.describe(train_size=progress.train_size)
        if progress.samples is not None:
            self.set(samples=progress.samples)
            self._is_read = False
            return
        for event in progress.events:
            self.state.history.add(event)
        if progress.live is not None:
            reading, cloud = progress.live
            self.set(cloud=cloud)
            if len(self.state.live) < MAX_LOGGED:
                self.state.live.append(reading)
        self._recent.append((time.monotonic(), progress.examples_seen))
        (start, before), (end, after) = self._recent[0], self._recent[-1]
        speed = (after - before) / (end - start) if end > start else None
        with self._lock:
            self.set(examples_seen=progress.examples_seen)
            if not self._is_stopped:
                self.set(status="running", images_per_second=speed)
        if progress.checkpoint is not None:
            run = replace(progress.checkpoint, history=self.state.history)
            self._receive(run)
            self._saver.keep(run, progress.examples_seen, progress.ends_epoch)

    def _receive(self, run: Checkpoint) -> None:
        with self._lock:
            self._checkpoint, self._is_read = run, False
            self._known = len(run.history.steps), len(run.history.evaluations)
            self.set(history=run.history, examples_seen=self._seen(run))

    def _go_back(self) -> None:
        """To the last checkpoint; what was told after it will happen again, to the last bit."""
        run, (steps, evaluations) = self._checkpoint, self._known
        if run is not None and self.state.examples_seen != self._seen(run):
            curve = run.history
            cut = History(curve.steps[:steps], curve.evaluations[:evaluations], curve.resumes)
            self._receive(replace(run, history=cut))
            seen = self.state.examples_seen
            self.set(live=[reading for reading in self.state.live if reading.examples_seen <= seen])

    def _save(self) -> None:
        if self._checkpoint is not None:
            self._saver.save(self._checkpoint)

    def _seen(self, run: Checkpoint) -> int:
        if size := self.state.about.train_size:
            return examples_seen(run.batches_done, run.config.batch_size, size)
        return run.history.examples_seen  # of an uploaded run that has not gone on yet

    def _is_complete(self) -> bool:
        run = self._checkpoint
        assert run is not None
        tested_at = [test.examples_seen for test in run.history.evaluations[-1:]]
        return 0 < self.state.total <= self._seen(run) and tested_at == [self._seen(run)]
