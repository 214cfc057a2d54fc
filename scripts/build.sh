#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Sets up a build folder when there is none that fits, and builds:
#   scripts/build.sh FOLDER TARGET MESON_OPTION...      (TARGET "all": everything)
# Run in the project's folder.
set -u
folder=$1
target=$2
shift 2

# What the folder was set up for. A project that was moved, or other options, need a new one;
# changes of meson.build files ninja sees by itself.
wanted="$PWD
$* ${CC-}
$(meson --version 2>/dev/null)"

if [ -e "$folder" ] && [ -n "$(find "$folder" ! -type l ! -writable -print -quit)" ]; then
	echo "build: $PWD/$folder, or a file in it, belongs to somebody else (made as root?): remove it, or run as its owner" >&2
	exit 1
fi

# One build at a time: another run.sh, or the rest of one that was killed. The lock is the project's
# folder itself, kept by ninja to its end.
if command -v flock >/dev/null 2>&1 && exec 9<. && ! flock -n 9; then
	echo "build: another build is running in $PWD: waiting for its end" >&2
	flock 9
fi

if [ ! -f "$folder/build.ninja" ] || [ "$(cat "$folder/set-up-for" 2>/dev/null)" != "$wanted" ]; then
	rm -rf "$folder"
	mkdir -p "$folder" || exit 1
	if ! meson setup "$folder" "$@" >"$folder/setup.txt" 2>&1; then
		cat "$folder/setup.txt" >&2
		rm -f "$folder/build.ninja"
		exit 1
	fi
	printf '%s\n' "$wanted" >"$folder/set-up-for"
fi
[ "$target" = all ] && exec ninja -C "$folder"
exec ninja -C "$folder" "$target"
