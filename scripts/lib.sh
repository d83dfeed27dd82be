# shellcheck shell=bash
# What the scripts share: where things are, what must be installed, how the build that is checked and tested is made.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit

# The build that is checked and tested stands apart from your own, because coverage changes every compilation.
build_directory=.build-check
# shellcheck disable=SC2034 # the scripts use it
build_flags=(
    --scratch-path "$build_directory"
    --enable-code-coverage
    --explicit-target-dependency-import-check error
)

say() { printf '%s\n' "$*"; }
fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

as_root() { if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi; }

# Further commands that a script needs: `command=package`, or `command` when the package has the same name.
needed_commands=()

# Prints the Debian packages that are missing, judged by what they are needed for.
missing_packages() {
    compgen -G '/usr/*include/hiredis/hiredis.h' >/dev/null || [[ -f /usr/local/include/hiredis/hiredis.h ]] ||
        echo libhiredis-dev
    command -v redis-server >/dev/null || echo redis-server
    # The package manager finds hiredis and zlib through it.
    command -v pkg-config >/dev/null || echo pkg-config
    [[ -f /usr/include/zlib.h ]] || echo zlib1g-dev
    # What every Swift toolchain needs to fetch and to compile.
    command -v git >/dev/null || echo git
    [[ -f /etc/ssl/certs/ca-certificates.crt ]] || echo ca-certificates
    [[ -f /usr/include/stdio.h ]] || echo libc6-dev
    compgen -G '/usr/include/c++/*/vector' >/dev/null || echo g++
    local command
    for command in "${needed_commands[@]}"; do
        command -v "${command%%=*}" >/dev/null || echo "${command#*=}"
    done
}

apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
        install -y -q --no-install-recommends "$@"
}

