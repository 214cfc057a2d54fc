# SPDX-License-Identifier: Apache-2.0
"""What the other files try with SQLite, with PostgreSQL and MariaDB: what depends on rows."""
import pytest

from conftest import make_lab
from test_admin import test_pause_and_drain, test_recent_prompts  # noqa: F401
from test_crash import (  # noqa: F401
    test_killed_again_and_again,
    test_many_jobs_at_once,
    test_post,
    test_sigterm_leaves_the_rest_in_its_rows,
    test_submit,
)
from test_session_end import test_called_off_after_a_restart  # noqa: F401


@pytest.fixture
def lab(tmp_path, request, database):
    yield from make_lab(tmp_path, request, database)
