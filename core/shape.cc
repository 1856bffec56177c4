#include "core/shape.h"

#include <algorithm>
#include <deque>
#include <mutex>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/status_macros.h"

namespace adjoint {
namespace {

// Names live in a deque, so references to them stay valid as it grows.
struct SymbolTable {
  std::mutex mutex;
  std::deque<std::string> names;
  absl::flat_hash_map<std::string, int64_t> ids;
};

SymbolTable& Symbols() {
  static SymbolTable* const table = new SymbolTable;
  return *table;
}

}  // namespace

Dim Dim::Symbol(absl::string_view name) {
  SymbolTable& table = Symbols();
  std::lock_guard<std::mutex> lock(table.mutex);
  auto [it, added] =
      table.ids.try_emplace(std::string(name), static_cast<int64_t>(table.names.size()));
  if (added) table.names.emplace_back(name);
  Dim d(0);
  d.rep_ = -1 - it->second;
  return d;
}

const std::string& Dim::name() const {
  SymbolTable& table = Symbols();
  std::lock_guard<std::mutex> lock(table.mutex);
  return table.names[-1 - rep_];
}

std::string Dim::ToString() const {
  if (is_known()) return absl::StrCat(rep_);
  return is_symbol() ? name() : "?";
}

Shape Shape::Of(absl::Span<const int64_t> extents) {
  Shape shape;
  for (int64_t extent : extents) shape.push_back(extent);
  return shape;
}

bool Shape::IsConcrete() const {
  return std::all_of(dims_.begin(), dims_.end(), [](Dim d) { return d.is_known(); });
}

int64_t Shape::NumElements() const {
  int64_t n = 1;
  for (Dim d : dims_) n *= d.value();
  return n;
}

std::vector<int64_t> Shape::Extents() const {
  std::vector<int64_t> extents;
  extents.reserve(dims_.size());
  for (Dim d : dims_) extents.push_back(d.value());
  return extents;
}

std::string Shape::ToString() const {
  return absl::StrCat(
      "[",
      absl::StrJoin(dims_, ",",
                    [](std::string* out, Dim d) { absl::StrAppend(out, d.ToString()); }),
      "]");
}

std::vector<int64_t> RowMajorStrides(absl::Span<const int64_t> extents) {
  std::vector<int64_t> strides(extents.size());
  int64_t stride = 1;
  for (size_t i = extents.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= extents[i];
  }
  return strides;
}

absl::StatusOr<int> NormalizeAxis(int64_t axis, int rank) {
  if (axis < -rank || axis >= rank) {
    return absl::InvalidArgumentError(
        rank == 0 ? absl::StrCat("axis ", axis, " of a scalar, which has no axes")
                  : absl::StrCat("axis ", axis, " is outside ", -rank, "..", rank - 1,
                                 ", the axes of a tensor of rank ", rank));
  }
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

absl::StatusOr<std::vector<int>> NormalizeAxes(absl::Span<const int64_t> axes, int rank) {
  std::vector<int> result;
  for (int64_t axis : axes) {
    ADJOINT_ASSIGN_OR_RETURN(int normal, NormalizeAxis(axis, rank));
    result.push_back(normal);
  }
  std::sort(result.begin(), result.end());
  auto twice = std::adjacent_find(result.begin(), result.end());
  if (twice != result.end()) {
    return absl::InvalidArgumentError(absl::StrCat("axis ", *twice, " is named twice"));
  }
  return result;
}

absl::StatusOr<Shape> BroadcastShapes(const Shape& a, const Shape& b) {
  const int rank = std::max(a.rank(), b.rank());
  Shape out;
  for (int i = 0; i < rank; ++i) {
    const int ia = i - (rank - a.rank()), ib = i - (rank - b.rank());
    const Dim da = ia < 0 ? Dim(1) : a.dim(ia);
    const Dim db = ib < 0 ? Dim(1) : b.dim(ib);
    if (da == db || db == Dim(1)) {
      out.push_back(da);
    } else if (da == Dim(1)) {
      out.push_back(db);
    } else {
      return absl::InvalidArgumentError(absl::StrCat(
          "shapes ", a.ToString(), " and ", b.ToString(), " do not broadcast: axis ", i - rank,
          " has ", da.ToString(), " and ", db.ToString(), ", which are neither equal nor 1"));
    }
  }
  return out;
}

}  // namespace adjoint
