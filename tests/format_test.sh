#!/bin/bash
# Every C++ file of the source tree is as clang-format leaves it.

set -u
root="$(dirname -- "$(readlink -f -- WORKSPACE)")"
mapfile -d '' -t files < <(cd -- "${root}" && find . -name 'bazel-*' -prune -o -name '.?*' -prune -o \
  -type f \( -name '*.h' -o -name '*.cc' \) -print0)
if ((${#files[@]} == 0)); then
  echo "no C++ files under ${root}"
  exit 1
fi
cd -- "${root}" || exit 1
printf '%s\0' "${files[@]}" |
  xargs -0 -P 2 -n 16 clang-format --style=file --dry-run --Werror --ferror-limit=1 || {
  echo "to put this right: clang-format -i FILE..."
  exit 1
}
echo "${#files[@]} files"