# Installs what is missing, and nothing when nothing is.
install_packages() {
    command -v swift >/dev/null || fail "swift is not on the PATH; install a Swift 6.3 toolchain from swift.org"
    local packages=() log
    mapfile -t packages < <(missing_packages)
    [[ ${#packages[@]} -gt 0 ]] || return 0
    command -v apt-get >/dev/null || fail "please install by hand what Debian calls: ${packages[*]}"
    [[ $(id -u) == 0 ]] || command -v sudo >/dev/null || fail "needs root or sudo to install: ${packages[*]}"
    say "Installing ${packages[*]}"
    log=$(mktemp)
    # Without lists, or with old ones, the first try fails and shows nothing that the second doesn't.
    if ! apt_install "${packages[@]}" >"$log" 2>&1; then
        if ! { as_root apt-get -q update && apt_install "${packages[@]}"; } >"$log" 2>&1; then
            cat "$log" >&2
            rm -f "$log"
            fail "could not install: ${packages[*]}"
        fi
    fi
    rm -f "$log"
}

# Builds with the arguments given; where nobody watches, every hundredth line of progress is enough. Left out is what the
# package manager says of hiredis' flags and of files in other packages.
build() {
    if [[ -t 1 ]]; then
        swift build "$@"
    else
        swift build "$@" 2>&1 |
            awk '/^warning: prohibited flag/ { next }
                /^warning: .* unhandled; explicitly declare/ { listing = 1; next }
                listing && /^    / { next }
                { listing = 0 }
                /^\[[0-9]+\/[0-9]+\] / { if (++count % 100 == 1) { print; fflush() } next }
                { print; fflush() }'
    fi
}

# The build that is measured and shipped: optimised, with Swift's libraries inside the programs.
release_flags=(-c release --static-swift-stdlib)

# Builds a program for release.
build_release() { build "${release_flags[@]}" --product "$1"; }

# Prints the path of a program that was built for release.
release_program() { echo "$(swift build "${release_flags[@]}" --show-bin-path)/$1"; }

# The folder of the toolchain's other tools, such as docc and llvm-cov.
toolchain() { dirname "$(readlink -f "$(command -v swift)")"; }

# Prints the path of a tool of the toolchain.
tool() {
    local path
    path="$(toolchain)/$1"
    if [[ -x $path ]]; then echo "$path"; else command -v "$1" || fail "the Swift toolchain has no $1"; fi
}

# --- Tests ------------------------------------------------------------------------------------------------------------

results="$build_directory/results"
time_limit=12m # for one run of tests, so that one that hangs ends
passed=0
failed=0

# Prints the path of axe-core, which finds what people with disabilities cannot use. It comes out of a package of PyPI;
# nothing where that cannot be had, and then the tests of the dashboard leave these checks out.
axe_core() {
    local folder="$build_directory/axe" file
    file="$PWD/$folder/axe_playwright_python/axe.min.js"
    if [[ ! -f $file ]]; then
        mkdir -p "$folder"
        echo "axe-playwright-python==0.1.8 --hash=sha256:fdd263c998388f1a8e67cad02677e612d946248bd44d163be5e8650ea31f95f8" \
            >"$folder/requirements.txt"
        { python3 -m pip download -q --no-deps --require-hashes -d "$folder" -r "$folder/requirements.txt" &&
            python3 -m zipfile -e "$folder"/axe_playwright_python-*.whl "$folder"; } >/dev/null 2>&1 || true
    fi
    if [[ -f $file ]]; then echo "$file"; else say "axe-core cannot be had: accessibility is not checked" >&2; fi
}

# Begins with an empty folder for reports.
start_results() {
    rm -rf "$results"
    mkdir -p "$results"
}

# Failures, suites and the summary; the log has everything.
show() { awk '/^✔ Test run/ || !/^(◇|↳|✔ (Test|Passing))/ { print; fflush() }'; }

# Prints how many tests of a report passed and how many failed, however many issues each had; nothing when the report
# is not there or not whole, as a process that dies leaves it.
count_results() {
    awk '/<testcase / { all++; counted = 0 }
        /<skipped/ { skipped++ }
        /<(failure|error)/ { if (!counted) { failed++; counted = 1 } }
        /<\/testsuites>/ { print all - failed - skipped, failed + 0 }' "$1" 2>/dev/null
}

# How many tests run at one time. Without a limit all of a run start at once, and the services that they start answer later
# than clients wait.
tests_at_once=$((16 * $(nproc)))

# Runs what the arguments choose and counts it. A run that ends badly without a failed test is one more failure, so that
# the last line never hides it.
run_tests() {
    local name=$1 status=0 good bad
    shift
    timeout --kill-after=30s "$time_limit" swift test --skip-build "${build_flags[@]}" \
        --experimental-maximum-parallelization-width "$tests_at_once" \
        --xunit-output "$results/$name.xml" "$@" 2>&1 | tee "$results/$name.log" | show || status=$?
    read -r good bad < <(count_results "$results/$name-swift-testing.xml") || {
        say "$name crashed or ran longer than $time_limit; see $results/$name.log"
        good=$(grep -ac '^✔ Test .* passed after' "$results/$name.log" || true)
        bad=$(($(grep -ac '^✘ Test .* failed after' "$results/$name.log" || true) + 1))
    }
    [[ $((good + bad)) -gt 0 ]] || say "$name has no tests"
    [[ $status == 0 && $((good + bad)) -gt 0 || $bad != 0 ]] || bad=1
    passed=$((passed + good))
    failed=$((failed + bad))
    # The next run begins with an empty folder.
    local record
    for record in "$(swift build "${build_flags[@]}" --show-bin-path)"/codecov/*.profraw; do
        [[ ! -f $record ]] || cp "$record" "$results/$name-${record##*/}"
    done
}

# --- Soak -------------------------------------------------------------------------------------------------------------

# Prints the command that gives a process a place for mounts of its own, nothing where that is not possible.
own_mounts() {
    local flags
    for flags in --mount "--mount --map-root-user"; do
        # shellcheck disable=SC2086 # several words
        if unshare $flags mount -t tmpfs tmpfs /mnt 2>/dev/null; then
            echo "unshare $flags"
            return
        fi
    done
}

# Adds the last line of a run's report, `N passed, N failed`, to the counts; a run that ended badly is one failure at least.
# The folder stays where the run failed.
add_report() { # folder, exit code
    local good bad
    read -r good bad < <(awk '{ line = $0 } END { if (line ~ /^[0-9]+ passed, [0-9]+ failed$/) {
        split(line, n, " "); print n[1], n[3] } }' "$1/report") || { good=0 && bad=1; }
    [[ $2 == 0 || $bad != 0 ]] || bad=1
    passed=$((passed + good))
    failed=$((failed + bad))
    if [[ $2 == 0 ]]; then rm -rf "$1"; else say "See $1"; fi
    return "$2"
}

# Runs a whole installation under faults for so many minutes by this seed, and counts the rules that it kept and broke.
# The journals stay where it fails.
run_soak() {
    local minutes=$1 seed=$2 directory alone binary limit status=0
    directory=$(mktemp -d "${TMPDIR:-/tmp}/martlet-soak.XXXXXX")
    binary="$(swift build "${build_flags[@]}" --show-bin-path)/MartletSoak"
    limit=$(awk -v minutes="$minutes" 'BEGIN { print int(minutes * 60 + 300) }')
    local words=("$binary" run --minutes "$minutes" --seed "$seed" --directory "$directory"
        --redis-configuration config/redis.conf)
    alone=$(own_mounts)
    if [[ -n $alone ]]; then
        # A volume that can be filled; it is gone with the last process that sees it.
        mkdir "$directory/volume"
        local size
        size=$(awk -v minutes="$minutes" 'BEGIN { print int(64 + minutes * 12) }')
        # shellcheck disable=SC2016 # the inner shell reads them
        words=(bash -c 'mount -t tmpfs -o "size=$1m" tmpfs "$2" && shift 2 && exec "$@"' bash "$size"
            "$directory/volume" "${words[@]}" --small-volume "$directory/volume")
    fi
    # shellcheck disable=SC2086 # several words or none
    LLVM_PROFILE_FILE="$directory/%p.profraw" timeout --kill-after=30s "$limit" $alone "${words[@]}" 2>&1 |
        tee "$directory/report" || status=$?
    add_report "$directory" "$status"
}

# Replaces workers of this version by those of a later one and back, under load for so many seconds, and counts the rules
# that held. The journals stay where it fails.
run_upgrade() {
    local seconds=$1 seed=$2 directory status=0
    directory=$(mktemp -d "${TMPDIR:-/tmp}/martlet-upgrade.XXXXXX")
    LLVM_PROFILE_FILE="$directory/%p.profraw" timeout --kill-after=30s $((seconds + 300)) \
        "$(swift build "${build_flags[@]}" --show-bin-path)/MartletSoak" upgrade --seconds "$seconds" --seed "$seed" \
        --directory "$directory" 2>&1 | tee "$directory/report" || status=$?
    add_report "$directory" "$status"
}
