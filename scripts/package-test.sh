#!/bin/sh
# Installs, upgrades, removes and purges the .deb in a clean Debian root, and
# installs, upgrades and removes the .rpm in another, with a daemon that runs
# before and after the upgrade. Exit code 77: not available here, and why.
set -eu
cd "$(dirname "$0")/.."
export LC_ALL=C

unavailable() { echo "not available here: $*: the packages were NOT tested by installing them" >&2; exit 77; }
[ "$(id -u)" = 0 ] || unavailable "a Debian root is made as root"
command -v mmdebstrap >/dev/null || unavailable "mmdebstrap is not installed (apt-get install mmdebstrap)"
command -v unshare >/dev/null || unavailable "unshare is not installed"
unshare --mount --pid --fork true 2>/dev/null || unavailable "this machine lets nobody make namespaces"

work=$(mktemp -d "${TMPDIR:-/tmp}/smokepop-packages.XXXXXX")
trap 'rm -rf "$work"' EXIT
# A root that was made before (a directory) saves minutes: ROOT=DIR.
if [ -n "${ROOT:-}" ]; then
	cp -a "$ROOT" "$work/clean"
else
	sources=/etc/apt/sources.list
	[ -s "$sources" ] || sources=$(find /etc/apt/sources.list.d -name '*.sources' -o -name '*.list' | head -n 1)
	mmdebstrap --mode=root --variant=minbase --include=systemd,ca-certificates "${SUITE:-bookworm}" "$work/clean" $sources \
		>"$work/mmdebstrap.log" 2>&1 || { tail -n 3 "$work/mmdebstrap.log" >&2; unavailable "no Debian mirror could be used"; }
fi

arch=$(dpkg --print-architecture)
for version in 0.0.1 0.0.2; do
	VERSION=$version ARCHES=$arch OUT=$work/$version sh scripts/package.sh
done

# What runs inside. systemctl is noted, not run: nobody is PID 1 here.
cat >"$work/inside.sh" <<'INSIDE'
set -eu
kind=deb
export PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export DEBIAN_FRONTEND=noninteractive
key=/etc/smokepop/credentials/smokepop.key
die() { echo "FAILED ($kind): $*" >&2; exit 1; }
is() { [ "$2" = "$3" ] || die "$1: $2, want $3"; }
step() { echo "$kind: $*"; }

mount -t proc proc /proc
printf '#!/bin/sh\necho "$@" >>/tmp/systemctl\n' >/usr/local/bin/systemctl
chmod 0755 /usr/local/bin/systemctl
mkdir -p /run/systemd/system
# Names alone are not enough: a purge might leave a file changed.
listing() { find / -xdev \( -path /proc -o -path /tmp -o -path /var/lib/dpkg -o -path /var/log -o -path /var/cache \) -prune -o \
	-type f ! -name '*-' ! -name .pwd.lock -exec sha256sum {} + -o -type d -print | sort; }
listing >/tmp/before

# serve runs the daemon as the unit would, and says what its store knows.
serve() {
	install -d -m 0700 -o smokepop -g smokepop /var/lib/smokepop
	install -d -m 0750 -o smokepop -g smokepop /run/smokepop /var/log/smokepop
	install -d -m 0700 -o smokepop -g smokepop /tmp/credentials
	install -m 0400 -o smokepop -g smokepop $key /tmp/credentials/smokepop.key
	CREDENTIALS_DIRECTORY=/tmp/credentials setpriv --reuid smokepop --regid smokepop --clear-groups smokepopd serve >/tmp/serve 2>&1 &
	daemon=$!
	for _ in $(seq 300); do [ ! -S /run/smokepop/admin.sock ] || break; kill -0 $daemon 2>/dev/null || break; sleep 0.1; done
	smokepopd agents "$@" --json >/tmp/said || { cat /tmp/serve; die "agents $*"; }
	kill $daemon
	wait $daemon || die "serve ended with $?: $(cat /tmp/serve)"
}

step install
dpkg -i /tmp/0.0.1.deb >/tmp/out 2>&1 || { cat /tmp/out; die install; }
grep -q 'Keep a copy' /tmp/out || die "the installation does not say that there is a key to keep"
is "the key's mode and owner" "$(stat -c '%a %U' $key)" "400 root"
is "the mode of credentials" "$(stat -c '%a %U' /etc/smokepop/credentials)" "700 root"
id smokepop >/dev/null || die "no user"
is "the version" "$(smokepopd version | cut -d' ' -f2)" 0.0.1
grep -q try-restart /tmp/systemctl && die "a first installation restarts something"
grep -qE 'enable|start' /tmp/systemctl && die "a first installation starts what has no configuration yet"
grep -qx 'ExecStart=/usr/bin/smokepopd serve --config /etc/smokepop/smokepop.yaml' /lib/systemd/system/smokepop.service || die "the unit names another program"
bash -n /usr/share/bash-completion/completions/smokepopd || die "bash completion"
gzip -dc /usr/share/man/man1/smokepopd-keys-generate.1.gz | grep -q '^\.TH' || die "no manual page"
made=$(sha256sum $key)

