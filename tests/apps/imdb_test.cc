// The program //apps:imdb as users meet it: command lines, outputs, files and exit codes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "datasets/synthetic_reviews.h"
#include "nn/nn.h"
#include "tests/apps/app_runner.h"
#include "tests/apps/imdb_place.h"

namespace adjoint::apps {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines = absl::StrSplit(text, '\n');
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

Json ReadJson(const std::filesystem::path& path) {
  return Json::parse(ReadAll(path), nullptr, /*allow_exceptions=*/false);
}

std::vector<std::string> Keys(const Json& json) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : json.items()) keys.push_back(key);
  return keys;  // in alphabetical order
}

// The probabilities of predict's lines.
std::vector<double> Probabilities(const std::string& out) {
  std::vector<double> probabilities;
  for (const std::string& line : Lines(out)) {
    const std::vector<std::string> parts = absl::StrSplit(line, '\t');
    double p = std::nan("");
    EXPECT_TRUE(parts.size() == 2 && absl::SimpleAtod(parts[0], &p)) << line;
    EXPECT_EQ(parts.back(), p > 0.5 ? "positive" : "negative") << line;
    probabilities.push_back(p);
  }
  return probabilities;
}

TEST(ImdbTest, RunsTheNotebookOnSyntheticReviews) {
  const Place place("notebook");
  const RunResult run = Imdb(place, {"--epochs=3", "--report_json=r.json", "--out=results"});
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.err, Not(HasSubstr("imdb:")));

  int notes = 0;
  for (const std::string& line : Lines(run.out)) {
    if (absl::StrContains(line, "going on with built-in synthetic reviews")) ++notes;
    if (absl::StrContains(line, "accuracy: ")) {
      EXPECT_TRUE(absl::EndsWith(line, "(built-in synthetic reviews)")) << line;
    }
    if (absl::StrContains(line, "accuracy'] ")) {
      EXPECT_TRUE(absl::EndsWith(line, "(built-in synthetic reviews)")) << line;
    }
  }
  EXPECT_EQ(notes, 1) << run.out;
  for (const char* part :
       {">>> train_data[0]\n[1, ", ">>> train_labels[0]\n",
        ">>> max([max(sequence) for sequence in train_data])\n", ">>> decoded_review\n? ",
        ">>> x_train[0]\narray([0., 1., ", "Model: \"sequential\"", "Total params: 160,305",
        "Training on 1,200 reviews, validating on the first 800: 3 epochs of batches of 32",
        "Epoch 3/3\n38/38 [==============================]",
        "dict_keys(['loss', 'binary_accuracy', 'val_loss', 'val_binary_accuracy'])",
        "Training and validation loss (built-in synthetic reviews)\n", "Epoch 4/4\n63/63 [",
        ">>> results (built-in synthetic reviews)\n[0.",
        ">>> model.predict(x_test).shape\n(2000, 1)\n", "       ...,\n",
        "its predictions are the same, bit for bit (max difference 0)"}) {
    EXPECT_THAT(run.out, HasSubstr(part));
  }
  EXPECT_THAT(place.Files(),
              ElementsAre("r.json", "results", "results/accuracy.svg", "results/imdb.model",
                          "results/loss.svg", "results/report.html"));
  EXPECT_THAT(ReadAll(place.here() / "results/accuracy.svg"),
              HasSubstr(">Training and validation accuracy (built-in synthetic reviews)</text>"));

  const Json report = ReadJson(place.here() / "r.json");
  EXPECT_THAT(Keys(report), ElementsAre("data", "evaluate", "history", "kernels", "peak_rss_mb",
                                        "seconds", "weights_sha256"));
  EXPECT_THAT(Keys(report["history"]),
              ElementsAre("binary_accuracy", "loss", "val_binary_accuracy", "val_loss"));
  for (const auto& [key, values] : report["history"].items()) EXPECT_EQ(values.size(), 3u) << key;
  EXPECT_LT(report["history"]["loss"][2], report["history"]["loss"][0]);
  EXPECT_THAT(Keys(report["evaluate"]), ElementsAre("accuracy", "loss"));
  EXPECT_GE(report["evaluate"]["accuracy"], 0.80);
  EXPECT_LE(report["evaluate"]["accuracy"], 0.97);
  EXPECT_THAT(Keys(report["seconds"]),
              ElementsAre("evaluate", "load", "retrain", "total", "train", "vectorize"));
  double sum = 0;
  for (const auto& [key, seconds] : report["seconds"].items()) {
    EXPECT_GT(seconds, 0.0) << key;
    if (key != "total") sum += seconds.get<double>();
  }
  EXPECT_LE(sum, report["seconds"]["total"]);
  EXPECT_GT(report["peak_rss_mb"], 5.0);
  // Three epochs of 38 steps, four of 63.
  EXPECT_EQ(report["kernels"]["csr_transposed_matmul/simd"], 3 * 38 + 4 * 63);
  EXPECT_EQ(report["data"], (Json{{"source", "built-in synthetic reviews"},
                                  {"synthetic", true},
                                  {"train_samples", 2000},
                                  {"test_samples", 2000}}));
  EXPECT_EQ(report["weights_sha256"].get<std::string>().size(), 64u);
}

