#!/bin/sh
# The tests under the race detector. The detector itself now and then ends a
# program that uses testing/synctest, with "ThreadSanitizer: CHECK failed" (Go
# issue 78156; seen with Go 1.26): a package that ended so, and in which no test
# had failed, is run once more. Whatever else fails is a failure.
set -u
GO=${GO:-go}
out=$(mktemp)
trap 'rm -f "$out"' EXIT
export CGO_ENABLED=1

{ $GO test -race -timeout 15m ./... 2>&1; echo "exit $?" >"$out.exit"; } | tee "$out"
code=$(sed 's/exit //' "$out.exit")
rm -f "$out.exit"
[ "$code" = 0 ] && exit 0

# A package's output ends with its verdict. Prints the packages that only the
# detector has ended, or nothing if anything else has failed.
broken=$(awk '
	/^ThreadSanitizer: CHECK failed/ { detector = 1 }
	/^ *--- FAIL/ || /^WARNING: DATA RACE/ || /^panic:/ { test = 1 }
	/^FAIL\t/ { if (detector && !test && $2 ~ /\//) broken = broken " " $2; else other = 1 }
	/^(ok|FAIL|\?)[ \t]/ { detector = test = 0 }
	END { if (!other) print broken }
' "$out")
[ -n "$broken" ] || exit "$code"
echo "the race detector itself has failed (Go issue 78156): once more:$broken"
# shellcheck disable=SC2086 # a list of packages
exec $GO test -race -timeout 15m $broken
