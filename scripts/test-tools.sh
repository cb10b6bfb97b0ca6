#!/bin/sh
# Installs what `make test` needs and this machine lacks: a C compiler (the
# race detector is built with cgo), Chromium (the browser tests) and strace (the
# crash images; Linux alone has it). Where the system's package manager may not
# be used, it says in one line what to install.
set -eu

missing=""
command -v "${CC:-cc}" >/dev/null 2>&1 || command -v gcc >/dev/null 2>&1 || missing="$missing gcc"

chromium=""
for name in chromium chromium-browser google-chrome google-chrome-stable; do
	if command -v "$name" >/dev/null 2>&1; then chromium=$name; break; fi
done
[ -n "$chromium" ] || missing="$missing chromium"

[ "$(uname -s)" != Linux ] || command -v strace >/dev/null 2>&1 || missing="$missing strace"

[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
	as_root=""
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
	as_root="sudo"
else
	as_root="no"
fi

install() {
	if command -v apt-get >/dev/null 2>&1; then
		case "$missing" in *gcc*) missing="$missing libc6-dev" ;; esac
		$as_root apt-get update -q >/dev/null
		# shellcheck disable=SC2086
		DEBIAN_FRONTEND=noninteractive $as_root apt-get install -q -y --no-install-recommends $missing fonts-dejavu-core >/dev/null
	elif command -v dnf >/dev/null 2>&1; then
		# shellcheck disable=SC2086
		$as_root dnf install -q -y $missing
	elif command -v apk >/dev/null 2>&1; then
		case "$missing" in *gcc*) missing="$missing musl-dev" ;; esac
		# shellcheck disable=SC2086
		$as_root apk add -q $missing
	else
		return 1
	fi
}

echo "make test needs$missing: installing"
if [ "$as_root" = no ] || ! install; then
	if [ "$missing" = " strace" ]; then
		echo "strace cannot be installed here: the tests with crash images are skipped" >&2
		exit 0
	fi
	echo "make test needs$missing: please install with your package manager, then run make test again" >&2
	exit 1
fi