TEST(ImdbTest, SameSeedGivesTheSameWeightsOnAnyNumberOfThreads) {
  const Place place("seeds");
  const auto weights = [&](const std::vector<std::string>& more) {
    std::vector<std::string> args = {"--epochs=1", "--hidden=16", "--report_json=r.json",
                                     "--dropout=0.2"};
    args.insert(args.end(), more.begin(), more.end());
    const RunResult run = Imdb(place, args);
    EXPECT_EQ(run.code, 0) << run.err;
    return ReadJson(place.here() / "r.json")["weights_sha256"].get<std::string>();
  };
  const std::string first = weights({"--threads=1"});
  EXPECT_EQ(weights({"--threads=1"}), first);
  EXPECT_EQ(weights({"--threads=2"}), first);
  EXPECT_EQ(weights({"--seed=1"}), first);
  EXPECT_NE(weights({"--seed=2"}), first);
}

TEST(ImdbTest, SparseAndDenseAgree) {
  const Place place("encodings");
  ASSERT_EQ(Imdb(place, {"train", "--epochs=1", "--report_json=s.json"}).code, 0);
  ASSERT_EQ(Imdb(place, {"train", "--epochs=1", "--report_json=d.json", "--encoding=dense"}).code,
            0);
  const Json sparse = ReadJson(place.here() / "s.json"), dense = ReadJson(place.here() / "d.json");
  for (const char* key : {"loss", "val_loss"}) {
    EXPECT_NEAR(sparse["history"][key][0], dense["history"][key][0], 1e-4) << key;
  }
  EXPECT_NEAR(sparse["evaluate"]["loss"], dense["evaluate"]["loss"], 1e-4);
  EXPECT_THAT(sparse["kernels"].dump(), HasSubstr("csr_matmul/simd"));
  EXPECT_THAT(dense["kernels"].dump(),
              AllOf(Not(HasSubstr("csr")),
                    AnyOf(HasSubstr("fused_matmul/simd"), HasSubstr("fused_matmul/onednn"))));
}

TEST(ImdbTest, EveryFlagOfTheNetworkTakesEffect) {
  const Place place("flags");
  const RunResult run =
      Imdb(place, {"train", "--epochs=2", "--hidden=8,4,2", "--activation=tanh", "--dropout=0.3",
                   "--l2=0.001", "--optimizer=adam", "--loss=mse", "--batch_size=1000000000",
                   "--num_words=500", "--model=m/my.model", "--report_json=r.json", "--seed=7"});
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.out,
              AllOf(HasSubstr("dense (Dense)                (None, 8)                 4008"),
                    HasSubstr("dropout_2 (Dropout)"), HasSubstr("\n1/1 [=====")));
  const Json report = ReadJson(place.here() / "r.json");
  EXPECT_EQ(report["history"]["val_binary_accuracy"].size(), 2u);
  EXPECT_TRUE(std::filesystem::exists(place.here() / "m/my.model"));
  // Flags may stand before the command too.
  const RunResult before = Imdb(place, {"--model=m/my.model", "evaluate", "--report_json=e.json"});
  ASSERT_EQ(before.code, 0) << before.err;
  EXPECT_EQ(ReadJson(place.here() / "e.json")["evaluate"], report["evaluate"]);
  EXPECT_EQ(ReadJson(place.here() / "e.json")["weights_sha256"], report["weights_sha256"]);
}

