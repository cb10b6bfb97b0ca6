#!/bin/sh
# Every check of the source and of what it is made of, with the tools that
# tools/go.mod pins. One row each at the end: ok, FAILED, or not available here
# and why, which is no pass. Exit code: 1 when one failed; 3 when none failed
# and one was not available and CHECK_STRICT=1, as a release wants it.
set -u
cd "$(dirname "$0")/.."
GO=${GO:-go}
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT
failed=0 missing=0
: >"$log/summary"

row() { printf '%-14s %s\n' "$1" "$2" >>"$log/summary"; }

# check NAME COMMAND...: exit code 77 is "not available here", and its last line says why.
check() {
	name=$1
	shift
	echo "== $name"
	("$@") >"$log/out" 2>&1
	code=$?
	case $code in
	0) row "$name" ok ;;
	77)
		missing=$((missing + 1))
		row "$name" "$(tail -n 1 "$log/out")"
		;;
	*)
		failed=$((failed + 1))
		row "$name" FAILED
		cat "$log/out"
		;;
	esac
}

unavailable() { echo "not available here: $*"; exit 77; }

tools() {
	(cd tools && "$GO" build -o ../bin/ honnef.co/go/tools/cmd/staticcheck github.com/securego/gosec/v2/cmd/gosec \
		golang.org/x/vuln/cmd/govulncheck github.com/kisielk/errcheck github.com/gordonklaus/ineffassign github.com/google/go-licenses/v2)
}

formatted() {
	unformatted=$(gofmt -l bench cmd internal)
	[ -z "$unformatted" ] || { echo "not gofmt'ed: $unformatted"; return 1; }
}

# listed RULES FILE: compares findings, a line "rule file" each, with tools/findings.txt.
listed() {
	sort "$2" | uniq -c | awk '{ print $2, $3, $1 }' >"$log/found"
	grep -E "^($1) " tools/findings.txt | awk '{ print $1, $2, $3 }' >"$log/known"
	sort -o "$log/found" "$log/found"
	sort -o "$log/known" "$log/known"
	if ! diff "$log/known" "$log/found" >"$log/diff"; then
		echo "tools/findings.txt and the findings differ (< only in the file, > only found):"
		cat "$log/diff"
		return 1
	fi
}

# bench only measures and is in no package: gosec and errcheck leave it out.
security() {
	bin/gosec -quiet -exclude-dir=bench -fmt golint ./... >"$log/gosec" 2>"$log/errors"
	# It ends with 1 when there are findings; anything it could not read is told on stderr.
	grep -q 'Rule:G' "$log/gosec" || { echo "gosec found nothing at all, which cannot be:"; cat "$log/errors"; return 1; }
	sed -nE "s,^$PWD/([^:]+):.*\(Rule:(G[0-9]+).*,\2 \1,p" "$log/gosec" >"$log/rules"
	listed 'G[0-9]+' "$log/rules" || { cat "$log/gosec"; return 1; }
}

errors_looked_at() {
	bin/errcheck -ignoretests -exclude tools/errcheck.txt ./cmd/... ./internal/... >"$log/errcheck" 2>"$log/errors"
	[ ! -s "$log/errors" ] || { cat "$log/errors"; return 1; }
	sed -nE 's,^([^:]+\.go):.*,errcheck \1,p' "$log/errcheck" >"$log/rules"
	listed errcheck "$log/rules" || { cat "$log/errcheck"; return 1; }
}

# The database of vulnerabilities is asked for over the network, or is a copy
# that GOVULNDB names (file:///... or https://...).
vulnerabilities() {
	bin/govulncheck ${GOVULNDB:+-db "$GOVULNDB"} ./... >"$log/vuln" 2>&1
	code=$?
	cat "$log/vuln"
	if [ $code != 0 ] && [ $code != 3 ] && grep -q 'fetching vulnerabilities' "$log/vuln"; then
		unavailable "the database of vulnerabilities (vuln.go.dev) cannot be reached; GOVULNDB may name a copy: dependencies were NOT looked up"
	fi
	return $code
}

alerts() {
	command -v promtool >/dev/null || unavailable "promtool is not installed (Debian: apt-get install prometheus): alert rules were NOT tested"
	promtool check rules deploy/prometheus/smokepop.rules.yaml && promtool test rules deploy/prometheus/smokepop.rules_test.yaml
}

units() {
	command -v systemd-analyze >/dev/null || unavailable "systemd-analyze is not installed: the units were NOT checked"
	systemd-analyze security --offline=yes --threshold=12 deploy/systemd/smokepop.service
}

check tools tools
check gofmt formatted
check vet "$GO" vet ./...
check staticcheck bin/staticcheck ./...
check errcheck errors_looked_at
check ineffassign bin/ineffassign ./...
check gosec security
check govulncheck vulnerabilities
check licences sh scripts/licences.sh check
check "go mod" "$GO" mod verify
check alerts alerts
check units units

echo
cat "$log/summary"
[ $failed = 0 ] || exit 1
if [ $missing != 0 ]; then
	echo "$missing not available here, and so not passed"
	[ "${CHECK_STRICT:-}" != 1 ] || exit 3
fi
