#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds every fuzz target with clang's libFuzzer, ASan and UBSan in build-fuzz/ and runs each
# for SECONDS (30), starting from its corpus:  tests/fuzz/run.sh [SECONDS [NAME...]]
# What it finds new stays in build-fuzz/corpus/NAME and is used again; a crash is kept as
# build-fuzz/crash-NAME-*: put it into tests/fuzz/corpus/NAME together with the fix.
set -u
cd "$(dirname "$0")/../.." || exit 1
root=$PWD
seconds=${1:-30}
[ $# -gt 0 ] && shift
build='build-fuzz'

clang=
for name in clang clang-19 clang-16 clang-15 clang-14; do
	if command -v "$name" >/dev/null; then
		clang=$name
		break
	fi
done
if [ -z "$clang" ]; then
	echo "fuzz: clang is missing" >&2
	exit 1
fi

CC=$clang scripts/build.sh "$build" fuzzers -Dfuzz=true --buildtype=debugoptimized \
	-Db_sanitize=address,undefined -Db_lundef=false \
	-Dc_args='-fsanitize=fuzzer-no-link -fno-sanitize-recover=undefined' || exit 1

passed=0
failed=0
for source in tests/fuzz/fuzz_*.c; do
	name=${source##*/fuzz_}
	name=${name%.c}
	if [ $# -gt 0 ]; then
		case " $* " in *" $name "*) ;; *) continue ;; esac
	fi
	program=$root/$build/tests/fuzz/fuzz_$name
	if [ ! -x "$program" ]; then
		echo "not ok fuzz $name: it is not in tests/fuzz/meson.build"
		failed=$((failed + 1))
		continue
	fi
	mkdir -p "$build/corpus/$name"
	log=$build/fuzz-$name.log
	dictionary=()
	[ -f "tests/fuzz/$name.dict" ] && dictionary=("-dict=$root/tests/fuzz/$name.dict")
	if UBSAN_OPTIONS=print_stacktrace=1 "$program" -max_total_time="$seconds" -timeout=10 \
		-rss_limit_mb=1024 -max_len=65536 -artifact_prefix="$build/crash-$name-" \
		"${dictionary[@]}" "$build/corpus/$name" "tests/fuzz/corpus/$name" >"$log" 2>&1; then
		echo "ok fuzz $name: $(grep -E '^Done' "$log")"
		passed=$((passed + 1))
	else
		tail -n 40 "$log"
		echo "not ok fuzz $name (log: $log)"
		failed=$((failed + 1))
	fi
done
echo "fuzz: $passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