TEST(ImdbTest, MemoryIsLimitedAndPassesAreDumped) {
  const Place place("compiling");
  const RunResult refused = Imdb(place, {"train", "--epochs=1", "--memory_limit=100KB"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("compiling program train: a run would hold "),
                                 HasSubstr("memory_limit is 100.0 KB: variables ")));
  const RunResult run =
      Imdb(place, {"train", "--epochs=1", "--memory_limit=1GB", "--dump_passes=passes"});
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(ReadAll(place.here() / "passes/train_1_00_built.txt"),
              AllOf(HasSubstr("program train\n"), HasSubstr("relu("), Not(HasSubstr("fused"))));
  EXPECT_THAT(ReadAll(place.here() / "passes/train_1.dot"),
              AllOf(HasSubstr("digraph"), HasSubstr("multi_elementwise")));
}

TEST(ImdbTest, AResumedTrainingEndsWithTheSameWeights) {
  const Place place("resume");
  const auto train = [&](const std::vector<std::string>& more) {
    std::vector<std::string> args = {"train", "--report_json=r.json", "--dropout=0.2",
                                     "--hidden=8"};
    args.insert(args.end(), more.begin(), more.end());
    return Imdb(place, args);
  };
  const auto report = [&] { return ReadJson(place.here() / "r.json"); };
  ASSERT_EQ(train({"--epochs=4"}).code, 0);
  const Json straight = report();
  ASSERT_EQ(train({"--epochs=2", "--checkpoint=run", "--resume"}).code, 0);
  EXPECT_NE(report()["weights_sha256"], straight["weights_sha256"]);
  EXPECT_EQ(train({"--epochs=4", "--checkpoint=run"}).code, 1);  // it would be overwritten
  const RunResult resumed = train({"--epochs=4", "--checkpoint=run", "--resume"});
  ASSERT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_THAT(resumed.out, AllOf(Not(HasSubstr("Epoch 2/4")), HasSubstr("Epoch 3/4")));
  EXPECT_EQ(report()["weights_sha256"], straight["weights_sha256"]);
  EXPECT_EQ(report()["history"], straight["history"]);

  const RunResult other = train({"--epochs=4", "--checkpoint=run", "--resume", "--optimizer=adam"});
  EXPECT_EQ(other.code, 1);
  EXPECT_THAT(other.err, HasSubstr("the checkpoint cannot be resumed"));
  EXPECT_EQ(train({"--resume"}).code, 2);
  EXPECT_EQ(Imdb(place, {"evaluate", "--checkpoint=run"}).code, 2);
}

TEST(ImdbTest, PredictsFromTheModelFileAlone) {
  const Place place("predict");
  std::filesystem::copy_file(TrainedPlace().here() / "imdb_out/imdb.model",
                             place.here() / "only.model");
  const datasets::ReviewCorpus corpus = datasets::SyntheticReviews();
  constexpr int kReviews = 600;  // more than one batch
  std::string text;
  for (int i = 0; i < kReviews; ++i) absl::StrAppend(&text, corpus.test[i].text, "\n");
  WriteAll(place.here() / "reviews.txt", text);

  const RunResult file = Imdb(place, {"predict", "--model=only.model", "--file=reviews.txt"});
  ASSERT_EQ(file.code, 0) << file.err;
  EXPECT_THAT(file.err, HasSubstr("trained on built-in synthetic reviews"));
  const std::vector<double> probabilities = Probabilities(file.out);
  ASSERT_EQ(probabilities.size(), static_cast<size_t>(kReviews));
  int right = 0;
  for (int i = 0; i < kReviews; ++i) {
    right += (probabilities[i] > 0.5) == (corpus.test[i].label == 1) ? 1 : 0;
  }
  EXPECT_GE(right, kReviews * 8 / 10);

  EXPECT_EQ(Imdb(place, {"predict", "--model=only.model"}, text).out, file.out);
  EXPECT_EQ(Imdb(place, {"--model=only.model", "predict", "--text", corpus.test[0].text}).out,
            Lines(file.out)[0] + "\n");
  const std::vector<double> dense =
      Probabilities(Imdb(place, {"predict", "--model=only.model", "--encoding=dense"}, text).out);
  ASSERT_EQ(dense.size(), probabilities.size());
  for (int i = 0; i < kReviews; ++i) EXPECT_NEAR(dense[i], probabilities[i], 1e-4);
  EXPECT_THAT(place.Files(), ElementsAre("only.model", "reviews.txt"));
}

