// Reuters, CIFAR-10 and folders of texts.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "core/io/archive.h"
#include "core/io/file.h"
#include "core/io/npy.h"
#include "core/io/pickle.h"
#include "datasets/cifar10.h"
#include "datasets/numpy_random.h"
#include "datasets/reuters.h"
#include "datasets/text_folder.h"
#include "tests/core/io/http_server.h"
#include "tests/core/io/pickle_writer.h"

namespace adjoint::datasets {
namespace {

namespace fs = std::filesystem;
using io::testing_internal::Bytes;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string FreshFolder(const std::string& name) {
  const std::string folder = testing::TempDir() + "/more." + name + std::to_string(getpid());
  fs::remove_all(folder);
  fs::create_directories(folder);
  return folder;
}

void Write(const std::string& path, const std::string& bytes) {
  fs::create_directories(fs::path(path).parent_path());
  ASSERT_TRUE(io::WriteFileAtomically(path, bytes).ok());
}

std::string Message(const absl::Status& status) { return std::string(status.message()); }

// A home and a server that answers with `bytes` to a path, and with nothing to others.
class Elsewhere {
 public:
  Elsewhere(const std::string& name, const std::string& path, const std::string& bytes)
      : home_(FreshFolder(name)), server_([=](const std::string& asked) {
          return asked == path ? io::testing_internal::HttpServer::Ok(bytes) : std::string();
        }) {
    const char* const data = std::getenv("ADJOINT_DATA");
    data_ = data == nullptr ? "" : data;
    unsetenv("ADJOINT_DATA");
    setenv("HOME", home_.c_str(), 1);
    setenv("ADJOINT_DOWNLOAD_URL", (server_.url() + "/").c_str(), 1);
  }
  ~Elsewhere() {
    unsetenv("ADJOINT_DOWNLOAD_URL");
    if (!data_.empty()) setenv("ADJOINT_DATA", data_.c_str(), 1);
  }
  const std::string& home() const { return home_; }
  int requests() const { return server_.requests(); }

 private:
  const std::string home_;
  io::testing_internal::HttpServer server_;
  std::string data_;
};

// Reuters -----------------------------------------------------------------------------------------

// Newswire i has the words 1 .. i + 1 and the topic i.
constexpr int kNewswires = 10;

std::string ReutersNpz() {
  std::vector<std::vector<int64_t>> lists;
  Tensor y = Tensor::Zeros({DType::kI64, Shape{kNewswires}});
  for (int64_t i = 0; i < kNewswires; ++i) {
    lists.emplace_back();
    for (int64_t w = 1; w <= i + 1; ++w) lists.back().push_back(w);
    y.mutable_data<int64_t>()[i] = i;
  }
  return *io::MakeArchive(
      io::ArchiveFormat::kZip,
      {{"x.npy", io::testing_internal::ObjectNpyOf(lists)}, {"y.npy", io::SerializeNpy(y)}});
}

TEST(ReutersTest, AsKerasLoadsIt) {
  const std::string folder = FreshFolder("reuters");
  Write(folder + "/reuters/reuters.npz", ReutersNpz());
  const auto data = reuters::LoadData({.path = folder});
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->train.size(), 8);
  EXPECT_EQ(data->test.size(), 2);
  EXPECT_EQ(data->num_words, kNewswires + 3 + 1);
  const std::vector<int64_t> order = NumpyRandomState(113).ShuffledRange(kNewswires);
  for (int64_t i = 0; i < kNewswires; ++i) {
    const Reviews& part = i < 8 ? data->train : data->test;
    const int64_t at = i < 8 ? i : i - 8;
    EXPECT_EQ(part.labels[at], order[i]);
    ASSERT_EQ(static_cast<int64_t>(part[at].size()), order[i] + 2);
    EXPECT_EQ(part[at][0], 1);
    EXPECT_EQ(part[at][1], 1 + 3);
    // The largest id is num_words of Keras, and so becomes oov_char.
    EXPECT_EQ(part[at].back(), order[i] + 1 == kNewswires ? 2 : order[i] + 1 + 3);
  }
  const auto options = reuters::LoadData({.path = folder + "/reuters/reuters.npz",
                                          .num_words = 8,
                                          .maxlen = 7,
                                          .test_split = 0.5,
                                          .start_char = std::nullopt,
                                          .oov_char = std::nullopt,
                                          .index_from = 0});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->train.size() + options->test.size(), 6);  // those of 1 to 6 words
  EXPECT_EQ(options->train.size(), 3);
  EXPECT_EQ(options->num_words, 8);
  EXPECT_EQ(reuters::LabelNames().size(), 46u);
  EXPECT_EQ(reuters::LabelNames()[3], "earn");
  EXPECT_EQ(reuters::LabelNames()[45], "lead");
}

