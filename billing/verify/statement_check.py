"""Check of one wallet's statement, recomputed from its first line, to see that nothing was changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from avatarsite.workspaces.models import Workspace
from billing.ledger.accounts import wallet_code
from billing.ledger.hash_chain import Line
from billing.models import LedgerAccount, Transfer
from billing.money import usd
from billing.verify.verification import Finding, Walk

MAX_SHOWN = 5
BATCH = 5_000


@dataclass(frozen=True, slots=True)
class CheckedStatement:
    """``lines`` were recomputed; they make ``sum_micros``, and the wallet says ``posted_micros``."""

    lines: int
    sum_micros: int
    posted_micros: int
    hash: str
    findings: tuple[Finding, ...]

    @property
    def good(self) -> bool:
        return not self.findings

    @property
    def sentence(self) -> str:
        if not self.good:
            return "This statement does not hold together. Write to support and quote what stands below."
        if not self.lines:
            return "There is no line yet, and the balance is $0.00: nothing to add up."
        lines = "The one line was" if self.lines == 1 else f"All {self.lines:,} lines were"
        return (
            f"{lines} recomputed: numbered without a gap, each balance follows from the one before, each hash fits its "
            f"line and the one before it. Together they make {usd(self.sum_micros)}, which is what your balance says."
        )


def check_statement(workspace: Workspace) -> CheckedStatement:
    """Walk the chain from line 1 to the newest and compare its end with the wallet. Reads only."""
    wallet = LedgerAccount.objects.filter(code=wallet_code(workspace)).first()
    if wallet is None:
        return CheckedStatement(0, 0, 0, "", ())
    walk, total, findings = Walk(wallet.pk, "Your statement"), 0, list[Finding]()
    for line, stored in _lines(wallet):
        findings += walk.step(stored, line)
        total += line.amount_micros if line.credit_id == wallet.pk else -line.amount_micros
    if walk.seq != wallet.seq:
        message = f"Your wallet counts {wallet.seq:,} lines, and the last one there is number {walk.seq:,}."
        findings.append(Finding("chain_end", message))
    if total != wallet.posted:
        message = f"The lines make {usd(total)}, and your wallet says {usd(wallet.posted)}."
        findings.append(Finding("posted_differs", message))
    return CheckedStatement(walk.seq, total, wallet.posted, walk.hash, tuple(findings))


def _lines(wallet: LedgerAccount) -> Iterator[tuple[Line, str]]:
    """Up to the line that was the newest when the wallet was read; what comes after belongs to the next check."""
    known = Transfer.objects.filter(owner_id=wallet.pk, owner_seq__lte=wallet.seq).order_by("owner_seq", "id")
    for stored, *values in known.values_list("owner_hash", *Line._fields).iterator(chunk_size=BATCH):
        yield Line(*values), stored