TEST(ImdbTest, PredictsWhateverTheTextIs) {
  std::string odd = "great film\r\n\n\xff\xfe\xc3 great \xf0\n";
  absl::StrAppend(&odd, std::string(3000000, 'x'), "\n", std::string("a\0b great", 9), "\n");
  for (int i = 0; i < 200000; ++i) absl::StrAppend(&odd, "great ");
  const RunResult run = Imdb(TrainedPlace(), {"predict"}, odd);
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(Probabilities(run.out).size(), 6u);
  EXPECT_THAT(run.err, HasSubstr("2 of 6 reviews have no word that the model knows"));
  const RunResult empty = Imdb(TrainedPlace(), {"predict", "--text="});
  EXPECT_EQ(empty.code, 0) << empty.err;
  EXPECT_EQ(Probabilities(empty.out).size(), 1u);
  const RunResult nothing = Imdb(TrainedPlace(), {"predict"}, "");
  EXPECT_EQ(nothing.code, 0);
  EXPECT_EQ(nothing.out, "");
}

TEST(ImdbTest, DecodesReviews) {
  const RunResult train = Imdb(TrainedPlace(), {"decode"});
  ASSERT_EQ(train.code, 0) << train.err;
  EXPECT_THAT(train.out, HasSubstr("train_data[0] of built-in synthetic reviews, label "));
  EXPECT_EQ(Lines(train.out).size(), 2u);
  const RunResult test = Imdb(TrainedPlace(), {"decode", "1999", "--test"});
  ASSERT_EQ(test.code, 0) << test.err;
  EXPECT_THAT(test.out, HasSubstr("test_data[1999] of built-in synthetic reviews, label "));
  const RunResult beyond = Imdb(TrainedPlace(), {"decode", "2000"});
  EXPECT_EQ(beyond.code, 1);
  EXPECT_EQ(beyond.out, "");
  EXPECT_THAT(beyond.err, HasSubstr("imdb: there is no train review 2000: there are 2000"));
}

TEST(ImdbTest, WrongFlagsAreUsageErrorsOfOneLine) {
  struct Case {
    std::vector<std::string> args;
    const char* message;
  };
  const Case cases[] = {
      {{"--epochs=0"}, "--epochs=0: wants a whole number from 1"},
      {{"--epochs=-3"}, "--epochs=-3: wants a whole number"},
      {{"--epochs=abc"}, "--epochs=abc: wants a whole number"},
      {{"--epochs="}, "--epochs has no value"},
      {{"--epochs"}, "--epochs has no value"},
      {{"--epochs=99999999999999999999"}, "wants a whole number from 1 to 1000000"},
      {{"--batch_size", "0"}, "--batch_size=0: wants"},
      {{"--num_words=3"}, "--num_words=3: wants a whole number from 4"},
      {{"--threads=0"}, "--threads=0: wants"},
      {{"--seed=-1"}, "--seed=-1: wants"},
      {{"--memory_limit=5XB"}, "--memory_limit=5XB: wants a size above zero, as in 500MB or 2GB"},
      {{"--memory_limit=0"}, "wants a size above zero"},
      {{"--dropout=1.5"}, "--dropout=1.5: wants a number from 0 to below 1"},
      {{"--dropout=nan"}, "--dropout=nan: wants"},
      {{"--l2=-1"}, "--l2=-1: wants a number that is not negative"},
      {{"--l2=inf"}, "--l2=inf: wants"},
      {{"--hidden="}, "--hidden has no value"},
      {{"--hidden=16,,16"}, "--hidden=16,,16: wants the units"},
      {{"--hidden=0"}, "--hidden=0: wants the units"},
      {{"--encoding=foo"}, "--encoding=foo: wants sparse or dense"},
      {{"--optimizer=foo"}, "there is no optimizer 'foo'; there are sgd, rmsprop"},
      {{"--activation=foo"}, "there is no activation 'foo'; there are linear, relu"},
      {{"--loss=foo"}, "there is no such loss; there are binary_crossentropy"},
      {{"--loss=categorical_crossentropy"}, "wants an output a class"},
      {{"--epoch=3"}, "unknown flag '--epoch'; did you mean --epochs?"},
      {{"--foo"}, "unknown flag '--foo'"},
      {{"-q"}, "unknown flag '-q'"},
      {{"trian"}, "unknown command 'trian'; did you mean train?"},
      {{"frobnicate"}, "unknown command 'frobnicate'; commands are train, evaluate, predict"},
      {{"train", "--foo=1"}, "unknown flag '--foo'"},
      {{"decode", "x"}, "decode 'x': wants the number of a review"},
      {{"decode", "1", "2"}, "unexpected '2' after the command"},
      {{"--text=good"}, "--text belongs to the commands predict and explain: imdb predict --text="},
      {{"--test"}, "--test belongs to the command decode: imdb decode --test"},
      {{"predict", "--html=a"}, "--html belongs to the command explain: imdb explain --html=..."},
      {{"explain", "--color=sometimes"}, "--color=sometimes: wants always, never or auto"},
      {{"explain", "--html="}, "--html has no value"},
      {{"explain", "--text=a", "--file=b"}, "--text and --file are both given"},
      {{"serve", "--port=-1"}, "--port=-1: wants a whole number from 0 to 65535"},
      {{"experiments", "--seeds=0"}, "--seeds=0: wants a whole number from 1"},
      {{"train", "--resume"}, "--resume wants --checkpoint=DIR"},
      {{"train", "--checkpoint="}, "--checkpoint has no value"},
      {{"predict", "--text=a", "--file=b"}, "--text and --file are both given"},
  };
  const Place place("usage");
  for (const Case& c : cases) {
    const RunResult run = Imdb(place, c.args);
    SCOPED_TRACE(absl::StrCat(c.args.back(), ": ", run.err));
    EXPECT_EQ(run.code, 2);
    EXPECT_EQ(run.out, "");
    EXPECT_EQ(Lines(run.err).size(), 1u);
    EXPECT_THAT(run.err, AllOf(HasSubstr(absl::StrCat("imdb: ")), HasSubstr(c.message),
                               HasSubstr("see --help")));
  }
  EXPECT_TRUE(place.Files().empty());
}