TEST(ReutersTest, Mistakes) {
  const std::string folder = FreshFolder("reuters_mistakes");
  EXPECT_THAT(Message(reuters::LoadData({.path = folder}).status()),
              HasSubstr("no Reuters data at '" + folder + "': looked for reuters.npz"));
  Write(folder + "/reuters.npz", ReutersNpz());
  EXPECT_EQ(Message(reuters::LoadData({.path = folder, .test_split = 1.5}).status()),
            "cannot load Reuters newswires: test_split is 1.5; it may be 0 to 1");
  EXPECT_THAT(Message(reuters::LoadData({.path = folder, .seed = -1}).status()),
              HasSubstr("cannot load Reuters newswires: seed is -1"));
  EXPECT_THAT(Message(reuters::LoadData({.path = folder, .maxlen = 1}).status()),
              HasSubstr("none is shorter than maxlen, 1"));
  Write(folder + "/reuters.npz", ReutersNpz().substr(0, 200));
  EXPECT_FALSE(reuters::LoadData({.path = folder}).ok());
  Write(folder + "/reuters.npz",
        *io::MakeArchive(io::ArchiveFormat::kZip,
                         {{"x.npy", io::testing_internal::ObjectNpyOf({{1}})},
                          {"y.npy", io::SerializeNpy(Tensor::Of<int64_t>({1}, {46}))}}));
  EXPECT_THAT(Message(reuters::LoadData({.path = folder}).status()),
              HasSubstr("y[0] is 46; topics are 0 to 45"));
}

TEST(ReutersTest, IsDownloadedAndItsHashChecked) {
  const Elsewhere place("reuters_home", "/reuters.npz", ReutersNpz());
  EXPECT_TRUE(absl::IsNotFound(reuters::LoadData({.download = false}).status()));
  EXPECT_EQ(place.requests(), 0);
  int calls = 0;
  const absl::Status status =
      reuters::LoadData({.progress = [&](absl::string_view url, int64_t, int64_t) {
        EXPECT_THAT(std::string(url), HasSubstr("/reuters.npz"));
        ++calls;
      }}).status();
  EXPECT_GT(calls, 0);
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(Message(status), HasSubstr("expected d6586e694ee56d7a4e65172e12b3e987c03096cb01eab"));
  EXPECT_FALSE(fs::exists(place.home() + "/.cache/adjoint/reuters.npz"));
  Write(place.home() + "/.keras/datasets/reuters.npz", ReutersNpz());
  EXPECT_TRUE(reuters::LoadData().ok());
  EXPECT_EQ(place.requests(), 1);
}

// CIFAR-10 ----------------------------------------------------------------------------------------

