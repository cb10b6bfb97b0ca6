#!/bin/sh
# Walks docs/install.md: makes a clean Debian for each way through it, starts it
# with its own systemd, and lets TestWalkTheGuide paste the guide's blocks there,
# up to the first pop. The network inside is the machine's own: the names lead
# to a simulated Smokeball and Vodia, nginx and Caddy are Debian's.
# Exit code 77: not available here, and why. WAYS names the ways to walk.
set -eu
cd "$(dirname "$0")/.."
export LC_ALL=C

unavailable() { echo "not available here: $*: the install guide was NOT walked" >&2; exit 77; }
[ "$(id -u)" = 0 ] || unavailable "a Debian root is made as root"
for tool in mmdebstrap openssl ip; do
	command -v $tool >/dev/null || unavailable "$tool is not installed (apt-get install mmdebstrap openssl iproute2)"
done
unshare --mount --pid --fork --uts --ipc --net --cgroup true 2>/dev/null || unavailable "this machine lets nobody make namespaces"

work=$(mktemp -d "${TMPDIR:-/tmp}/smokepop-guide.XXXXXX")
trap 'rm -rf "$work"' EXIT
GO=${GO:-go}

# The clean Debian, with what the ways install already fetched, not installed.
if [ -n "${ROOT:-}" ]; then # made before: saves minutes
	cp -a "$ROOT" "$work/clean"
else
	sources=/etc/apt/sources.list
	[ -s "$sources" ] || sources=$(find /etc/apt/sources.list.d -name 'debian.sources' -o -name 'debian.list' | head -n 1)
	mmdebstrap --mode=root --variant=minbase --include=systemd-sysv,dbus,ca-certificates "${SUITE:-bookworm}" "$work/clean" $sources \
		>"$work/mmdebstrap.log" 2>&1 || { tail -n 3 "$work/mmdebstrap.log" >&2; unavailable "no Debian mirror could be used"; }
	cp -L /etc/resolv.conf "$work/clean/etc/"
	chroot "$work/clean" sh -c 'apt-get update && apt-get -y --download-only install nginx caddy' >"$work/apt.log" 2>&1 ||
		{ tail -n 3 "$work/apt.log" >&2; unavailable "nginx and caddy could not be fetched"; }
fi

arch=$(dpkg --print-architecture)
packages=${PACKAGES:-$work} # made before, in folders 0.0.1 and 0.0.2: saves minutes too
for version in 0.0.1 0.0.2; do
	[ -n "${PACKAGES:-}" ] || VERSION=$version ARCHES=$arch OUT=$work/$version sh scripts/package.sh
done
CGO_ENABLED=0 "$GO" test -c -o "$work/walk" ./cmd/smokepopd

# The firm's own authority, which the machine trusts, and two certificates of it.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -subj '/CN=An authority of the firm' \
	-keyout "$work/ca.key" -out "$work/ca.crt" 2>/dev/null
certificate() { # certificate NAME HOST...
	name=$1
	shift
	hosts=$(printf 'DNS:%s,' "$@")
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -keyout "$work/$name.key" -out "$work/$name.csr" 2>/dev/null
	printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\n' "${hosts%,}" >"$work/$name.ext"
	openssl x509 -req -in "$work/$name.csr" -CA "$work/ca.crt" -CAkey "$work/ca.key" -CAcreateserial -days 90 -extfile "$work/$name.ext" -out "$work/$name.crt" 2>/dev/null
}
certificate pop.firm.example pop.firm.example
certificate outside auth.smokeball.com api.smokeball.com app.smokeball.com pbx.firm.example

# The machine's first process is a systemd of its own, in namespaces of its own.
cat >"$work/boot.sh" <<'BOOT'
set -e
root=$1
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for d in null zero full random urandom tty; do touch "$root/dev/$d"; mount --bind /dev/$d "$root/dev/$d"; done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
mount -t tmpfs tmpfs "$root/dev/shm"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
# Smokeball and the PBX are elsewhere, behind a cable: a proxy has all of this
# machine's port 443. The walk binds their addresses there.
touch "$root/run/outside"
# Not unshare --net=FILE: it looks itself up by a number that /proc, which is of
# the processes out there, has given to somebody else.
unshare --net mount --bind /proc/self/ns/net "$root/run/outside"
ip link add cable type veth peer name far
ip link set far netns "$root/run/outside"
ip address add 198.18.0.1/24 dev cable
ip link set cable up
nsenter --net="$root/run/outside" sh -c 'ip address add 198.18.0.2/24 dev far; ip address add 198.18.0.3/24 dev far; ip link set lo up; ip link set far up'
ip link set lo up
ip address add 203.0.113.7/32 dev lo
ip address add 203.0.113.9/32 dev lo
cd "$root"
# Not a chroot: from within one the kernel makes no user namespaces, and the unit
# wants one (PrivateUsers=). And mounts are shared, as systemd expects of who
# starts it: it hands credentials over by one.
mkdir -p .before
pivot_root . .before
exec env -i container=guide PATH=/usr/sbin:/usr/bin:/sbin:/bin /bin/sh -c 'umount -l /.before && mount --make-rshared / && exec /sbin/init' <dev/null >dev/null 2>&1
BOOT

for way in ${WAYS:-package tarball nginx caddy}; do
	root=$work/$way
	cp -a "$work/clean" "$root"
	cp docs/install.md docs/security.md "$work"/*.firm.example.* "$work"/outside.* "$work/walk" "$root/root/"
	case $way in
	tarball) cp "$packages"/0.0.1/smokepop_0.0.1_linux_"$arch".tar.gz "$root/root/" ;;
	*) cp "$packages"/0.0.1/*.deb "$root/root/" && mkdir "$root/root/newer" && cp "$packages"/0.0.2/*.deb "$root/root/newer/" ;;
	esac
	cp "$work/ca.crt" "$root/usr/local/share/ca-certificates/firm.crt"
	chroot "$root" update-ca-certificates >/dev/null 2>&1
	printf '127.0.0.1 localhost pop.firm.example\n198.18.0.2 auth.smokeball.com api.smokeball.com app.smokeball.com\n198.18.0.3 pbx.firm.example\n' >"$root/etc/hosts"
	cat >"$root/etc/systemd/system/guide.service" <<UNIT
[Unit]
After=multi-user.target
[Service]
Type=oneshot
Environment=GUIDE_WAY=$way PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ExecStart=/root/walk -test.v -test.timeout=10m -test.run=^TestWalkTheGuide\$
ExecStopPost=/bin/systemctl --force --force poweroff
StandardOutput=file:/root/walked
StandardError=file:/root/walked
TimeoutStartSec=15min
UNIT
	mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
	ln -s /etc/systemd/system/guide.service "$root/etc/systemd/system/multi-user.target.wants/guide.service"
	timeout -k 10 1200 unshare --mount --pid --fork --uts --ipc --net --cgroup --kill-child sh "$work/boot.sh" "$root" >"$work/boot.log" 2>&1 || true
	if [ ! -e "$root/root/walked" ]; then
		cat "$work/boot.log" >&2
		unavailable "a systemd does not start in a namespace"
	fi
	if ! grep -q '^--- PASS: TestWalkTheGuide' "$root/root/walked"; then
		cat "$root/root/walked"
		echo "FAILED: docs/install.md, $way" >&2
		exit 1
	fi
	[ -z "${VERBOSE:-}" ] || cat "$root/root/walked"
	grep -o "$way: from the program.*" "$root/root/walked"
	rm -rf "$root"
done
echo "docs/install.md: walked to the first pop: ${WAYS:-package tarball nginx caddy}"
