# SPDX-License-Identifier: Apache-2.0
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

import harness  # noqa: E402


def pytest_configure(config):
    if not os.access(harness.FULLET, os.X_OK):
        pytest.exit(f"there is no program {harness.FULLET}: build it, or set FULLET_BIN", 2)


@pytest.fixture
def lab(tmp_path, request):
    lab = harness.Lab(tmp_path)
    request.node.lab = lab
    yield lab
    try:
        failed = getattr(request.node, "failed_call", False)
        if not failed:
            lab.finish()
    except BaseException:
        request.node.lab_report = lab.report()
        raise
    finally:
        lab.clean_up()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if not report.failed:
        return
    if report.when == "call":
        item.failed_call = True
    lab = getattr(item, "lab", None)
    if lab:
        report.sections.append(
            ("what happened", getattr(item, "lab_report", None) or lab.report())
        )
    report.sections.append(("to repeat it", harness.repeat_command(item.nodeid)))
