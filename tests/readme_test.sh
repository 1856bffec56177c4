#!/bin/bash
# The program that README.md shows is the one in the tree, and it learns.
#   readme_test.sh README.md first_network.cc first_network

set -eu -o pipefail
readme="$1" source="$2" program="$(readlink -f -- "$3")"

shown="$(awk '/^<!-- apps\/first_network.cc -->$/ {at = 1}
              at && /^```$/ {exit}
              at && show {print}
              at && /^```c\+\+$/ {show = 1}' "${readme}")"
diff <(printf '%s\n' "${shown}") "${source}"

cd "${TEST_TMPDIR}"
accuracy="$("${program}" | tail -n 1 | sed -n 's/.*val_accuracy: \([0-9.]*\)$/\1/p')"
echo "validation accuracy ${accuracy}"
awk -v a="${accuracy}" 'BEGIN {exit !(a > 0.9)}'
test -s circle.model
