# shellcheck shell=bash
# Sourced by the scripts that a fresh machine runs. install_missing PACKAGE... asks apt for what is not
# installed, and for nothing where all is there. 'a|b' is one package or the other; the first is installed
# where none is there. The output of apt goes to $APT_LOG where that is set.

# A package of another architecture, as dpkg --add-architecture allows, is not the one that is needed here;
# where both are installed dpkg-query answers with a line for each.
is_installed() {
    local name names native found
    native=$(dpkg --print-architecture)
    IFS='|' read -ra names <<<"$1"
    for name in "${names[@]}"; do
        found=$(dpkg-query -W -f='${db:Status-Status} ${Architecture}\n' "$name" 2>/dev/null) || continue
        if grep -qxE "installed ($native|all)" <<<"$found"; then
            return 0
        fi
    done
    return 1
}

install_missing() {
    local missing=() package as_root=()
    if ! command -v apt-get >/dev/null; then
        echo "packages: no apt-get here, so what README.md lists must be there already"
        return 0
    fi
    for package in "$@"; do
        is_installed "$package" || missing+=("${package%%|*}")
    done
    if [ ${#missing[@]} -eq 0 ]; then
        echo "packages: all there"
        return 0
    fi
    echo "packages: installing ${missing[*]}"
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null; then
            echo "as root, run: apt-get install ${missing[*]}" >&2
            return 1
        fi
        as_root=(sudo)
    fi
    {
        "${as_root[@]}" apt-get update -q &&
            "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
                apt-get install -q -y --no-install-recommends "${missing[@]}"
    } >>"${APT_LOG:-/dev/null}"
}
