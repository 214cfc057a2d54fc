#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, builds fullet and starts it: the bot when DISCORD_TOKEN is set (in
# .env or the environment), else the sandbox at http://127.0.0.1:8787.
#   ./run.sh [OPTION...]            fullet run
#   ./run.sh COMMAND [OPTION...]    fullet COMMAND: check, sandbox, sync, ... (--help tells)
set -u
cd "$(dirname "$(readlink -f "$0")")" || exit 1

scripts/packages.sh build || exit 1
# fullet's own output begins on stdout: what the build says goes to stderr.
scripts/build.sh build program --buildtype=release >&2 || exit 1

case ${1-} in
'' | -*) exec build/src/fullet run "$@" ;;
*) exec build/src/fullet "$@" ;;
esac
