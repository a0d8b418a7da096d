#!/usr/bin/env bash
# Sets up a Chromium whose WebGPU runs on lavapipe, Mesa's Vulkan driver for CPUs: several times faster than
# SwiftShader and with shader-f16. Debian 12 on x86-64 or arm64, as root or with sudo.
#
#   eval "$(scripts/lavapipe/setup.sh [folder])"      folder: .lavapipe here, about 350 MB if it cannot hard-link
#
# Messages go to stderr, the variables to set to stdout; `npm test -- --lavapipe` does all that. A second run changes nothing and takes under a second;
# after an upgrade of Chromium or Mesa, or a change of the shim, it makes anew what that touches.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
out=${1:-.lavapipe}
mesa_needed=25
chromium_home=/usr/lib/chromium

say() { echo "lavapipe: $*" >&2; }
fail() {
  say "$*"
  exit 1
}
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else fail "needs root for: $*"; fi
}
# apt's talk goes to a log that is shown only when it fails.
apt_get() {
  local log
  log=$(mktemp)
  if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@" >"$log" 2>&1; then
    tail -n 25 "$log" >&2
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
}
installed() { dpkg-query -W -f='${db:Status-Abbrev}|${Version}' "$1" 2>/dev/null | sed -n 's/^ii *|\([0-9]*:\)\{0,1\}//p'; }
candidate() { apt-cache policy mesa-vulkan-drivers | sed -n 's/^ *Candidate: \([0-9]*:\)\{0,1\}//p'; }
recent() { [[ "${1%%.*}" =~ ^[0-9]+$ ]] && [ "${1%%.*}" -ge "$mesa_needed" ]; }

command -v apt-get >/dev/null || fail "needs apt (Debian 12); elsewhere install Mesa $mesa_needed or later and Chromium by hand"

# The apt source of the backports suite: the machine's own source of the main suite, same mirror, options and key,
# with another suite name. Both of apt's formats are read; the result is in the format it came from.
backports_source() {
  local codename=$1 entry file kind
  entry=$(apt-get indextargets --format '$(CODENAME) $(CREATED_BY) $(SOURCESENTRY)' |
    awk -v c="$codename" '$1 == c && $2 == "Packages" && !found { found = 1; print $3 }')
  [ -n "$entry" ] || return 1
  file=${entry%:*} kind=${entry##*:}
  case $file in
    *.sources) # the stanza, counted as apt counts them; comments and a list of suites go
      awk -v n="$kind" -v suite="$codename-backports" '
        /^#/ { next }
        /^[ \t]*$/ { open = 0; next }
        !open { open = 1; stanza++ }
        stanza != n { next }
        /^[ \t]/ { if (!dropped) print; next }
        { dropped = 0 }
        tolower($0) ~ /^types:/ { print "Types: deb"; dropped = 1; next }
        tolower($0) ~ /^suites:/ { print "Suites: " suite; dropped = 1; next }
        tolower($0) ~ /^components:/ { print "Components: main"; dropped = 1; next }
        { print }' "$file" ;;
    *) # one line: deb [options] URI suite components
      awk -v n="$kind" -v suite="$codename-backports" '
        NR == n {
          options = match($0, /\[[^]]*\]/) ? substr($0, RSTART, RLENGTH) " " : ""
          sub(/#.*/, ""); sub(/\[[^]]*\]/, "")
          print "deb " options $2 " " suite " main"
        }' "$file" ;;
  esac
}

