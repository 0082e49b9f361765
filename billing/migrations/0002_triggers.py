from __future__ import annotations

from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from avatarsite.db import append_only
from billing.models.ledger import APPEND_ONLY


def install(apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
    append_only.install(schema_editor.connection, APPEND_ONLY)


def remove(apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
    append_only.remove(schema_editor.connection, APPEND_ONLY)


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial")]
    operations = [migrations.RunPython(install, remove)]
