#ifndef ADJOINT_GRAPH_ONNX_LOWER_LOWERING_H_
#define ADJOINT_GRAPH_ONNX_LOWER_LOWERING_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "graph/onnx/node_context.h"
#include "graph/onnx/value.h"

namespace adjoint::onnx {

using LowerFn = Values (*)(NodeContext&);

inline constexpr int kVariadic = -1;

// What a lowering takes besides tensors of numbers.
enum class Takes {
  kNumbers,  // halves (f16, bf16) are computed with in f32: inputs widened, results narrowed again
  kAny,      // tensors of any type as they are
  kValues,   // sequences and optionals too
};

// How an operator becomes ops. One row an operator and domain.
struct Lowering {
  const char* op;
  int since;  // the first version of the operator set with a meaning that `lower` has
  int min_inputs;
  int max_inputs;  // kVariadic: no limit
  LowerFn lower;
  Takes takes = Takes::kNumbers;
};

// The tables, one a family. Rows are looked up by name; the default domain.
absl::Span<const Lowering> ElementwiseLowerings();
absl::Span<const Lowering> ShapeLowerings();
absl::Span<const Lowering> IndexingLowerings();
absl::Span<const Lowering> ReduceLowerings();
absl::Span<const Lowering> MatrixLowerings();
absl::Span<const Lowering> SpatialLowerings();
absl::Span<const Lowering> ResizeLowerings();
absl::Span<const Lowering> SamplingLowerings();
absl::Span<const Lowering> NormalizationLowerings();
absl::Span<const Lowering> LossLowerings();
absl::Span<const Lowering> RecurrentLowerings();
absl::Span<const Lowering> QuantizedLowerings();
absl::Span<const Lowering> ControlLowerings();
absl::Span<const Lowering> SequenceLowerings();
absl::Span<const Lowering> SignalLowerings();
absl::Span<const Lowering> DetectionLowerings();
absl::Span<const Lowering> TextLowerings();
absl::Span<const Lowering> RandomLowerings();
// Of domain ai.onnx.preview.training.
absl::Span<const Lowering> TrainingLowerings();

// The row of an operator, or null.
const Lowering* FindLowering(absl::string_view domain, absl::string_view op);

// A single result.
inline Values One(Var v) { return {Value(v)}; }

}  // namespace adjoint::onnx

#endif  // ADJOINT_GRAPH_ONNX_LOWER_LOWERING_H_
