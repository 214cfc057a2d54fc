#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Writes the page's files as a C source: embed.sh OUTPUT FILE...
set -eu
out=$1
shift
{
	echo '/* Made by embed.sh from the files of src/sandbox/page. */'
	echo '#include "sandbox/sandbox_impl.h"'
	i=0
	for file; do
		printf 'static const unsigned char file%d[] = {' "$i"
		od -An -v -tu1 "$file" | sed 's/[0-9][0-9]*/&,/g'
		echo '0};'
		i=$((i + 1))
	done
	echo 'const struct page_file sandbox_page_files[] = {'
	i=0
	for file; do
		case $file in
		*.html) type='text/html; charset=utf-8' ;;
		*.css) type='text/css; charset=utf-8' ;;
		*.js) type='text/javascript; charset=utf-8' ;;
		*.svg) type='image/svg+xml' ;;
		*) echo "embed.sh: what is $file?" >&2; exit 1 ;;
		esac
		echo "	{\"$(basename "$file")\", \"$type\", file$i, sizeof(file$i) - 1},"
		i=$((i + 1))
	done
	echo '	{0}};'
} >"$out"
