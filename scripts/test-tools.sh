#!/bin/sh
# Installs what `make test` needs and this machine lacks: a C compiler (the
# race detector is built with cgo), Chromium (the browser tests), strace (the
# crash images; Linux alone has it), systemd-analyze (the units; where there are
# packages of systemd) and node with the two packages of tools/web (axe-core and
# tsc). Where the system's package manager may not be used, it says in one line
# what to install.
set -eu

missing=""
command -v "${CC:-cc}" >/dev/null 2>&1 || command -v gcc >/dev/null 2>&1 || missing="$missing gcc"

chromium=""
for name in chromium chromium-browser google-chrome google-chrome-stable; do
	if command -v "$name" >/dev/null 2>&1; then chromium=$name; break; fi
done
[ -n "$chromium" ] || missing="$missing chromium"

[ "$(uname -s)" != Linux ] || command -v strace >/dev/null 2>&1 || missing="$missing strace"

if command -v apt-get >/dev/null 2>&1 || command -v dnf >/dev/null 2>&1; then
	command -v systemd-analyze >/dev/null 2>&1 || missing="$missing systemd"
fi

command -v node >/dev/null 2>&1 || missing="$missing nodejs"
command -v npm >/dev/null 2>&1 || missing="$missing npm"

# packages installs what tools/web/package-lock.json pins, and nothing else.
packages() {
	cd "$(dirname "$0")/../tools/web"
	if [ node_modules/.package-lock.json -nt package-lock.json ]; then return; fi
	if ! command -v npm >/dev/null 2>&1 || ! npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null; then
		rm -rf node_modules
		echo "axe-core and typescript cannot be installed here: the page's accessibility and types are not tested" >&2
	fi
}

if [ -z "$missing" ]; then
	packages
	exit 0
fi

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
	needed=""
	for name in $missing; do
		case "$name" in
		strace) echo "strace cannot be installed here: the tests with crash images are skipped" >&2 ;;
		systemd) echo "systemd-analyze cannot be installed here: the units are not verified" >&2 ;;
		nodejs | npm | libc6-dev | musl-dev) ;; # packages says what is not tested
		*) needed="$needed $name" ;;
		esac
	done
	missing=$needed
	if [ -z "$missing" ]; then
		packages
		exit 0
	fi
	echo "make test needs$missing: please install with your package manager, then run make test again" >&2
	exit 1
fi
packages