TEST(ImdbTest, HelpNamesEveryFlagAndCommand) {
  const RunResult run = Imdb(TrainedPlace(), {"--help"});
  EXPECT_EQ(run.code, 0);
  for (const char* name :
       {"--network", "--data",        "--num_words", "--epochs",   "--batch_size",
        "--hidden",  "--activation",  "--dropout",   "--l2",       "--optimizer",
        "--loss",    "--encoding",    "--seed",      "--threads",  "--model",
        "--out",     "--report_json", "train",       "evaluate",   "predict",
        "decode",    "explain",       "serve",       "experiments"}) {
    EXPECT_THAT(run.out, HasSubstr(absl::StrCat("\n  ", name, " ")));
  }
  const RunResult predict = Imdb(TrainedPlace(), {"predict", "--help"});
  EXPECT_EQ(predict.code, 0);
  EXPECT_THAT(predict.out, AllOf(HasSubstr("--text"), HasSubstr("--file")));
  const RunResult train = Imdb(TrainedPlace(), {"train", "--help"});
  EXPECT_THAT(train.out, AllOf(HasSubstr("--resume"),
                               HasSubstr("\n  Dropout              imdb train --dropout=0.5 "
                                         "--epochs=20\n")));
  const RunResult serve = Imdb(TrainedPlace(), {"serve", "--help"});
  EXPECT_THAT(serve.out, AllOf(HasSubstr("--port N"), HasSubstr("POST /v1/predict  {\"texts\": ")));
}

