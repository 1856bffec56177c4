#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "apps/conformance/conformance.h"
#include "tests/apps/app_runner.h"

namespace adjoint::apps {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kApp[] = "apps/onnx_conformance";

std::string AppPath() { return (fs::current_path() / kApp).string(); }

// The published archive of tests, where there is one.
std::string ArchivePath() {
  const char* const folder = std::getenv("ADJOINT_CONFORMANCE");
  return folder == nullptr ? "" : (fs::path(folder) / "onnx_node_tests_opset17.tar.gz").string();
}

TEST(OnnxConformanceTest, CommandLine) {
  const Place place("command_line");
  EXPECT_EQ(place.Run(AppPath(), {}).code, 2);
  EXPECT_EQ(place.Run(AppPath(), {"a", "b"}).code, 2);
  EXPECT_EQ(place.Run(AppPath(), {"--wrong"}).code, 2);
  EXPECT_EQ(place.Run(AppPath(), {"--json=", "a"}).code, 2);
  EXPECT_EQ(place.Run(AppPath(), {"missing"}).code, 2);
  EXPECT_EQ(place.Run(AppPath(), {"."}).code, 2);  // no tests there
  WriteAll(place.here() / "no_archive.tar.gz", "nothing");
  EXPECT_EQ(place.Run(AppPath(), {"no_archive.tar.gz"}).code, 2);
  const RunResult help = place.Run(AppPath(), {"--help"});
  EXPECT_EQ(help.code, 0);
  EXPECT_THAT(help.out, StartsWith("usage: "));
}

TEST(OnnxConformanceTest, ADamagedFileFailsItsTestAlone) {
  const Place place("damaged");
  fs::create_directories(place.here() / "tests/test_damaged/test_data_set_0");
  WriteAll(place.here() / "tests/test_damaged/model.onnx", "nonsense");
  fs::create_directories(place.here() / "tests/test_empty");
  WriteAll(place.here() / "tests/test_empty/model.onnx", "");
  const RunResult result = place.Run(AppPath(), {"tests", "--json=report.json"});
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.out, HasSubstr("FAILED test_damaged: "));
  EXPECT_THAT(result.out, HasSubstr("0 passed, 2 failed, 0 skipped\n"));
  const auto report = nlohmann::json::parse(ReadAll(place.here() / "report.json"));
  EXPECT_TRUE(report["failed"].contains("test_damaged"));
  EXPECT_TRUE(report["passed"].empty());
}

TEST(OnnxConformanceTest, ALoopWithoutEndFailsItsTestAlone) {
  // Loop("", condition = true, x) whose step gives its condition and x back.
  constexpr char kModel[] =
      "ir_version: 8 opset_import { version: 17 } graph { name: 'g' "
      "node { op_type: 'Loop' input: '' input: 'c' input: 'x' output: 'y' attribute { name: 'body' "
      "type: GRAPH g { name: 'step' input { name: 'i' type { tensor_type { elem_type: 7 } } } "
      "input { name: 'k' type { tensor_type { elem_type: 9 } } } "
      "input { name: 'v' type { tensor_type { elem_type: 1 } } } "
      "node { op_type: 'Identity' input: 'k' output: 'l' } "
      "node { op_type: 'Neg' input: 'v' output: 'w' } output { name: 'l' } output { name: 'w' } } "
      "} } input { name: 'c' type { tensor_type { elem_type: 9 shape { } } } } "
      "input { name: 'x' type { tensor_type { elem_type: 1 shape { } } } } output { name: 'y' } }";
  const Place place("endless");
  const fs::path folder = place.here() / "test_endless", data = folder / "test_data_set_0";
  fs::create_directories(data);
  const auto write = [](const fs::path& path, google::protobuf::Message&& message,
                        const std::string& text) {
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message));
    WriteAll(path, message.SerializeAsString());
  };
  write(folder / "model.onnx", ::onnx::ModelProto(), kModel);
  write(data / "input_0.pb", ::onnx::TensorProto(), "data_type: 9 int32_data: 1");
  write(data / "input_1.pb", ::onnx::TensorProto(), "data_type: 1 float_data: 1");
  const auto tests = conformance::FindTests(folder.string());
  ASSERT_TRUE(tests.ok()) << tests.status();
  const conformance::Outcome outcome = conformance::RunTestApart(tests->at(0), /*max_seconds=*/1);
  EXPECT_EQ(outcome.kind, conformance::Outcome::Kind::kFailed);
  EXPECT_EQ(outcome.why, "it takes more than 1 seconds");
}

