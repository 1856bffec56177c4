#ifndef ADJOINT_GRAPH_PROGRAM_PROTO_H_
#define ADJOINT_GRAPH_PROGRAM_PROTO_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/attrs.h"
#include "core/tensor.h"
#include "core/tensor_spec.h"
#include "graph/model.pb.h"
#include "graph/program.h"

namespace adjoint::graph {

// Programs and tensors as messages and back. What comes back is checked as if a user had built it:
// an unknown op, version, attribute or element type is refused by name, specs are inferred again
// and compared with those stored, and no message can crash the process.

// Errors: a program that Verify refuses, a node of an internal op (programs are saved before
// optimization).
absl::Status ToProto(const Program& program, proto::ProgramProto* message);
absl::StatusOr<Program> FromProto(const proto::ProgramProto& message);

void ToProto(const Tensor& tensor, proto::TensorProto* message);
absl::StatusOr<Tensor> FromProto(const proto::TensorProto& message);

void ToProto(const TensorSpec& spec, proto::SpecProto* message);
absl::StatusOr<TensorSpec> FromProto(const proto::SpecProto& message);

// A single attribute. False for a kind that has no place in a file.
bool ToProto(const Attrs::Entry& entry, proto::AttrProto* message);
absl::StatusOr<AttrValue> FromProto(const proto::AttrProto& message);

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_PROGRAM_PROTO_H_
