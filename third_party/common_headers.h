// What most files include of the standard library and of Abseil, precompiled (precompiled.bzl).
// Files include what they use all the same: `--define=precompiled=no` builds without this one.
// Nothing with objects of its own belongs here, <iostream> for one.

#ifndef ADJOINT_THIRD_PARTY_COMMON_HEADERS_H_
#define ADJOINT_THIRD_PARTY_COMMON_HEADERS_H_

// IWYU pragma: begin_keep
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <source_location>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
// IWYU pragma: end_keep

#endif  // ADJOINT_THIRD_PARTY_COMMON_HEADERS_H_
