#ifndef ADJOINT_OPS_TAPE_CLOSINGS_H_
#define ADJOINT_OPS_TAPE_CLOSINGS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "core/attrs.h"
#include "ops/reduce_simd.h"

namespace adjoint::ops {

// How an output of an elementwise tape is reduced as the tape is run, over the last `axes` axes of
// the common shape of its inputs. Over none: not at all.
struct TapeClosing {
  Reduction reduction = Reduction::kSum;  // not kProd
  int axes = 0;
  bool keepdims = false;

  friend bool operator==(const TapeClosing&, const TapeClosing&) = default;
};

// The attribute `closings` of a fused_elementwise whose outputs are not all of the common shape: an
// entry an output. What is reduced is f32, over as many axes in all that are.
class TapeClosings final : public AttrObject {
 public:
  explicit TapeClosings(std::vector<TapeClosing> closings) : closings_(std::move(closings)) {}

  absl::Span<const TapeClosing> closings() const { return closings_; }

  // "[none, mean over 2, sum over 1 kept]"
  std::string ToString() const override;
  bool Equals(const AttrObject& other) const override;

 private:
  const std::vector<TapeClosing> closings_;
};

// Those of a node with these attributes; empty when it has none.
absl::Span<const TapeClosing> ClosingsOf(const Attrs& attrs);

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_TAPE_CLOSINGS_H_
