#include "benchmarks/report/contests.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "benchmarks/shapes.h"

namespace adjoint::benchmarks {
namespace {

Contestant Ours(std::string program, std::vector<std::string> arguments = {}) {
  return {Contestant::kOurs, std::move(program), std::move(arguments)};
}
Contestant Rival(std::string program) { return {Contestant::kRival, std::move(program), {}}; }
Contestant PyTorch(std::string work) { return {Contestant::kPyTorch, std::move(work), {}}; }

std::string Theirs(const std::string& name) { return absl::StrCat(name, "/pytorch"); }

}  // namespace

std::vector<Round> AllRounds() {
  return {
      {"notebook", {Ours("imdb"), PyTorch("notebook")}, 1},
      {"mlp", {Ours("mlp", {"--benchmark_filter=^mlp"}), PyTorch("mlp")}},
      {"products",
       {Ours("matmul"), Ours("dense"), Rival("openblas"), Rival("eigen"), PyTorch("matmul"),
        PyTorch("dense")}},
      {"lstm", {Ours("recurrent", {"--benchmark_filter=^lstm"}), PyTorch("lstm")}},
      {"convnet", {Ours("convnet"), PyTorch("convnet")}},
      {"bandwidth", {Ours("bandwidth"), PyTorch("bandwidth")}},
      {"chain", {Ours("chain"), Rival("libtorch"), PyTorch("chain")}},
      {"overhead", {Ours("overhead")}},
      {"neighbour", {Ours("mlp", {"--benchmark_filter=^neighbour"})}},
      {"scaling", {Ours("mlp", {"--benchmark_filter=^scaling"})}},
  };
}

std::vector<Contest> AllContests() {
  std::vector<Contest> all;
  for (const char* validation : {"validation", "no_validation"}) {
    const std::string sparse = absl::StrCat("sparse/", validation);
    const std::string dense = absl::StrCat("dense/", validation);
    const std::string with = validation[0] == 'v' ? ", with validation" : "";
    all.push_back({"notebook, sparse" + with,
                   {sparse + "/adjoint"},
                   {sparse + "/csr_loop"},
                   Contest::kRatio,
                   1.2});
    all.push_back(
        {"notebook, sparse" + with, {sparse + "/adjoint"}, {Theirs(sparse)}, Contest::kFaster, 12});
    all.push_back({"notebook, dense" + with,
                   {dense + "/adjoint"},
                   {dense + "/raw_onednn"},
                   Contest::kRatio,
                   1.0});
    all.push_back(
        {"notebook, dense" + with, {dense + "/adjoint"}, {Theirs(dense)}, Contest::kFaster, 1.8});
  }
  const std::string mlp = "mlp/784x512x512x10/batch_128";
  all.push_back({"MLP 784-512-512-10, batch 128, Adam, a step",
                 {mlp + "/adjoint"},
                 {Theirs(mlp)},
                 Contest::kRatio,
                 0.7});
  // Two threads and the neighbour share two cores.
  all.push_back({"MLP beside a busy process, two threads on two cores",
                 {"neighbour/busy"},
                 {"neighbour/alone"},
                 Contest::kRatio,
                 1.5});
  std::vector<std::string> products;
  for (const Product& p : Products()) products.push_back(p.Name());
  for (const DenseLayer& d : DenseLayers()) products.push_back(d.Name());
  for (const std::string& name : products) {
    all.push_back({name,
                   {name + "/adjoint"},
                   {name + "/onednn", name + "/openblas", name + "/eigen"},
                   Contest::kRatio,
                   1.05});
  }
  const std::string lstm = "lstm/32x100x64x64/forward_backward";
  all.push_back({"LSTM, batch 32, T 100, 64 -> 64, forward and backward",
                 {lstm},
                 {Theirs(lstm)},
                 Contest::kRatio,
                 0.45});
  const std::string convnet = "convnet/train_step";
  all.push_back({"convnet on 28x28, batch 128, a training step",
                 {convnet},
                 {Theirs(convnet)},
                 Contest::kRatio,
                 0.85});
  all.push_back({"chain of 1,000 multiplications of 64 elements, forward and backward",
                 {"compiled/1000"},
                 {},
                 Contest::kSeconds,
                 150e-6});
  for (const char* work : {"chain/1000000", "chain/4096x4096", "tanh/4096x4096", "softmax/512x1000",
                           "softmax/16384x1000", "softmax_gradient/16384x1000",
                           "layer_norm/16384x1024", "sum/4096x4096/axis0", "sum/4096x4096/axis1"}) {
    const std::string name = absl::StrCat("bandwidth/", work);
    // 85 % of a copy's bandwidth.
    all.push_back({name, {name + "/adjoint"}, {name + "/copy"}, Contest::kRatio, 1 / 0.85});
    all.push_back({name, {name + "/adjoint"}, {Theirs(name)}, Contest::kRatio, 1.0});
  }
  for (const char* encoding : {"sparse", "dense"}) {
    all.push_back({absl::StrCat("notebook's network, ", encoding,
                                ": building, differentiating and compiling, warm"),
                   {absl::StrCat("notebook/warm/build/", encoding),
                    absl::StrCat("notebook/warm/compile/", encoding)},
                   {},
                   Contest::kSeconds,
                   300e-6});
  }
  return all;
}

std::vector<Growth> AllGrowths() {
  return {{"batch, from 64", "scaling/batch/"},
          {"width of the hidden layers, from 256", "scaling/width/"},
          {"number of hidden layers, from 2", "scaling/depth/"}};
}

}  // namespace adjoint::benchmarks