TEST(ImdbTest, ExplainsAReview) {
  const std::string text = "A superb and moving film, but boring,\tboring qzxv --\x1b[2J\xff.";
  const RunResult run = Imdb(TrainedPlace(), {"explain", "--text=" + text});
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.out, Not(HasSubstr("\x1b")));  // neither colours nor the text's own
  const std::vector<std::string> lines = Lines(run.out);
  ASSERT_GT(lines.size(), 8u) << run.out;
  EXPECT_EQ(lines[0], Lines(Imdb(TrainedPlace(), {"predict", "--text=" + text}).out)[0]);
  EXPECT_EQ(lines[2], "A superb and moving film, but boring, boring qzxv --\uFFFD[2J\uFFFD.");
  EXPECT_EQ(lines[4], "Its words");
  // name, contribution, bar: the strongest first, and all of them together are the logit.
  double sum = 0, before = 1e9, together = 0, probability = 0;
  bool boring = false;
  for (size_t i = 5; i < lines.size(); ++i) {
    const std::vector<std::string> parts = absl::StrSplit(lines[i], ' ', absl::SkipEmpty());
    const bool in_brackets = absl::StartsWith(parts[0], "(");
    double value;
    ASSERT_TRUE(absl::SimpleAtod(parts[in_brackets ? 2 : 1], &value)) << lines[i];
    if (parts[0] == "together") {
      together = value;
      break;
    }
    sum += value;
    if (in_brackets) continue;
    EXPECT_LE(std::abs(value), before);
    before = std::abs(value);
    if (parts[0] != "boring") continue;
    boring = true;
    EXPECT_LT(value, 0);
    EXPECT_THAT(lines[i], AllOf(HasSubstr("  -"), HasSubstr("  ×2")));
  }
  EXPECT_TRUE(boring) << run.out;
  EXPECT_NEAR(sum, together, 0.08);  // of rounded numbers
  ASSERT_TRUE(absl::SimpleAtod(lines[0].substr(0, 8), &probability));
  EXPECT_NEAR(probability, 1 / (1 + std::exp(-together)), 2e-3);

  const RunResult coloured =
      Imdb(TrainedPlace(), {"explain", "--color=always", "--text=wonderful, boring"});
  EXPECT_THAT(coloured.out, HasSubstr("\n\x1b[32mwonderful\x1b[0m, \x1b[97;41mboring\x1b[0m\n"));
  const RunResult piped = Imdb(TrainedPlace(), {"explain"}, "superb\nboring\n");
  EXPECT_THAT(piped.out, HasSubstr("\nsuperb boring\n"));
  for (const char* odd : {"", "qzxv", "\xff", "   "}) {
    const RunResult none = Imdb(TrainedPlace(), {"explain", absl::StrCat("--text=", odd)});
    EXPECT_EQ(none.code, 0) << none.err;
    EXPECT_THAT(none.err, HasSubstr("the review has no word that the model knows"));
  }
}

TEST(ImdbTest, RunsTheChaptersExperiments) {
  const Place place("experiments");
  const RunResult run =
      Imdb(place, {"experiments", "--epochs=2", "--seeds=2", "--num_words=500", "--out=e"});
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(place.Files(), ElementsAre("e", "e/experiments.json", "e/experiments.md"));
  const Json json = ReadJson(place.here() / "e/experiments.json");
  ASSERT_EQ(json["experiments"].size(), 10u);
  const std::string markdown = ReadAll(place.here() / "e/experiments.md");
  for (const Json& experiment : json["experiments"]) {
    const std::string name = experiment["name"];
    EXPECT_THAT(run.out, HasSubstr("\n" + name + " "));
    EXPECT_THAT(markdown, HasSubstr("| " + name + " | "));
    EXPECT_THAT(markdown, HasSubstr("    " + experiment["command"].get<std::string>() + "\n"));
    double mean = 0;
    for (const Json& one : experiment["runs"]) {
      ASSERT_EQ(one["val_loss"].size(), 2u);
      mean += one["val_binary_accuracy"][1].get<double>() / 2;
    }
    EXPECT_NEAR(experiment["validation"]["last_accuracy"]["mean"], mean, 1e-12);
    EXPECT_GT(mean, 0.5) << name;
  }
  // Every command is one of train's, and gives the numbers of the first seed.
  const Json& tanh = json["experiments"][6];
  EXPECT_EQ(tanh["command"], "imdb train --activation=tanh --epochs=2");
  const RunResult again = Imdb(place, {"train", "--activation=tanh", "--epochs=2",
                                       "--num_words=500", "--report_json=r.json"});
  ASSERT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(ReadJson(place.here() / "r.json")["history"]["val_loss"], tanh["runs"][0]["val_loss"]);
}

// Exit code 1, one line, and every file as it was.
void ExpectFailure(const Place& place, const std::vector<std::string>& args,
                   const std::string& message) {
  const std::set<std::string> before = place.Files();
  const RunResult run = Imdb(place, args);
  SCOPED_TRACE(absl::StrCat(message, " / ", run.err));
  EXPECT_EQ(run.code, 1);
  std::vector<std::string> errors;
  for (const std::string& line : Lines(run.err)) {
    if (absl::StartsWith(line, "imdb: ")) errors.push_back(line);
  }
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_THAT(errors[0], HasSubstr(message));
  EXPECT_EQ(place.Files(), before);
}