step "configure and run"
cat >/etc/smokepop/smokepop.yaml <<'YAML'
public_url: http://127.0.0.1:28443
listen: { agents: "127.0.0.1:0", pbx: "127.0.0.1:0", ops: "127.0.0.1:0" }
tls: { cert_file: "", key_file: "" }
encryption_key_file: ${CREDENTIALS_DIRECTORY}/smokepop.key
audit: { file: /var/log/smokepop/audit.log }
tenants:
  - domain: firm.example.com
    region: us
    smokeball: { client_id: id, client_secret: secret, api_key: key }
    agents: [{ extension: "101", name: Priya Shah, email: priya@firm.example }]
YAML
config=$(sha256sum /etc/smokepop/smokepop.yaml)
serve invite --tenant firm.example.com --extension 101
is "the audit file" "$(stat -c '%a %U' /var/log/smokepop/audit.log)" "600 smokepop"
grep -q '"event":"invite".*"who":"root"' /var/log/smokepop/audit.log || die "the audit file does not tell of the invite: $(cat /var/log/smokepop/audit.log)"
grep -q 'create 0600 smokepop smokepop' /etc/logrotate.d/smokepop || die "no logrotate"
db=$(sha256sum /var/lib/smokepop/smokepop.db)

step upgrade
: >/tmp/systemctl
dpkg -i /tmp/0.0.2.deb >/tmp/out 2>&1 </dev/null || { cat /tmp/out; die upgrade; }
is "the version" "$(smokepopd version | cut -d' ' -f2)" 0.0.2
is "the key" "$(sha256sum $key)" "$made"
is "the configuration" "$(sha256sum /etc/smokepop/smokepop.yaml)" "$config"
is "the database" "$(sha256sum /var/lib/smokepop/smokepop.db)" "$db"
is "what systemd was told" "$(grep -v '^--version' /tmp/systemctl | tr '\n' ';')" "daemon-reload;daemon-reload;try-restart smokepop.service;"
serve list
grep -q '"extension":"101"' /tmp/said || grep -q '"extension": "101"' /tmp/said || die "the new version does not know the agent: $(cat /tmp/said)"

step "remove and install again"
dpkg -r smokepop >/tmp/out 2>&1 || { cat /tmp/out; die remove; }
[ ! -e /usr/bin/smokepopd ] || die "the program is still there"
[ -e /var/lib/smokepop/smokepop.db ] && is "the key" "$(sha256sum $key)" "$made"
dpkg -i /tmp/0.0.2.deb >/tmp/out 2>&1 || { cat /tmp/out; die "install again"; }
is "the key" "$(sha256sum $key)" "$made"
is "the configuration" "$(sha256sum /etc/smokepop/smokepop.yaml)" "$config"

step purge
dpkg -P smokepop >/tmp/out 2>&1 || { cat /tmp/out; die purge; }
getent passwd smokepop && die "the user is still there"
getent group smokepop && die "the group is still there"
[ ! -e /etc/smokepop ] && [ ! -e /var/lib/smokepop ] && [ ! -e /var/log/smokepop ] || die "purge has left something"
listing >/tmp/after
diff /tmp/before /tmp/after || die "the root is not what it was"
umount /proc
INSIDE

root=$work/deb
cp -a "$work/clean" "$root"
for version in 0.0.1 0.0.2; do cp "$work/$version"/smokepop_*.deb "$root/tmp/$version.deb"; done
cp "$work/inside.sh" "$root/tmp/"
unshare --mount --pid --fork chroot "$root" sh /tmp/inside.sh

if ! command -v rpm >/dev/null; then
	echo "not available here: rpm is not installed: the .rpm was built and NOT tested by installing it" >&2
	exit 77
fi
root=$work/rpm
cp -a "$work/clean" "$root"
fail() { echo "FAILED (rpm): $*" >&2; exit 1; }
on() { unshare --mount --pid --fork rpm --root "$root" --dbpath /var/lib/rpm --nodeps "$@" >"$work/out" 2>&1 || { cat "$work/out"; fail "rpm $*"; }; }
key=$root/etc/smokepop/credentials/smokepop.key
echo "rpm: install"
on -i "$work"/0.0.1/*.rpm
[ "$(stat -c '%a %u' "$key")" = "400 0" ] || fail "the key's mode is $(stat -c '%a %u' "$key")"
made=$(sha256sum "$key")
echo "# an administrator's line" >>"$root/etc/smokepop/smokepop.yaml"
mkdir -p "$root/var/lib/smokepop" && echo state >"$root/var/lib/smokepop/smokepop.db"
echo "rpm: upgrade"
on -U "$work"/0.0.2/*.rpm
chroot "$root" smokepopd version | grep -q '0\.0\.2' || fail "the old version is still there"
[ "$(sha256sum "$key")" = "$made" ] || fail "the key was changed"
grep -q "an administrator's line" "$root/etc/smokepop/smokepop.yaml" || fail "the configuration was changed"
echo "rpm: erase"
on -e smokepop
[ ! -e "$root/usr/bin/smokepopd" ] || fail "the program is still there"
[ -e "$root/var/lib/smokepop/smokepop.db" ] && [ -e "$key" ] || fail "erasing took state or key"
echo "packages: installed, upgraded, removed and purged"
