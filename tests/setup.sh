# Sourced by tests/run and conf/demo: what a fresh Debian 12 needs.

BUILD_PACKAGES="ca-certificates build-essential git cmake ninja-build pkg-config python3 libevent-dev libc-ares-dev
	libinih-dev libidn2-dev libseccomp-dev libyaml-dev libcmocka-dev libexpat1-dev libjansson-dev"
LAB_PACKAGES="iproute2 nftables dnsmasq-base openssl ejabberd prosody lua-unbound jabberd2 python3-slixmpp"
# What judges pages, metrics and the public port in tests.
TOOL_PACKAGES="sslscan testssl.sh prometheus mandoc zsh"
# Of a full run alone.
FUZZ_PACKAGES="clang libclang-rt-14-dev clang-tidy cppcheck gcovr lintian"

# What a package would start at the next boot.
units_of() {
	case $1 in
	ejabberd) echo ejabberd.service epmd.service epmd.socket ;;
	prosody) echo prosody.service ;;
	haproxy | nginx | hitch | prometheus) echo "$1.service" ;;
	stunnel4) echo stunnel4.service stunnel.target ;;
	jabberd2) echo jabberd.service jabberd-router.service jabberd-sm.service jabberd-c2s.service jabberd-s2s.service ;;
	esac
}

missing_packages() {
	local p
	for p in "$@"; do
		dpkg-query -W -f '${db:Status-Status}\n' "$p" 2>/dev/null | grep -qx installed || printf '%s ' "$p"
	done
}

# Installs what is missing.  None of the servers may start by itself: the lab runs its own, in its own network.
install_packages() {
	local missing log
	missing=$(missing_packages "$@")
	[ -n "$missing" ] || return 0
	if [ "$(id -u)" != 0 ]; then
		echo "These packages are missing, and only root can install them: $missing" >&2
		return 1
	fi
	echo "-- installing: $missing"
	log=$(mktemp)
	(
		trap 'exit 130' INT TERM
		if [ ! -e /usr/sbin/policy-rc.d ]; then
			trap 'rm -f /usr/sbin/policy-rc.d' EXIT
			printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
			chmod 755 /usr/sbin/policy-rc.d
		fi
		export DEBIAN_FRONTEND=noninteractive
		# shellcheck disable=SC2086
		apt-get -qq update && apt-get -qq -y --no-install-recommends install $missing
	) >"$log" 2>&1 || {
		tail -n 30 "$log" >&2
		rm -f "$log"
		return 1
	}
	rm -f "$log"
	# Nor at the next boot.  Only what came just now: a server that was here before is somebody's.
	local package unit
	for package in $missing; do
		for unit in $(units_of "$package"); do
			systemctl -q disable "$unit" >/dev/null 2>&1 || true # absent where another init runs, or none
		done
		[ ! -e "/etc/init.d/$package" ] || update-rc.d "$package" disable >/dev/null 2>&1 || true
	done
}

# BoringSSL comes by git; npm brings it where upstream is out of reach, and Debian where npm is, too.  Debian's npm is
# large, so only then.
install_boringssl_carrier() {
	local url package
	[ -z "${BORINGSSL_ROOT:-}${BORINGSSL_SOURCE_DIR:-}" ] || return 0
	! compgen -G "build/boringssl/*/lib/libssl.a" >/dev/null || return 0
	url=$(sed -n 's/^set(BORINGSSL_GIT_URL \(.*\))$/\1/p' cmake/BoringSSL.cmake)
	! GIT_TERMINAL_PROMPT=0 timeout 15 git ls-remote "$url" HEAD >/dev/null 2>&1 || return 0
	command -v npm >/dev/null || install_packages npm || return 1
	package=$(sed -n 's/^set(BORINGSSL_NPM_PACKAGE \([^)]*\)).*$/\1/p' cmake/BoringSSL.cmake)
	timeout 60 npm view "$package" version >/dev/null 2>&1 || install_packages android-libboringssl-dev
}

# build PRESET [TARGET…]: configures and builds quietly; what went wrong is shown.
build() {
	local preset=$1 log
	shift
	log=$(mktemp)
	echo "-- building: $preset"
	if ! { cmake --preset "$preset" ${BORINGSSL_ROOT:+-DBORINGSSL_ROOT="$BORINGSSL_ROOT"} \
		${BORINGSSL_SOURCE_DIR:+-DBORINGSSL_SOURCE_DIR="$BORINGSSL_SOURCE_DIR"} &&
		cmake --build --preset "$preset" ${1:+--target "$@"}; } >"$log" 2>&1; then
		# From what failed first on, if the build says so; the rest of it is of no interest.
		if grep -q '^FAILED: ' "$log"; then sed -n '/^FAILED: /,$p' "$log" | head -n 40; else tail -n 40 "$log"; fi >&2
		rm -f "$log"
		return 1
	fi
	rm -f "$log"
}