TEST(ImdbTest, MissingAndDamagedFilesAreErrorsOfOneLine) {
  const Place place("damage");
  const std::filesystem::path here = place.here();
  ExpectFailure(place, {"--data=nowhere"}, "no IMDB data at 'nowhere': no such file or folder");
  WriteAll(here / "text.npz", "no zip at all");
  ExpectFailure(place, {"--data=text.npz"}, "'text.npz' is no IMDB data");
  WriteAll(here / "cut.npz", std::string("PK\x03\x04", 4) + std::string(50, 'x'));
  ExpectFailure(place, {"train", "--data=cut.npz"}, "cut.npz");
  ExpectFailure(place, {"evaluate"},
                "cannot read 'imdb_out/imdb.model': No such file or directory; name a model by "
                "--model or make one with the command train");
  ExpectFailure(place, {"predict", "--model=none"}, "cannot read 'none': No such file");
  ExpectFailure(place, {"predict", "--model=."}, "Is a directory");
  ExpectFailure(place, {"predict", "--model=text.npz"}, "not a model file, or it is damaged");

  const std::string model = ReadAll(TrainedPlace().here() / "imdb_out/imdb.model");
  WriteAll(here / "good.model", model);
  ExpectFailure(place, {"predict", "--model=good.model", "--file=none"}, "cannot read 'none'");
  ExpectFailure(place, {"predict", "--model=good.model", "--file=."}, "Is a directory");
  ExpectFailure(place, {"predict", "--model=good.model", "--file=/dev/zero"}, "is longer than");
  for (const size_t keep : {size_t{0}, size_t{7}, model.size() / 2, model.size() - 1}) {
    WriteAll(here / "cut.model", model.substr(0, keep));
    ExpectFailure(place, {"predict", "--model=cut.model", "--text=good"}, "cut.model");
  }
  for (size_t at = 3; at < model.size(); at += model.size() / 7) {
    std::string damaged = model;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    WriteAll(here / "damaged.model", damaged);
    ExpectFailure(place, {"predict", "--model=damaged.model", "--text=good"}, "damaged.model");
  }
}

TEST(ImdbTest, ModelsOfAnotherShapeAreRefused) {
  const Place place("shapes");
  const std::string path = (place.here() / "other.model").string();
  nn::Sequential other({nn::Dense(3, {.activation = "softmax"})});
  ASSERT_TRUE(other.Build(Tensor::Zeros({DType::kF32, Shape{1, 4}})).ok());
  ASSERT_TRUE(other.Save(path).ok());
  ExpectFailure(place, {"predict", "--model=other.model", "--text=good"},
                "cannot use the model 'other.model': it is no model of reviews");
  // The right section in the wrong network.
  auto trained = nn::Model::Load((TrainedPlace().here() / "imdb_out/imdb.model").string());
  ASSERT_TRUE(trained.ok()) << trained.status();
  const std::string* const section = trained->FindSection("imdb.preprocessing");
  ASSERT_NE(section, nullptr);
  ASSERT_TRUE(other.SetSection("imdb.preprocessing", *section).ok());
  ASSERT_TRUE(other.Save(path).ok());
  ExpectFailure(place, {"predict", "--model=other.model", "--text=good"},
                "no chain of dense layers from one input to one probability");
  nn::Sequential narrow({nn::Dense(1, {.activation = "sigmoid"})});
  ASSERT_TRUE(narrow.Build(Tensor::Zeros({DType::kF32, Shape{1, 4}})).ok());
  ASSERT_TRUE(narrow.SetSection("imdb.preprocessing", *section).ok());
  ASSERT_TRUE(narrow.Save(path).ok());
  ExpectFailure(place, {"evaluate", "--model=other.model"},
                "its network takes 4 columns and its vocabulary makes 10000");
  ASSERT_TRUE(narrow.SetSection("imdb.preprocessing", "\xff\xff").ok());
  ASSERT_TRUE(narrow.Save(path).ok());
  ExpectFailure(place, {"predict", "--model=other.model"}, "'imdb.preprocessing' is damaged");

  ExpectFailure(TrainedPlace(), {"evaluate", "--num_words=500"},
                "takes num_words 10000, not --num_words=500");
  ExpectFailure(TrainedPlace(), {"predict", "--hidden=8,8"}, "has hidden layers of 16,16 units");
}

TEST(ImdbTest, UnwritableResultsAreErrorsBeforeTraining) {
  const Place place("unwritable");
  WriteAll(place.here() / "file", "mine");
  ExpectFailure(place, {"--out=file"}, "file");
  ExpectFailure(place, {"train", "--out=/proc/none"}, "/proc/none");
  ExpectFailure(place, {"predict", "--report_json=.", "--text=a"}, "Is a directory");
  EXPECT_EQ(ReadAll(place.here() / "file"), "mine");
  const RunResult report = Imdb(place, {"--report_json=.", "--epochs=1000"});
  EXPECT_EQ(report.code, 1);
  EXPECT_THAT(report.out, Not(HasSubstr("Epoch 1/")));
  const RunResult full = place.Run(ImdbProgram(), {"--epochs=1000"}, "", "/dev/full");
  EXPECT_EQ(full.code, 1);
  EXPECT_THAT(full.err, HasSubstr("imdb: cannot write to standard output: No space left"));
  EXPECT_FALSE(std::filesystem::exists(place.here() / "imdb_out/imdb.model"));
}

