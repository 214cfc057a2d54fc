#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The one list of Debian packages, and the installing of those that are missing:
#   scripts/packages.sh build [test] [browser] [analyse] [fuzz]
# Says what it installs and asks nothing; without anything missing it needs neither the network
# nor any right. An entry is PACKAGE, alternatives joined by "|" (the first known one is
# installed, any of them will do), and after "@" a command whose presence is just as good.
# shellcheck disable=SC2034 # the lists are read by name
set -u

build='
	gcc@gcc
	meson@meson
	ninja-build@ninja
	pkgconf|pkg-config@pkg-config
	libc6-dev
	libuv1-dev
	libcurl4-openssl-dev
	libwebsockets-dev
	libwebsockets-evlib-uv
	libjson-c-dev
	uthash-dev
	libsqlite3-dev
	libpq-dev
	libmariadb-dev
	libgd-dev
	libheif-dev
	libseccomp-dev
	libssl-dev
	zlib1g-dev
	libzstd-dev
	ca-certificates
'
# nghttp2-proxy puts HTTP/2 in front of the sandbox's Discord. Of MariaDB only the programs are
# installed, without the service.
test='
	libcmocka-dev
	python3@python3
	python3-pytest
	nghttp2-proxy@nghttpx
	postgresql
	mariadb-server-core|mariadb-server@mariadbd
	mariadb-client-core|mariadb-client@mariadb
	openssl@openssl
	systemd@systemd-analyze
'
browser='
	nodejs@node
	npm@npm
	chromium|chromium-browser@chromium
'
analyse='
	clang|clang-14@clang
	clang-tidy|clang-tidy-14@clang-tidy
	cppcheck@cppcheck
	binutils@readelf
'
fuzz='
	clang|clang-14@clang-14
	libclang-rt-dev|libclang-rt-14-dev
	llvm|llvm-14@llvm-symbolizer-14
'

say() {
	printf '%s\n' "$*" >&2
}

# Is one of the packages "a|b", or the command after "@", there?
present() {
	local entry=$1 names command name
	names=${entry%@*}
	if [ "$names" != "$entry" ]; then
		command=${entry##*@}
		PATH=$PATH:/usr/sbin:/sbin command -v "$command" >/dev/null 2>&1 && return 0
	fi
	command -v dpkg-query >/dev/null 2>&1 || return 1
	for name in ${names//|/ }; do
		# shellcheck disable=SC2016 # the $ is dpkg-query's
		case $(dpkg-query -W -f '${db:Status-Abbrev}\n' "$name" 2>/dev/null) in
		*ii*) return 0 ;;
		esac
	done
	return 1
}

# The first of "a|b" that apt knows, else the first.
choose() {
	local names=${1%@*} name
	for name in ${names//|/ }; do
		if apt-cache show "$name" >/dev/null 2>&1; then
			printf '%s\n' "$name"
			return
		fi
	done
	printf '%s\n' "${names%%|*}"
}

missing=()
for list in "$@"; do
	case $list in
	build | test | browser | analyse | fuzz) ;;
	*)
		say "packages: there is no list \"$list\""
		exit 2
		;;
	esac
	for entry in ${!list}; do
		present "$entry" || missing+=("$entry")
	done
done
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null 2>&1 || ! command -v dpkg-query >/dev/null 2>&1; then
	names=("${missing[@]%@*}")
	say "packages: this system has no apt-get. FuLLet's packages are named for Debian 12; install"
	say "their like by hand, then try again. Going on with what is there; perhaps missing:"
	say "  ${names[*]%%|*}"
	exit 0
fi

wanted=()
for entry in "${missing[@]}"; do
	wanted+=("$(choose "$entry")")
done

by_hand() {
	say "packages: $1 As root, run:"
	say "  apt-get install -y --no-install-recommends ${wanted[*]}"
	exit 1
}

as_root=()
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null 2>&1 || by_hand "missing, and neither root nor sudo is at hand."
	# Where sudo wants a password it asks for it here, on the terminal.
	sudo true || by_hand "missing, and sudo does not let $(id -un) install."
	as_root=(sudo)
fi

# A package that is upgraded on the way keeps its settings: dpkg would ask.
apt_get() {
	"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 \
		-o DPkg::Options::=--force-confdef -o DPkg::Options::=--force-confold -q "$@"
}

# Those of the arguments that apt would have nowhere to take from.
without_candidate() {
	local name
	for name; do
		LC_ALL=C apt-cache policy "$name" 2>/dev/null | grep -q '^  Candidate: [^(]' ||
			printf '%s ' "$name"
	done
}

say "packages: missing: ${#missing[@]}; asking for the present package lists"
if ! apt_get update >&2; then
	say "packages: the package lists could not be refreshed; trying with those at hand"
fi
# Now that there are lists, another of the alternatives may be the known one.
wanted=()
for entry in "${missing[@]}"; do
	wanted+=("$(choose "$entry")")
done
# Debian's PostgreSQL would set up a database and start it with the computer, which the tests do not
# need (they start their own): told not to, for this installation only.
no_cluster=/etc/postgresql-common/createcluster.d/fullet-tests.conf
case " ${wanted[*]} " in
*' postgresql '*)
	"${as_root[@]}" mkdir -p "${no_cluster%/*}" &&
		echo 'create_main_cluster = false' | "${as_root[@]}" tee "$no_cluster" >/dev/null
	trap '"${as_root[@]}" rm -f "$no_cluster"' EXIT
	;;
esac
say "packages: installing ${wanted[*]}"
if ! apt_get install -y --no-install-recommends "${wanted[@]}" >&2; then
	none=$(without_candidate "${wanted[@]}")
	if [ -n "$none" ]; then
		say "packages: no package source of this system has: $none"
		say "packages: is Debian 12's main archive in /etc/apt, and is there a network?"
	else
		say "packages: apt-get could not install them; its own lines above tell why. Is there a network?"
	fi
	exit 1
fi
