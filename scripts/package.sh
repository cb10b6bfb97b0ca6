#!/bin/sh
# Builds the packages, the tarballs, the bills of materials and the licences of
# everything in the binary into OUT (dist), for each architecture of ARCHES.
# The same commit makes the same bytes: times are the commit's, owners are root,
# paths are trimmed. VERSION overrides the version that git tells.
set -eu
cd "$(dirname "$0")/.."

GO=${GO:-go}
OUT=${OUT:-dist}
ARCHES=${ARCHES:-amd64 arm64}
export LC_ALL=C TZ=UTC
umask 022

SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
PKG_DATE=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)

# A package's version begins with a digit and has no dash. A commit after a tag
# sorts after it, one before the first tag before every release.
if [ -z "${VERSION:-}" ]; then
	if described=$(git describe --tags --match 'v[0-9]*' 2>/dev/null); then
		VERSION=$(echo "${described#v}" | sed -E 's/-([0-9]+)-g([0-9a-f]+)$/+\1.g\2/; s/-/~/g')
	else
		VERSION=0.0.0+$(git rev-list --count HEAD).g$(git rev-parse --short=10 HEAD)
	fi
	[ -z "$(git status --porcelain --untracked-files=no)" ] || VERSION=$VERSION.dirty
fi

mkdir -p "$OUT" bin
OUT=$(cd "$OUT" && pwd)
stage=$OUT/stage
rm -rf "$stage"
trap 'chmod -R u+w "$stage" 2>/dev/null; rm -rf "$stage"' EXIT

(cd tools && "$GO" build -trimpath -buildvcs=false -o ../bin/ github.com/goreleaser/nfpm/v2/cmd/nfpm github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod github.com/google/go-licenses/v2)

build() { # build ARCH FILE
	CGO_ENABLED=0 GOOS=linux GOARCH=$1 "$GO" build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$VERSION" -o "$2" ./cmd/smokepopd
}

# What is the same for every architecture.
"$GO" run -tags manual -ldflags "-X main.version=$VERSION" ./cmd/smokepopd package-files "$stage/made"
licences=$stage/licences
sh scripts/licences.sh save "$licences"

reset_times() { find "$1" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +; }

tarball() { # tarball DIR FILE: what is in DIR, under the name of DIR
	reset_times "$1"
	tar --sort=name --owner=0 --group=0 --numeric-owner --format=ustar -C "$(dirname "$1")" -cf - "$(basename "$1")" | gzip -n9 >"$2"
}

for arch in $ARCHES; do
	root=$stage/$arch
	share=$root/usr/share
	install -d "$root/usr/bin" "$root/usr/lib/systemd/system" "$root/usr/lib/sysusers.d" "$root/etc/smokepop" "$root/etc/logrotate.d" \
		"$share/man/man1" "$share/bash-completion/completions" "$share/zsh/vendor-completions" "$share/fish/vendor_completions.d" "$share/doc/smokepop"
	build "$arch" "$root/usr/bin/smokepopd"
	for unit in deploy/systemd/*.service deploy/systemd/*.socket; do
		[ -e "$unit" ] || continue
		# The sources say where a hand-made installation puts the program.
		sed 's,/usr/local/bin/smokepopd,/usr/bin/smokepopd,g' "$unit" >"$root/usr/lib/systemd/system/$(basename "$unit")"
	done
	install -m 0644 deploy/systemd/smokepop.sysusers "$root/usr/lib/sysusers.d/smokepop.conf"
	install -m 0644 configs/smokepop.yaml "$root/etc/smokepop/smokepop.yaml"
	install -m 0644 deploy/logrotate/smokepop "$root/etc/logrotate.d/smokepop"
	for page in "$stage"/made/man1/*; do gzip -n9 <"$page" >"$share/man/man1/$(basename "$page").gz"; done
	install -m 0644 "$stage/made/bash/smokepopd" "$share/bash-completion/completions/smokepopd"
	install -m 0644 "$stage/made/zsh/_smokepopd" "$share/zsh/vendor-completions/_smokepopd"
	install -m 0644 "$stage/made/fish/smokepopd.fish" "$share/fish/vendor_completions.d/smokepopd.fish"
	# As in the sources, so that the documents' links and commands hold there too.
	doc=$share/doc/smokepop
	install -m 0644 README.md CHANGELOG.md "$doc/"
	install -m 0644 LICENSE "$doc/copyright"
	cp -R docs deploy configs "$doc/"
	rm -rf "$doc/deploy/package" "$doc/docs/screens"
	cp -R "$licences" "$doc/licences"

	# What the binary itself says it is made of, with the licences found.
	sbom=smokepop_${VERSION}_linux_$arch.cdx.json
	bin/cyclonedx-gomod bin -json -licenses -noserial -version "$VERSION" -output "$stage/$sbom" "$root/usr/bin/smokepopd" 2>/dev/null
	# The one value that is the clock's and not the source's.
	sed -E "s/\"timestamp\": \"[^\"]*\"/\"timestamp\": \"$PKG_DATE\"/" "$stage/$sbom" >"$OUT/$sbom"
	install -m 0644 "$OUT/$sbom" "$doc/sbom.cdx.json"
	find "$root" -type d -exec chmod 0755 {} +
	find "$doc" -type f -exec chmod 0644 {} +
	reset_times "$root"

	sed "s,@ARCH@,$arch,; s,@VERSION@,$VERSION,; s,@STAGE@,$root," deploy/package/nfpm.yaml >"$stage/nfpm.yaml"
	for packager in deb rpm; do
		bin/nfpm package --config "$stage/nfpm.yaml" --packager "$packager" --target "$OUT/smokepop_${VERSION}_$arch.$packager" >"$stage/nfpm.log" ||
			{ cat "$stage/nfpm.log" >&2; exit 1; }
	done

	# The tarball is laid out for hand-made installations: units name /usr/local.
	name=smokepop_${VERSION}_linux_$arch
	tree=$stage/$name
	install -d "$tree/configs" "$tree/completions" "$tree/man"
	cp "$root/usr/bin/smokepopd" "$doc/sbom.cdx.json" README.md CHANGELOG.md LICENSE "$tree/"
	cp -R docs deploy "$licences" "$tree/"
	rm -rf "$tree/deploy/package" "$tree/docs/screens"
	cp configs/* "$tree/configs/"
	cp "$stage"/made/man1/* "$tree/man/"
	cp "$stage/made/bash/smokepopd" "$tree/completions/smokepopd.bash"
	cp "$stage/made/zsh/_smokepopd" "$tree/completions/_smokepopd"
	cp "$stage/made/fish/smokepopd.fish" "$tree/completions/"
	tarball "$tree" "$OUT/$name.tar.gz"
done

tarball "$licences" "$OUT/smokepop_${VERSION}_licences.tar.gz"
(cd "$OUT" && sha256sum smokepop_"$VERSION"_* >SHA256SUMS)
echo "packages of $VERSION are in $OUT"
