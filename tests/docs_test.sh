#!/bin/bash
# The code that a page shows is that of its program in docs/examples, and the program runs.
#   docs_test.sh (PAGE.md PROGRAM.cc PROGRAM)...
#
# Of a page count the lines of blocks marked c++, each block as a whole, and the code in the last
# column of tables. White space does not count.

set -u -o pipefail

# Prints the blocks and table cells of page $1 that program $2 does not have.
missing_code() {
  awk '
    function bare(text) { gsub(/[ \t]+/, "", text); return text }
    NR == FNR { program = program bare($0); next }
    /^```c\+\+$/ { shown = block = ""; inside = 1; next }
    /^```$/ && inside {
      inside = 0
      if (index(program, block) == 0) print "not in the program:\n" shown
      next
    }
    inside { shown = shown $0 "\n"; block = block bare($0); next }
    /^\| .*\|$/ {
      cells = split($0, cell, " \\| ")
      code = cell[cells]
      if (code !~ /^`.*` \|$/) next
      code = substr(code, 2, length(code) - 4)
      if (index(program, bare(code)) == 0) print "not in the program: " code
    }
  ' "$2" "$1"
}

failed=0
while (($# >= 3)); do
  page="$1" source="$2" program="$(readlink -f -- "$3")"
  shift 3
  missing="$(missing_code "${page}" "${source}")"
  if [[ -n "${missing}" ]]; then
    printf '%s: %s\n' "${page}" "${missing}"
    failed=1
  fi
  mkdir -p "${TEST_TMPDIR}/out"
  if ! output="$("${program}" "${TEST_TMPDIR}/out" 2>&1)"; then
    printf '%s failed:\n%s\n' "${source}" "${output}"
    failed=1
  fi
done
exit "${failed}"