TEST(ImdbTest, RefusesWhatDoesNotFitIntoMemory) {
  const Place place("memory");
  const RunResult network = Imdb(
      place, {"train", "--hidden=65536,65536,65536,65536,65536,65536", "--num_words=10000000"});
  EXPECT_EQ(network.code, 1);
  EXPECT_THAT(network.err, HasSubstr("million weights takes"));
  // 2,000 x 10,000,000 x 4 bytes are 80 GB.
  const double present =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  if (present > 90e9) GTEST_SKIP() << "this machine has room for the dense case";
  const RunResult dense = Imdb(place, {"train", "--encoding=dense", "--num_words=10000000"});
  EXPECT_EQ(dense.code, 1);
  EXPECT_THAT(dense.err, HasSubstr("use --encoding=sparse or a smaller --num_words"));
}

// --- With the real reviews.

class RealReviewsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* const data = std::getenv("ADJOINT_DATA");
    if (data == nullptr || *data == '\0') GTEST_SKIP() << "ADJOINT_DATA is not set";
    data_ = data;
  }
  std::string data_;
};

TEST_F(RealReviewsTest, FirstReviewsAreTheBooks) {
  const Place place("real_decode");
  const RunResult run = Imdb(place, {"decode", "0", absl::StrCat("--data=", data_)});
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(
      run.out,
      AllOf(HasSubstr("train_data[0] of IMDB reviews ("),
            HasSubstr(", label 1 (positive), 218 ids"),
            HasSubstr("\n? this film was just brilliant casting location scenery story direction "
                      "everyone's really suited the part they played and you could just imagine "
                      "being there robert ? is an amazing actor and now the same being director ? "
                      "father came from the same scottish island as myself"),
            HasSubstr("was someone's life after all that was shared with us all\n")));
}

TEST_F(RealReviewsTest, NotebookReachesTheBooksAccuracy) {
  const Place place("real");
  const RunResult run = Imdb(
      place, {absl::StrCat("--data=", data_), "--epochs=4", "--report_json=r.json", "--seed=3"});
  ASSERT_EQ(run.code, 0) << run.err;
  for (const char* part :
       {">>> train_data[0]\n[1, 14, 22, 16, 43, 530, 973, 1622, 1385, 65, 458, 4468, 66, 3941, 4,",
        ">>> train_labels[0]\n1\n", "in train_data])\n9999\n",
        ">>> x_train[0]\narray([0., 1., 1., ",
        "Training on 15,000 reviews, validating on the first 10,000: 4 epochs of batches of 512",
        "30/30 [==", "49/49 [==", "782/782 [==", "(25000, 1)", "(max difference 0)"}) {
    EXPECT_THAT(run.out, HasSubstr(part));
  }
  EXPECT_THAT(run.out, Not(HasSubstr("synthetic")));
  const Json report = ReadJson(place.here() / "r.json");
  EXPECT_EQ(report["data"]["synthetic"], false);
  EXPECT_EQ(report["data"]["train_samples"], 25000);
  EXPECT_EQ(report["data"]["test_samples"], 25000);
  EXPECT_GE(report["evaluate"]["accuracy"], 0.87);
  EXPECT_GE(report["history"]["val_binary_accuracy"][3], 0.87);

  const RunResult predict = Imdb(place, {"predict"},
                                 "One of the best films I have ever seen: moving, superb, "
                                 "wonderful acting, a perfect masterpiece.\n"
                                 "Boring, awful, the worst film: a dull, stupid, terrible waste "
                                 "of time and money.\n");
  ASSERT_EQ(predict.code, 0) << predict.err;
  const std::vector<double> probabilities = Probabilities(predict.out);
  ASSERT_EQ(probabilities.size(), 2u);
  EXPECT_GT(probabilities[0], 0.8);
  EXPECT_LT(probabilities[1], 0.2);
  // A model of real reviews is not evaluated on others.
  ExpectFailure(place, {"evaluate"}, "it cannot be evaluated on them");
}

}  // namespace
}  // namespace adjoint::apps