// A batch of `n` pictures as Python 2 pickles it. Byte j of picture i is i + j, modulo 256.
std::string CifarBatch(int64_t n, int first_label, const std::string& dtype = "u1") {
  int memo = 0;
  std::string s = "\x80\x02}";
  const auto put = [&] { s += "q" + Bytes(memo++, 1); };
  const auto text = [&](const std::string& t) {
    s += "U" + Bytes(t.size(), 1) + t;
    put();
  };
  put();
  s += "(";
  text("batch_label");
  text("training batch 1 of 5");
  text("labels");
  s += "]";
  put();
  s += "(";
  for (int64_t i = 0; i < n; ++i) s += "K" + Bytes((first_label + i) % 10, 1);
  s += "e";
  text("data");
  s += "cnumpy.core.multiarray\n_reconstruct\n";
  put();
  s += "cnumpy\nndarray\n";
  put();
  s += std::string("K\0\x85", 3);
  put();
  text("b");
  s += "\x87";
  put();
  s += "R";
  put();
  s += "(K\x01M" + Bytes(n, 2) + "M" + Bytes(3072, 2) + "\x86";
  put();
  s += "cnumpy\ndtype\n";
  put();
  text(dtype);
  s += std::string("K\0K\x01\x87", 5);
  put();
  s += "R";
  put();
  s += "(K\x03";
  text("|");
  s += std::string("NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0t", 16);
  put();
  s += "b\x89T" + Bytes(n * 3072, 4);
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < 3072; ++j) s.push_back(static_cast<char>(i + j));
  }
  put();
  s += "t";
  put();
  s += "b";
  text("filenames");
  s += "]";
  put();
  s += "(";
  for (int64_t i = 0; i < n; ++i) text("picture_" + std::to_string(i) + ".png");
  s += "eu.";
  return s;
}

std::vector<io::ArchiveEntry> CifarEntries() {
  std::vector<io::ArchiveEntry> entries = {{"cifar-10-batches-py/readme.html", "text"}};
  for (int i = 1; i <= 5; ++i) {
    entries.push_back({"cifar-10-batches-py/data_batch_" + std::to_string(i), CifarBatch(3, i)});
  }
  entries.push_back({"cifar-10-batches-py/test_batch", CifarBatch(2, 9)});
  return entries;
}

void ExpectPictures(const absl::StatusOr<cifar10::Cifar10Data>& data) {
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->x_train.spec().ToString(), "u8[15,32,32,3]");
  EXPECT_EQ(data->y_train.spec().ToString(), "u8[15,1]");
  EXPECT_EQ(data->x_test.spec().ToString(), "u8[2,32,32,3]");
  for (int64_t i = 0; i < 15; ++i) {
    EXPECT_EQ(data->y_train.ValueAt(i), static_cast<double>((i / 3 + 1 + i % 3) % 10));
  }
  EXPECT_EQ(data->y_test.ValueAt(1), 0);
  // Picture 4 is the second of its batch; the colours of a pixel lie in planes 1,024 bytes apart.
  for (int64_t row : {0, 31}) {
    for (int64_t column : {0, 5}) {
      for (int64_t c = 0; c < 3; ++c) {
        EXPECT_EQ(data->x_train.ValueAt(((4 * 32 + row) * 32 + column) * 3 + c),
                  static_cast<double>((1 + c * 1024 + row * 32 + column) % 256));
      }
    }
  }
}

TEST(Cifar10Test, FromArchiveAndFolder) {
  const std::string folder = FreshFolder("cifar");
  Write(folder + "/cifar10/cifar-10-python.tar.gz",
        *io::MakeArchive(io::ArchiveFormat::kTarGz, CifarEntries()));
  std::vector<int64_t> told;
  ExpectPictures(cifar10::LoadData(
      {.path = folder, .reading = [&](int64_t done, int64_t) { told.push_back(done); }}));
  EXPECT_THAT(told, ElementsAre(0, 1, 2, 3, 4, 5, 6));
  ExpectPictures(cifar10::LoadData({.path = folder + "/cifar10/cifar-10-python.tar.gz"}));
  const std::string unpacked = FreshFolder("cifar_unpacked");
  for (const io::ArchiveEntry& entry : CifarEntries()) {
    Write(unpacked + "/" + entry.name, entry.bytes);
  }
  ExpectPictures(cifar10::LoadData({.path = unpacked}));
  ExpectPictures(cifar10::LoadData({.path = unpacked + "/cifar-10-batches-py"}));
  EXPECT_EQ(cifar10::LabelNames()[9], "truck");
}

