#ifndef ADJOINT_OPS_ELEMENTWISE_TAPE_H_
#define ADJOINT_OPS_ELEMENTWISE_TAPE_H_

#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "core/attrs.h"
#include "core/dtype.h"
#include "ops/op_def.h"

namespace adjoint::ops {

// A straight-line program of elementwise ops: what the op `fused_elementwise` computes. Built once,
// immutable from then on.
//
//   ElementwiseTape tape;
//   const auto x = tape.AddInput(DType::kF32);
//   const auto y = tape.AddInput(DType::kF32);
//   const auto product = tape.AddInstr(&MulOp(), {}, {x, y}, DType::kF32);
//   tape.AddOutput(tape.AddInstr(&ReluOp(), {}, {product}, DType::kF32));
//
// A tape knows element types and no shapes: inputs broadcast to a common shape, that of all inputs
// together, which is the shape of every output. A computation with an output of a smaller shape is
// not a tape.
class ElementwiseTape final : public AttrObject {
 public:
  // A value: inputs and results in the order in which they were added, from 0.
  using Ref = int;

  // What the tile engine takes; a longer tape runs on the reference kernel. Copies that the engine
  // makes for outputs that are inputs, or that repeat, count as values.
  static constexpr int kMaxValues = 128;
  static constexpr int kMaxOutputs = 64;
  static constexpr int kMaxOperands = 3;

  struct Value {
    int input = -1;             // which input of the op; -1: a result
    const OpDef* op = nullptr;  // of a result
    Attrs attrs = {};           // of a result
    absl::InlinedVector<Ref, kMaxOperands> operands = {};
    DType dtype = DType::kF32;
  };

  Ref AddInput(DType dtype);
  // The result of an elementwise op with one output, whose element type is `dtype`. Operands are
  // values added before, at most kMaxOperands.
  Ref AddInstr(const OpDef* op, Attrs attrs, absl::Span<const Ref> operands, DType dtype);
  // Makes a value the next output of the tape. An input, or the same value twice, may be one.
  void AddOutput(Ref ref);

  absl::Span<const Value> values() const { return values_; }
  absl::Span<const Ref> outputs() const { return outputs_; }
  int num_inputs() const { return num_inputs_; }
  int num_instrs() const { return static_cast<int>(values_.size()) - num_inputs_; }

  // "(%0 f32, %1 f32) %2 = mul(%0, %1); %3 = relu(%2); -> %3"
  std::string ToString() const override;
  bool Equals(const AttrObject& other) const override;

 private:
  std::vector<Value> values_;
  std::vector<Ref> outputs_;
  int num_inputs_ = 0;
};

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_ELEMENTWISE_TAPE_H_
