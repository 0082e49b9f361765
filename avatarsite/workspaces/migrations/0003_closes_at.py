from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0002_rights")]

    operations = [
        migrations.AddField(
            model_name="workspace",
            name="closes_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="can be had back until"),
        ),
        migrations.AddConstraint(
            model_name="workspace",
            constraint=models.CheckConstraint(
                condition=models.Q(("closes_at__isnull", True), ("suspended_at__isnull", False), _connector="OR"),
                name="workspace_closing_is_suspended",
            ),
        ),
    ]