TEST(Cifar10Test, DamageAndWhatIsMissing) {
  const std::string folder = FreshFolder("cifar_damage");
  EXPECT_THAT(Message(cifar10::LoadData({.path = folder}).status()),
              HasSubstr("looked for cifar-10-batches-py/ (with data_batch_1) and cifar-10-python"));
  std::vector<io::ArchiveEntry> entries = CifarEntries();
  entries.pop_back();
  const std::string path = folder + "/cifar-10-python.tar.gz";
  Write(path, *io::MakeArchive(io::ArchiveFormat::kTarGz, entries));
  EXPECT_EQ(Message(cifar10::LoadData({.path = folder}).status()),
            "'" + path + "' is no CIFAR-10 data: it has no test_batch");
  const auto with_test_batch = [&](const std::string& bytes) {
    std::vector<io::ArchiveEntry> changed = entries;
    changed.push_back({"cifar-10-batches-py/test_batch", bytes});
    Write(path, *io::MakeArchive(io::ArchiveFormat::kTarGz, changed));
    return Message(cifar10::LoadData({.path = path}).status());
  };
  EXPECT_THAT(with_test_batch("nonsense"),
              HasSubstr("cannot read test_batch of '" + path + "': pickle byte 0"));
  EXPECT_THAT(with_test_batch(CifarBatch(2, 0).substr(0, 4000)), HasSubstr("pickle byte"));
  EXPECT_THAT(with_test_batch(CifarBatch(2, 0, "f8")),
              HasSubstr("the dtype is 'f8', not that of bytes ('u1')"));
  EXPECT_THAT(with_test_batch("\x80\x02}."), HasSubstr("'data' is missing, 'labels' is missing"));
  EXPECT_THAT(
      with_test_batch("\x80\x02}(U\x04"
                      "datacos\nsystem\n(U\x02lstRu."),
      HasSubstr("asks for 'os.system', which a dictionary of arrays has no use for; nothing "
                "was executed"));
}

TEST(Cifar10Test, IsDownloadedAndItsHashChecked) {
  const std::string archive = *io::MakeArchive(io::ArchiveFormat::kTarGz, CifarEntries());
  const Elsewhere place("cifar_home", "/cifar-10-python.tar.gz", archive);
  EXPECT_TRUE(absl::IsNotFound(cifar10::LoadData({.download = false}).status()));
  const absl::Status status = cifar10::LoadData().status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(Message(status), HasSubstr("expected 6d958be074577803d12ecdefd02955f39262c83c16fe9"));
  EXPECT_FALSE(fs::exists(place.home() + "/.cache/adjoint/cifar-10-python.tar.gz"));
  Write(place.home() + "/.cache/adjoint/cifar-10-python.tar.gz", archive);
  ExpectPictures(cifar10::LoadData());
  EXPECT_EQ(place.requests(), 1);
}

