from __future__ import annotations

from django.db import migrations

from avatarsite.db import append_only
from billing.models.ledger import APPEND_ONLY


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial")]
    operations = [append_only.operation(APPEND_ONLY)]