// A name in the file that is no UTF-8 does not get into what is printed.
TEST(OnnxConformanceTest, WhatIsPrintedIsText) {
  const Place place("text");
  fs::create_directories(place.here() / "tests/test_bytes/test_data_set_0");
  // ir_version 8, operator set 17, a graph of one node of type "\xff\nq".
  WriteAll(place.here() / "tests/test_bytes/model.onnx",
           std::string("\x08\x08\x42\x02\x10\x11\x3a\x07\x0a\x05\x22\x03\xff\nq", 15));
  const RunResult result = place.Run(AppPath(), {"tests", "--json=report.json"});
  EXPECT_THAT(result.out,
              HasSubstr("SKIPPED test_bytes: test_data_set_0: node 0: ai.onnx.?; q of"));
  const std::string json = ReadAll(place.here() / "report.json");
  EXPECT_TRUE(nlohmann::json::accept(json)) << json;
}

TEST(OnnxConformanceTest, Comparison) {
  using conformance::Compare;
  const float nan = std::nanf(""), inf = std::numeric_limits<float>::infinity();
  const auto floats = [](std::vector<float> v) {
    return onnx::HostValue(Tensor::Vector<float>(v));
  };
  EXPECT_TRUE(Compare(floats({1, nan, inf}), floats({1.0009f, nan, inf})).ok());
  EXPECT_FALSE(Compare(floats({1.0011f}), floats({1})).ok());
  EXPECT_FALSE(Compare(floats({inf}), floats({-inf})).ok());
  EXPECT_FALSE(Compare(floats({1}), floats({inf})).ok());
  EXPECT_FALSE(Compare(floats({nan}), floats({1})).ok());
  EXPECT_FALSE(Compare(floats({1e-6f}), floats({0})).ok());
  EXPECT_FALSE(Compare(floats({1, 2}), floats({1})).ok());
  const auto ints = [](std::vector<int64_t> v) {
    return onnx::HostValue(Tensor::Vector<int64_t>(v));
  };
  EXPECT_TRUE(Compare(ints({1000}), ints({1000})).ok());
  EXPECT_FALSE(Compare(ints({1000}), ints({1001})).ok());
  EXPECT_FALSE(Compare(ints({(int64_t{1} << 60) + 1}), ints({int64_t{1} << 60})).ok());
  EXPECT_FALSE(Compare(ints({1}), floats({1})).ok());
  EXPECT_FALSE(Compare(onnx::HostValue::Sequence({ints({1})}), ints({1})).ok());
}

TEST(OnnxConformanceTest, PublishedTests) {
  if (ArchivePath().empty() || !fs::exists(ArchivePath())) {
    GTEST_SKIP() << "ADJOINT_CONFORMANCE names no folder with the archive of ONNX's node tests";
  }
  const Place place("published");
  const RunResult result = place.Run(AppPath(), {ArchivePath(), "--json=report.json"});
  EXPECT_EQ(result.code, 0) << result.err;
  const auto report = nlohmann::json::parse(ReadAll(place.here() / "report.json"));
  const double passed = static_cast<double>(report["passed"].size());
  const double all = passed + report["failed"].size() + report["skipped"].size();
  EXPECT_GT(passed, 0.95 * all) << report["skipped"];
  EXPECT_TRUE(report["failed"].empty()) << report["failed"];
}

}  // namespace
}  // namespace adjoint::apps
