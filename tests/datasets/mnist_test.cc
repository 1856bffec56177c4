// MNIST's files and the idx and gzip formats that they are in.

#include "datasets/mnist.h"

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "core/io/archive.h"
#include "core/io/file.h"
#include "core/io/gzip.h"
#include "core/io/hash.h"
#include "core/io/idx.h"
#include "core/io/npy.h"
#include "gmock/gmock.h"
#include "tests/core/io/http_server.h"

namespace adjoint::datasets::mnist {
namespace {

using ::testing::HasSubstr;

std::string FreshFolder(const std::string& name) {
  const std::string folder = testing::TempDir() + "/mnist_test." + name + std::to_string(getpid());
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

std::string BigEndian(uint64_t x, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) text.push_back(static_cast<char>(x >> (8 * i)));
  return text;
}

std::string Idx(char type, std::vector<uint32_t> extents, const std::string& data) {
  std::string bytes = {0, 0, type, static_cast<char>(extents.size())};
  for (uint32_t extent : extents) bytes += BigEndian(extent, 4);
  return bytes + data;
}

std::string Gzip(const std::string& bytes) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(bytes.size() + 1000, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  return out;
}

void Write(const std::string& path, const std::string& bytes) {
  ASSERT_TRUE(io::WriteFileAtomically(path, bytes).ok());
}

TEST(GzipTest, ReadsMembersAndFindsDamage) {
  const std::string text(200'000, 'x');
  EXPECT_EQ(io::Gunzip(Gzip(text), 1 << 20).value(), text);
  EXPECT_EQ(io::Gunzip(Gzip("one ") + Gzip("two"), 100).value(), "one two");
  EXPECT_EQ(io::Gunzip(Gzip(""), 100).value(), "");
  EXPECT_TRUE(absl::IsResourceExhausted(io::Gunzip(Gzip(text), 199'999).status()));
  EXPECT_TRUE(absl::IsDataLoss(io::Gunzip("plain", 100).status()));
  const std::string whole = Gzip("The quick brown fox jumps over the lazy dog, twice and thrice.");
  for (size_t n = 2; n < whole.size(); ++n) {
    EXPECT_TRUE(absl::IsDataLoss(io::Gunzip(whole.substr(0, n), 1000).status())) << n;
  }
  std::string wrong = whole;
  wrong[wrong.size() - 6] ^= 1;  // of its checksum
  EXPECT_TRUE(absl::IsDataLoss(io::Gunzip(wrong, 1000).status()));
}

TEST(IdxTest, EveryType) {
  EXPECT_TRUE(BitwiseEqual(io::ParseIdx(Idx(8, {2, 2}, "\x01\xff\x03\x04")).value(),
                           Tensor::Of<uint8_t>({2, 2}, {1, 255, 3, 4})));
  EXPECT_TRUE(BitwiseEqual(io::ParseIdx(Idx(9, {2}, "\x01\xff")).value(),
                           Tensor::Of<int32_t>({2}, {1, -1})));
  EXPECT_TRUE(BitwiseEqual(io::ParseIdx(Idx(0xB, {2}, "\xff\xfe\x01\x02")).value(),
                           Tensor::Of<int32_t>({2}, {-2, 258})));
  EXPECT_TRUE(BitwiseEqual(io::ParseIdx(Idx(0xC, {1}, BigEndian(0xffffffff, 4))).value(),
                           Tensor::Of<int32_t>({1}, {-1})));
  EXPECT_TRUE(BitwiseEqual(io::ParseIdx(Idx(0xD, {1}, BigEndian(0x3fc00000, 4))).value(),
                           Tensor::Of<float>({1}, {1.5})));
  EXPECT_TRUE(BitwiseEqual(io::ParseIdx(Idx(0xE, {1}, BigEndian(0xc000000000000000, 8))).value(),
                           Tensor::Of<double>({1}, {-2})));
  EXPECT_EQ(io::ParseIdx(Idx(8, {0, 5}, ""))->shape(), (Shape{0, 5}));
}

TEST(IdxTest, Damage) {
  const auto error = [](const std::string& bytes) {
    return std::string(io::ParseIdx(bytes).status().message());
  };
  EXPECT_THAT(error(""), HasSubstr("does not begin with two zeros"));
  EXPECT_THAT(error("PK\x03\x04"), HasSubstr("does not begin with two zeros"));
  EXPECT_THAT(error(Idx(10, {1}, "a")), HasSubstr("its element type is 10"));
  EXPECT_THAT(error(Idx(8, {3}, "ab")),
              HasSubstr("elements of shape [3] and 1 bytes each do not take the 2 bytes"));
  EXPECT_THAT(error(Idx(8, {3}, "abcd")), HasSubstr("do not take the 4 bytes"));
  EXPECT_THAT(error(std::string({0, 0, 8, 3, 0, 0})), HasSubstr("of rank 3 its head has 16 bytes"));
  EXPECT_THAT(error(Idx(14, std::vector<uint32_t>(255, 0xffffffff), "abcd")), HasSubstr("do not"));
  EXPECT_THAT(error(Idx(8, {0xffffffff, 0}, "a")), HasSubstr("do not take the 1 bytes"));
}

// Three images for training, two for testing, of 2 by 2.
const std::string kTrainX(Idx(8, {3, 2, 2}, "abcdefghijkl")), kTrainY(Idx(8, {3}, "\x01\x02\x03"));
const std::string kTestX(Idx(8, {2, 2, 2}, "mnopqrst")), kTestY(Idx(8, {2}, "\x04\x05"));

void ExpectLoaded(const absl::StatusOr<MnistData>& data) {
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->x_train.shape(), (Shape{3, 2, 2}));
  EXPECT_EQ(data->x_train.ValueAt(11), 'l');
  EXPECT_EQ(data->y_train.ValueAt(2), 3);
  EXPECT_EQ(data->x_test.shape(), (Shape{2, 2, 2}));
  EXPECT_EQ(data->y_test.ValueAt(0), 4);
}

std::string Npz() {
  std::vector<io::ArchiveEntry> entries;
  const std::pair<const char*, std::string> arrays[] = {
      {"x_test", kTestX}, {"x_train", kTrainX}, {"y_train", kTrainY}, {"y_test", kTestY}};
  for (const auto& [name, idx] : arrays) {
    entries.push_back({std::string(name) + ".npy", io::SerializeNpy(*io::ParseIdx(idx))});
  }
  return io::MakeArchive(io::ArchiveFormat::kZip, entries).value();
}

TEST(MnistTest, ReadsIdxFilesAndNpz) {
  const std::string folder = FreshFolder("files");
  EXPECT_THAT(std::string(LoadData({.path = folder}).status().message()),
              HasSubstr("looked for mnist.npz and for train-images-idx3-ubyte"));
  std::filesystem::create_directories(folder + "/mnist");
  Write(folder + "/mnist/train-images-idx3-ubyte.gz", Gzip(kTrainX));
  Write(folder + "/mnist/train-labels-idx1-ubyte", kTrainY);
  Write(folder + "/mnist/t10k-images-idx3-ubyte.gz", Gzip(kTestX));
  EXPECT_FALSE(LoadData({.path = folder}).ok());
  Write(folder + "/mnist/t10k-labels-idx1-ubyte.gz", Gzip(kTestY));
  ExpectLoaded(LoadData({.path = folder}));
  ExpectLoaded(LoadData({.path = folder + "/mnist"}));
  Write(folder + "/any.npz", Npz());
  ExpectLoaded(LoadData({.path = folder + "/any.npz"}));
  Write(folder + "/mnist/t10k-labels-idx1-ubyte.gz", Gzip(kTrainY));
  EXPECT_THAT(std::string(LoadData({.path = folder}).status().message()),
              HasSubstr("test images are u8[2,2,2] and labels u8[3]"));
  Write(folder + "/mnist/t10k-labels-idx1-ubyte.gz", Gzip(kTestY).substr(0, 20));
  EXPECT_THAT(std::string(LoadData({.path = folder}).status().message()),
              HasSubstr("t10k-labels-idx1-ubyte.gz': the gzip file ends early"));
}

TEST(MnistTest, IsDownloadedAndItsHashChecked) {
  const std::string home = FreshFolder("home");
  io::testing_internal::HttpServer server([](const std::string& path) {
    return path == "/mnist.npz" ? io::testing_internal::HttpServer::Ok(Npz()) : std::string();
  });
  ASSERT_TRUE(server.good());
  const char* const data = std::getenv("ADJOINT_DATA");
  const std::string data_before = data == nullptr ? "" : data;
  unsetenv("ADJOINT_DATA");
  setenv("HOME", home.c_str(), 1);
  setenv("ADJOINT_DOWNLOAD_URL", (server.url() + "/").c_str(), 1);
  EXPECT_TRUE(absl::IsNotFound(LoadData({.download = false}).status()));
  EXPECT_EQ(server.requests(), 0);
  // These are not Keras' bytes, and nothing of them stays.
  const absl::Status status = LoadData().status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("expected 731c5ac602752760"));
  EXPECT_EQ(server.requests(), 1);
  EXPECT_FALSE(std::filesystem::exists(home + "/.cache/adjoint/mnist.npz"));
  // What lies there already is used as it is.
  std::filesystem::create_directories(home + "/.keras/datasets");
  Write(home + "/.keras/datasets/mnist.npz", Npz());
  ExpectLoaded(LoadData());
  EXPECT_EQ(server.requests(), 1);
  if (!data_before.empty()) setenv("ADJOINT_DATA", data_before.c_str(), 1);
}

TEST(MnistTest, TheRealData) {
  const char* const folder = std::getenv("ADJOINT_DATA");
  if (folder == nullptr || !std::filesystem::exists(std::string(folder) + "/mnist")) {
    GTEST_SKIP() << "no MNIST files in $ADJOINT_DATA";
  }
  auto data = LoadData({.path = folder});
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->x_train.shape(), (Shape{60000, 28, 28}));
  EXPECT_EQ(data->x_test.shape(), (Shape{10000, 28, 28}));
  const int first[] = {5, 0, 4, 1, 9, 2, 1, 3, 1, 4};
  for (int i = 0; i < 10; ++i) EXPECT_EQ(data->y_train.ValueAt(i), first[i]);
  EXPECT_EQ(data->y_test.ValueAt(0), 7);
  EXPECT_EQ(data->y_test.size(), 10000);
  double sum = 0;
  for (int64_t i = 0; i < data->x_train.size(); ++i) sum += data->x_train.ValueAt(i);
  EXPECT_NEAR(sum / static_cast<double>(data->x_train.size()), 33.318421, 1e-6);
}

}  // namespace
}  // namespace adjoint::datasets::mnist
