#!/bin/sh
# Makes the system of the image in a folder: node, the libraries it is linked with, users, and nothing else (no shell, no
# package manager). `docker build` runs it in a node image; `npm run image` runs it on this machine.
# Usage: system.sh FOLDER [NODE]
set -eu
umask 022
root=$1
node=$(readlink -f "${2:-$(command -v node)}")

mkdir -p "$root/usr/local/bin" "$root/etc" "$root/tmp"
chmod 1777 "$root/tmp"
cp "$node" "$root/usr/local/bin/node"
chmod 755 "$root/usr/local/bin/node"

# ldd prints "libc.so.6 => /lib/…/libc.so.6 (0x…)", and for the loader "/lib64/ld-linux-x86-64.so.2 (0x…)".
libraries=$(ldd "$node" | sed -n 's|^[^/]* => \(/[^ ]*\) .*|\1|p; s|^[[:space:]]*\(/[^ ]*\) .*|\1|p')
# Before glibc 2.34 the resolver of names is in libraries of its own, which libc loads when it needs them.
libc=$(dirname "$(echo "$libraries" | grep '/libc\.so' | head -n 1)")
for late in "$libc/libresolv.so.2" "$libc/libnss_dns.so.2" "$libc/libnss_files.so.2"; do
  if [ -e "$late" ]; then libraries="$libraries $late"; fi
done
for library in $libraries; do
  mkdir -p "$root$(dirname "$library")"
  cp -L "$library" "$root$library"
  chmod 755 "$root$library"
done

cat > "$root/etc/passwd" <<END
root:x:0:0:root:/:/sbin/nologin
nobody:x:65534:65534:nobody:/:/sbin/nologin
spikegate:x:65532:65532:spikegate:/app:/sbin/nologin
END
cat > "$root/etc/group" <<END
root:x:0:
nobody:x:65534:
spikegate:x:65532:
END
echo 'hosts: files dns' > "$root/etc/nsswitch.conf"
if [ -r /etc/os-release ]; then cp -L /etc/os-release "$root/etc/os-release"; fi

# What scanners read to know whose libraries these are, and the packages' licences.
if command -v dpkg-query > /dev/null; then
  mkdir -p "$root/var/lib/dpkg/status.d"
  for library in $libraries; do
    dpkg-query -S "$library" "/usr$library" 2> /dev/null | sed 's/:.*//' || true
  done | sort -u | while read -r package; do
    dpkg-query -s "$package" > "$root/var/lib/dpkg/status.d/$package"
    mkdir -p "$root/usr/share/doc/$package"
    cp -L "/usr/share/doc/$package/copyright" "$root/usr/share/doc/$package/copyright" 2> /dev/null || true
  done
fi
