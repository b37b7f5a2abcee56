# Sourced by the scripts beside it: makes .venv and keeps it equal to a lock file.
# When nothing changed it costs three comparisons of files.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
venv=$root/.venv
stamps=$venv/.incidentql # copies of what was installed, so that a change is seen

fail() {
    echo "${0##*/}: $*" >&2
    exit 1
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3.11 python3 python3.12 python3.13 python3.14 python}; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

# is_current LOCK: what that lock names is installed in this .venv, and the project itself is.
is_current() {
    [[ -x $venv/bin/python && $(cat "$stamps/root" 2>/dev/null) == "$root" ]] &&
        cmp -s "$root/$1" "$stamps/$1" &&
        cmp -s "$root/pyproject.toml" "$stamps/pyproject.toml"
}

make_venv() {
    local python
    python=$(find_python) || fail "Python 3.11 or newer is needed (set PYTHON to its path)"
    "$python" -c 'import ensurepip, venv' 2>/dev/null || fail "$python has no venv module (Debian: apt-get install python3-venv)"
    echo "${0##*/}: making .venv with $("$python" --version)" >&2
    "$python" -m venv --clear "$venv" || fail "could not make $venv"
    mkdir -p "$stamps"
    echo "$root" >"$stamps/root"
}

install_lock() {
    local pip=("$venv/bin/python" -m pip --disable-pip-version-check --quiet --quiet --no-input)
    if ! cmp -s "$root/$1" "$stamps/$1"; then
        echo "${0##*/}: installing $1 (a minute or two, the first time)" >&2
        rm -f "$stamps"/*.lock # both locks pin the same things: after a change neither is known to hold
        "${pip[@]}" install --require-hashes --no-deps -r "$root/$1" || fail "could not install $1"
        cp "$root/$1" "$stamps/$1"
        # The development lock contains the other one.
        [[ $1 == requirements.lock ]] || cp "$root/requirements.lock" "$stamps/requirements.lock"
    fi
    if ! cmp -s "$root/pyproject.toml" "$stamps/pyproject.toml"; then
        "${pip[@]}" install --no-deps --no-build-isolation --editable "$root" || fail "could not install the project itself"
        cp "$root/pyproject.toml" "$stamps/pyproject.toml"
    fi
}

# use_venv LOCK: from here on .venv/bin comes first on PATH and holds exactly that lock.
use_venv() {
    if ! is_current "$1"; then
        # Two scripts started at the same moment wait for each other. The lock is on this very file, and Python takes it because
        # not every system has flock(1); it belongs to the descriptor, so it stays when Python ends.
        exec 9<"${BASH_SOURCE[0]}"
        "$(find_python || echo python3)" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)' || fail "could not lock .venv"
        if ! is_current "$1"; then
            [[ -x $venv/bin/python && $(cat "$stamps/root" 2>/dev/null) == "$root" ]] || make_venv
            install_lock "$1"
        fi
        exec 9<&-
    fi
    export PATH=$venv/bin:$PATH VIRTUAL_ENV=$venv
}
