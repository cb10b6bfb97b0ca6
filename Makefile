# smokepop. Start with `make demo`; before a change goes out, `make test`.

GO      ?= go
BIN     := bin/smokepopd
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION)

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 16

.PHONY: build
build: ## build bin/smokepopd
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/smokepopd

NODES ?= 1
.PHONY: demo
demo: build $(if $(filter-out 1,$(NODES)),bin/nats-server) ## the whole system on this machine: simulated Smokeball and PBX, an agent's page; NODES=3: as a cluster over NATS
	$(BIN) demo --nodes $(NODES)

bin/nats-server: go.mod ## the NATS server that goes with the client, for the demo of several nodes
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o $@ github.com/nats-io/nats-server/v2

.PHONY: test
test: test-tools types ## vet, types, then unit, integration, architecture and browser tests under the race detector; 10,000 orders of calls and two weeks of a firm without it
	$(GO) vet ./...
	@GO="$(GO)" sh scripts/race-tests.sh
	$(GO) test -tags manual -run "^TestManual" ./cmd/smokepopd
	SMOKEPOP_SOAK_DAYS=14 $(GO) test -run '^(TestLibraryShuffled|TestSoak)$$' ./internal/daemon
	$(GO) test -run '^$$' -fuzz '^FuzzOpenBlob$$' -fuzztime 10s ./internal/vault

.PHONY: test-tools
test-tools: ## install what the tests need and the machine lacks (a C compiler, Chromium, strace, node)
	@sh scripts/test-tools.sh

.PHONY: types
types: test-tools ## check the types of the page's modules (JSDoc, by tsc)
	@if [ -d tools/web/node_modules ]; then node tools/web/node_modules/typescript/bin/tsc -p tools/web; else echo "types not checked: there is no node"; fi

.PHONY: lint
lint: types ## gofmt, go vet, staticcheck, types
	@unformatted=$$(gofmt -l bench cmd internal); test -z "$$unformatted" || { echo "not gofmt'ed: $$unformatted"; exit 1; }
	$(GO) vet ./...
	cd tools && $(GO) build -o ../bin/staticcheck honnef.co/go/tools/cmd/staticcheck
	bin/staticcheck ./...

.PHONY: check
check: ## lint, gosec, govulncheck, licences, alert rules, the unit: each ok, FAILED or not available here; CHECK_STRICT=1 wants all
	@GO="$(GO)" sh scripts/check.sh

.PHONY: package
package: ## .deb, .rpm and tarball for amd64 and arm64 in dist, with SBOM and licences; the same bytes each time
	@GO="$(GO)" sh scripts/package.sh

.PHONY: package-test
package-test: ## install, upgrade, remove and purge the packages in clean Debian roots; as root, needs mmdebstrap
	@GO="$(GO)" sh scripts/package-test.sh || [ $$? = 77 ]

.PHONY: guide-test
guide-test: ## walk docs/install.md to the first pop, each way, in clean Debians with systemd, nginx and Caddy; as root, needs mmdebstrap
	@GO="$(GO)" sh scripts/guide-test.sh || [ $$? = 77 ]

.PHONY: package-twice
package-twice: ## build the packages twice and compare every byte
	@GO="$(GO)" OUT=dist/first sh scripts/package.sh
	@GO="$(GO)" OUT=dist/second sh scripts/package.sh
	@diff -r dist/first dist/second && rm -rf dist/first dist/second && echo "both builds are the same to the byte"

SOAKDAYS ?= 14
.PHONY: soak
soak: ## SOAKDAYS days of a firm of 200 extensions, as fast as the machine goes: nothing grows, every webhook and call accounted for
	SMOKEPOP_SOAK_DAYS=$(SOAKDAYS) $(GO) test -count=1 -v -timeout 60m -run '^TestSoak$$' ./internal/daemon

RESTARTS ?= 200
.PHONY: restart-test
restart-test: ## RESTARTS restarts under 100 webhooks a second and 200 screens: no pop lost, none twice
	SMOKEPOP_RESTARTS=$(RESTARTS) SMOKEPOP_SCREENS=200 SMOKEPOP_WEBHOOKS=100 $(GO) test -count=1 -v -timeout 60m -run '^TestRestartsUnderLoad$$' ./cmd/smokepopd

CHAOSTIME ?= 30m
CHAOSAGENTS ?= 3000
CHAOSEVENTS ?= 200
CHAOSACCESS ?= 1m
.PHONY: chaos
chaos: ## three nodes and three NATS servers that are killed, frozen and cut off for CHAOSTIME, with CHAOSAGENTS and CHAOSEVENTS webhooks a second: nothing lost, nothing twice; access tokens live CHAOSACCESS; CHAOSFAULTS=kill,cut does some of the faults alone, SMOKEPOP_CHAOS_SEED is the seed
	SMOKEPOP_CHAOS_TIME=$(CHAOSTIME) SMOKEPOP_CHAOS_AGENTS=$(CHAOSAGENTS) SMOKEPOP_CHAOS_EVENTS=$(CHAOSEVENTS) SMOKEPOP_CHAOS_FAULTS=$(CHAOSFAULTS) SMOKEPOP_CHAOS_ACCESS=$(CHAOSACCESS) $(GO) test -count=1 -v -timeout 4h -run '^TestChaos$$' ./internal/chaos

CRASHIMAGES ?= 1000
.PHONY: crash-test
crash-test: test-tools ## open CRASHIMAGES crash images of each traced run: no token lost, none that does not open; seed by SMOKEPOP_CRASH_SEED
	SMOKEPOP_CRASH_IMAGES=$(CRASHIMAGES) $(GO) test -count=1 -v -timeout 10m -run '^TestCrashImages$$' ./internal/crashtest

.PHONY: screens
screens: test-tools ## pictures of every state of the page, into docs/screens
	rm -f docs/screens/*.png
	SMOKEPOP_TEST_SCREENS=$(CURDIR)/docs/screens $(GO) test -count=1 -timeout 10m -run '^TestBrowser(Admin)?Screens$$' ./internal/web

.PHONY: bench
bench: build ## smokepopd against the plainest server, in turns, and the microbenchmarks: bench/results.json and the tables of docs/performance.md; about 12 minutes
	@GO="$(GO)" sh scripts/bench.sh $(BENCHFLAGS)

.PHONY: profile
profile: ## a smokepopd that serves profiles, beside the bench's programs, in bin/profile; see docs/performance.md
	CGO_ENABLED=0 $(GO) build -trimpath -tags profile -ldflags '-X main.version=$(VERSION)' -o bin/profile/smokepopd ./cmd/smokepopd
	for p in baseline crm load; do CGO_ENABLED=0 $(GO) build -trimpath -o bin/profile/bench-$$p ./bench/$$p || exit 1; done

.PHONY: microbench
microbench: ## every microbenchmark there is, frame to pixels and memory per page among them
	$(GO) test -run '^$$' -bench . -benchmem -timeout 30m ./internal/... ./cmd/...

.PHONY: hostile
hostile: ## attacks on the real binary at their full size (10,000 connections, 82,000 events at once, ...); prints the figures of docs/hostile.md
	SMOKEPOP_HOSTILE=full $(GO) test -count=1 -v -parallel 1 -timeout 20m -run '^TestHostile' ./cmd/smokepopd
	$(GO) test -count=1 -v -run 'AwayForAnHour' ./internal/daemon

FUZZTIME ?= 10s
.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME
	@GO="$(GO)" FUZZTIME="$(FUZZTIME)" sh scripts/fuzz.sh

.PHONY: clean
clean: ## remove what was built
	rm -rf bin dist
