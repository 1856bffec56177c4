#include "nn/weighting.h"

#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/status_macros.h"
#include "ops/arithmetic.h"
#include "ops/builder.h"
#include "ops/cast.h"
#include "ops/comparison.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"

namespace adjoint::nn {
namespace {

absl::Status Invalid(absl::string_view what, absl::string_view message) {
  return absl::InvalidArgumentError(absl::StrCat(what, ": ", message));
}

// w, whose axes are the first ones of `shape`, of as many axes as `shape`.
Var Spread(Var w, const Shape& shape, absl::string_view what) {
  if (!w.valid()) return w;
  // [batch,1] for values of [batch].
  if (w.shape().rank() == shape.rank() + 1 && w.shape().dim(shape.rank()) == Dim(1)) {
    w = ops::Squeeze(w, {-1});
  }
  const int rank = w.shape().rank();
  bool fits = rank <= shape.rank();
  for (int axis = 0; fits && axis < rank; ++axis) {
    fits = w.shape().dim(axis) == shape.dim(axis) || w.shape().dim(axis) == Dim(1);
  }
  if (!fits) {
    w.builder->Fail(absl::InvalidArgumentError(absl::StrCat(
        w.builder->ScopePath(), ": the ", what, " of ", w.spec().ToString(),
        " cannot weigh values of shape ", shape.ToString(),
        ", whose first axes must be those of the ", what,
        what == "mask" ? "; a Lambda layer at the end of the network takes the mask away" : "")));
    return Var{w.builder, -1, 0};
  }
  for (int axis = rank; axis < shape.rank(); ++axis) w = ops::ExpandDims(w, -1);
  return w;
}

std::vector<int64_t> AllAxes(const Shape& shape) {
  std::vector<int64_t> axes;
  for (int64_t axis = 0; axis < shape.rank(); ++axis) axes.push_back(axis);
  return axes;
}

}  // namespace

Var WeightsFor(const Weighting& weighting, const Shape& shape) {
  Var product;
  if (weighting.weights.valid()) {
    product = ops::Cast(Spread(weighting.weights, shape, "sample weights"), DType::kF32);
    if (!product.valid()) return product;
  }
  if (weighting.mask.valid()) {
    const Var mask = ops::Cast(Spread(weighting.mask, shape, "mask"), DType::kF32);
    if (!mask.valid()) return mask;
    product = product.valid() ? product * mask : mask;
  }
  return ops::BroadcastTo(product, shape);
}

Var WeightedLoss(Var numbers, const Weighting& weighting) {
  if (!numbers.valid() || weighting.empty()) return ops::Mean(numbers);
  const Shape shape = numbers.shape();
  if (weighting.weights.valid()) {
    const Var weights = Spread(weighting.weights, shape, "sample weights");
    if (!weights.valid()) return weights;
    numbers = numbers * ops::Cast(weights, numbers.dtype());
  }
  if (!weighting.mask.valid()) return ops::Mean(numbers);
  const Var mask = Spread(weighting.mask, shape, "mask");
  if (!mask.valid()) return mask;
  // What is masked may be anything, a NaN among it. The numbers that one element of the mask stands
  // for are counted apart: their number is known from the shapes.
  const Var kept = ops::Where(mask, numbers, ops::ScalarLike(numbers, 0));
  const Var marked = ops::Sum(ops::Cast(mask, DType::kF32));
  const Var each = ops::SizeOf(numbers, AllAxes(shape), DType::kF32) /
                   ops::SizeOf(mask, AllAxes(mask.shape()), DType::kF32);
  return ops::Sum(kept) / ops::Cast(ops::Maximum(marked, 1.0) * each, numbers.dtype());
}

absl::Status CheckWeights(absl::string_view what, const DataList& weights, int64_t rows,
                          size_t num_outputs) {
  if (weights.empty()) return absl::OkStatus();
  if (weights.items().size() != num_outputs) {
    return Invalid(what, absl::StrCat("the model gives ", num_outputs,
                                      " outputs, but sample_weight has ", weights.items().size()));
  }
  for (const Data& item : weights.items()) {
    const bool fits =
        !item.is_csr() && (item.dense().shape().rank() == 1 || item.dense().shape().rank() == 2);
    if (!fits || item.rows() != rows || item.dense().dtype() == DType::kBool) {
      return Invalid(what, absl::StrCat("sample_weight is ", item.ToString(),
                                        "; it must be a tensor of numbers, [", rows, "] or [", rows,
                                        ",steps], for x has ", rows, " samples"));
    }
    const Tensor& tensor = item.dense();
    for (int64_t i = 0; i < tensor.size(); ++i) {
      if (std::isfinite(tensor.ValueAt(i))) continue;
      return Invalid(what, absl::StrCat("sample_weight has ", tensor.ValueAt(i), " at place ", i,
                                        "; weights must be finite"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Tensor> ClassWeights(absl::string_view what,
                                    const std::map<int64_t, double>& class_weight, const Tensor& y,
                                    const DataList& sample_weight) {
  const std::string begin = absl::StrCat(what, ", class_weight");
  std::vector<double> weights;
  for (const auto& [number, weight] : class_weight) {
    if (number != static_cast<int64_t>(weights.size())) {
      return Invalid(begin, absl::StrCat("it has weights for classes ",
                                         absl::StrJoin(class_weight, ", ",
                                                       [](std::string* out, const auto& entry) {
                                                         absl::StrAppend(out, entry.first);
                                                       }),
                                         "; classes are 0 to n - 1, each with a weight"));
    }
    if (!std::isfinite(weight)) {
      return Invalid(begin, absl::StrCat("class ", number, " has weight ", weight,
                                         "; weights must be finite"));
    }
    weights.push_back(weight);
  }
  const int rank = y.shape().rank();
  if (rank > 2 || (!sample_weight.empty() && sample_weight.items()[0].dense().shape().rank() > 1)) {
    return Invalid(begin, absl::StrCat("targets are ", y.spec().ToString(),
                                       "; it takes one class a sample, and no weights of steps"));
  }
  const int64_t rows = y.shape()[0], columns = rank == 2 ? y.shape()[1] : 1;
  ADJOINT_ASSIGN_OR_RETURN(Tensor result, Tensor::Allocate({DType::kF32, Shape{rows}}));
  const absl::Span<float> to = result.mutable_data<float>();
  for (int64_t r = 0; r < rows; ++r) {
    double number = 0;
    if (columns == 1) {
      number = y.ValueAt(r);
    } else {
      for (int64_t c = 1; c < columns; ++c) {
        if (y.ValueAt(r * columns + c) > y.ValueAt(r * columns + static_cast<int64_t>(number))) {
          number = static_cast<double>(c);
        }
      }
    }
    if (!(number >= 0 && number < static_cast<double>(weights.size())) ||
        number != std::floor(number)) {
      return Invalid(begin, absl::StrCat("sample ", r, " is of class ", number,
                                         "; there are weights for classes 0 to ",
                                         static_cast<int64_t>(weights.size()) - 1));
    }
    double weight = weights[static_cast<size_t>(number)];
    if (!sample_weight.empty()) weight *= sample_weight.items()[0].dense().ValueAt(r);
    to[static_cast<size_t>(r)] = static_cast<float>(weight);
  }
  return result;
}

}  // namespace adjoint::nn
