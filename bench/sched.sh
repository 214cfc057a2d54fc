#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a scheduling decision costs with 100,000 jobs and 1,000 cards, in release mode: see README.md.
set -u
cd "$(dirname "$(readlink -f "$0")")/.." || exit 1

scripts/packages.sh build || exit 1
scripts/build.sh build bench/bench-sched --buildtype=release >&2 || exit 1

exec build/bench/bench-sched
