#!/bin/sh
# Makes a folder with Debian's sid and Gwyddion 3 in it, for tests/gwyddion/test_gwyddion3_module.py:
#
#     sudo sh tests/gwyddion/make_gwyddion3_root.sh build/gwyddion3-root
#
# Takes debootstrap, a minute or two, and 1.2 GB. Nothing of it is installed on this computer; its programs run from there.
set -e
root=${1:?"usage: sh make_gwyddion3_root.sh FOLDER"}
mirror=${MIRROR:-http://deb.debian.org/debian}
[ -e "$root/usr/bin/gwyddion3" ] && exit 0
mkdir -p "$root"
debootstrap --variant=minbase sid "$root" "$mirror"
# A mirror that lags behind is as good; nothing is recommended that has no window here.
cat > "$root/etc/apt/apt.conf.d/99tests" <<'CONF'
Acquire::Check-Valid-Until "false";
APT::Install-Recommends "false";
CONF
chroot "$root" apt-get update
DEBIAN_FRONTEND=noninteractive chroot "$root" apt-get install -y gwyddion libgwyddion-dev libgtk-3-dev gcc libc6-dev pkgconf
