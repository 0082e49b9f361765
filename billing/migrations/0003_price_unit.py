from __future__ import annotations

from django.db import migrations, models

from avatarsite.db import append_only
from billing.models.ledger import APPEND_ONLY


class Migration(migrations.Migration):
    dependencies = [("billing", "0002_triggers")]
    operations = [
        migrations.AddField(
            model_name="price",
            name="unit",
            field=models.CharField(
                choices=[("second", "Second of output"), ("generation", "Generation")], default="second", max_length=10
            ),
        ),
        append_only.operation(APPEND_ONLY),
    ]