install_mesa() {
  local codename list text
  if ! recent "$(candidate)"; then
    say "reading apt's package lists"
    apt_get update || say "apt-get update failed; going on with the lists that are there"
  fi
  if recent "$(candidate)"; then
    apt_get install -y --no-install-recommends mesa-vulkan-drivers || fail "apt could not install mesa-vulkan-drivers (above)"
    return
  fi
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  if ! apt-cache policy | grep -q "[ /]$codename-backports/main"; then
    text=$(backports_source "$codename") && [ -n "$text" ] ||
      fail "none of apt's sources has the suite '$codename', so its backports mirror is unknown; add $codename-backports by hand and run this again"
    list=/etc/apt/sources.list.d/octavo-backports.$([[ $text == deb\ * ]] && echo list || echo sources)
    say "adding $codename-backports from the mirror that this machine uses, in $list"
    echo "$text" | as_root tee "$list" >/dev/null
    if ! apt_get update || ! apt-cache policy | grep -q "[ /]$codename-backports/main"; then
      as_root rm -f "$list"
      fail "this machine's mirror gives no $codename-backports (file removed again). SwiftShader still works (npm test); for lavapipe install Mesa $mesa_needed or later from another source and run this again"
    fi
  fi
  say "installing Mesa's Vulkan drivers from $codename-backports"
  apt_get install -y --no-install-recommends -t "$codename-backports" mesa-vulkan-drivers ||
    fail "apt could not install mesa-vulkan-drivers from $codename-backports (above)"
  recent "$(installed mesa-vulkan-drivers)" ||
    fail "$codename-backports has Mesa $(installed mesa-vulkan-drivers) only; $mesa_needed or later is needed for shader-f16"
}

recent "$(installed mesa-vulkan-drivers)" || install_mesa

missing=
for package in chromium libvulkan-dev gcc libc6-dev; do [ -n "$(installed $package)" ] || missing+=" $package"; done
if [ -n "$missing" ]; then
  say "installing$missing"
  # shellcheck disable=SC2086
  apt_get install -y --no-install-recommends $missing ||
    { apt_get update && apt_get install -y --no-install-recommends $missing; } || fail "apt could not install$missing (above)"
fi
[ -x "$chromium_home/chromium" ] || fail "there is no $chromium_home/chromium: this is not Debian's Chromium package"

mkdir -p "$out"
out=$(cd "$out" && pwd)
mkdir -p -m 700 "$out/run"

shim=$(cksum <"$here/lavapipe_icd.c")
if [ ! -s "$out/liblavapipe_icd.so" ] || [ "$(cat "$out/shim.stamp" 2>/dev/null)" != "$shim" ]; then
  say "compiling the driver shim"
  gcc -shared -fPIC -O2 -Wall -o "$out/liblavapipe_icd.so" "$here/lavapipe_icd.c" -ldl
  echo "$shim" >"$out/shim.stamp"
fi
echo "{\"file_format_version\": \"1.0.0\", \"ICD\": {\"library_path\": \"$out/liblavapipe_icd.so\", \"api_version\": \"1.3.0\"}}" >"$out/icd.json"

# A copy of Chromium without its own SwiftShader, which it would take before any other driver. Hard links where
# the folder allows them; a fresh copy per Chromium version, moved into place when complete.
version=$(installed chromium)
if [ ! -x "$out/chromium/chromium" ] || [ "$(cat "$out/chromium.stamp" 2>/dev/null)" != "$version" ]; then
  say "copying Chromium $version"
  rm -rf "$out/chromium" "$out/chromium.new"
  if ! cp -al "$chromium_home" "$out/chromium.new" 2>/dev/null; then
    rm -rf "$out/chromium.new"
    cp -a "$chromium_home" "$out/chromium.new" || fail "no room for a copy of $chromium_home in $out"
  fi
  rm -f "$out/chromium.new/libvk_swiftshader.so" "$out/chromium.new/vk_swiftshader_icd.json"
  mv "$out/chromium.new" "$out/chromium"
  echo "$version" >"$out/chromium.stamp"
fi

say "ready: Mesa $(installed mesa-vulkan-drivers), Chromium $version, in $out"
cat <<TEXT
export OCTAVO_ADAPTER='lavapipe'
export CHROMIUM_PATH='$out/chromium/chromium'
export VK_ICD_FILENAMES='$out/icd.json'
export XDG_RUNTIME_DIR='$out/run'
export CHROMIUM_FLAGS='--no-sandbox --enable-unsafe-webgpu --enable-features=Vulkan --use-angle=vulkan --use-gl=angle --ignore-gpu-blocklist'
TEXT
