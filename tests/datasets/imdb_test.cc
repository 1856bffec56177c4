#include "datasets/imdb.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "core/io/archive.h"
#include "core/io/file.h"
#include "core/io/npy.h"
#include "datasets/imdb_files.h"
#include "datasets/numpy_random.h"
#include "gmock/gmock.h"
#include "tests/core/io/http_server.h"
#include "tests/core/io/pickle_writer.h"

namespace adjoint::datasets::imdb {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Lists = std::vector<std::vector<int64_t>>;

std::string FreshFolder(const std::string& name) {
  const std::string folder =
      (std::filesystem::path(testing::TempDir()) / (name + "." + std::to_string(getpid())))
          .lexically_normal()
          .string();
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

void Write(const std::string& path, const std::string& bytes) {
  ASSERT_TRUE(io::MakeFolders(std::filesystem::path(path).parent_path().string()).ok());
  ASSERT_TRUE(io::WriteFileAtomically(path, bytes).ok());
}

std::string NpzOf(const Lists& train, const std::vector<int64_t>& train_labels, const Lists& test,
                  const std::vector<int64_t>& test_labels) {
  return io::MakeArchive(io::ArchiveFormat::kZip,
                         {{"x_train.npy", io::testing_internal::ObjectNpyOf(train)},
                          {"y_train.npy", io::SerializeNpy(Tensor::Vector<int64_t>(train_labels))},
                          {"x_test.npy", io::testing_internal::ObjectNpyOf(test)},
                          {"y_test.npy", io::SerializeNpy(Tensor::Vector<int64_t>(test_labels))}})
      .value();
}

std::vector<std::vector<int32_t>> All(const Reviews& reviews) {
  std::vector<std::vector<int32_t>> all;
  for (int64_t i = 0; i < reviews.size(); ++i) {
    all.emplace_back(reviews[i].begin(), reviews[i].end());
  }
  return all;
}

Reviews ReviewsOf(const std::vector<std::vector<int32_t>>& lists) {
  Reviews reviews;
  for (const auto& list : lists) reviews.Append(list);
  return reviews;
}

// Sets an environment variable for the life of this object; null unsets it.
class ScopedEnvironment {
 public:
  ScopedEnvironment(const char* name, const char* value) : name_(name) {
    const char* before = std::getenv(name);
    had_ = before != nullptr;
    if (had_) before_ = before;
    Set(value);
  }
  ~ScopedEnvironment() { Set(had_ ? before_.c_str() : nullptr); }

 private:
  void Set(const char* value) {
    if (value == nullptr) {
      unsetenv(name_);
    } else {
      setenv(name_, value, 1);
    }
  }
  const char* name_;
  bool had_;
  std::string before_;
};

// numpy.random.RandomState(seed).shuffle(numpy.arange(n)).
TEST(NumpyRandomTest, ShufflesAsNumPyDoes) {
  EXPECT_THAT(NumpyRandomState(0).ShuffledRange(10), ElementsAre(2, 8, 4, 9, 1, 6, 7, 3, 0, 5));
  NumpyRandomState keras(113);
  std::vector<int64_t> train = keras.ShuffledRange(25000);
  train.resize(4);
  EXPECT_THAT(train, ElementsAre(7798, 13226, 18078, 793));
  std::vector<int64_t> test = keras.ShuffledRange(25000);
  test.resize(4);
  EXPECT_THAT(test, ElementsAre(22748, 4083, 8015, 13688));
  EXPECT_TRUE(keras.ShuffledRange(0).empty());
  EXPECT_THAT(keras.ShuffledRange(1), ElementsAre(0));
}

TEST(WordIndexTest, SplitsAsKerasDoes) {
  std::vector<std::string> words;
  ForEachWord("It's \"GREAT\"!<br />\tCaf\xc3\x89-bar\n 10/10~",
              [&](absl::string_view word) { words.emplace_back(word); });
  EXPECT_THAT(words, ElementsAre("it's", "great", "br", "caf\xc3\x89", "bar", "10", "10"));
}

TEST(WordIndexTest, RanksWordsByFrequency) {
  const WordIndex index = WordIndex::FromTexts({"b a c b", "B d a!"});
  ASSERT_EQ(index.size(), 4);
  EXPECT_EQ(index.word(1), "b");
  EXPECT_EQ(index.word(2), "a");
  EXPECT_EQ(index.word(3), "c");
  EXPECT_EQ(index.Rank("d"), 4);
  EXPECT_EQ(index.Rank("x"), 0);
  EXPECT_EQ(index.word(0), "");
  EXPECT_EQ(index.word(5), "");
  EXPECT_EQ(WordIndex().size(), 0);
}

TEST(WordIndexTest, JsonErrorsNameThePlace) {
  EXPECT_EQ(WordIndex::FromJson("{\"b\": 2, \"\\u00e9\": 1}").value().word(1), "\xc3\xa9");
  const auto error = [](const std::string& json) {
    return std::string(WordIndex::FromJson(json).status().message());
  };
  EXPECT_THAT(error("{\"a\": 1, "), HasSubstr("byte 10: syntax error while parsing object key"));
  EXPECT_THAT(error(""), HasSubstr("unexpected end of input"));
  EXPECT_THAT(error("[1]"), HasSubstr("an array; {\"word\": rank, ...} is expected"));
  EXPECT_THAT(error("7"), HasSubstr("a number; {"));
  EXPECT_THAT(error("{\"a\": {}}"), HasSubstr("an object within the object at word 'a'"));
  EXPECT_THAT(error("{\"a\": 1.5}"), HasSubstr("a number with a fraction at word 'a'"));
  EXPECT_THAT(error("{\"a\": 0}"), HasSubstr("the rank 0 at word 'a' is not a number from 1 up"));
  EXPECT_THAT(error("{\"a\": -3}"), HasSubstr("the rank -3"));
  EXPECT_THAT(error("{\"a\": 3}"), HasSubstr("the rank 3 of 'a' is beyond the number of words"));
  EXPECT_THAT(error("{\"a\": 1, \"b\": 1}"), HasSubstr("the rank 1 of 'b' is another word's too"));
  EXPECT_THAT(error("{\"a\": 1, \"a\": 2}"), HasSubstr("'a' has two ranks, 1 and 2"));
  EXPECT_THAT(error("{\"\": 1}"), HasSubstr("an empty word"));
  EXPECT_THAT(error(std::string(100'000, '[')), HasSubstr("an array"));
}

TEST(ReviewsTest, VectorizesAlikeDenseAndSparse) {
  const Reviews reviews = ReviewsOf({{5, 1, 5, 130}, {}, {0, 131, 64, 63}, {1}});
  const Tensor dense = Vectorize(reviews, 132).value();
  const CsrMatrix sparse = VectorizeCsr(reviews, 132).value();
  EXPECT_EQ(dense.shape(), (Shape{4, 132}));
  EXPECT_TRUE(BitwiseEqual(dense, sparse.ToDense().value()));
  EXPECT_THAT(sparse.RowColumns(0), ElementsAre(1, 5, 130));
  EXPECT_THAT(sparse.RowColumns(2), ElementsAre(0, 63, 64, 131));
  EXPECT_EQ(sparse.nnz(), 8);
  EXPECT_EQ(VectorizeCsr(Reviews(), 10).value().rows(), 0);
  for (const absl::Status& status :
       {Vectorize(reviews, 131).status(), VectorizeCsr(reviews, 131).status()}) {
    EXPECT_THAT(status.ToString(),
                HasSubstr("review 2 has the id 131 and num_words 131 allows 0 to 130"));
  }
  EXPECT_THAT(VectorizeCsr(ReviewsOf({{-1}}), 10).status().ToString(), HasSubstr("the id -1"));
  EXPECT_THAT(VectorizeCsr(reviews, 0).status().ToString(), HasSubstr("num_words is 0"));
}

// Keras' documentation of pad_sequences.
TEST(ReviewsTest, PadsAsKerasDoes) {
  const Reviews reviews = ReviewsOf({{1}, {2, 3}, {4, 5, 6}});
  const auto padded = [&](PadOptions options) { return PadSequences(reviews, options).value(); };
  EXPECT_TRUE(BitwiseEqual(padded({}), Tensor::Of<int32_t>({3, 3}, {0, 0, 1, 0, 2, 3, 4, 5, 6})));
  EXPECT_TRUE(BitwiseEqual(padded({.value = -1}),
                           Tensor::Of<int32_t>({3, 3}, {-1, -1, 1, -1, 2, 3, 4, 5, 6})));
  EXPECT_TRUE(BitwiseEqual(padded({.padding = PadSide::kPost}),
                           Tensor::Of<int32_t>({3, 3}, {1, 0, 0, 2, 3, 0, 4, 5, 6})));
  EXPECT_TRUE(BitwiseEqual(padded({.maxlen = 2}), Tensor::Of<int32_t>({3, 2}, {0, 1, 2, 3, 5, 6})));
  EXPECT_TRUE(BitwiseEqual(padded({.maxlen = 2, .truncating = PadSide::kPost}),
                           Tensor::Of<int32_t>({3, 2}, {0, 1, 2, 3, 4, 5})));
  EXPECT_FALSE(PadSequences(reviews, {.maxlen = -1}).ok());
}

TEST(ReviewsTest, SlicesAndLabels) {
  Reviews reviews = ReviewsOf({{1}, {2, 3}, {4, 5, 6}});
  EXPECT_THAT(Labels(reviews).status().ToString(), HasSubstr("3 reviews have 0 labels"));
  reviews.labels = {1, 0, 1};
  const Reviews slice = reviews.Slice(1, 3);
  EXPECT_THAT(All(slice), ElementsAre(ElementsAre(2, 3), ElementsAre(4, 5, 6)));
  EXPECT_TRUE(BitwiseEqual(Labels(slice).value(), Tensor::Of<float>({2, 1}, {0, 1})));
}

// Expected values follow keras/datasets/imdb.py by hand. Shuffled with seed 0, ten rows come in the
// order 2 8 4 9 1 6 7 3 0 5.
class OptionsTest : public testing::Test {
 protected:
  OptionsTest() {
    Lists train(10);
    std::vector<int64_t> labels(10);
    for (int i = 0; i < 10; ++i) {
      train[i].assign(i % 4, i + 1);  // i % 4 times the word i + 1
      labels[i] = i % 2;
    }
    folder_ = FreshFolder("options");
    Write(folder_ + "/imdb.npz", NpzOf(train, labels, {{20}}, {1}));
    options_.path = folder_;
    options_.seed = 0;
    options_.download = false;
  }
  ScopedEnvironment data_{"ADJOINT_DATA", nullptr};
  ScopedEnvironment home_{"HOME", nullptr};
  std::string folder_;
  LoadOptions options_;
};

TEST_F(OptionsTest, Defaults) {
  const ImdbData data = LoadData(options_).value();
  EXPECT_THAT(All(data.train),
              ElementsAre(ElementsAre(1, 6, 6), ElementsAre(1), ElementsAre(1), ElementsAre(1, 13),
                          ElementsAre(1, 5), ElementsAre(1, 10, 10), ElementsAre(1, 11, 11, 11),
                          ElementsAre(1, 7, 7, 7), ElementsAre(1), ElementsAre(1, 9)));
  EXPECT_THAT(data.train.labels, ElementsAre(0, 0, 0, 1, 1, 0, 1, 1, 0, 1));
  // num_words None is the largest id, 23, which becomes oov_char.
  EXPECT_THAT(All(data.test), ElementsAre(ElementsAre(1, 2)));
  EXPECT_EQ(data.num_words, 24);
  EXPECT_EQ(data.source, "IMDB reviews (" + folder_ + "/imdb.npz)");
  EXPECT_THAT(data.note, HasSubstr("no imdb_word_index.json"));
  EXPECT_EQ(data.word_index.size(), 0);
}

TEST_F(OptionsTest, WordsLeftOut) {
  options_.num_words = 10;
  options_.skip_top = 6;
  // start_char is below skip_top itself.
  EXPECT_THAT(All(LoadData(options_)->train),
              ElementsAre(ElementsAre(2, 6, 6), ElementsAre(2), ElementsAre(2), ElementsAre(2, 2),
                          ElementsAre(2, 2), ElementsAre(2, 2, 2), ElementsAre(2, 2, 2, 2),
                          ElementsAre(2, 7, 7, 7), ElementsAre(2), ElementsAre(2, 9)));
  EXPECT_EQ(LoadData(options_)->num_words, 10);
  options_.oov_char = std::nullopt;
  EXPECT_THAT(All(LoadData(options_)->train),
              ElementsAre(ElementsAre(6, 6), ElementsAre(), ElementsAre(), ElementsAre(),
                          ElementsAre(), ElementsAre(), ElementsAre(), ElementsAre(7, 7, 7),
                          ElementsAre(), ElementsAre(9)));
  options_.skip_top = 0;
  options_.start_char = std::nullopt;
  options_.index_from = 0;
  EXPECT_THAT(All(LoadData(options_)->train),
              ElementsAre(ElementsAre(3, 3), ElementsAre(), ElementsAre(), ElementsAre(),
                          ElementsAre(2), ElementsAre(7, 7), ElementsAre(8, 8, 8),
                          ElementsAre(4, 4, 4), ElementsAre(), ElementsAre(6)));
}

TEST_F(OptionsTest, MaxlenKeepsWhatIsShorter) {
  options_.maxlen = 3;
  const ImdbData data = LoadData(options_).value();
  EXPECT_THAT(All(data.train), ElementsAre(ElementsAre(1), ElementsAre(1), ElementsAre(1, 13),
                                           ElementsAre(1, 5), ElementsAre(1), ElementsAre(1, 9)));
  EXPECT_THAT(data.train.labels, ElementsAre(0, 0, 1, 1, 0, 1));
  options_.maxlen = 2;
  EXPECT_THAT(LoadData(options_).status().ToString(),
              HasSubstr("none of the test reviews is shorter than maxlen, 2; increase it"));
}

TEST_F(OptionsTest, OptionsOutOfRange) {
  const auto error = [&](auto change) {
    LoadOptions options = options_;
    change(options);
    const absl::Status status = LoadData(options).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return status.ToString();
  };
  EXPECT_THAT(error([](LoadOptions& o) { o.num_words = -1; }),
              HasSubstr("num_words is -1; it may be 0 to 2147483647"));
  EXPECT_THAT(error([](LoadOptions& o) { o.seed = int64_t{1} << 32; }), HasSubstr("seed is"));
  EXPECT_THAT(error([](LoadOptions& o) { o.skip_top = -1; }), HasSubstr("skip_top"));
  EXPECT_THAT(error([](LoadOptions& o) { o.maxlen = -1; }), HasSubstr("maxlen"));
  EXPECT_THAT(error([](LoadOptions& o) { o.oov_char = -1; }), HasSubstr("oov_char"));
  EXPECT_THAT(error([](LoadOptions& o) { o.index_from = 2147483640; }),
              HasSubstr("hold the word number 10; 0 to 7 are possible"));
}

TEST_F(OptionsTest, DamagedArrays) {
  Write(folder_ + "/imdb.npz", NpzOf({{1}, {2}}, {1}, {{1}}, {1}));
  EXPECT_THAT(LoadData(options_).status().ToString(),
              HasSubstr("y_train is i64[1] and x_train has 2 reviews"));
  Write(folder_ + "/imdb.npz", NpzOf({{1}, {2}}, {1, 7}, {{1}}, {1}));
  EXPECT_THAT(LoadData(options_).status().ToString(), HasSubstr("y_train[1] is 7, not 0 or 1"));
  Write(folder_ + "/imdb.npz", NpzOf({{1}, {-2}}, {1, 0}, {{1}}, {1}));
  EXPECT_THAT(LoadData(options_).status().ToString(), HasSubstr("the word number -2"));
  Write(folder_ + "/imdb.npz", NpzOf({{1}, {2}}, {1, 0}, {{1}}, {1}));
  Write(folder_ + "/imdb_word_index.json", "{\"a\"");
  EXPECT_THAT(LoadData(options_).status().ToString(),
              HasSubstr("cannot read '" + folder_ + "/imdb_word_index.json': word index: byte "));
}

TEST(EncodeTest, EncodesAndDecodes) {
  const WordIndex index = WordIndex::FromWords({"the", "film", "was", "brilliant"}).value();
  LoadOptions options;
  EXPECT_THAT(Encode("The film was BRILLIANT, indeed.", index, options),
              ElementsAre(1, 4, 5, 6, 7));
  options.num_words = 6;
  EXPECT_THAT(Encode("The film was brilliant", index, options), ElementsAre(1, 4, 5, 2, 2));
  options.oov_char = std::nullopt;
  EXPECT_THAT(Encode("The film was brilliant", index, options), ElementsAre(1, 4, 5));
  const std::vector<std::string> texts = {"film", "", "was film"};
  EXPECT_THAT(All(EncodeAll(texts, index, LoadOptions())),
              ElementsAre(ElementsAre(1, 5), ElementsAre(1), ElementsAre(1, 6, 5)));
  EXPECT_EQ(Decode({1, 4, 5, 2, 7, 8, -4}, index), "? the film ? brilliant ? ?");
  EXPECT_EQ(Decode({}, index), "");
}

TEST(FromTextsTest, IsLoadedLikeTheRealOne) {
  const LabeledTexts train{{"good good film", "bad film"}, {1, 0}}, test{{"bad unseen"}, {0}};
  LoadOptions options;
  options.num_words = 100;
  const ImdbData data = FromTexts(train, test, "built-in", options).value();
  EXPECT_EQ(data.source, "built-in");
  EXPECT_EQ(data.word_index.word(1), "film");  // as frequent as "good" and before it
  EXPECT_EQ(Decode(data.test[0], data.word_index), "? bad");
  EXPECT_EQ(data.num_words, 100);
  const int64_t first = data.train.labels[0] == 1 ? 0 : 1;
  EXPECT_EQ(Decode(data.train[first], data.word_index), "? good good film");
  EXPECT_FALSE(FromTexts({{"a"}, {}}, test, "", options).ok());
}

// Raw texts under every form that FindData knows.
class RawTest : public testing::Test {
 protected:
  RawTest() : folder_(FreshFolder("raw")) {
    int n = 0;
    for (const char* part : {"train/pos", "train/neg", "test/pos", "test/neg"}) {
      for (const char* name : {"10_9.txt", "1_8.txt", "9_7.txt"}) {
        files_.push_back({std::string("aclImdb/") + part + "/" + name,
                          "word" + std::to_string(n++) + " the unknown<br />"});
      }
    }
    files_.push_back({"aclImdb/train/unsup/0_0.txt", "never read"});
    files_.push_back({"aclImdb/train/pos/.DS_Store", "never read"});
    std::string json = "{\"the\": 1";
    for (int i = 0; i < 12; ++i) {
      json += ", \"word" + std::to_string(i) + "\": " + std::to_string(i + 2);
    }
    json_ = json + "}";
    options_.num_words = 100;
    options_.download = false;
  }
  void WriteFolder(const std::string& root) {
    for (const io::ArchiveEntry& file : files_) Write(root + "/" + file.name, file.bytes);
  }
  ImdbData Load(const std::string& path) {
    options_.path = path;
    absl::StatusOr<ImdbData> data = LoadData(options_);
    EXPECT_TRUE(data.ok()) << data.status();
    return data.ok() ? *std::move(data) : ImdbData();
  }

  std::string folder_;
  std::vector<io::ArchiveEntry> files_;
  std::string json_;
  LoadOptions options_;
};

TEST_F(RawTest, FolderAndArchivesGiveTheSame) {
  WriteFolder(folder_ + "/imdb");
  Write(folder_ + "/imdb/imdb_word_index.json", json_);
  const ImdbData folder = Load(folder_);
  EXPECT_EQ(folder.note, "");
  EXPECT_EQ(folder.source, "IMDB reviews (" + folder_ + "/imdb/aclImdb)");
  std::vector<int64_t> order = NumpyRandomState(113).ShuffledRange(6);
  for (int i = 0; i < 6; ++i) {
    // pos before neg, names in lexicographic order: just as they were made.
    EXPECT_THAT(folder.train[i], ElementsAre(1, 5 + order[i], 4));
    EXPECT_EQ(folder.train.labels[i], order[i] < 3 ? 1 : 0);
  }
  EXPECT_EQ(All(Load(folder_ + "/imdb/aclImdb/").train), All(folder.train));

  const std::string tar = folder_ + "/tar/aclImdb_v1.tar.gz";
  Write(tar, io::MakeArchive(io::ArchiveFormat::kTarGz, files_).value());
  Write(folder_ + "/tar/imdb_word_index.json", json_);
  EXPECT_EQ(All(Load(tar).train), All(folder.train));
  EXPECT_EQ(All(Load(folder_ + "/tar").test), All(folder.test));

  std::filesystem::remove(folder_ + "/tar/imdb_word_index.json");
  const ImdbData own = Load(tar);
  EXPECT_THAT(own.note, HasSubstr("words are numbered by their frequency"));
  EXPECT_EQ(own.word_index.size(), 9);  // the words of six training reviews, "br" too
  files_.push_back({"aclImdb/imdb_word_index.json", json_});
  Write(folder_ + "/other.bin", io::MakeArchive(io::ArchiveFormat::kTarGz, files_).value());
  EXPECT_EQ(All(Load(folder_ + "/other.bin").train), All(folder.train));
}

TEST_F(RawTest, ErrorsNameWhatIsMissingOrDamaged) {
  const auto error = [&](const std::string& path) {
    options_.path = path;
    return LoadData(options_).status();
  };
  EXPECT_EQ(error(folder_).message(), "no IMDB data in '" + folder_ +
                                          "': looked for imdb.npz, aclImdb/ (with train/pos) and "
                                          "aclImdb_v1.tar.gz, there and in imdb/ below it");
  EXPECT_EQ(error(folder_).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(error(folder_ + "/none").message(),
            "no IMDB data at '" + folder_ + "/none': no such file or folder");
  Write(folder_ + "/text", "hello");
  EXPECT_THAT(error(folder_ + "/text").ToString(), HasSubstr("is no IMDB data: neither a npz"));
  Write(folder_ + "/empty", "");
  EXPECT_THAT(error(folder_ + "/empty").ToString(), HasSubstr("is no IMDB data"));
  std::string tar = io::MakeArchive(io::ArchiveFormat::kTarGz, files_).value();
  Write(folder_ + "/cut.tar.gz", tar.substr(0, tar.size() / 2));
  EXPECT_EQ(error(folder_ + "/cut.tar.gz").code(), absl::StatusCode::kDataLoss);
  files_.erase(files_.begin(), files_.begin() + 3);
  tar = io::MakeArchive(io::ArchiveFormat::kTarGz, files_).value();
  Write(folder_ + "/part.tar.gz", tar);
  EXPECT_THAT(error(folder_ + "/part.tar.gz").ToString(),
              HasSubstr("part.tar.gz' has no reviews in train/pos/*.txt"));
  WriteFolder(folder_ + "/half");
  EXPECT_THAT(error(folder_ + "/half").ToString(), HasSubstr("/half/aclImdb' has no reviews in"));
  std::filesystem::remove_all(folder_ + "/half/aclImdb/test/neg");
  EXPECT_THAT(error(folder_ + "/half").ToString(), HasSubstr("aclImdb/test/neg'"));
}

TEST(FindDataTest, LooksInOrderAndDownloadsLast) {
  const std::string folder = FreshFolder("find");
  ScopedEnvironment home("HOME", (folder + "/home").c_str());
  ScopedEnvironment data("ADJOINT_DATA", (folder + "/data").c_str());
  std::string url;
  {
    io::testing_internal::HttpServer gone([](const std::string&) { return ""; });
    url = gone.url();
  }
  {
    // Nobody listens: no data, said in one line.
    ScopedEnvironment none("ADJOINT_DOWNLOAD_URL", url.c_str());
    const absl::Status status = FindData("").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("no IMDB data: none in " + folder + "/data, " + folder +
                          "/home/.cache/adjoint, " + folder +
                          "/home/.keras/datasets; cannot "
                          "download " +
                          url + "/imdb.npz: "));
    EXPECT_EQ(status.message().find('\n'), absl::string_view::npos);
    EXPECT_EQ(FindData("", {.download = false}).status().code(), absl::StatusCode::kNotFound);
  }
  {
    // Other bytes than Keras' are refused and not kept.
    io::testing_internal::HttpServer server(
        [](const std::string&) { return io::testing_internal::HttpServer::Ok("wrong"); });
    ASSERT_TRUE(server.good());
    ScopedEnvironment local("ADJOINT_DOWNLOAD_URL", (server.url() + "/").c_str());
    std::string told;
    FindOptions options;
    options.progress = [&](absl::string_view from, int64_t, int64_t) { told = std::string(from); };
    const absl::Status status = FindData("", options).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_THAT(status.ToString(), HasSubstr("the SHA-256 of the 5 bytes received is"));
    EXPECT_EQ(told, server.url() + "/imdb.npz");
    EXPECT_TRUE(std::filesystem::is_empty(folder + "/home/.cache/adjoint"));
  }
  const auto found = [&] { return FindData("", {.download = false}).value(); };
  Write(folder + "/home/.keras/datasets/imdb.npz", "PK");
  EXPECT_EQ(found().path, folder + "/home/.keras/datasets/imdb.npz");
  EXPECT_EQ(found().word_index, "");
  Write(folder + "/home/.keras/datasets/imdb_word_index.json", "{}");
  Write(folder + "/home/.cache/adjoint/imdb.npz", "PK");
  EXPECT_EQ(found().path, folder + "/home/.cache/adjoint/imdb.npz");
  EXPECT_EQ(found().word_index, folder + "/home/.keras/datasets/imdb_word_index.json");
  Write(folder + "/data/imdb/aclImdb_v1.tar.gz", "");
  EXPECT_EQ(found().path, folder + "/data/imdb/aclImdb_v1.tar.gz");
  EXPECT_EQ(found().kind, DataFiles::Kind::kTar);
  EXPECT_EQ(found().word_index, "");  // for raw texts only beside them
  Write(folder + "/data/imdb/imdb.npz", "PK");
  EXPECT_EQ(found().kind, DataFiles::Kind::kNpz);
  // Texts are found beside ids and behind them, and ids where there are none.
  const auto texts = [&](const std::string& path) {
    return FindData(path, {.download = false, .prefer_texts = true}).value().kind;
  };
  EXPECT_EQ(texts(""), DataFiles::Kind::kTar);
  EXPECT_EQ(texts(folder + "/data"), DataFiles::Kind::kTar);
  std::filesystem::rename(folder + "/data/imdb/aclImdb_v1.tar.gz",
                          folder + "/home/.keras/datasets/aclImdb_v1.tar.gz");
  EXPECT_EQ(texts(""), DataFiles::Kind::kTar);
  EXPECT_EQ(texts(folder + "/data"), DataFiles::Kind::kNpz);
  EXPECT_EQ(found().kind, DataFiles::Kind::kNpz);
  // What the user names is not replaced by what lies elsewhere.
  EXPECT_EQ(FindData(folder + "/home").status().code(), absl::StatusCode::kInvalidArgument);
}

class RealDataTest : public testing::Test {
 protected:
  void SetUp() override {
    const char* data = std::getenv("ADJOINT_DATA");
    if (data == nullptr || !std::filesystem::exists(std::string(data) + "/imdb/imdb.npz")) {
      GTEST_SKIP() << "ADJOINT_DATA names no folder with imdb/imdb.npz: the real reviews are not "
                      "tested";
    }
    folder_ = std::string(data) + "/imdb";
    options_.num_words = 10000;
    options_.download = false;
  }
  std::string folder_;
  LoadOptions options_;
};

TEST_F(RealDataTest, IsTheBooks) {
  const absl::StatusOr<ImdbData> loaded = LoadData(options_);  // by way of $ADJOINT_DATA
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const ImdbData& data = *loaded;
  ASSERT_EQ(data.train.size(), 25000);
  ASSERT_EQ(data.test.size(), 25000);
  EXPECT_EQ(data.note, "");
  EXPECT_THAT(std::vector<int>(data.train.labels.begin(), data.train.labels.begin() + 10),
              ElementsAre(1, 0, 0, 1, 0, 0, 1, 0, 1, 0));
  ASSERT_EQ(data.train[0].size(), 218u);
  EXPECT_THAT(data.train[0].first(10), ElementsAre(1, 14, 22, 16, 43, 530, 973, 1622, 1385, 65));
  EXPECT_EQ(Decode(data.train[0].first(20), data.word_index),
            "? this film was just brilliant casting location scenery story direction everyone's "
            "really suited the part they played and you");
  EXPECT_EQ(*std::max_element(data.train.ids.begin(), data.train.ids.end()), 9999);
  EXPECT_EQ(static_cast<double>(data.train.ids.size()) / 25000, 238.71364);
  EXPECT_EQ(static_cast<double>(data.test.ids.size()) / 25000, 230.8042);
  EXPECT_EQ(PadSequences(data.train).value().shape(), (Shape{25000, 2494}));
  const CsrMatrix sparse = VectorizeCsr(data.train.Slice(0, 1000), 10000).value();
  EXPECT_TRUE(
      BitwiseEqual(sparse.ToDense().value(), Vectorize(data.train.Slice(0, 1000), 10000).value()));
}

TEST_F(RealDataTest, TheArchiveGivesTheSame) {
  if (!std::filesystem::exists(folder_ + "/aclImdb_v1.tar.gz")) {
    GTEST_SKIP() << "no aclImdb_v1.tar.gz in " << folder_;
  }
  options_.num_words = 0;
  options_.path = folder_ + "/imdb.npz";
  const ImdbData npz = LoadData(options_).value();
  options_.path = folder_ + "/aclImdb_v1.tar.gz";
  const ImdbData tar = LoadData(options_).value();
  for (const auto& [a, b] : {std::pair(&npz.train, &tar.train), std::pair(&npz.test, &tar.test)}) {
    EXPECT_TRUE(a->offsets == b->offsets);
    EXPECT_TRUE(a->ids == b->ids);
    EXPECT_TRUE(a->labels == b->labels);
  }
  EXPECT_EQ(npz.num_words, tar.num_words);
}

TEST_F(RealDataTest, DamagedFilesGiveOneLine) {
  const std::string whole = io::ReadFile(folder_ + "/imdb.npz").value();
  const std::string folder = FreshFolder("damaged");
  options_.path = folder + "/imdb.npz";
  Write(options_.path, whole.substr(0, whole.size() / 2));
  const absl::Status cut = LoadData(options_).status();
  EXPECT_EQ(cut.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(cut.ToString(), HasSubstr("cannot read '" + options_.path + "'"));
  std::string flipped = whole;
  flipped[whole.size() / 3] ^= 4;
  Write(options_.path, flipped);
  const absl::Status flip = LoadData(options_).status();
  EXPECT_FALSE(flip.ok());
  EXPECT_THAT(flip.ToString(), HasSubstr(options_.path));
  EXPECT_EQ(flip.message().find('\n'), absl::string_view::npos) << flip;
}

TEST_F(RealDataTest, TheWordIndexIsDownloadedAndChecked) {
  const std::string json = io::ReadFile(folder_ + "/imdb_word_index.json").value();
  io::testing_internal::HttpServer server([&](const std::string& path) {
    return io::testing_internal::HttpServer::Ok(path == "/imdb_word_index.json" ? json : "");
  });
  ASSERT_TRUE(server.good());
  const std::string folder = FreshFolder("index");
  ScopedEnvironment home("HOME", folder.c_str());
  ScopedEnvironment data("ADJOINT_DATA", nullptr);
  ScopedEnvironment url("ADJOINT_DOWNLOAD_URL", server.url().c_str());
  Write(folder + "/imdb.npz", "PK");
  const absl::StatusOr<DataFiles> files = FindData(folder + "/imdb.npz");
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_EQ(files->word_index, folder + "/.cache/adjoint/imdb_word_index.json");
  EXPECT_EQ(GetWordIndex(files->word_index).value().size(), 88584);
  EXPECT_EQ(server.requests(), 1);
}

}  // namespace
}  // namespace adjoint::datasets::imdb
