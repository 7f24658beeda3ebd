#!/usr/bin/env bash
# Makes a runner machine out of a fresh Ubuntu. Run by Packer as root, with the files it needs in $UPLOADS.
#
#   RUNNER_VERSION, RUNNER_SHA256, RUNNER_ARCH   GitHub's runner: release, checksum of its archive, x64 or arm64
#   UPLOADS                                      folder with the agent's wheel
set -euo pipefail

: "${RUNNER_VERSION:?}" "${RUNNER_SHA256:?}" "${RUNNER_ARCH:?}" "${UPLOADS:?}"
readonly HOME_DIR=/opt/spotrunner
readonly RUNNER_DIR="${HOME_DIR}/runner/${RUNNER_VERSION}"

install_packages() {
    cloud-init status --wait >/dev/null || true
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q
    apt-get install -qy --no-install-recommends \
        build-essential ca-certificates curl git jq python3 python3-venv rsync tar unzip zip
}

make_user() {
    id runner >/dev/null 2>&1 || useradd --create-home --shell /bin/bash --user-group runner
    # As on GitHub's own machines: a job may do anything, because the machine dies with it.
    printf 'runner ALL=(ALL) NOPASSWD:ALL\n' >/etc/sudoers.d/spotrunner
    chmod 0440 /etc/sudoers.d/spotrunner
    visudo --check --quiet --file=/etc/sudoers.d/spotrunner
}

install_agent() {
    python3 -m venv "${HOME_DIR}/agent"
    # The agent needs the standard library only.
    "${HOME_DIR}/agent/bin/pip" install --quiet --no-index --no-deps "${UPLOADS}"/spotrunner_agent-*.whl
    # Compiled here once: a machine that compiles at its first boot starts seconds later.
    "${HOME_DIR}/agent/bin/python" -m compileall -q --invalidation-mode unchecked-hash \
        "${HOME_DIR}"/agent/lib/python3*/site-packages/runner_agent
    "${HOME_DIR}/agent/bin/spotrunner-agent" --version
}

install_runner() {
    local archive="actions-runner-linux-${RUNNER_ARCH}-${RUNNER_VERSION}.tar.gz"
    local scratch
    scratch="$(mktemp -d)"
    curl --fail --silent --show-error --location --retry 5 --output "${scratch}/${archive}" \
        "https://github.com/actions/runner/releases/download/v${RUNNER_VERSION}/${archive}"
    printf '%s  %s\n' "${RUNNER_SHA256}" "${scratch}/${archive}" | sha256sum --check --strict --quiet
    mkdir -p "${RUNNER_DIR}"
    tar --extract --gzip --no-same-owner --directory "${RUNNER_DIR}" --file "${scratch}/${archive}"
    rm -rf "${scratch}"
    "${RUNNER_DIR}/bin/installdependencies.sh"
    chown -R runner:runner "${RUNNER_DIR}"
    # Fails here, not in somebody's job, when a library is missing or this release behaves otherwise than the agent
    # expects. It needs no network and leaves the folder as it was.
    "${HOME_DIR}/agent/bin/spotrunner-agent" verify-runner --dir "${RUNNER_DIR}" --user runner
}

install_units() {
    # Enabled for the next boot only: started here, the agent would find no work and power this machine off.
    "${HOME_DIR}/agent/bin/spotrunner-agent" install --home "${HOME_DIR}" --user runner
    # Updates that start by themselves would take the processor and the package lock from the job.
    systemctl disable apt-daily.timer apt-daily-upgrade.timer
}

forget_this_machine() {
    rm -rf "${UPLOADS}"
    apt-get clean
    rm -rf /var/lib/apt/lists/*
    cloud-init clean --logs --machine-id
    rm -f /etc/ssh/ssh_host_*
    find /home /root -name authorized_keys -delete
    sync
}

install_packages
make_user
install_agent
install_runner
install_units
forget_this_machine
