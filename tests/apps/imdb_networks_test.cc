// The networks of //apps:imdb besides the book's, on raw reviews made here in the layout of
// aclImdb.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/io/archive.h"
#include "tests/apps/app_runner.h"
#include "tests/apps/imdb_place.h"

namespace adjoint::apps {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

// What is good is told by a pair of words, of which each alone stands in reviews of both kinds.
std::string Review(bool positive, int i) {
  const char* const films[] = {"A western", "This comedy", "The sequel",
                               "Her d\xe9"
                               "but",
                               "It"};
  const char* const good[] = {"was not boring", "is very good", "isn't bad", "never felt long"};
  const char* const bad[] = {"was boring", "is not good", "is very bad", "felt long"};
  return absl::StrCat(films[i % 5], " ", (positive ? good : bad)[i % 4], i % 3 == 0 ? "!" : ".",
                      "<br /><br />Seen in ", 1950 + i % 60, ".");
}

std::vector<io::ArchiveEntry> Entries(int each = 50) {
  std::vector<io::ArchiveEntry> entries;
  for (const char* part : {"train", "test"}) {
    for (const bool positive : {true, false}) {
      for (int i = 0; i < each; ++i) {
        entries.push_back({absl::StrCat("aclImdb/", part, positive ? "/pos/" : "/neg/", i, "_",
                                        positive ? 9 : 2, ".txt"),
                           Review(positive, i + (part[1] == 'e' ? 7 : 0))});
      }
    }
  }
  entries.push_back({"aclImdb/train/pos/900_9.txt", ""});  // an empty review
  return entries;
}

void WriteFolder(const Place& place, const std::vector<io::ArchiveEntry>& entries) {
  for (const io::ArchiveEntry& entry : entries) {
    const std::filesystem::path path = place.here() / entry.name;
    std::filesystem::create_directories(path.parent_path());
    WriteAll(path, entry.bytes);
  }
}

double ProbabilityOf(const RunResult& run) {
  double p = -1;
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_TRUE(absl::SimpleAtod(run.out.substr(0, run.out.find('\t')), &p)) << run.out;
  return p;
}

double TestAccuracy(const Place& place, const std::string& report) {
  const Json json = Json::parse(ReadAll(place.here() / report), nullptr, false);
  EXPECT_FALSE(json.is_discarded());
  return json["evaluate"]["accuracy"].get<double>();
}

TEST(NbsvmAppTest, TrainsEvaluatesAndPredictsFromTheModelAlone) {
  const Place place("nbsvm");
  WriteFolder(place, Entries());
  const RunResult train = Imdb(place, {"train", "--network=nbsvm", "--data=aclImdb", "--hidden=4",
                                       "--report_json=train.json"});
  ASSERT_EQ(train.code, 0) << train.err;
  EXPECT_THAT(train.err, HasSubstr("makes no use of --hidden"));
  EXPECT_THAT(train.out, AllOf(HasSubstr("n-grams of up to 3 tokens"),
                               HasSubstr("Training anew on all 101 reviews"),
                               HasSubstr("Evaluating on 100 test reviews"),
                               HasSubstr("Saved in imdb_out/imdb.model")));
  EXPECT_GT(TestAccuracy(place, "train.json"), 0.95);
  const RunResult evaluate = Imdb(place, {"evaluate", "--data=aclImdb", "--report_json=e.json"});
  ASSERT_EQ(evaluate.code, 0) << evaluate.err;
  EXPECT_EQ(TestAccuracy(place, "e.json"), TestAccuracy(place, "train.json"));

  std::filesystem::remove_all(place.here() / "aclImdb");
  EXPECT_GT(ProbabilityOf(Imdb(place, {"predict", "--text=The film was NOT boring!"})), 0.5);
  EXPECT_LT(ProbabilityOf(Imdb(place, {"predict", "--text=The film was boring!"})), 0.5);
  const RunResult unknown = Imdb(place, {"predict", "--text=\xff\xfe qwertyuiop"});
  EXPECT_EQ(unknown.code, 0) << unknown.err;
  EXPECT_THAT(unknown.err, HasSubstr("no word that the model knows"));
  const RunResult hidden = Imdb(place, {"predict", "--hidden=4", "--text=a"});
  EXPECT_EQ(hidden.code, 1);
  EXPECT_THAT(hidden.err, HasSubstr("is an NB-SVM and has no --hidden"));
  const RunResult other = Imdb(place, {"predict", "--network=conv", "--text=a"});
  EXPECT_EQ(other.code, 1);
  EXPECT_THAT(other.err, HasSubstr("is of the network nbsvm, not --network=conv; leave the flag "
                                   "out"));
  const RunResult explain = Imdb(place, {"explain", "--text=It was not boring."});
  ASSERT_EQ(explain.code, 0) << explain.err;
  EXPECT_THAT(explain.out, HasSubstr("not boring"));
  // The page: settings, curves, the network's picture.
  EXPECT_THAT(
      ReadAll(place.here() / "imdb_out/report.html"),
      AllOf(HasSubstr("Confusion matrix"), HasSubstr("NaiveBayesDense"), HasSubstr("Time per step"),
            HasSubstr("Validation loss"), HasSubstr("trained on all training reviews")));
}

TEST(NbsvmAppTest, RefusesCheckpoints) {
  const Place place("checkpoint");
  for (const char* network : {"nbsvm", "ensemble"}) {
    const RunResult run =
        Imdb(place, {"train", absl::StrCat("--network=", network), "--checkpoint=c"});
    EXPECT_EQ(run.code, 2);
    EXPECT_THAT(run.err, HasSubstr(absl::StrCat("--checkpoint: the network ", network,
                                                " keeps none and is trained in one go")));
    EXPECT_FALSE(std::filesystem::exists(place.here() / "c"));
  }
}

TEST(EnsembleAppTest, TrainsAndPredictsFromTheModelAlone) {
  const Place place("ensemble");
  std::vector<io::ArchiveEntry> entries = Entries();
  const RunResult none = Imdb(place, {"train", "--network=ensemble", "--data=aclImdb"});
  EXPECT_EQ(none.code, 1);
  WriteFolder(place, entries);
  const RunResult labeled = Imdb(place, {"train", "--network=ensemble", "--data=aclImdb"});
  EXPECT_EQ(labeled.code, 1);
  EXPECT_THAT(labeled.err,
              HasSubstr("'aclImdb' has no reviews without labels (train/unsup), which this network "
                        "learns from; name the whole aclImdb_v1.tar.gz"));
  EXPECT_FALSE(std::filesystem::exists(place.here() / "imdb_out"));
  for (int i = 0; i < 100; ++i) {
    entries.push_back({absl::StrCat("aclImdb/train/unsup/", i, "_0.txt"), Review(i % 2 == 0, i)});
  }
  WriteFolder(place, entries);
  const RunResult train =
      Imdb(place, {"train", "--network=ensemble", "--data=aclImdb", "--report_json=train.json"});
  ASSERT_EQ(train.code, 0) << train.err;
  EXPECT_THAT(train.out,
              AllOf(HasSubstr("100 without labels"), HasSubstr("n-grams tell the labels apart"),
                    HasSubstr("cosine of a text and an n-gram of it"),
                    HasSubstr("Report with charts and mistakes: imdb_out/report.html")));
  EXPECT_GT(TestAccuracy(place, "train.json"), 0.95);
  EXPECT_THAT(ReadAll(place.here() / "imdb_out/report.html"),
              AllOf(HasSubstr("DocumentVector"), HasSubstr("document vectors"),
                    HasSubstr("Confusion matrix")));
  const RunResult evaluate = Imdb(place, {"evaluate", "--data=aclImdb", "--report_json=e.json"});
  ASSERT_EQ(evaluate.code, 0) << evaluate.err;
  EXPECT_EQ(TestAccuracy(place, "e.json"), TestAccuracy(place, "train.json"));

  std::filesystem::remove_all(place.here() / "aclImdb");
  const RunResult good =
      Imdb(place, {"predict", "--network=ensemble", "--text=The film was NOT boring!"});
  EXPECT_GT(ProbabilityOf(good), 0.5);
  EXPECT_EQ(good.err, "");
  EXPECT_LT(ProbabilityOf(Imdb(place, {"predict", "--text=The film was boring!"})), 0.5);
  EXPECT_EQ(Imdb(place, {"predict", "--text="}).code, 0);
  const RunResult other = Imdb(place, {"predict", "--network=conv", "--text=a"});
  EXPECT_EQ(other.code, 1);
  EXPECT_EQ(other.err,
            "imdb: the model 'imdb_out/imdb.model' is of the network ensemble, not "
            "--network=conv; leave the flag out\n");
  // Terms add up to the logit, and those of both inputs are one.
  const RunResult explain = Imdb(place, {"explain", "--text=It was not boring."});
  ASSERT_EQ(explain.code, 0) << explain.err;
  EXPECT_THAT(explain.out, HasSubstr("not boring"));
}

TEST(NbsvmAppTest, ReadsArchivesAndNamesDamage) {
  const Place place("archives");
  std::string bytes = io::MakeArchive(io::ArchiveFormat::kTarGz, Entries(20)).value();
  WriteAll(place.here() / "reviews.tar.gz", bytes);
  const RunResult train = Imdb(place, {"--network=nbsvm", "--data=reviews.tar.gz"});
  EXPECT_EQ(train.code, 0) << train.err;
  bytes.resize(bytes.size() / 2);
  WriteAll(place.here() / "half.tar.gz", bytes);
  const RunResult half = Imdb(place, {"--network=nbsvm", "--data=half.tar.gz", "--out=half"});
  EXPECT_EQ(half.code, 1);
  EXPECT_THAT(half.err, HasSubstr("half.tar.gz"));
  EXPECT_FALSE(std::filesystem::exists(place.here() / "half"));
}

TEST(NbsvmAppTest, WrongDataAreErrorsOfOneLine) {
  const Place place("wrong");
  WriteFolder(place, Entries(4));
  std::filesystem::remove_all(place.here() / "aclImdb/train/neg");
  RunResult run = Imdb(place, {"--network=nbsvm", "--data=aclImdb"});
  EXPECT_EQ(run.code, 1);
  EXPECT_THAT(run.err, HasSubstr("aclImdb/train/neg'"));
  std::filesystem::create_directories(place.here() / "aclImdb/train/neg");
  run = Imdb(place, {"--network=nbsvm", "--data=aclImdb"});
  EXPECT_EQ(run.code, 1);
  EXPECT_THAT(run.err, HasSubstr("has no reviews in train/neg/*.txt"));
  run = Imdb(place, {"--network=nbsvm", "--data=nowhere"});
  EXPECT_EQ(run.code, 1);
  EXPECT_THAT(run.err, HasSubstr("no IMDB data at 'nowhere': no such file or folder"));
  run = Imdb(place, {"--network=transformer"});
  EXPECT_EQ(run.code, 2);
  EXPECT_THAT(run.err, HasSubstr("--network=transformer: there are mlp, embedding, conv, lstm, "
                                 "nbsvm and ensemble"));
}

TEST(NbsvmAppTest, GoesOnWithSyntheticReviewsWhereThereAreNone) {
  const Place place("synthetic");
  const RunResult run = Imdb(place, {"train", "--network=nbsvm", "--report_json=r.json"});
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("going on with built-in synthetic reviews"));
  EXPECT_THAT(run.out, HasSubstr("(built-in synthetic reviews)"));
  EXPECT_GT(TestAccuracy(place, "r.json"), 0.85);
}

