#ifndef ADJOINT_GRAPH_PROGRAM_H_
#define ADJOINT_GRAPH_PROGRAM_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "graph/graph.h"
#include "ops/csr.h"
#include "ops/var.h"

namespace adjoint::graph {

// A value that enters or leaves a program.
struct Port {
  std::string name;
  Var var;
  // For inputs: the extent is a capacity. A tensor fed may be shorter; kernels find out from its
  // other operands how much of it counts (a CSR matrix's entries). Holds as long as nothing reads
  // the input that needs its true extent; see SettleCapacities.
  bool capacity = false;

  // Whether `tensor` can feed this input as it is: equal specs, or no larger than the capacity.
  // Requires a concrete spec.
  bool Accepts(const Tensor& tensor) const;
};

// State: reading `read` gives the variable's value from before the step, and `write` is its value
// afterwards (equal to `read` when the program only reads it).
struct StateBinding {
  std::string variable;
  Var read;
  Var write;
};

// What to compute: some values of a graph, and how they relate to the outside. The vars belong to
// `graph`; inputs and reads are "input" nodes of it. Copying shares the graph, which is not changed
// any more.
struct Program {
  std::string name;
  std::shared_ptr<const Graph> graph;
  std::vector<Port> inputs;
  std::vector<Port> outputs;
  std::vector<StateBinding> states;

  void AddInput(absl::string_view input_name, Var v) {
    inputs.push_back({std::string(input_name), v});
  }
  // The inputs of a sparse matrix: ranges, columns, and values where they are an input.
  // Requires `graph` to be set.
  void AddInput(absl::string_view input_name, const ops::CsrVar& v);
  void AddOutput(absl::string_view output_name, Var v) {
    outputs.push_back({std::string(output_name), v});
  }

  // Ports, then nodes, then outputs and states, a line each. Requires a graph; other mistakes show
  // in the text.
  std::string ToString() const;
};

// Checks what every pass must keep: the graph has no error; vars belong to it, inputs are "input"
// nodes, each bound once, as is each variable; nodes read what is made before them; a written value
// has the spec of its variable. The error names the node.
//
// kInferAgain asks all shape rules again and compares: it finds rules that changed their mind.
// kAsMade trusts a graph to have inferred the specs of its nodes when it got them.
enum class Specs { kInferAgain, kAsMade };
absl::Status Verify(const Program& program, Specs specs = Specs::kInferAgain);

// Two input ports of which the first, i64[rows, 2], holds ranges of entries of the second.
struct RangesOfEntries {
  int ranges;
  int entries;

  friend bool operator==(const RangesOfEntries&, const RangesOfEntries&) = default;
};

// Makes sure that no kernel reads beyond a tensor that is shorter than its capacity port. The
// program may keep its capacity ports when they are read by CSR products alone, as columns or
// values, with ranges that are an input as well; returned are those inputs, which must lie within
// the tensors fed. Otherwise all of its ports become plain ones, for whatever reads them reads (or
// counts) every element. Requires a verified program.
std::vector<RangesOfEntries> SettleCapacities(Program* program);

// The values that symbols take.
using SymbolValues = absl::flat_hash_map<std::string, int64_t>;

// The program for given sizes: symbols replaced in inputs, attributes and bodies, specs inferred
// again.
// Symbols without a value stay. Verifies the program first.
absl::StatusOr<Program> Specialize(const Program& program, const SymbolValues& values);

// Builds a program from another, node by node: the one way passes rewrite. Nodes are copied in
// order; a pass replaces some of them by mapping their outputs to vars of the new graph. As long as
// nodes are copied from the first on, without a gap, the old graph serves as the new one: nothing
// is copied until something differs, and where nothing does the program is the old one.
class Rewriter {
 public:
  explicit Rewriter(const Program& from);

  const Program& from() const { return from_; }
  // The new graph, to add nodes to.
  Graph& graph() {
    Begin();
    return *graph_;
  }

  // The new var of an old one. Requires that it has been copied or mapped.
  Var Map(Var old) {
    Begin();
    return map_[old.node][old.output];
  }
  std::vector<Var> Map(absl::Span<const Var> old);

  // For looking without a new graph: what has been copied and added so far, and a var's place in
  // it, which Set and Add take as well as what Map returns. The place stays; the graph may not.
  const Graph& made() const { return graph_ == nullptr ? *from_.graph : *graph_; }
  std::vector<Var> Peek(absl::Span<const Var> old) const;

  bool IsMapped(Var old) const;
  void Set(Var old, Var replacement) {
    Begin();
    map_[old.node][old.output] = Made(replacement);
  }

  // Appends old node `id` with its inputs mapped.
  absl::Status Copy(int id);
  absl::Status Copy(int id, Attrs attrs);
  // Appends a node in the place and scope of old node `like`.
  absl::StatusOr<std::vector<Var>> Add(const OpDef& op, std::vector<Var> new_inputs, Attrs attrs,
                                       int like);

  // The program with all ports mapped. The rewriter is spent.
  Program Finish();

 private:
  // From now on the new graph is one of its own.
  void Begin() {
    if (graph_ == nullptr) CopyKept();
  }
  void CopyKept();
  // A var that Peek returned, as Map would.
  Var Made(Var v) const { return v.builder == from_.graph.get() ? map_[v.node][v.output] : v; }

  const Program& from_;
  std::shared_ptr<Graph> graph_;  // null: nodes 0 to kept_ - 1 of the old one
  int kept_ = 0;
  std::vector<absl::InlinedVector<Var, 1>> map_;  // by old node and output
};

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_PROGRAM_H_
