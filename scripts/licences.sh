#!/bin/sh
# The licences of everything that is linked into the binary.
#   licences.sh check       every one is known and allowed
#   licences.sh save DIR    their texts, and a list, into DIR
# Needs bin/go-licenses: make check and make package build it.
set -eu
cd "$(dirname "$0")/.."
GO=${GO:-go}

# Permissive ones only: what asks for source to be offered is not shipped. CC0 is
# the public domain (blake3, by way of certmagic).
allowed=MIT,BSD-2-Clause,BSD-3-Clause,Apache-2.0,ISC,CC0-1.0
# go-licenses needs to be told which tree is the standard library.
GOROOT=$("$GO" env GOROOT)
export GOROOT

case "$1" in
check)
	bin/go-licenses check --allowed_licenses="$allowed" --ignore github.com/smokepop/smokepop ./cmd/smokepopd
	;;
save)
	bin/go-licenses save --force --save_path="$2" --ignore github.com/smokepop/smokepop ./cmd/smokepopd 2>/dev/null
	bin/go-licenses report --template scripts/licences.tpl --ignore github.com/smokepop/smokepop ./cmd/smokepopd 2>/dev/null | sort >"$2/licences.csv"
	# The standard library is in the binary too.
	install -D -m 0644 "$GOROOT/LICENSE" "$2/go/LICENSE"
	chmod -R u+w "$2"
	;;
*)
	echo "usage: $0 check | save DIR" >&2
	exit 2
	;;
esac