class SequenceNetworkTest : public testing::TestWithParam<const char*> {};

TEST_P(SequenceNetworkTest, TrainsPredictsAndExplains) {
  const Place place(GetParam());
  WriteFolder(place, Entries());
  const RunResult train =
      Imdb(place, {"train", absl::StrCat("--network=", GetParam()), "--data=aclImdb",
                   "--num_words=200", "--epochs=2", "--batch_size=16", "--encoding=dense"});
  ASSERT_EQ(train.code, 0) << train.err;
  EXPECT_THAT(train.err, HasSubstr("makes no use of --encoding"));
  EXPECT_THAT(train.out, HasSubstr("embedding (Embedding)"));
  EXPECT_EQ(Imdb(place, {"evaluate", "--data=aclImdb"}).code, 0);
  const double p = ProbabilityOf(Imdb(place, {"predict", "--text=It was not boring!"}));
  EXPECT_GT(p, 0);
  EXPECT_LT(p, 1);
  ProbabilityOf(Imdb(place, {"predict", "--text="}));
  const RunResult explain = Imdb(place, {"explain", "--text=It was not boring!"});
  EXPECT_EQ(explain.code, 0) << explain.err;
  EXPECT_THAT(explain.out, HasSubstr("boring"));
}

INSTANTIATE_TEST_SUITE_P(All, SequenceNetworkTest, testing::Values("embedding", "conv", "lstm"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace adjoint::apps
