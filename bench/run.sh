#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds fullet in release mode, as ./run.sh does, and measures it: see bench/README.md.
#   bench/run.sh [--quick] [OPTION...]       (--help: all options)
set -u
cd "$(dirname "$(readlink -f "$0")")/.." || exit 1

scripts/packages.sh build || exit 1
scripts/build.sh build program --buildtype=release >&2 || exit 1

exec /usr/bin/python3 -B bench/bench.py "$@"
