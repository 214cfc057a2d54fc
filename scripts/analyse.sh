#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Looks for mistakes without running the program, and at what the release build has:
#   scripts/analyse.sh [CHECK...]     release clang traces tidy cppcheck
# Warnings are errors. The last line is "analyse: N passed, N failed".
#   release    gcc as `./run.sh` builds, then tests/release.py on what came out (build-release/)
#   clang      the same sources with clang (build-clang/)
#   traces     seeds of the simulator have the same traces in these two builds
#   tidy       clang-tidy with .clang-tidy; its path-sensitive analyzer in the rooms below
#   cppcheck   with scripts/cppcheck-suppressions.txt
set -u
cd "$(dirname "$(readlink -f "$0")")/.." || exit 1
[ $# -gt 0 ] || set -- release clang traces tidy cppcheck
jobs=$(nproc)
passed=0
failed=0

# Where strangers' pictures and all text pass. In the others there are lists and tables of uthash, whose
# macros it takes for use after free, at 15 s a file.
analysed='base image cleaner'
analyzer='-*,clang-analyzer-*,-clang-analyzer-optin.performance.Padding'
analyzer+=',-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling'

newest() {
	local name
	for name in "$1" "$1-19" "$1-16" "$1-15" "$1-14"; do
		command -v "$name" && return
	done
	echo "analyse: $1 is missing: scripts/packages.sh analyse" >&2
	return 1
}

build_release() {
	scripts/build.sh build-release "$1" --buildtype=release -Dwerror=true
}

# Not optimised: what a program without a defined meaning does then differs most from the above.
build_clang() {
	local clang
	clang=$(newest clang) &&
		CC=$clang scripts/build.sh build-clang "$1" --buildtype=debug -Doptimization=0 -Dwerror=true
}

check_release() {
	build_release program && tests/release.py build-release
}

check_clang() {
	build_clang program
}

# "seed N: trace HASH" for each.
traces() {
	# shellcheck disable=SC2046 # numbers
	"$1/tests/sim/fullet-sim" $(seq 1 100) >"$1/traces.log" || {
		grep -A 1 ' failed at ' "$1/traces.log"
		return 1
	}
	grep ' trace ' "$1/traces.log" >"$1/traces.txt"
}

check_traces() {
	build_release tests/sim/fullet-sim && build_clang tests/sim/fullet-sim &&
		traces build-release && traces build-clang &&
		diff -u --label 'gcc, release' --label 'clang, not optimised' build-release/traces.txt build-clang/traces.txt
}

# clang-tidy tells what it looked at on stderr, and what it found on stdout.
tidy() {
	xargs -P "$jobs" -n 4 "$program" -quiet -p build-clang "$@" 2>/dev/null | sort -u
	[ "${PIPESTATUS[0]}" -eq 0 ]
}

check_tidy() {
	local program status=0
	program=$(newest clang-tidy) || return 1
	[ -f build-clang/compile_commands.json ] || check_clang || return 1
	printf '%s\n' src/*.c src/*/*.c | tidy || status=1
	# shellcheck disable=SC2086 # words
	printf 'src/%s\n' $analysed | xargs -I {} find {} -name '*.c' | tidy -checks="$analyzer" || status=1
	return $status
}

check_cppcheck() {
	command -v cppcheck >/dev/null || {
		echo "analyse: cppcheck is missing: scripts/packages.sh analyse" >&2
		return 1
	}
	cppcheck -j "$jobs" --quiet --error-exitcode=1 --enable=warning,portability --std=c11 \
		--library=posix --library=scripts/cppcheck.cfg --max-configs=1 -D__GNUC__ -I src \
		--include=/usr/include/utlist.h --include=/usr/include/uthash.h --suppressions-list=scripts/cppcheck-suppressions.txt src
}

for check; do
	case $check in
	release | clang | traces | tidy | cppcheck) ;;
	*)
		echo "analyse: there is no check $check" >&2
		exit 2
		;;
	esac
	if "check_$check"; then
		echo "ok $check"
		passed=$((passed + 1))
	else
		echo "not ok $check"
		failed=$((failed + 1))
	fi
done
echo "analyse: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
