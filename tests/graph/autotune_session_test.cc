#include "graph/autotune_session.h"

#include <memory>
#include <string>
#include <vector>

#include "core/io/file.h"
#include "gmock/gmock.h"
#include "graph/executable.h"
#include "graph/graph.h"
#include "gtest/gtest.h"
#include "ops/matmul.h"

namespace adjoint::graph {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

void CompileProduct() {
  auto g = std::make_shared<Graph>();
  const ops::Var a = g->Input("a", {DType::kF32, Shape{20, 30}});
  const ops::Var b = g->Input("b", {DType::kF32, Shape{30, 40}});
  Program program{.name = "product", .graph = g, .inputs = {}, .outputs = {}, .states = {}};
  program.AddInput("a", a);
  program.AddInput("b", b);
  program.AddOutput("y", ops::MatMul(a, b));
  ASSERT_TRUE(Executable::Compile(program).ok());
}

TEST(AutotuneSession, TimesOnceAndRemembersInAFile) {
  const std::string path = ::testing::TempDir() + "/choices.txt";
  std::remove(path.c_str());
  std::vector<std::string> lines;
  const auto print = [&](const std::string& line) { lines.push_back(line); };
  for (int run = 0; run < 2; ++run) {
    auto session = AutotuneSession::Start(path, print);
    ASSERT_TRUE(session.ok()) << session.status();
    CompileProduct();
    ASSERT_TRUE((*session)->Save().ok());
    ASSERT_THAT(lines, SizeIs(1));  // the second run knows
    EXPECT_THAT(lines[0], StartsWith("autotune: 20x30x40: "));
  }
  CompileProduct();  // outside any session
  EXPECT_THAT(lines, SizeIs(1));
  EXPECT_THAT(*io::ReadFile(path), HasSubstr(" 20x30x40 "));
}

TEST(AutotuneSession, RefusesADamagedFile) {
  const std::string path = ::testing::TempDir() + "/damaged.txt";
  ASSERT_TRUE(io::WriteFileAtomically(path, "adjoint kernel choices 1\nnonsense\n").ok());
  const auto session = AutotuneSession::Start(path, {});
  EXPECT_THAT(std::string(session.status().message()),
              HasSubstr("damaged.txt: kernel choices: line 2 must be like"));
  EXPECT_EQ(*io::ReadFile(path), "adjoint kernel choices 1\nnonsense\n");
}

}  // namespace
}  // namespace adjoint::graph
