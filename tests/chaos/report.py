"""The report of a run: what was planned, what was done to the house, what came of it, and what should not be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import quantiles

from tests.chaos.books import Books
from tests.chaos.load import Load
from tests.chaos.weather import Log


@dataclass
class Report:
    load: Load
    log: Log
    books: Books
    seconds: float  # of asking

    @property
    def faults(self) -> list[str]:
        return list(self.books.faults(self.load))

    def lines(self) -> Iterator[str]:
        plan, faults = self.load.plan, self.faults
        yield f"seed {plan.seed}: {len(self.load.asked)} renders, {plan.faulty} of them faulty"
        yield f"load      {self.seconds:.0f} s of asking, all home {self.log.waited:.0f} s later"
        yield f"pace      {self.load.ended / (self.seconds + self.log.waited):.2f} renders a second"
        yield self._waits()
        yield f"customers {dict(sorted(self.load.met.items()))}"
        yield f"kills     {len(self.log.kills)}: {self._killed()}"
        yield from (f"outage    {outage}" for outage in self.log.outages)
        yield f"ageing    {sum(self.log.aged)} s in {len(self.log.aged)} steps, for leases and deadlines to pass"
        yield from self._ways()
        yield from self._books()
        yield f"FAULTS    {len(faults)}"
        yield from (f"          {fault}" for fault in faults[:50])

    def _waits(self) -> str:
        clean = [one for one in self.load.asked.values() if one.wish.way is None and one.ended_at is not None]
        seconds = [one.ended_at - one.pressed_at for one in clean if one.ended_at is not None]
        if len(seconds) < 2:
            return "waits     too few"
        tenths = quantiles(seconds, n=20, method="inclusive")
        return (
            f"waits     p50 {tenths[9]:.1f} s, p95 {tenths[18]:.1f} s, most {max(seconds):.0f} s"
            " from press to end, of those without a fault"
        )

    def _killed(self) -> str:
        hits = Counter((hit.partition(":")[0].rstrip("0123456789"), hit.partition(": ")[2]) for hit in self.log.kills)
        return ", ".join(f"{machine} {what} {times}" for (machine, what), times in sorted(hits.items()))

    def _ways(self) -> Iterator[str]:
        """A line for each way and provider: how many, and how they ended."""
        ended: dict[tuple[str, str], Counter[str]] = {}
        for render, asked in self.load.by_render.items():
            row = self.books.renders.get(render)
            name = asked.wish.way.name if asked.wish.way else "no fault"
            word = f"{row['state']} {row['failure_code']}".strip() if row else "lost"
            ended.setdefault((name, asked.wish.provider), Counter())[word] += 1
        for (name, provider), words in sorted(ended.items()):
            told = ", ".join(f"{times} {word}" for word, times in sorted(words.items()))
            yield f"  {name:42} {provider:8} {told}"

    def _books(self) -> Iterator[str]:
        rows, upstream = self.books.rows, self.books.upstream
        accepted = sum(job["outcome"] == "accepted" for job in rows["jobs"])
        used = {job["reference"] for job in rows["jobs"] if job["status"] == "done"}
        unused = [job for job in upstream if job["phase"] == "succeeded" and job["reference"] not in used]
        yield f"states    {dict(Counter(row['state'] for row in self.books.renders.values()))}"
        phases, lost = Counter(job["phase"] for job in upstream), sum(job["usd"] for job in unused)
        yield f"upstream  {len(upstream)} jobs, {accepted} accepted here, {dict(phases)}"
        yield f"our loss  {len(unused)} jobs made upstream of which nobody got a video, {lost:.2f} $"
        yield f"ledger    {rows['spent'] / 1e6:.4f} $ spent, {rows['held']} held, {len(rows['findings'])} findings"
        yield f"bucket    {len(self.books.films)} videos read and compared, {len(rows['files'])} findings"
        yield f"mail      {rows['mails']}"
        yield f"alerts    {rows['alerts']}"
