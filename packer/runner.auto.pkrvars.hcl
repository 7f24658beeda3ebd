# The release of GitHub's runner that is baked into the images, with the checksums its release notes print.
# GitHub stops giving jobs to releases older than about a month; a machine whose baked release is not the
# one the controller asks for downloads that one at boot, so an old image costs seconds and not jobs.
runner_version = "2.335.1"

runner_sha256 = {
  x64   = "4ef2f25285f0ae4477f1fe1e346db76d2f3ebf03824e2ddd1973a2819bf6c8cf"
  arm64 = "6d1e85bfd1a506a8b17c1f1b9b57dba458ffed90898799aaa9f599520b0d9207"
}
