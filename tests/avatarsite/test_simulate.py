"""What ``make simulate`` leaves for other shells."""

from __future__ import annotations

import subprocess
from pathlib import Path

from avatarsite.management.commands.simulate import write_for_shells


def test_another_shell_reads_in_the_stand_ins_site_and_nothing_of_a_real_one(tmp_path: Path) -> None:
    path = tmp_path / "var" / "environment"
    write_for_shells(path, {"RUNWARE_API_KEY": "a 'key'", "VAR_DIR": "/a place", "STRIPE_SECRET_KEY": "sk_test"})
    script = f'. {path}; printf "%s|" "$RUNWARE_API_KEY" "$VAR_DIR" "$STRIPE_SECRET_KEY" "${{DATABASE_URL-none}}"'
    shell = subprocess.run(
        ["/bin/sh", "-c", script], env={"DATABASE_URL": "postgres://real"}, capture_output=True, text=True, check=True
    )
    assert shell.stdout == "a 'key'|/a place|sk_test|none|"
