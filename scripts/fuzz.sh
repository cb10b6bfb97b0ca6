#!/bin/sh
# Runs every fuzz target of the tree for FUZZTIME, one after the other, and fails
# at the end if one of them did.
set -eu
GO=${GO:-go}
out=$(mktemp)
trap 'rm -f "$out"' EXIT
failed=
for pkg in $($GO list ./...); do
	for target in $($GO test -list '^Fuzz' "$pkg" | grep '^Fuzz' || true); do
		echo "== $pkg $target"
		# Minimising is bounded too: by default it may take a minute beyond FUZZTIME.
		if $GO test -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-10s}" -fuzzminimizetime 2s "$pkg" >"$out" 2>&1; then
			tail -n 1 "$out"
		elif grep -q '^    context deadline exceeded$' "$out" && ! grep -q 'Failing input' "$out"; then
			# On a busy machine go test may report the end of its own time as a
			# failure: no input failed.
			echo "ok   $pkg $target (ended by its time)"
		else
			cat "$out"
			failed="$failed $target"
		fi
	done
done
[ -z "$failed" ] || { echo "failed:$failed"; exit 1; }
