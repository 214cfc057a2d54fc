#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds every fuzz target with clang's libFuzzer, ASan, UBSan and leak detection in build-fuzz/ and
# runs each, starting from its corpus:
#   tests/fuzz/run.sh [SECONDS [NAME...]]             each for so long (30)
#   tests/fuzz/run.sh --executions SHARES [NAME...]   each until it has so many times its share in
#                                                     tests/fuzz/shares (1: 100 million in all); goes on
#                                                     where it was stopped
#   tests/fuzz/run.sh --table                         what was executed so far, of either kind;
#                                                     build-fuzz/executions keeps the count
# An input that takes more than a second, an allocation above the target's ceiling in that file, a leak
# and whatever the sanitizers or must() see are findings. What it finds new stays in
# build-fuzz/corpus/NAME and is used again; a finding is kept as build-fuzz/crash-NAME-*: put it
# into tests/fuzz/corpus/NAME together with the fix. FUZZ_BUILT=1: what is built already is taken.
set -u
cd "$(dirname "$0")/../.." || exit 1
root=$PWD
build='build-fuzz'
kept=$PWD/$build/corpus # whole paths: a target may go elsewhere
counts=$build/executions
seconds=30
shares=
rounds=1

# Executions in thousands, longest input in bytes, ceiling of an allocation in MB, dictionary.
share_of() {
	awk -v name="$1" '$1 == name { print $2, $3, $4, $5 ? $5 : $1 }' tests/fuzz/shares
}

# The executions that are to do in this round, of what the rounds up to it have to have done together.
to_do() {
	awk -v name="$1" -v n="$2" -v s="$shares" -v r="$round" -v of="$rounds" '
		$1 == name { done += $2 }
		END { n = n * 1000 * s * r / of - done; printf "%d", (n > 0) ? n : 0 }' "$counts"
}

# A line a target: executions, how many a second, edges covered (of all that are in the program), inputs
# that are kept because of them, findings.
table() {
	local name line all=0 found
	printf '%-14s %12s %8s %15s %7s %9s\n' target executions per_s edges inputs findings
	for name in $(awk '/^[a-z]/ { print $1 }' tests/fuzz/shares); do
		found=$(find "$build" -maxdepth 1 -name "crash-$name-*" 2>/dev/null | wc -l)
		line=$(awk -v name="$name" '$1 == name { runs += $2; s += $3; if ($4 > cov) cov = $4; all = $5 }
			END { printf "%d %d %d/%d", runs, s ? runs / s : 0, cov, all }' "$counts" 2>/dev/null)
		# shellcheck disable=SC2086 # three words
		printf '%-14s %12s %8s %15s %7s %9s\n' "$name" ${line:-0 0 0/0} \
			"$(find "$kept/$name" -type f 2>/dev/null | wc -l)" "$found"
	done
	all=$(awk '{ runs += $2 } END { printf "%d", runs }' "$counts" 2>/dev/null)
	printf '%-14s %12s\n' all "${all:-0}"
}

case ${1-} in
--table)
	table
	exit
	;;
--executions)
	shares=${2:?--executions needs a number}
	rounds=10
	shift 2
	;;
