#include "apps/imdb/network.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "apps/imdb/memory.h"
#include "apps/imdb/networks/sequence.h"
#include "core/io/hash.h"
#include "core/status_macros.h"
#include "graph/passes/dump.h"
#include "nn/basic_layers.h"
#include "nn/dense.h"

namespace adjoint::apps::imdb {
namespace {

absl::Status CheckWeights(const Options& options, int64_t num_words) {
  double weights = 0;
  double inputs = static_cast<double>(num_words);
  for (const int64_t units : options.hidden) {
    weights += inputs * static_cast<double>(units);
    inputs = static_cast<double>(units);
  }
  // Weights, their gradients, and an optimizer's state of as many as two numbers each.
  return CheckMemory(4 * sizeof(float) * weights,
                     absl::StrFormat("training a network of %.0f million weights", weights / 1e6),
                     "use a smaller --hidden or --num_words");
}

// Kernels in the order of layers: each takes what the one before gives.
absl::StatusOr<std::vector<Shape>> Kernels(const nn::Model& model) {
  std::vector<Shape> kernels;
  bool chain = model.network().inputs().size() == 1 && model.network().outputs().size() == 1;
  for (const std::string& name : model.WeightNames()) {
    const Tensor* const weight = model.variables().Find(name);
    if (weight == nullptr || weight->shape().rank() != 2) continue;
    chain = chain && (kernels.empty() || kernels.back().dim(1) == weight->shape().dim(0));
    kernels.push_back(weight->shape());
  }
  if (!chain || kernels.empty() || kernels.back().dim(1).value() != 1) {
    return absl::InvalidArgumentError(
        "its network is no chain of dense layers from one input to one probability");
  }
  return kernels;
}

absl::StatusOr<nn::Model> Compiled(nn::Model model, const Options& options, const nn::DataList& x) {
  model.SetCompileOptions(CompileOptionsFrom(options));
  ADJOINT_RETURN_IF_ERROR(model.Build(x));
  ADJOINT_RETURN_IF_ERROR(model.Compile(options.optimizer, options.loss, {kAccuracy}));
  return model;
}

}  // namespace

graph::CompileOptions CompileOptionsFrom(const Options& options) {
  graph::CompileOptions compile;
  compile.memory_limit = options.memory_limit;
  if (!options.dump_passes.empty()) {
    compile.passes.observe = graph::DumpPrograms(options.dump_passes);
  }
  return compile;
}

absl::StatusOr<nn::Model> MakeModel(const Options& options, const nn::DataList& x) {
  std::vector<nn::LayerHandle> layers;
  for (const int64_t units : options.hidden) {
    layers.push_back(nn::Dense(
        units, {.activation = options.activation, .kernel_regularizer = nn::L2(options.l2)}));
    if (options.dropout > 0) layers.push_back(nn::Dropout(options.dropout));
  }
  layers.push_back(nn::Dense(1, {.activation = "sigmoid"}));
  if (IsSequenceNetwork(options.network)) {
    const nn::InputOutput ids =
        nn::Input(Shape{SequenceLength(options.network)}, {.dtype = DType::kI32, .name = "ids"});
    nn::LayerOutput y = EncodedSequence(ids, options);
    for (const nn::LayerHandle& layer : layers) y = layer(y);
    return Compiled(nn::Model(ids, y, {.seed = options.seed}), options, x);
  }
  ADJOINT_RETURN_IF_ERROR(CheckWeights(options, x.items()[0].spec().tensor.shape.dim(1).value()));
  return Compiled(nn::Sequential(std::move(layers), {.seed = options.seed}), options, x);
}

absl::StatusOr<int64_t> InputColumns(const nn::Model& model) {
  ADJOINT_ASSIGN_OR_RETURN(const std::vector<Shape> kernels, Kernels(model));
  return kernels.front().dim(0).value();
}

absl::StatusOr<std::vector<int64_t>> HiddenUnits(const nn::Model& model) {
  ADJOINT_ASSIGN_OR_RETURN(const std::vector<Shape> kernels, Kernels(model));
  std::vector<int64_t> units;
  for (size_t i = 0; i + 1 < kernels.size(); ++i) units.push_back(kernels[i].dim(1).value());
  return units;
}

absl::StatusOr<std::string> WeightsSha256(const nn::Model& model) {
  io::Hasher hasher(io::Hasher::Algorithm::kSha256);
  for (const std::string& name : model.WeightNames()) {
    const Tensor* const weight = model.variables().Find(name);
    if (weight == nullptr) {
      return absl::FailedPreconditionError(absl::StrCat("the model has no weight '", name, "'"));
    }
    hasher.Update(absl::string_view(static_cast<const char*>(weight->raw()),
                                    static_cast<size_t>(weight->bytes())));
  }
  return hasher.HexDigest();
}

}  // namespace adjoint::apps::imdb
