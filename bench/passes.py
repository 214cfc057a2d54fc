#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Pictures a minute of one card with and without members sharing passes: the same wishes of different members
for a workflow with a batch encoder, against the sandbox's ComfyUI, which costs time as real ones do.

    FULLET_BIN=build/src/fullet bench/passes.py [--jobs 16] [--step-ms 3200]
"""
import argparse
import os
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(HERE, "..", "tests", "e2e"))

import harness  # noqa: E402
import test_passes  # noqa: E402


def measure(batch, jobs, step_ms):
    """(pictures a minute, prompts), from the begin of the first run to the end of the last."""
    with tempfile.TemporaryDirectory() as folder:
        lab = harness.Lab(folder)
        try:
            sandbox, bot, boss, _ = test_passes.start(lab, step_ms=step_ms, MAX_BATCH_SIZE=batch)
            test_passes.wish(sandbox, *(sandbox.member(f"member{i}") for i in range(jobs)))
            test_passes.go_on(sandbox, boss)
            sandbox.wait(lambda s: len(s.pictures()) == jobs, "all pictures", timeout=600)
            runs = sandbox.state().prompts("success")
        finally:
            lab.clean_up()
    took_ms = max(r["finished_ms"] for r in runs) - min(r["started_ms"] for r in runs)
    return 60000 * jobs / took_ms, len(runs)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--jobs", type=int, default=16)
    parser.add_argument("--step-ms", type=int, default=3200, help="for 1 megapixel; these have a 16th")
    wanted = parser.parse_args()
    alone = None
    print(f"{'MAX_BATCH_SIZE':>14} {'passes':>7} {'pictures a minute':>18} {'ratio':>6}")
    for batch in (1, 2, 4):
        rate, runs = measure(batch, wanted.jobs, wanted.step_ms)
        alone = alone or rate
        print(f"{batch:14} {runs:7} {rate:18.1f} {rate / alone:6.2f}", flush=True)


if __name__ == "__main__":
    main()
