"""What is looked at every night, and told to whoever runs the service."""

from __future__ import annotations

from itertools import groupby

from avatarsite.alerts import close_alert, raise_alert
from avatarsite.models import Alert
from billing.ledger import posting

KIND = "ledger"
SHOWN = 20


def verify_ledger() -> int:
    """Verify, and raise an alert for each rule that is broken; close those that are whole again. How many findings."""
    findings = sorted(posting.verify(), key=lambda finding: finding.code)
    broken = set()
    for code, group in groupby(findings, key=lambda finding: finding.code):
        sentences = [finding.sentence for finding in group]
        more = f" There are {len(sentences) - 1} more of this kind." if len(sentences) > 1 else ""
        raise_alert(KIND, code, sentences[0] + more, findings=len(sentences), sentences=sentences[:SHOWN])
        broken.add(code)
    for code in Alert.objects.filter(kind=KIND, closed_at=None).exclude(key__in=broken).values_list("key", flat=True):
        close_alert(KIND, code)
    return len(findings)