*)
	seconds=${1:-30}
	[ $# -gt 0 ] && shift
	;;
esac

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

if [ -z "${FUZZ_BUILT-}" ]; then
	CC=$clang scripts/build.sh "$build" fuzzers -Dfuzz=true --buildtype=debugoptimized \
		-Db_sanitize=address,undefined -Db_lundef=false \
		-Dc_args='-fsanitize=fuzzer-no-link -fno-sanitize-recover=undefined' || exit 1
fi
# So that a build meanwhile does not take away what runs.
mkdir -p "$build/running"
touch "$counts"
for source in tests/fuzz/fuzz_*.c; do
	name=$(basename "$source" .c)
	cp --update --preserve=timestamps "$build/tests/fuzz/$name" "$build/running/" 2>/dev/null
done
export UBSAN_OPTIONS=print_stacktrace=1
# Nobody reads where most blocks came from; a small quarantine stays in the processor's caches.
export ASAN_OPTIONS=malloc_context_size=3:quarantine_size_mb=8:detect_leaks=1

# Whether an input that was given up after a second takes that long by itself, or only waited for a
# processor. What only waited is no finding.
takes_long() {
	local input
	input=$(find "$build" -maxdepth 1 -name "crash-$1-timeout-*" -newer "$2" | head -n 1)
	[ -n "$input" ] || return 0
	(
		ulimit -t 1
		exec "$build/running/fuzz_$1" -timeout=100 "$input" >/dev/null 2>&1
	) || return 0
	rm "$input"
	return 1
}

# run NAME: once, for $seconds or its share; notes what was executed.
run() {
	local name=$1 log=$build/fuzz-$1.log status dictionary=() much thousands max_len max_mb words
	local first=$SECONDS
	read -r thousands max_len max_mb words <<<"$(share_of "$name")"
	[ -f "tests/fuzz/$words.dict" ] && dictionary=("-dict=$root/tests/fuzz/$words.dict")
	mkdir -p "$kept/$name"
	rm -f "$log"
	while true; do
		if [ -n "$shares" ]; then
			much=-runs=$(to_do "$name" "$thousands")
		else
			much=-max_total_time=$((seconds - SECONDS + first))
		fi
		case $much in *=0 | *=-*) # it has them
			return 0 ;;
		esac
		started=$(date +%s)
		touch "$build/started-$name"
		# Without the schedule by entropy, whose bookkeeping takes a third of the time where inputs
		# have thousands of features, as those of core and shell.
		"$root/$build/running/fuzz_$name" "$much" -entropic=0 -timeout=1 -rss_limit_mb=1024 \
			-malloc_limit_mb="$max_mb" -max_len="$max_len" \
			-artifact_prefix="$root/$build/crash-$name-" -print_final_stats=1 \
			"${dictionary[@]}" "$kept/$name" "$root/tests/fuzz/corpus/$name" >"$log" 2>&1
		status=$?
		# The last line of its course has the edges, the statistics the executions, also of one that failed.
		awk -v name="$name" -v start="$started" -v now="$(date +%s)" '
			/INFO: Loaded 1 modules/ { sub(/^.*\(/, ""); all = $1 }
			/ cov: / { sub(/^.* cov: /, ""); cov = $1 }
			/^stat::number_of_executed_units/ { runs = $2 }
			END { if (runs) print name, runs, now - start, cov + 0, all + 0 }' "$log" >>"$counts"
		[ "$status" -eq 70 ] && ! takes_long "$name" "$build/started-$name" || return "$status"
	done
}

passed=0
failed=0
gone=' '
for round in $(seq "$rounds"); do
	for source in tests/fuzz/fuzz_*.c; do
		name=${source##*/fuzz_}
		name=${name%.c}
		if [ $# -gt 0 ]; then
			case " $* " in *" $name "*) ;; *) continue ;; esac
		fi
		case $gone in *" $name "*) continue ;; esac
		if [ ! -x "$build/running/fuzz_$name" ] || [ -z "$(share_of "$name")" ]; then
			echo "not ok fuzz $name: it is not in tests/fuzz/meson.build, or not in tests/fuzz/shares"
			failed=$((failed + 1))
			gone="$gone$name "
			continue
		fi
		if run "$name"; then
			echo "ok fuzz $name: $(grep -E '^Done' "$build/fuzz-$name.log" 2>/dev/null)"
			[ "$round" -eq 1 ] && passed=$((passed + 1))
		else
			tail -n 40 "$build/fuzz-$name.log"
			cp "$build/fuzz-$name.log" "$build/finding-$name.log"
			echo "not ok fuzz $name (log: $build/finding-$name.log)"
			[ "$round" -gt 1 ] && passed=$((passed - 1))
			failed=$((failed + 1))
			gone="$gone$name " # nothing new behind the same finding
		fi
	done
done
[ -z "$shares" ] || table
echo "fuzz: $passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
