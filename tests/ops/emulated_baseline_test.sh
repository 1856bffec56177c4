#!/bin/bash
# Runs a test binary ("$@") on an emulated x86-64 CPU without AVX, and so shows that nothing
# compiled for a newer one is reached there.

set -u
# An emulator has no room for what a sanitizer puts beside the memory of its program.
if grep -q -e __asan_init -e __tsan_init "$1"; then
  echo "sanitized: not emulated, the baseline's kernels alone"
  ADJOINT_MAX_ISA=baseline exec "$@"
fi
if ! command -v qemu-x86_64 >/dev/null; then
  echo "qemu-x86_64 is missing; it is in Debian's package qemu-user (./bazelw installs it)" >&2
  exit 1
fi
exec qemu-x86_64 -cpu qemu64 "$@"
