#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "apps/inspect/layout.h"
#include "apps/inspect/picture.h"
#include "core/io/npy.h"
#include "core/io/npz.h"
#include "core/io/safetensors.h"
#include "graph/model_file.h"
#include "graph/onnx/export.h"
#include "nn/nn.h"
#include "tests/apps/app_runner.h"

namespace adjoint::apps {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

std::string AppPath() { return (fs::current_path() / "apps/inspect").string(); }

// A small network with a branch, trained for an epoch.
nn::Model Trained(const fs::path& checkpoints = "") {
  const nn::LayerOutput x = nn::Input({4}, {.name = "pixels"});
  const nn::LayerOutput a = nn::Dense(8, {.activation = "relu", .name = "left"})(x);
  const nn::LayerOutput b = nn::Dense(8, {.activation = "relu", .name = "right"})(x);
  const nn::LayerOutput y = nn::Dense(1, {.name = "top"})(nn::Add()({a, b}));
  nn::Model model(x, y, {.name = "branches"});
  EXPECT_TRUE(model.Compile("adam", "mse", {"mae"}).ok());
  const Tensor data = Tensor::Of<float>({2, 4}, {1, 2, 3, 4, 5, 6, 7, 8});
  nn::FitOptions options{.epochs = 3, .batch_size = 2, .verbose = 0};
  options.checkpoint.dir = checkpoints.string();
  const auto history = model.Fit(data, Tensor::Of<float>({2}, {0, 1}), options);
  EXPECT_TRUE(history.ok()) << history.status();
  return model;
}

TEST(InspectTest, CommandLine) {
  const Place place("inspect_usage");
  for (const std::vector<std::string>& args : std::vector<std::vector<std::string>>{
           {}, {"a", "b"}, {"--wrong", "a"}, {"--svg=", "a"}, {"--graph=layers", "a"}, {""}}) {
    const RunResult result = place.Run(AppPath(), args);
    EXPECT_EQ(result.code, 2) << args.size();
    EXPECT_THAT(result.err, MatchesRegex("inspect: [^\n]*\n"));
    EXPECT_EQ(result.out, "");
  }
  const RunResult help = place.Run(AppPath(), {"--help"});
  EXPECT_EQ(help.code, 0);
  EXPECT_THAT(help.out, StartsWith("usage: inspect FILE"));
}

TEST(InspectTest, UnknownAndDamagedFiles) {
  const Place place("inspect_damage");
  const nn::Model model = Trained();
  ASSERT_TRUE(model.Save((place.here() / "model").string()).ok());
  ASSERT_TRUE(model.SaveWeights((place.here() / "w.safetensors").string()).ok());
  ASSERT_TRUE(model.SaveWeights((place.here() / "w.npz").string()).ok());
  const std::string bytes = ReadAll(place.here() / "model");
  std::string flipped = bytes;
  flipped[bytes.size() / 2] ^= 1;
  WriteAll(place.here() / "flipped", flipped);
  WriteAll(place.here() / "cut", bytes.substr(0, bytes.size() / 2));
  WriteAll(place.here() / "empty", "");
  WriteAll(place.here() / "text.txt", "Dear Sir or Madam,\n");
  WriteAll(place.here() / "cut.safetensors",
           ReadAll(place.here() / "w.safetensors").substr(0, 300));
  WriteAll(place.here() / "cut.npz", ReadAll(place.here() / "w.npz").substr(0, 300));
  WriteAll(place.here() / "bad.npy", "\x93NUMPY and so on");
  WriteAll(place.here() / "bad.onnx", "nonsense");
  const auto error = [&](const std::string& name) {
    const RunResult result = place.Run(AppPath(), {name, "--svg=out.svg"});
    EXPECT_EQ(result.code, 1) << name;
    EXPECT_EQ(result.out, "") << name;
    EXPECT_THAT(result.err, MatchesRegex("inspect: [^\n]*\n")) << name;
    return result.err;
  };
  EXPECT_THAT(error("none"), HasSubstr("cannot read 'none'"));
  EXPECT_THAT(error("."), HasSubstr("it is a folder"));
  EXPECT_THAT(error("flipped"), HasSubstr("its checksum does not match its content"));
  for (const char* name : {"cut", "empty", "text.txt"}) {
    EXPECT_THAT(error(name),
                HasSubstr("it is no model, checkpoint, ONNX, safetensors, npz or npy"));
  }
  EXPECT_THAT(error("cut.safetensors"), HasSubstr("safetensors header"));
  EXPECT_THAT(error("cut.npz"), HasSubstr("cut.npz"));
  EXPECT_THAT(error("bad.npy"), HasSubstr("npy header"));
  EXPECT_THAT(error("bad.onnx"), HasSubstr("it is no ONNX model, or damaged"));
  EXPECT_FALSE(fs::exists(place.here() / "out.svg"));
}

TEST(InspectTest, FilesOfTensors) {
  const Place place("inspect_tensors");
  const float nan = std::nanf("");
  const std::vector<std::pair<std::string, Tensor>> tensors = {
      {"kernel", Tensor::Of<float>({2, 3}, {-1, 0, 0.5, 2, nan, 1})},
      {"step", Tensor::Scalar<int64_t>(7)}};
  ASSERT_TRUE(io::WriteSafetensors((place.here() / "t.safetensors").string(), tensors,
                                   {{"format", "pt"}, {"note", "two\nlines \x1b[31m"}})
                  .ok());
  ASSERT_TRUE(io::WriteNpz((place.here() / "t.npz").string(), tensors).ok());
  const RunResult plain = place.Run(AppPath(), {"t.safetensors"});
  EXPECT_EQ(plain.code, 0) << plain.err;
  EXPECT_THAT(plain.out, StartsWith("t.safetensors: safetensors file, "));
  EXPECT_THAT(plain.out,
              AllOf(HasSubstr("metadata format  pt\n"), HasSubstr("two\\nlines \\x1b[31m")));
  EXPECT_THAT(plain.out,
              AllOf(HasSubstr("kernel  f32   [2,3]         6  24 B\n"),
                    HasSubstr("in all: 2 tensors, 7 elements, 32 B\n"), Not(HasSubstr("mean"))));
  for (const char* name : {"t.safetensors", "t.npz"}) {
    const RunResult stats = place.Run(AppPath(), {name, "--stats"});
    EXPECT_EQ(stats.code, 0) << stats.err;
    EXPECT_THAT(stats.out, AllOf(HasSubstr("min"), HasSubstr("not finite")));
    EXPECT_THAT(stats.out, HasSubstr(" -1    2   0.5    1      1           1\n")) << stats.out;
  }
  const RunResult drawn = place.Run(AppPath(), {"t.npz", "--dot=t.dot"});
  EXPECT_EQ(drawn.code, 1);
  EXPECT_THAT(drawn.err, HasSubstr("'t.npz' has no graph to draw: it is a npz file"));
  WriteAll(place.here() / "x.npy", io::SerializeNpy(tensors[0].second));
  EXPECT_THAT(place.Run(AppPath(), {"x.npy"}).out, HasSubstr("x     f32   [2,3]"));
}

TEST(InspectTest, Models) {
  const Place place("inspect_model");
  const nn::Model model = Trained(place.here() / "checkpoints");
  ASSERT_TRUE(model.Save((place.here() / "model").string()).ok());
  ASSERT_TRUE(model.SaveWeights((place.here() / "weights").string()).ok());
  const RunResult result = place.Run(AppPath(), {"model", "--dot=layers.dot", "--svg=layers.svg"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, StartsWith("model: Adjoint model, "));
  EXPECT_THAT(result.out, HasSubstr("Model: \"branches\""));
  EXPECT_THAT(result.out, HasSubstr("left/kernel"));
  EXPECT_THAT(result.out, HasSubstr("weights: 6 tensors, 89 elements, 356 B\n"));
  EXPECT_THAT(result.out, HasSubstr("optimizer: "));
  EXPECT_THAT(result.out, HasSubstr("    in     x0  f32[batch,4]\n"));
  EXPECT_THAT(result.out, HasSubstr("    out    y0  f32[batch,1]\n"));
  EXPECT_THAT(result.out, HasSubstr("    state  top/bias  f32[1]\n"));
  EXPECT_THAT(result.out, HasSubstr("optimizer       adam("));
  EXPECT_THAT(result.out, HasSubstr("epochs trained  3\n"));
  EXPECT_THAT(result.out, HasSubstr("nn.network"));
  EXPECT_THAT(result.out, HasSubstr("Graph 'layers' drawn in layers.svg\n"));
  const std::string svg = ReadAll(place.here() / "layers.svg");
  EXPECT_THAT(svg, AllOf(StartsWith("<svg"), HasSubstr(">left (Dense)</text>"),
                         HasSubstr(">kernel  f32[4,8]</text>"), HasSubstr("</svg>\n")));
  const std::string dot = ReadAll(place.here() / "layers.dot");
  EXPECT_THAT(dot, AllOf(StartsWith("digraph \"layers\" {\n"), HasSubstr("label=\"top (Dense)")));

  const RunResult program = place.Run(AppPath(), {"model", "--graph=predict", "--svg=predict.svg"});
  EXPECT_EQ(program.code, 0) << program.err;
  EXPECT_THAT(ReadAll(place.here() / "predict.svg"),
              AllOf(HasSubstr(">matmul</text>"), HasSubstr(">left/kernel  f32[4,8]</text>")));
  const RunResult none = place.Run(AppPath(), {"model", "--graph=none", "--svg=none.svg"});
  EXPECT_EQ(none.code, 1);
  EXPECT_THAT(none.err, HasSubstr("'model' has no graph 'none'; there are layers, predict\n"));

  EXPECT_THAT(place.Run(AppPath(), {"weights"}).out, StartsWith("weights: Adjoint weights, "));
  std::string checkpoint;
  for (const std::string& name : place.Files()) {
    if (name.find("checkpoint-") != std::string::npos) checkpoint = name;
  }
  const RunResult state = place.Run(AppPath(), {checkpoint});
  EXPECT_EQ(state.code, 0) << state.err;
  EXPECT_THAT(state.out, AllOf(HasSubstr(": Adjoint checkpoint, "),
                               HasSubstr("goes on with    epoch 4, batch 1\n"),
                               HasSubstr("batch size      2\n"), HasSubstr("last loss"),
                               HasSubstr("steps           3\n")));
}

TEST(InspectTest, OnnxModels) {
  const Place place("inspect_onnx");
  nn::Model model = Trained();
  ASSERT_TRUE(model.Save((place.here() / "model").string()).ok());
  const auto file = graph::ReadModelFile((place.here() / "model").string());
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(onnx::ExportModelFile((place.here() / "model.onnx").string(), file->programs[0],
                                    file->variables)
                  .ok());
  const RunResult result = place.Run(AppPath(), {"model.onnx", "--stats", "--svg=onnx.svg"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(StartsWith("model.onnx: ONNX model, "), HasSubstr("IR version"),
                                HasSubstr("operator set"), HasSubstr("left/kernel   f32   [4,8]"),
                                HasSubstr("out    y0  f32[batch,1]\n"), HasSubstr("not finite")));
  EXPECT_THAT(ReadAll(place.here() / "onnx.svg"), HasSubstr(">MatMul</text>"));
  // What the importer refuses is shown all the same.
  ::onnx::ModelProto strange;
  strange.set_ir_version(8);
  auto* const set = strange.add_opset_import();
  set->set_version(99);
  auto* const node = strange.mutable_graph()->add_node();
  node->set_op_type("Quicken");
  node->set_domain("com.example");
  node->add_input("in");
  node->add_output("out");
  strange.mutable_graph()->add_input()->set_name("in");
  strange.mutable_graph()->add_output()->set_name("out");
  WriteAll(place.here() / "strange", strange.SerializeAsString());
  const RunResult shown = place.Run(AppPath(), {"strange", "--dot=strange.dot"});
  EXPECT_EQ(shown.code, 0) << shown.err;
  EXPECT_THAT(shown.out, AllOf(HasSubstr("ai.onnx 99"), HasSubstr("1 com.example.Quicken")));
  EXPECT_THAT(ReadAll(place.here() / "strange.dot"), HasSubstr("n0 -> n1;"));
  // A tensor whose size cannot be.
  auto* const tensor = strange.mutable_graph()->add_initializer();
  tensor->set_name("huge");
  tensor->set_data_type(1);
  for (int i = 0; i < 3; ++i) tensor->add_dims(int64_t{1} << 40);
  WriteAll(place.here() / "huge.onnx", strange.SerializeAsString());
  const RunResult huge = place.Run(AppPath(), {"huge.onnx"});
  EXPECT_EQ(huge.code, 1);
  EXPECT_THAT(huge.err, HasSubstr("initializer 'huge' has the shape [1099511627776,"));
}

// Layouts -----------------------------------------------------------------------------------------

using inspect::Box;
using inspect::Layout;
using inspect::MakeLayout;

void ExpectNoOverlap(const std::vector<Box>& boxes, const Layout& layout) {
  for (size_t i = 0; i < boxes.size(); ++i) {
    EXPECT_GE(layout.centers[i].x - boxes[i].width / 2, 0);
    EXPECT_LE(layout.centers[i].x + boxes[i].width / 2, layout.width);
    EXPECT_LE(layout.centers[i].y + boxes[i].height / 2, layout.height);
    for (size_t j = 0; j < i; ++j) {
      const double dx = std::abs(layout.centers[i].x - layout.centers[j].x);
      const double dy = std::abs(layout.centers[i].y - layout.centers[j].y);
      EXPECT_TRUE(dx >= (boxes[i].width + boxes[j].width) / 2 - 1e-6 ||
                  dy >= (boxes[i].height + boxes[j].height) / 2 - 1e-6)
          << i << " " << j;
    }
  }
}

TEST(LayoutTest, BoxesStandBelowWhatTheyDependOn) {
  // A diamond with a long edge around it, and a chain that is straight.
  const std::vector<Box> boxes(7, {60, 20});
  const std::vector<std::pair<int, int>> edges = {{0, 1}, {0, 2}, {1, 3}, {2, 3},
                                                  {0, 3}, {3, 4}, {4, 5}, {5, 6}};
  const Layout layout = MakeLayout(boxes, edges);
  ExpectNoOverlap(boxes, layout);
  for (const auto& [from, to] : edges) EXPECT_LT(layout.centers[from].y, layout.centers[to].y);
  for (int i : {4, 5, 6}) EXPECT_NEAR(layout.centers[i].x, layout.centers[3].x, 0.5);
  ASSERT_EQ(layout.paths.size(), edges.size());
  EXPECT_EQ(layout.paths[4].size(), 4u);  // around the layer between
  for (size_t e = 0; e < edges.size(); ++e) {
    EXPECT_NEAR(layout.paths[e].front().x, layout.centers[edges[e].first].x, 1e-9);
    EXPECT_NEAR(layout.paths[e].back().x, layout.centers[edges[e].second].x, 1e-9);
  }
}

TEST(LayoutTest, NothingLoopsAndCycles) {
  EXPECT_EQ(MakeLayout({}, {}).centers.size(), 0u);
  const std::vector<Box> boxes(3, {10, 10});
  const std::vector<std::pair<int, int>> edges = {{0, 0}, {0, 1}, {1, 2}, {2, 0}, {0, 1}};
  ExpectNoOverlap(boxes, MakeLayout(boxes, edges));
}

TEST(LayoutTest, HugeGraphsDoNotHang) {
  const auto begin = std::chrono::steady_clock::now();
  inspect::Picture chain{.name = "chain", .nodes = {}, .edges = {}};
  for (int i = 0; i < 20'000; ++i) {
    chain.nodes.push_back({inspect::Picture::Kind::kOp, "op"});
    if (i > 0) chain.edges.push_back({i - 1, i});
    if (i > 0) chain.edges.push_back({0, i});  // 200 million bends, if one drew them
  }
  EXPECT_GT(inspect::ToSvg(chain).size(), 1'000'000u);
  std::vector<Box> boxes(20'001, {50, 20});
  std::vector<std::pair<int, int>> edges;
  for (int i = 0; i < 20'000; ++i) edges.emplace_back(i, 20'000);
  EXPECT_GT(MakeLayout(boxes, edges).width, 1'000'000);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

TEST(PictureTest, TextsAreEscaped) {
  const inspect::Picture picture{
      .name = "a<b>",
      .nodes = {{inspect::Picture::Kind::kInput, "x & \"y\"", {std::string(100, 'z')}},
                {inspect::Picture::Kind::kOutput, "Größe\n\x01\xff"}},
      .edges = {{0, 1}}};
  const std::string svg = inspect::ToSvg(picture);
  EXPECT_THAT(svg,
              AllOf(HasSubstr("<title>a&lt;b&gt;</title>"), HasSubstr("x &amp; &quot;y&quot;"),
                    HasSubstr(std::string(43, 'z') + "…</text>"), HasSubstr("Größe\\n\\x01\\xff")));
  EXPECT_THAT(inspect::ToDot(picture), HasSubstr("label=\"x & \\\"y\\\"\\n"));
}

}  // namespace
}  // namespace adjoint::apps
