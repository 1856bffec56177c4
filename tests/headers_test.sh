#!/bin/bash
# "nn/nn.h" costs its users little more than absl::StatusOr, which every public header has. Seconds
# depend on the machine; what is parsed does not.

set -u -o pipefail
root="$(dirname -- "$(readlink -f -- WORKSPACE)")"

# The lines and the files that including $1 has a compiler parse.
parsed() {
  echo "#include \"$1\"" | g++ -std=c++20 -iquote "${root}" -E -x c++ - |
    awk '/^# [0-9]+ "/ { file = $3; next } NF { ++lines; files[file] }
         END { print lines; for (f in files) print f }'
}

all="$(parsed nn/nn.h)" && base="$(parsed absl/status/statusor.h)" || exit 1
files="$(tail -n +2 <<<"${all}")"
over=$(($(head -n 1 <<<"${all}") - $(head -n 1 <<<"${base}")))
failed=0

# About 7,500 when this was written.
readonly most=9000
echo "nn/nn.h has ${over} lines more than absl/status/statusor.h"
if ((over > most)); then
  echo "these are more than ${most}; what does the header include that its users do not need?"
  failed=1
fi

# What a user of networks does not see: programs and how they are compiled, messages, and those
# headers of libraries that cost a tenth of a second or more.
for inner in '/graph/(program|graph|executable|function|model_file)\.h"' '\.pb\.h"' \
  'absl/(container/flat_hash|strings/str_format|time|flags)' 'c\+\+/[0-9]+/(regex|fstream|filesystem|random|thread)"'; do
  if grep -E "${inner}" <<<"${files}" | grep -vxF -f <(tail -n +2 <<<"${base}"); then
    echo "nn/nn.h includes this, directly or not"
    failed=1
  fi
done
grep -q 'core/tensor\.h"' <<<"${files}" || { echo "nn/nn.h was not parsed"; failed=1; }
exit "${failed}"