TEST(PickledDictTest, DamageIsFound) {
  const std::string whole = CifarBatch(1, 3);
  const auto dict = io::ReadPickledDict(whole);
  ASSERT_TRUE(dict.ok()) << dict.status();
  ASSERT_EQ(dict->size(), 4u);
  EXPECT_EQ((*dict)[0].first, "batch_label");
  EXPECT_EQ(std::get<std::string>((*dict)[0].second), "training batch 1 of 5");
  EXPECT_EQ(std::get<std::vector<int32_t>>((*dict)[1].second), (std::vector<int32_t>{3}));
  EXPECT_EQ(std::get<Tensor>((*dict)[2].second).spec().ToString(), "u8[1,3072]");
  EXPECT_TRUE(std::holds_alternative<std::monostate>((*dict)[3].second));
  for (size_t n = 0; n < whole.size(); ++n) {
    EXPECT_FALSE(io::ReadPickledDict(whole.substr(0, n)).ok()) << n;
  }
  for (size_t i = 0; i < 300; ++i) {
    for (int byte = 0; byte < 256; byte += 7) {
      std::string changed = whole;
      changed[i] = static_cast<char>(byte);
      io::ReadPickledDict(changed).IgnoreError();
    }
  }
  // Neither kind of file is read as the other.
  EXPECT_FALSE(io::ReadPickledIntLists(whole).ok());
  EXPECT_FALSE(io::ReadPickledDict(io::testing_internal::PickleOf({{1}}, 2)).ok());
  const auto problem = [](const std::string& pickle) {
    return Message(io::ReadPickledDict("\x80\x02" + pickle).status());
  };
  EXPECT_THAT(problem("}(K\x01K\x02u."), HasSubstr("a key is an integer, not a string"));
  EXPECT_THAT(problem("}(U\x01"
                      "au."),
              HasSubstr("a key without a value"));
  EXPECT_THAT(problem("]U\x01"
                      "aK\x01s."),
              HasSubstr("sets items of a list, not of a dictionary"));
  EXPECT_THAT(problem("}U\x01"
                      "a}s."),
              HasSubstr("a second dictionary"));
  EXPECT_THAT(problem("]."), HasSubstr("the result is a list, not a dictionary"));
}

// Text folders ------------------------------------------------------------------------------------

TEST(TextFolderTest, AFolderAClass) {
  const std::string folder = FreshFolder("texts");
  Write(folder + "/pos/b.txt", "good");
  Write(folder + "/pos/a.txt", "fine");
  Write(folder + "/neg/10.txt", "bad");
  Write(folder + "/neg/notes.md", "left aside");
  Write(folder + "/unsup/1.txt", "who knows");
  Write(folder + "/readme.txt", "left aside");
  const auto all = ReadTextFolder(folder);
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_THAT(all->classes, ElementsAre("neg", "pos", "unsup"));
  EXPECT_THAT(all->texts, ElementsAre("bad", "fine", "good", "who knows"));
  EXPECT_THAT(all->labels, ElementsAre(0, 1, 1, 2));
  int64_t done = 0;
  const auto chosen = ReadTextFolder(
      folder, {.classes = {"pos", "neg"}, .progress = [&](int64_t now, int64_t total) {
                 EXPECT_EQ(total, 3);
                 done = now;
               }});
  ASSERT_TRUE(chosen.ok()) << chosen.status();
  EXPECT_EQ(done, 3);
  EXPECT_THAT(chosen->texts, ElementsAre("fine", "good", "bad"));
  EXPECT_THAT(chosen->labels, ElementsAre(0, 0, 1));
}

TEST(TextFolderTest, Mistakes) {
  const std::string folder = FreshFolder("no_texts");
  EXPECT_EQ(Message(ReadTextFolder(folder).status()),
            "'" + folder + "' has no folders; wanted is one for each class");
  EXPECT_THAT(Message(ReadTextFolder(folder + "/none").status()),
              HasSubstr("cannot read the folder '" + folder + "/none'"));
  Write(folder + "/a/1.txt", "12345");
  fs::create_directories(folder + "/b");
  EXPECT_EQ(Message(ReadTextFolder(folder).status()), "'" + folder + "/b' has no *.txt files");
  EXPECT_THAT(Message(ReadTextFolder(folder, {.classes = {"a", "c"}}).status()),
              HasSubstr("cannot read the folder '" + folder + "/c'"));
  EXPECT_THAT(Message(ReadTextFolder(folder, {.classes = {"a"}, .max_file_bytes = 4}).status()),
              HasSubstr("a/1.txt': it is longer than the 4 bytes"));
  EXPECT_THAT(Message(ReadTextFolder(folder, {.classes = {"a"}, .max_bytes = 4}).status()),
              HasSubstr("are longer than 4 bytes"));
}

}  // namespace
}  // namespace adjoint::datasets
