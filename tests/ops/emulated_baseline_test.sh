#!/bin/bash
# Runs a test binary ("$@") on an emulated x86-64 CPU without AVX, and so shows that nothing
# compiled for a newer one is reached there.

set -u
if ! command -v qemu-x86_64 >/dev/null; then
  echo "qemu-x86_64 is missing; it is in Debian's package qemu-user (./bazelw installs it)" >&2
  exit 1
fi
exec qemu-x86_64 -cpu qemu64 "$@"
