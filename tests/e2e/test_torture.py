# SPDX-License-Identifier: Apache-2.0
"""A short piece of tests/torture: the long one is a command of its own (docs/TESTING.md)."""
import os
import random
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "torture"))

import kills  # noqa: E402


@pytest.mark.parametrize("trouble", ["kill", "comfy-kill", "discord-pause", "files"])
def test_again_and_again(tmp_path, trouble):
    print(kills.torture(str(tmp_path), "sqlite", random.Random(f"short {trouble}"), trouble, 10))


@pytest.mark.parametrize("kind, trouble", [("postgres", "database-kill"), ("mysql", "database-pause")])
def test_database_in_trouble(tmp_path, kind, trouble):
    print(kills.torture(str(tmp_path), kind, random.Random(f"short {kind}"), trouble, 4))


@pytest.mark.skipif(os.getuid() != 0, reason="only root may mount")
def test_full_disk_again_and_again(tmp_path):
    print(kills.torture(str(tmp_path), "sqlite", random.Random("short disk"), "disk", 4))
