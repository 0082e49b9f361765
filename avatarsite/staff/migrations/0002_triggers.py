from __future__ import annotations

from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from avatarsite.staff.models import APPEND_ONLY
from avatarsite.db import append_only


def install(apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
    append_only.install(schema_editor.connection, APPEND_ONLY)


def remove(apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
    append_only.remove(schema_editor.connection, APPEND_ONLY)


class Migration(migrations.Migration):
    dependencies = [("staff", "0001_initial")]
    operations = [migrations.RunPython(install, remove)]
