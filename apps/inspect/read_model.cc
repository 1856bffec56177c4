// Models and checkpoints of this library.

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "apps/inspect/contents.h"
#include "apps/inspect/tensor_info.h"
#include "core/status_macros.h"
#include "graph/model_file.h"
#include "nn/checkpoint.pb.h"
#include "nn/model.h"
#include "nn/network.pb.h"
#include "nn/programs.h"
#include "ops/leaf.h"

namespace adjoint::apps::inspect {
namespace {

constexpr char kNetworkSection[] = "nn.network";
constexpr char kTrainingSection[] = "nn.training";
constexpr char kCheckpointSection[] = "nn.checkpoint";

std::string PortText(const std::string& name, const TensorSpec& spec) {
  return absl::StrCat(name, "  ", spec.ToString());
}

ProgramInfo DescribeProgram(const graph::Program& program) {
  ProgramInfo info{.name = program.name, .nodes = program.graph->num_nodes()};
  for (const graph::Port& port : program.inputs) {
    info.inputs.push_back(PortText(port.name, port.var.spec()));
  }
  for (const graph::Port& port : program.outputs) {
    info.outputs.push_back(PortText(port.name, port.var.spec()));
  }
  for (const graph::StateBinding& state : program.states) {
    info.states.push_back(absl::StrCat(PortText(state.variable, state.read.spec()),
                                       state.read == state.write ? "" : ", written"));
  }
  for (int id = 0; id < program.graph->num_nodes(); ++id) {
    const std::string op(program.graph->node(id).op->name);
    if (op != ops::InputOp().name) ++info.ops[op];
  }
  return info;
}

// Constants and variables stand in the boxes of those who read them.
Picture DrawProgram(const graph::Program& program) {
  const graph::Graph& graph = *program.graph;
  Picture picture{.name = program.name, .nodes = {}, .edges = {}};
  absl::flat_hash_map<int, std::string> inputs, folded;
  for (const graph::Port& port : program.inputs) inputs[port.var.node] = port.name;
  for (const graph::StateBinding& state : program.states) {
    folded[state.read.node] = PortText(state.variable, state.read.spec());
  }
  absl::flat_hash_set<int> shown;  // though they are leaves: they are results
  for (const graph::Port& port : program.outputs) shown.insert(port.var.node);
  std::vector<int> place(static_cast<size_t>(graph.num_nodes()), -1);
  for (int id = 0; id < graph.num_nodes(); ++id) {
    const graph::Node& node = graph.node(id);
    if (node.op == &ops::ConstantOp()) {
      folded[id] = absl::StrCat("constant  ", node.outputs[0].ToString());
    }
    const auto leaf = folded.find(id);
    if (leaf != folded.end() && !shown.contains(id)) continue;
    Picture::Node box;
    if (const auto input = inputs.find(id); input != inputs.end()) {
      box = {Picture::Kind::kInput, input->second, {node.outputs[0].ToString()}};
    } else if (leaf != folded.end()) {
      box = {Picture::Kind::kState, leaf->second};
    } else {
      box = {Picture::Kind::kOp, std::string(node.op->name)};
      if (!node.scope->empty()) box.lines.push_back(*node.scope);
      for (const ops::Var& v : node.inputs) {
        const auto read = folded.find(v.node);
        if (read != folded.end() && !shown.contains(v.node)) box.lines.push_back(read->second);
      }
      box.lines.push_back(absl::StrCat(
          "→ ", absl::StrJoin(node.outputs, ", ", [](std::string* out, const TensorSpec& spec) {
            absl::StrAppend(out, spec.ToString());
          })));
    }
    place[id] = static_cast<int>(picture.nodes.size());
    picture.nodes.push_back(std::move(box));
    for (const ops::Var& v : node.inputs) {
      if (place[v.node] >= 0) picture.edges.push_back({place[v.node], place[id]});
    }
  }
  const auto add_end = [&](Picture::Kind kind, const std::string& name, const ops::Var& v) {
    if (place[v.node] < 0) return;
    picture.edges.push_back({place[v.node], static_cast<int>(picture.nodes.size())});
    picture.nodes.push_back({kind, name, {v.spec().ToString()}});
  };
  for (const graph::Port& port : program.outputs) {
    add_end(Picture::Kind::kOutput, port.name, port.var);
  }
  for (const graph::StateBinding& state : program.states) {
    if (state.read == state.write) continue;
    add_end(Picture::Kind::kState, absl::StrCat("new ", state.variable), state.write);
  }
  return picture;
}

Picture DrawLayers(const nn::Network& network) {
  Picture picture{.name = "layers", .nodes = {}, .edges = {}};
  const auto spec_of = [&](const nn::Network::ValueId& id) {
    const auto& outputs = network.calls()[id.call].outputs;
    return static_cast<size_t>(id.output) < outputs.size() ? outputs[id.output].ToString() : "?";
  };
  for (const nn::Network::Call& call : network.calls()) {
    const nn::Network::Part& part = network.parts()[call.part];
    const bool is_input = dynamic_cast<const nn::InputLayer*>(part.layer.get()) != nullptr;
    Picture::Node box{
        is_input ? Picture::Kind::kInput : Picture::Kind::kOp,
        is_input ? part.name : absl::StrCat(part.name, " (", part.layer->ClassName(), ")")};
    for (const nn::VariableDecl& decl : part.variables) {
      box.lines.push_back(PortText(decl.name, decl.spec));
    }
    const int at = static_cast<int>(picture.nodes.size());
    for (size_t i = 0; i < call.outputs.size(); ++i) {
      box.lines.push_back(absl::StrCat(is_input ? "" : "→ ", spec_of({at, static_cast<int>(i)})));
    }
    picture.nodes.push_back(std::move(box));
    for (const nn::Network::ValueId& id : call.inputs) picture.edges.push_back({id.call, at});
  }
  for (size_t i = 0; i < network.outputs().size(); ++i) {
    const nn::Network::ValueId& id = network.outputs()[i];
    picture.edges.push_back({id.call, static_cast<int>(picture.nodes.size())});
    picture.nodes.push_back({Picture::Kind::kOutput, absl::StrCat("output ", i), {spec_of(id)}});
  }
  return picture;
}

std::string OptimizerText(const nn::proto::OptimizerProto& optimizer) {
  std::string text = optimizer.name();
  for (int i = 0; i < optimizer.values_size(); ++i) {
    absl::StrAppend(&text, i == 0 ? "(" : ", ", optimizer.values(i).name(), " ",
                    optimizer.values(i).value());
  }
  if (optimizer.values_size() > 0) text += ")";
  if (!optimizer.schedule().empty()) absl::StrAppend(&text, ", ", optimizer.schedule());
  return text;
}

void DescribeTraining(const std::string& bytes, Contents* contents) {
  nn::proto::TrainingProto state;
  if (!state.ParseFromString(bytes)) {
    contents->notes.push_back(absl::StrCat("section '", kTrainingSection, "' cannot be read"));
    return;
  }
  auto& training = contents->training;
  if (state.has_optimizer()) {
    training.emplace_back("optimizer", OptimizerText(state.optimizer()));
  } else {
    training.emplace_back("optimizer", "none: not compiled");
  }
  for (const auto& objective : state.objectives()) {
    training.emplace_back("loss", objective.loss().name());
    std::vector<std::string> metrics;
    for (const auto& metric : objective.metrics()) metrics.push_back(metric.name());
    if (!metrics.empty()) training.emplace_back("metrics", absl::StrJoin(metrics, ", "));
  }
  training.emplace_back("epochs trained", absl::StrCat(state.epochs_trained()));
  training.emplace_back("seed", absl::StrCat(state.seed()));
}

void DescribeCheckpoint(const std::string& bytes, Contents* contents) {
  nn::proto::CheckpointProto state;
  if (!state.ParseFromString(bytes)) {
    contents->notes.push_back(absl::StrCat("section '", kCheckpointSection, "' cannot be read"));
    return;
  }
  auto& training = contents->training;
  training.emplace_back("optimizer", OptimizerText(state.optimizer()));
  training.emplace_back("goes on with",
                        absl::StrCat("epoch ", state.epoch() + 1, ", batch ", state.batch() + 1,
                                     state.stopped() ? " (was stopped)" : ""));
  training.emplace_back("epochs trained", absl::StrCat(state.epochs_trained()));
  training.emplace_back("samples", state.rows() >= 0 ? absl::StrCat(state.rows()) : "unknown");
  training.emplace_back("batch size", absl::StrCat(state.batch_size()));
  training.emplace_back("shuffle", state.shuffle() ? "yes" : "no");
  training.emplace_back("seed", absl::StrCat(state.seed()));
  for (const auto& entry : state.history()) {
    if (entry.values().empty()) continue;
    training.emplace_back(absl::StrCat("last ", entry.name()),
                          absl::StrCat(entry.values(entry.values_size() - 1)));
  }
}

}  // namespace

absl::StatusOr<Contents> ReadModelContents(const std::string& path, bool stats) {
  ADJOINT_ASSIGN_OR_RETURN(const graph::ModelFile file, graph::ReadModelFile(path));
  const std::string* const checkpoint = file.FindSection(kCheckpointSection);
  const bool has_network = file.FindSection(kNetworkSection) != nullptr;
  Contents contents{.kind = checkpoint != nullptr                   ? "Adjoint checkpoint"
                            : has_network || !file.programs.empty() ? "Adjoint model"
                                                                    : "Adjoint weights"};
  if (has_network) {
    const absl::StatusOr<nn::Model> model = nn::Model::Load(path);
    if (model.ok()) {
      contents.layers = model->Summary();
      contents.pictures.push_back(DrawLayers(model->network()));
    } else {
      contents.notes.push_back(absl::StrCat("layers cannot be shown: ", model.status().message()));
    }
  }
  for (const std::string& name : file.variables.Names()) {
    TensorInfo info = Describe(name, *file.variables.Find(name), stats);
    info.optimizer = absl::StartsWith(name, "optimizer/");
    contents.tensors.push_back(std::move(info));
  }
  std::stable_partition(contents.tensors.begin(), contents.tensors.end(),
                        [](const TensorInfo& info) { return !info.optimizer; });
  for (const graph::Program& program : file.programs) {
    contents.programs.push_back(DescribeProgram(program));
    contents.pictures.push_back(DrawProgram(program));
  }
  for (const auto& [name, bytes] : file.sections) {
    contents.sections.emplace_back(name, static_cast<int64_t>(bytes.size()));
  }
  if (const std::string* const training = file.FindSection(kTrainingSection)) {
    DescribeTraining(*training, &contents);
  }
  if (const Tensor* const step = file.variables.Find(nn::kStepVariable);
      step != nullptr && step->dtype() == DType::kI64 && step->size() == 1) {
    contents.training.emplace_back("steps", absl::StrCat(step->item<int64_t>()));
  }
  if (checkpoint != nullptr) DescribeCheckpoint(*checkpoint, &contents);
  return contents;
}

}  // namespace adjoint::apps::inspect
