#ifndef ADJOINT_GRAPH_ONNX_IMPORT_H_
#define ADJOINT_GRAPH_ONNX_IMPORT_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "graph/onnx/host_value.h"
#include "graph/program.h"
#include "graph/variables.h"

namespace adjoint::onnx {

struct ImportOptions {
  // What becomes of initializers. Those of a floating type and of rank 1 and more are weights:
  // variables, which a training program can write. All others are constants, as are all of them
  // when this is set, and those whose values the import must know.
  bool constant_weights = false;

  // Graph inputs that become constants, by name.
  std::map<std::string, HostValue> values = {};

  // Examples of what will be fed. The import takes from them what it has to know: an input's
  // value where an operator's result type hangs on it (the shape of a Reshape, the steps of a
  // Slice, the data of a NonZero), the length of a sequence, the shape of an input that declares
  // none. Inputs whose value was taken become constants and are listed in `constant_inputs`.
  std::map<std::string, HostValue> examples = {};

  // Inputs have the shapes of their examples instead of those declared.
  bool shapes_of_examples = false;

  // The seed of operators that draw random numbers and have none of their own. ONNX does not say
  // how they draw: it is by Philox (ops/draws.h), anew in each run, for which the program has a
  // variable of its own that counts runs, "run_counter" i64[]. Without a seed such operators are
  // refused.
  std::optional<int64_t> seed = 0;

  // Numbers for named dims ("batch"); others stay symbols of the program.
  std::map<std::string, int64_t> dims = {};
};

// A graph's input or output in terms of a program's ports.
struct ImportedValue {
  std::string name;
  HostValue::Kind kind = HostValue::Kind::kTensor;
  DType dtype = DType::kF32;            // of a tensor
  int port = -1;                        // of a tensor
  std::vector<ImportedValue> elements;  // of a sequence or an optional
};

// A model as a program: it runs in a graph::Function, Gradients differentiates its graph, a
// training program can be built on it. Input ports have the graph inputs' names; elements of
// sequences are ports of their own, "name.0", "name.1".
struct ImportedModel {
  graph::Program program;
  graph::VariableStore variables;
  std::vector<ImportedValue> inputs;
  std::vector<ImportedValue> outputs;
  // Inputs whose value the program holds as a constant: they are no ports.
  std::vector<std::string> constant_inputs;
};

// Reads an ONNX model: operator sets 1 to 17 of the default domain, in which each operator is
// known from some version on (graph/onnx/lower/), ai.onnx.preview.training 1, and functions of
// the model itself, which are inlined. Newer sets are refused by number. Named dims become symbols.
// Whatever depends on constants and known shapes alone is computed now where its value is needed.
// Loops and branches become ops (graph/control_flow.h) where they keep to what those can: tensors
// whose shapes stay. Otherwise the branch taken, or the loop's steps one after the other, stand in
// their place, which must then be known.
//
// Errors: bytes that are no model, or a damaged one; what is not supported, by operator, domain,
// version, types and node; FailedPrecondition where an input's value must be known, naming the
// input. Tensors in other files ("external data") are read from the model's folder and below.
absl::StatusOr<ImportedModel> ImportModel(const std::string& path,
                                          const ImportOptions& options = {});
// `folder` is where external data lie; an empty one refuses them.
absl::StatusOr<ImportedModel> ImportModelBytes(absl::string_view bytes,
                                               const ImportOptions& options = {},
                                               const std::string& folder = "");

// The names, kinds and element types of a model's inputs and outputs (ports are -1), without
// importing it. Types that are not supported show as f32.
struct ModelSignature {
  std::vector<ImportedValue> inputs;
  std::vector<ImportedValue> outputs;
};
absl::StatusOr<ModelSignature> ReadSignature(absl::string_view bytes);

// Runs an imported model once. Inputs go by name; those that became constants are ignored.
absl::StatusOr<std::vector<HostValue>> RunModel(ImportedModel& model,
                                                const std::map<std::string, HostValue>& inputs);

}  // namespace adjoint::onnx

#endif  // ADJOINT_GRAPH_ONNX_IMPORT_H_
