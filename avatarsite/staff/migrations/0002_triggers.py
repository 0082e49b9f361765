from __future__ import annotations

from django.db import migrations

from avatarsite.db import append_only
from avatarsite.staff.models import APPEND_ONLY


class Migration(migrations.Migration):
    dependencies = [("staff", "0001_initial")]
    operations = [append_only.operation(APPEND_ONLY)]
