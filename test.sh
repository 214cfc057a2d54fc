#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, builds with the address and undefined-behaviour sanitizers in
# build-test/ and runs the tests; the last line is "N passed, N failed".
#   ./test.sh                  everything but the fuzzers
#   ./test.sh --fuzz           everything, and each fuzzer for 30 s
#   KILLS=300 ./test.sh --torture   all of the torture, for an hour or more (docs/TESTING.md)
#   ./test.sh --unit --sim     only some parts: --unit (structure, unit tests, fuzz corpus), --analyse
#                              (scripts/analyse.sh: the release build, clang, traces, clang-tidy, cppcheck),
#                              --threads (what has threads, with the thread sanitizer), --databases
#                              (the tests of the store on PostgreSQL and MariaDB), --sim, --e2e,
#                              --torture (tests/torture, on the release build), --browser, --only-fuzz,
#                              --coverage (branches that the tests take; not among everything),
#                              --mutants (faults that the simulator has to find; not among everything)
#   ./test.sh --soak HOURS     the simulator with fresh seeds, for so long
# SEEDS=N sets the number of the simulator's seeds (20000).
# SEED_FROM=N is where chance begins in the simulator and in the torture (else: the commit's hash).
set -u
cd "$(dirname "$(readlink -f "$0")")" || exit 1
# Without stdin the tests' first socket would get its number, which libuv does not expect.
[ -e /dev/fd/0 ] || exec </dev/null
[ -d "${TMPDIR:-/tmp}" ] || unset TMPDIR
build='build-test'
passed=0
failed=0

parts=
fuzz=
soak=
while [ $# -gt 0 ]; do
	arg=$1
	shift
	case $arg in
	--unit | --analyse | --threads | --databases | --sim | --e2e | --torture | --browser | --coverage | --mutants)
		parts="$parts ${arg#--}"
		;;
	--soak)
		soak=${1-}
		case ${soak:-x} in
		*[!0-9]*)
			echo "test.sh: --soak wants a number of hours" >&2
			exit 2
			;;
		esac
		shift
		parts="$parts soak"
		;;
	--fuzz) fuzz=yes ;;
	--only-fuzz) fuzz=yes parts="$parts none" ;;
	-h | --help)
		sed -n '3,18s/^# \{0,1\}//p' "$0"
		exit 0
		;;
	*)
		echo "test.sh: unknown option $arg (see --help)" >&2
		exit 2
		;;
	esac
done
[ -n "$parts" ] || parts='unit analyse threads databases sim e2e torture browser'

part() {
	case " $parts " in *" $1 "*) return 0 ;; esac
	return 1
}

heading() {
	printf '\n== %s\n' "$1"
}

# Adds "PASSED FAILED"; anything else is one failure: the part has not told how it went.
count() {
	local name=$1 p=${2-} f=${3-}
	case ${p:-x}${f:-x} in
	*[!0-9]*) p=0 f=1 ;;
	esac
	[ $((p + f)) -gt 0 ] || f=1
	passed=$((passed + p))
	failed=$((failed + f))
	printf -- '-- %s: %d passed, %d failed\n' "$name" "$p" "$f"
}

