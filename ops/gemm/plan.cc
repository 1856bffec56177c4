#include "ops/gemm/plan.h"

#include <algorithm>
#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "ops/gemm/gemm.h"

namespace adjoint::ops {
namespace {

struct TableRow {
  Isa isa;
  MatMulShape shape;
  const char* plan;
};

// Written by //benchmarks:tune_matmul.
const TableRow kTable[] = {
#include "ops/gemm/plan_table.inc"
};

// The largest of the logarithms of the ratios of extents.
double Distance(const MatMulShape& a, const MatMulShape& b) {
  const auto ratio = [](int64_t x, int64_t y) {
    return std::abs(std::log(static_cast<double>(x) / static_cast<double>(y)));
  };
  return std::max({ratio(a.m, b.m), ratio(a.n, b.n), ratio(a.k, b.k)});
}

const TableRow* Nearest(const MatMulShape& shape, Isa isa) {
  const TableRow* best = nullptr;
  double least = std::log(1.5);
  for (const TableRow& row : kTable) {
    if (row.isa != isa || row.shape.transpose_lhs != shape.transpose_lhs ||
        row.shape.transpose_rhs != shape.transpose_rhs ||
        IsVectorProduct(row.shape) != IsVectorProduct(shape)) {
      continue;
    }
    const double distance = Distance(row.shape, shape);
    if (distance <= least) {
      least = distance;
      best = &row;
    }
  }
  return best;
}

// Above this many multiply-adds oneDNN is taken where nothing was measured: it knows more CPUs.
constexpr double kSmall = 1 << 21;

MatMulPlan ByRule(const MatMulShape& shape, Isa isa) {
  const double terms = 1.0 * shape.m * shape.n * shape.k;
  MatMulPlan plan;
  if (isa != Isa::kAvx2 && terms > kSmall && !IsVectorProduct(shape)) {
    plan.path = MatMulPlan::Path::kOneDnn;
    return plan;
  }
  if (IsVectorProduct(shape)) return plan;
  // The operand on the right is read in rows where possible; it is copied where it is read often,
  // or read along columns. Swapped are products where copying it would cost as much as they do, few
  // rows of a large matrix turned around, and those whose result does not fill a panel.
  const int64_t panel = GemmPanel();
  plan.swap = (shape.transpose_rhs && shape.m <= 64 && shape.k * shape.n >= 1 << 18) ||
              (4 * shape.n < 3 * panel && shape.m >= 4 * panel);
  const int64_t m = plan.swap ? shape.n : shape.m;
  const int64_t n = plan.swap ? shape.m : shape.n;
  const bool right_in_rows = plan.swap ? shape.transpose_lhs : !shape.transpose_rhs;
  const bool left_in_rows = plan.swap ? shape.transpose_rhs : !shape.transpose_lhs;
  plan.pack_b = !right_in_rows || (m > 2 * GemmTileRows() && n > panel && shape.k * n > 16384);
  // Rows that lie some pages apart fall on the same lines of the cache.
  plan.pack_a = n >= 16 * panel && shape.k >= 32 && (!left_in_rows || shape.k >= 1024);
  return plan;
}

}  // namespace

bool IsVectorProduct(const MatMulShape& shape) {
  return shape.m == 1 || shape.n == 1 || shape.k == 1;
}

std::string MatMulPlan::ToString() const {
  if (path == Path::kOneDnn) return "onednn";
  return absl::StrCat("gemm", swap ? " swap" : "", pack_a ? " pack_a" : "", pack_b ? " pack_b" : "",
                      rows_first ? " rows_first" : "", " depth=", depth);
}

absl::StatusOr<MatMulPlan> MatMulPlan::Parse(absl::string_view text) {
  MatMulPlan plan;
  plan.pack_b = false;
  bool first = true;
  for (absl::string_view word : absl::StrSplit(text, ' ')) {
    if (first) {
      first = false;
      if (word != "onednn" && word != "gemm") {
        return absl::InvalidArgumentError(
            absl::StrCat("a plan begins with 'onednn' or 'gemm', but this one is '", text, "'"));
      }
      if (word == "onednn") {
        plan = MatMulPlan();
        plan.path = Path::kOneDnn;
        if (text != word) {
          return absl::InvalidArgumentError(
              absl::StrCat("nothing may follow 'onednn' in a plan, but this one is '", text, "'"));
        }
        return plan;
      }
    } else if (word == "swap") {
      plan.swap = true;
    } else if (word == "pack_a") {
      plan.pack_a = true;
    } else if (word == "pack_b") {
      plan.pack_b = true;
    } else if (word == "rows_first") {
      plan.rows_first = true;
    } else if (int64_t depth; word.substr(0, 6) == "depth=" &&
                              absl::SimpleAtoi(word.substr(6), &depth) && depth >= 8 &&
                              depth <= 4096) {
      plan.depth = depth;
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat("'", word, "' in the plan '", text,
                       "' is none of swap, pack_a, pack_b, rows_first and depth=8 .. 4096"));
    }
  }
  return plan;
}

MatMulPlan ChooseMatMulPlan(const MatMulShape& shape, Isa isa) {
  const TableRow* const row = Nearest(shape, isa);
  return row == nullptr ? ByRule(shape, isa) : *MatMulPlan::Parse(row->plan);
}

std::vector<MatMulPlan> CandidateMatMulPlans(const MatMulShape& shape) {
  std::vector<MatMulPlan> plans = {ChooseMatMulPlan(shape)};
  const auto add = [&](const MatMulPlan& plan) {
    if (std::find(plans.begin(), plans.end(), plan) == plans.end()) plans.push_back(plan);
  };
  MatMulPlan plan;
  plan.path = MatMulPlan::Path::kOneDnn;
  add(plan);
  plan = MatMulPlan();
  if (IsVectorProduct(shape)) {
    add(plan);
    return plans;
  }
  for (const int64_t depth : {256, 400, 768}) {
    // Depths that cut k into as many pieces are one.
    if (depth > 256 && (shape.k + depth - 1) / depth == (shape.k + 255) / 256) continue;
    if (depth > 400 && (shape.k + depth - 1) / depth == (shape.k + 399) / 400) continue;
    for (int bits = 0; bits < 16; ++bits) {
      plan.depth = depth;
      plan.swap = bits & 1;
      plan.pack_a = bits & 2;
      plan.pack_b = bits & 4;
      plan.rows_first = bits & 8;
      // What lies along columns is always copied.
      const bool right_in_rows = plan.swap ? shape.transpose_lhs : !shape.transpose_rhs;
      if (!right_in_rows && !plan.pack_b) continue;
      add(plan);
    }
  }
  return plans;
}

}  // namespace adjoint::ops
