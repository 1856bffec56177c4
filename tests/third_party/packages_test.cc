// One call into each package, so that a package that is missing, of another version's ABI or
// linked wrongly fails here and not in a test of something else.

#include <archive.h>
#include <benchmark/benchmark.h>
#include <curl/curl.h>
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <zlib.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "dnnl.hpp"
#include "tests/third_party/packages_test.pb.h"
#include "tests/third_party/packages_test_point.pb.h"

namespace adjoint {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(PackagesTest, Abseil) {
  absl::StatusOr<int> result = absl::InvalidArgumentError(absl::StrCat("rank ", 3));
  EXPECT_THAT(result.status().ToString(), HasSubstr("rank 3"));
  absl::flat_hash_map<std::string, int> map = {{"a", 1}};
  EXPECT_EQ(map["a"], 1);
  EXPECT_EQ(absl::StrFormat("%.2f", 0.125), "0.12");
  EXPECT_EQ(absl::FormatDuration(absl::Milliseconds(1500)), "1.5s");
}

TEST(PackagesTest, OneDnnMultiplies) {
  dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  std::array<float, 4> a = {1, 2, 3, 4};
  std::array<float, 4> b = {5, 6, 7, 8};
  std::array<float, 4> c = {};
  dnnl::memory::desc desc({2, 2}, dnnl::memory::data_type::f32, dnnl::memory::format_tag::ab);
  dnnl::matmul::primitive_desc primitive(dnnl::matmul::desc(desc, desc, desc), engine);
  dnnl::matmul(primitive).execute(stream, {{DNNL_ARG_SRC, dnnl::memory(desc, engine, a.data())},
                                           {DNNL_ARG_WEIGHTS, dnnl::memory(desc, engine, b.data())},
                                           {DNNL_ARG_DST, dnnl::memory(desc, engine, c.data())}});
  stream.wait();
  EXPECT_THAT(c, ElementsAre(19, 22, 43, 50));
}

TEST(PackagesTest, ProtobufGeneratesAndImports) {
  tests::Line line;
  line.mutable_from()->set_x(3);
  line.set_name("edge");
  tests::Line copy;
  ASSERT_TRUE(copy.ParseFromString(line.SerializeAsString()));
  EXPECT_EQ(copy.from().x(), 3);
  EXPECT_EQ(copy.name(), "edge");
  EXPECT_EQ(copy.GetDescriptor()->full_name(), "adjoint.tests.Line");
}

TEST(PackagesTest, Benchmark) {
  benchmark::State* none = nullptr;
  benchmark::DoNotOptimize(none);
  EXPECT_FALSE(benchmark::GetBenchmarkFilter().empty() &&
               benchmark::ReportUnrecognizedArguments(0, nullptr));
}

TEST(PackagesTest, LibarchiveReadsZipAndTarGz) {
  archive* reader = archive_read_new();
  ASSERT_NE(reader, nullptr);
  EXPECT_EQ(archive_read_support_format_zip(reader), ARCHIVE_OK);
  EXPECT_EQ(archive_read_support_format_tar(reader), ARCHIVE_OK);
  EXPECT_EQ(archive_read_support_filter_gzip(reader), ARCHIVE_OK);
  EXPECT_EQ(archive_read_free(reader), ARCHIVE_OK);
}

TEST(PackagesTest, CurlSpeaksHttps) {
  const curl_version_info_data* info = curl_version_info(CURLVERSION_NOW);
  std::vector<std::string> protocols;
  for (const char* const* p = info->protocols; *p != nullptr; ++p) protocols.push_back(*p);
  EXPECT_THAT(protocols, ::testing::Contains("https"));
}

TEST(PackagesTest, OpenSslHashes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int size = 0;
  ASSERT_EQ(EVP_Digest("abc", 3, digest.data(), &size, EVP_sha256(), nullptr), 1);
  EXPECT_EQ(size, 32u);
  EXPECT_EQ(digest[0], 0xba);
  EXPECT_EQ(digest[31], 0xad);
}

TEST(PackagesTest, Zlib) {
  const std::string text = "123456789";
  EXPECT_EQ(crc32(0, reinterpret_cast<const Bytef*>(text.data()), text.size()), 0xcbf43926u);
}

TEST(PackagesTest, NlohmannJson) {
  const nlohmann::json json = nlohmann::json::parse(R"({"loss": [0.5, 0.25]})");
  EXPECT_EQ(json["loss"][1].get<double>(), 0.25);
}

TEST(PackagesTest, Cli11) {
  CLI::App app;
  int epochs = 0;
  app.add_option("--epochs", epochs);
  app.parse("--epochs=4", false);
  EXPECT_EQ(epochs, 4);
}

}  // namespace
}  // namespace adjoint
