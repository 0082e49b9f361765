"""A render's stages as progress bars in a terminal; plain lines where there is none."""

from __future__ import annotations

import re
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from studio.models import ProviderJob, Render
from studio.pipeline.progress import DONE, FAILED, NOW, Stage, stages

DIGITS = re.compile(r"\d+")


class StageBars:
    """Pass an instance to ``drive`` as ``on_look``; use as a context manager."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.progress = Progress(
            TextColumn("{task.description:<26}"),
            BarColumn(bar_width=32),
            TextColumn("{task.fields[word]:<12}"),
            TimeElapsedColumn(),
            console=console,
        )
        self.bars: dict[str, TaskID] = {}
        self.shown: dict[str, str] = {}
        self.noted: dict[str, str] = {}

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.console.is_terminal:
            self.progress.stop()

    def __call__(self, render: Render, _job: ProviderJob | None) -> None:
        for stage in stages(render):
            if self.console.is_terminal:
                self._bar(stage)
            elif stage.state != "waiting" and self.shown.get(stage.name) != stage.state:
                self.shown[stage.name] = stage.state
                self.console.print(f"  {stage.label:<26} {_word(stage)}")
            self._note(stage)

    def _note(self, stage: Stage) -> None:
        """What there is to say of it, once; that minutes go by is no news."""
        said = DIGITS.sub("", stage.note)
        if said and self.noted.get(stage.name) != said:
            self.noted[stage.name] = said
            self.console.print(f"  {stage.note}", style="dim", highlight=False, soft_wrap=True)

    def _bar(self, stage: Stage) -> None:
        if stage.name not in self.bars:
            self.bars[stage.name] = self.progress.add_task(stage.label, total=None, start=False, word="")
        bar = self.bars[stage.name]
        if stage.state == NOW:
            self.progress.start_task(bar)
            total = 100 if stage.percent is not None else None
            self.progress.update(bar, total=total, completed=stage.percent or 0, word=_word(stage))
        elif stage.state in (DONE, FAILED):
            self.progress.update(bar, total=100, completed=100 if stage.state == DONE else 0, word=_word(stage))
            self.progress.stop_task(bar)


def _word(stage: Stage) -> str:
    if stage.state == NOW:
        return f"{stage.percent} %" if stage.percent is not None else "…"
    if stage.state == FAILED:
        return "failed"
    return f"{stage.seconds:.1f} s" if stage.seconds else "done"