finish() {
	printf '\n%d passed, %d failed\n' "$passed" "$failed"
	[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
	exit
}

# A status that is not 0 although nothing failed is a failure too.
count_with_status() {
	local name=$1 status=$2 p=${3-} f=${4-}
	[ "$status" -ne 0 ] && [ "${f:-0}" = 0 ] && f=1
	count "$name" "${p:-0}" "${f:-0}"
}

# The last "N passed, N failed" of a file as "N N".
last_line_counts() {
	sed -n 's/^\(.*[^0-9]\)\{0,1\}\([0-9][0-9]*\) passed, \([0-9][0-9]*\) failed.*$/\2 \3/p' "$1" |
		tail -n 1
}

run_structure() {
	heading structure
	local status
	/usr/bin/python3 tests/structure/check.py >"$build/structure.log" 2>&1
	status=$?
	cat "$build/structure.log"
	# shellcheck disable=SC2046 # two numbers
	count_with_status structure "$status" $(last_line_counts "$build/structure.log")
}

# Suites of meson: unit tests in C, and the fuzz targets over their kept inputs.
run_meson() {
	heading "$1"
	local status log=$build/meson-logs/testlog-$1
	if ! meson test -C "$build" --no-rebuild --list --suite "$1" >"$build/list.log" 2>&1 ||
		! grep -q "/" "$build/list.log"; then
		echo "there are no tests in the suite $1"
		count "$1" 0 1
		return
	fi
	meson test -C "$build" --no-rebuild --print-errorlogs --suite "$1" --logbase "testlog-$1"
	status=$?
	# shellcheck disable=SC2046
	count_with_status "$1" "$status" $(/usr/bin/python3 tests/count.py meson "$log.json")
}

# The tests of the store once more, on real servers.
run_databases() {
	heading 'databases'
	local name log=$PWD/$build/meson-logs/testlog-store
	rm -f "$log"-*.json
	timeout --foreground 1200 tests/databases.py each meson test -C "$build" --no-rebuild --print-errorlogs \
		--suite store --num-processes 1 --timeout-multiplier 5 --logbase 'testlog-store-{}'
	for name in postgres mysql; do
		# shellcheck disable=SC2046
		count "store on $name" $(/usr/bin/python3 tests/count.py meson "$log-$name.json")
	done
}

# Seeds from one on, shared among the processors: PROGRAM SEEDS FROM NAME.
simulate() {
	local program=$1 seeds=$2 from=$3 name=$4 n i share status=0 pids=
	n=$(nproc)
	[ "$n" -le "$seeds" ] || n=$seeds
	# What runs in the background does not hear Ctrl-C by itself.
	trap 'kill $pids 2>/dev/null; exit 130' INT TERM
	for i in $(seq 1 "$n"); do
		share=$(((seeds * i) / n - (seeds * (i - 1)) / n))
		timeout 3600 "$program" --seeds "$share" --from "$from" >"$build/sim.$i.log" 2>&1 &
		pids="$pids $!"
		from=$((from + share))
	done
	for i in $pids; do
		wait "$i" || status=1
	done
	trap - INT TERM
	for i in $(seq 1 "$n"); do
		tail -n 40 "$build/sim.$i.log"
	done
	for i in $(seq 1 "$n"); do
		# shellcheck disable=SC2046
		count "$name, part $i" $(last_line_counts "$build/sim.$i.log")
	done
	[ "$status" -eq 0 ] || [ "$failed" -gt 0 ] || count "$name" 0 1
}

# Without sanitizers the simulator lives many times as many seeds.
fast_simulator() {
	scripts/build.sh build-fast tests/sim/fullet-sim --buildtype=plain -Doptimization=2 \
		-Ddebug=false -Dwerror=true >"$build/build-fast.log" 2>&1 && return
	tail -n 40 "$build/build-fast.log"
	count simulator 0 1
	return 1
}

# The same with ceilings that a short life reaches.
small_simulator() {
	scripts/build.sh build-small tests/sim/fullet-sim --buildtype=plain -Doptimization=2 \
		-Ddebug=false -Dwerror=true -Dc_args=-DFULLET_SMALL_LIMITS >"$build/build-small.log" 2>&1 && return
	tail -n 40 "$build/build-small.log"
	count 'simulator with small ceilings' 0 1
	return 1
}

# The first seed of a commit: fresh for each one, and the same wherever it is tested.
commit_seed() {
	local commit
	commit=$(git rev-parse --short=10 HEAD 2>/dev/null) && echo "$((16#${commit:0:10}))000" || date +%s000
}

# Fresh seeds for each commit, after those that found something; some of them with the sanitizers.
run_sim() {
	heading simulator
	local from=${SEED_FROM:-$(commit_seed)}
	fast_simulator || return
	echo "seeds from $from on (SEED_FROM=$from repeats them)"
	# shellcheck disable=SC2046
	build-fast/tests/sim/fullet-sim $(grep -o '^[0-9]*' tests/sim/kept) >"$build/sim.kept.log" 2>&1
	# shellcheck disable=SC2046
	count_with_status 'simulator, kept seeds' $? $(last_line_counts "$build/sim.kept.log")
	grep -A 1 ' failed at ' "$build/sim.kept.log"
	simulate build-fast/tests/sim/fullet-sim "${SEEDS:-20000}" "$from" simulator
	small_simulator && simulate build-small/tests/sim/fullet-sim "${SMALL_SEEDS:-500}" "$from" \
		'simulator with small ceilings'
	simulate "$build/tests/sim/fullet-sim" "${SANITIZED_SEEDS:-300}" "$from" 'simulator with sanitizers'
}

# Each planted fault must be found: tests/sim/mutants/mutants.py.
run_mutants() {
	heading mutants
	local status
	tests/sim/mutants/mutants.py 2>&1 | tee "$build/mutants.log"
	status=${PIPESTATUS[0]}
	# shellcheck disable=SC2046
	count_with_status mutants "$status" $(last_line_counts "$build/mutants.log")
}

# Fresh seeds for so many hours; each round is 10,000.
run_soak() {
	heading "simulator, for $soak hours"
	local end from
	fast_simulator || return
	end=$(($(date +%s) + soak * 3600))
	while [ "$failed" -eq 0 ] && [ "$(date +%s)" -lt "$end" ]; do
		from=$(date +%s)000
		echo "seeds from $from on"
		simulate build-fast/tests/sim/fullet-sim 10000 "$from" simulator
	done
}

run_e2e() {
	heading 'end to end'
	local status
	rm -f "$build/e2e.xml"
	PYTHONDONTWRITEBYTECODE=1 FULLET="$PWD/$build/src/fullet" timeout --foreground 3600 \
		/usr/bin/python3 -m pytest -p no:cacheprovider --junitxml="$build/e2e.xml" -q tests/e2e
	status=$?
	# shellcheck disable=SC2046
	count_with_status 'end to end' "$status" \
		$([ -f "$build/e2e.xml" ] && /usr/bin/python3 tests/count.py junit "$build/e2e.xml")
}

# On the program as it is installed: sanitizers have a heap of their own, which never runs out. A
# short one, or with KILLS all of it.
run_torture() {
	heading torture
	local status how=(--short)
	[ -z "${KILLS-}" ] || how=(--all --kills "$KILLS")
	how+=(--seed "${SEED_FROM:-$(commit_seed)}")
	if ! scripts/build.sh build-torture program --buildtype=release -Dwerror=true; then
		count torture 0 1
		return
	fi
	FULLET_BIN=$PWD/build-torture/src/fullet tests/torture/run.py "${how[@]}" 2>&1 | tee "$build/torture.log"
	status=${PIPESTATUS[0]}
	# shellcheck disable=SC2046
	count_with_status torture "$status" $(last_line_counts "$build/torture.log")
}

# playwright-core comes from npm once; afterwards no network is needed.
browser_modules() {
	cmp -s package-lock.json node_modules/installed-lock.json && return 0
	PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund &&
		cp package-lock.json node_modules/installed-lock.json
}

run_browser() {
	heading browser
	local status log=$PWD/$build/browser.tap project=$PWD
	rm -f "$log"
	(
		cd tests/browser || exit 1
		shopt -s nullglob
		files=(*.test.mjs *.test.js)
		if [ ${#files[@]} -eq 0 ]; then
			echo "there are no tests in tests/browser"
			exit 1
		fi
		browser_modules || exit 1
		FULLET="$project/$build/src/fullet" timeout 900 node --test \
			--test-reporter=spec --test-reporter-destination=stdout \
			--test-reporter=tap --test-reporter-destination="$log" "${files[@]}"
	)
	status=$?
	count_with_status browser "$status" "$(sed -n 's/^# pass //p' "$log" 2>/dev/null)" \
		"$(sed -n 's/^# fail //p' "$log" 2>/dev/null)"
}

run_analyse() {
	heading 'analysis'
	local status
	scripts/analyse.sh >"$build/analyse.log" 2>&1
	status=$?
	grep -v '^\[' "$build/analyse.log" | tail -n 60
	# shellcheck disable=SC2046
	count_with_status analysis "$status" $(last_line_counts "$build/analyse.log")
}

# The store's thread, the copies of EXPORT_PATH and look-ups on libuv's threads, with the thread
# sanitizer; and the whole program for a few jobs.
run_threads() {
	heading 'threads'
	local status tests='test_store_thread test_keep_file test_io'
	local log=build-thread/meson-logs/testlog-threads plain=()
	# shellcheck disable=SC2086 # names
	if ! scripts/build.sh build-thread program --buildtype=debugoptimized -Db_sanitize=thread -Dwerror=true ||
		! ninja -C build-thread $(printf 'tests/unit/%s ' $tests); then
		count threads 0 1
		return
	fi
	# It wants the addresses where older kernels put them.
	command -v setarch >/dev/null && plain=(setarch -R)
	export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
	# shellcheck disable=SC2086
	"${plain[@]}" meson test -C build-thread --no-rebuild --print-errorlogs --timeout-multiplier 5 \
		--logbase testlog-threads $tests
	status=$?
	# shellcheck disable=SC2046
	count_with_status threads "$status" $(/usr/bin/python3 tests/count.py meson "$log.json")
	rm -f "$build/threads.xml"
	PYTHONDONTWRITEBYTECODE=1 FULLET="$PWD/build-thread/src/fullet" "${plain[@]}" timeout --foreground 900 \
		/usr/bin/python3 -m pytest -p no:cacheprovider --junitxml="$build/threads.xml" -q \
		tests/e2e/test_picture.py::test_from_the_command_to_the_picture \
		tests/e2e/test_export.py::test_numbered_on_through_restarts \
		tests/e2e/test_edit.py::test_a_file_is_edited
	status=$?
	# shellcheck disable=SC2046
	count_with_status 'threads, end to end' "$status" \
		$([ -f "$build/threads.xml" ] && /usr/bin/python3 tests/count.py junit "$build/threads.xml")
}

# Unit tests, kept fuzz inputs and the simulator in a build that counts; COVERAGE_MIN per cent of the
# branches of core, discord and comfy are wanted (90).
run_coverage() {
	heading coverage
	local status
	if ! scripts/build.sh build-coverage all --buildtype=debug -Doptimization=0 -Db_coverage=true; then
		count coverage 0 1
		return
	fi
	find build-coverage -name '*.gcda' -delete
	meson test -C build-coverage --no-rebuild --suite unit --suite fuzz --timeout-multiplier 5 >"$build/coverage.log" 2>&1
	status=$?
	build-coverage/tests/sim/fullet-sim --seeds "${SEEDS:-100}" >>"$build/coverage.log" 2>&1 || status=1
	tests/coverage.py build-coverage "${COVERAGE_MIN:-90}" | tee "$build/coverage.txt"
	[ "${PIPESTATUS[0]}" -eq 0 ] || status=1
	# shellcheck disable=SC2046
	count_with_status coverage "$status" $(last_line_counts "$build/coverage.txt")
}

run_fuzz() {
	heading 'fuzzers, 30 s each'
	local status
	mkdir -p "$build"
	tests/fuzz/run.sh 30 2>&1 | tee "$build/fuzz.log"
	status=${PIPESTATUS[0]}
	# shellcheck disable=SC2046
	count_with_status fuzzers "$status" $(last_line_counts "$build/fuzz.log")
}

lists=(build test)
part browser && lists+=(browser)
part analyse && lists+=(analyse)
[ -n "$fuzz" ] && lists+=(fuzz)
if ! scripts/packages.sh "${lists[@]}"; then
	count packages 0 1
	finish
fi

heading build
if [ "$parts" != ' none' ] &&
	! scripts/build.sh "$build" all --buildtype=debugoptimized -Db_sanitize=address,undefined \
		-Dwerror=true; then
	count build 0 1
	finish
fi
# Undefined behaviour ends the program, as a bad access does: else it would only be printed.
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1:print_summary=1
# Without intercept_tls_get_addr=0 gcc 12's leak checker takes what lies before a block of a thread's own
# variables that begins 16 bytes after a page for a header of an old C library, and crashes now and then.
export ASAN_OPTIONS=halt_on_error=1:print_summary=1:intercept_tls_get_addr=0

if part unit; then
	run_structure
	run_meson unit
	run_meson fuzz
fi
part analyse && run_analyse
part threads && run_threads
part databases && run_databases
part sim && run_sim
part e2e && run_e2e
part torture && run_torture
part browser && run_browser
part coverage && run_coverage
part mutants && run_mutants
part soak && run_soak
[ -n "$fuzz" ] && run_fuzz
finish
