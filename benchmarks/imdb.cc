// The IMDB notebook's training, ours beside a hand-written loop (sparse) and beside raw oneDNN
// calls (dense), all in one run: 15,000 reviews shuffled every epoch, batches of 512, RMSprop, with
// and without validation on 10,000 reviews after each epoch.
//
//   bazel run //benchmarks:imdb -- [--data=PATH] [--epochs=20] [--threads=2]
//   [--benchmark_filter=sparse]
//
// Times are wall-clock times of training. Ours is all of Fit, from a compiled model: building,
// differentiating and compiling the programs included. The rivals' begin when their weights,
// buffers and primitives are ready. The dense matrix, 1 GB, is made only when a dense benchmark
// runs; ours and the rival read the same one.

#include "datasets/imdb.h"

#include <algorithm>
#include <cstdint>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "benchmark/benchmark.h"
#include "benchmarks/baselines/csr_loop.h"
#include "benchmarks/baselines/notebook.h"
#include "benchmarks/baselines/raw_onednn.h"
#include "core/csr_matrix.h"
#include "core/parallel.h"
#include "core/status_macros.h"
#include "core/tensor.h"
#include "datasets/reviews.h"
#include "datasets/synthetic_reviews.h"
#include "nn/nn.h"

namespace adjoint::benchmarks {
namespace {

constexpr int64_t kWords = 10000;
constexpr int64_t kValidation = 10000;  // the first reviews
constexpr int64_t kTraining = 15000;    // those after them

struct Flags {
  std::string data;
  int epochs = 20;
  int batch = 512;
  int threads = 2;
};

// The reviews, once as ours wants them and once as the rivals do, over the same entries.
class Data {
 public:
  static absl::StatusOr<std::unique_ptr<Data>> Load(const std::string& path) {
    std::unique_ptr<Data> data(new Data);
    datasets::Reviews reviews;
    auto loaded = datasets::imdb::LoadData({.path = path, .num_words = kWords, .download = false});
    if (loaded.ok()) {
      data->source_ = loaded->source;
      reviews =
          loaded->train.Slice(0, std::min<int64_t>(loaded->train.size(), kValidation + kTraining));
    } else if (path.empty() && absl::IsNotFound(loaded.status())) {
      ADJOINT_ASSIGN_OR_RETURN(reviews, Synthetic());
      data->source_ =
          "built-in synthetic reviews, repeated; with the real ones ($ADJOINT_DATA or --data) "
          "times and accuracies differ";
    } else {
      return loaded.status();
    }
    if (reviews.size() <= kValidation) {
      return absl::InvalidArgumentError(absl::StrCat(
          data->source_, ": ", reviews.size(), " reviews; validation alone takes ", kValidation));
    }
    ADJOINT_ASSIGN_OR_RETURN(data->x_, datasets::VectorizeCsr(reviews, kWords));
    ADJOINT_ASSIGN_OR_RETURN(data->y_, datasets::Labels(reviews));
    data->offsets_ = {0};
    for (int64_t row = 0; row < data->x_.rows(); ++row) {
      data->offsets_.push_back(
          static_cast<int32_t>(data->x_.ranges().data<int64_t>()[2 * row + 1]));
    }
    return data;
  }

  const std::string& source() const { return source_; }

  CsrMatrix SparseX(bool training) const { return x_.Rows(Begin(training), End(training)); }
  Tensor Y(bool training) const { return y_.Rows(Begin(training), End(training)); }
  CsrData Sparse(bool training) const {
    return {.rows = End(training) - Begin(training),
            .cols = kWords,
            .row_offsets = offsets_.data() + Begin(training),
            .columns = x_.columns().data<int32_t>().data(),
            .labels = y_.data<float>().data() + Begin(training)};
  }

  // Makes the dense matrix when first called.
  absl::Status MakeDense() {
    if (dense_.has_value()) return absl::OkStatus();
    ADJOINT_ASSIGN_OR_RETURN(dense_, x_.ToDense());
    return absl::OkStatus();
  }
  Tensor DenseX(bool training) const { return dense_->Rows(Begin(training), End(training)); }

 private:
  Data() = default;

  int64_t Begin(bool training) const { return training ? kValidation : 0; }
  int64_t End(bool training) const { return training ? x_.rows() : kValidation; }

  // Training reviews are drawn from one part of the corpus, those for validation from the other.
  static absl::StatusOr<datasets::Reviews> Synthetic() {
    const datasets::ReviewCorpus corpus = datasets::SyntheticReviews();
    const auto texts = [](const std::vector<datasets::TextReview>& from) {
      datasets::imdb::LabeledTexts to;
      for (const datasets::TextReview& review : from) {
        to.texts.push_back(review.text);
        to.labels.push_back(static_cast<uint8_t>(review.label));
      }
      return to;
    };
    ADJOINT_ASSIGN_OR_RETURN(const datasets::imdb::ImdbData data,
                             datasets::imdb::FromTexts(texts(corpus.train), texts(corpus.test), "",
                                                       {.num_words = kWords}));
    datasets::Reviews reviews;
    const auto append = [&](const datasets::Reviews& from, int64_t count) {
      for (int64_t i = 0; i < count; ++i) {
        reviews.Append(from[i % from.size()]);
        reviews.labels.push_back(from.labels[i % from.size()]);
      }
    };
    append(data.test, kValidation);
    append(data.train, kTraining);
    return reviews;
  }

  std::string source_;
  CsrMatrix x_;
  Tensor y_;
  std::vector<int32_t> offsets_;
  std::optional<Tensor> dense_;
};

// A tensor lent to the rival, whose type wants to own it.
class LentDense {
 public:
  LentDense(Tensor x, Tensor y) : x_(std::move(x)), y_(std::move(y)) {
    data_.rows = x_.shape()[0];
    data_.cols = x_.shape()[1];
    data_.x.reset(static_cast<float*>(x_.mutable_raw()));
    data_.labels.reset(static_cast<float*>(y_.mutable_raw()));
  }
  ~LentDense() {
    static_cast<void>(data_.x.release());
    static_cast<void>(data_.labels.release());
  }
  LentDense(const LentDense&) = delete;
  LentDense& operator=(const LentDense&) = delete;

  const DenseData& data() const { return data_; }

 private:
  Tensor x_, y_;
  DenseData data_;
};

// What a training showed, of whichever contestant.
struct Outcome {
  double seconds = 0;
  std::vector<double> loss, accuracy, val_loss, val_accuracy;
};

struct Context {
  Flags flags;
  std::unique_ptr<Data> data;
  std::map<std::string, std::vector<double>> seconds;  // of all runs, by benchmark
};

absl::StatusOr<Outcome> TrainOurs(Context& context, bool dense, bool validate) {
  const Data& data = *context.data;
  const auto x = [&](bool training) {
    return dense ? nn::Data(data.DenseX(training)) : nn::Data(data.SparseX(training));
  };
  nn::Sequential model(
      {nn::Dense(16, {.activation = "relu"}), nn::Dense(16, {.activation = "relu"}),
       nn::Dense(1, {.activation = "sigmoid"})},
      {.seed = 1});
  ADJOINT_RETURN_IF_ERROR(model.Compile("rmsprop", "binary_crossentropy", {"binary_accuracy"}));
  nn::FitOptions options{
      .epochs = context.flags.epochs, .batch_size = context.flags.batch, .verbose = 0};
  if (validate) options.validation_data = {x(false), data.Y(false)};
  SetNumThreads(context.flags.threads);
  const absl::Time begin = absl::Now();
  ADJOINT_ASSIGN_OR_RETURN(const nn::History history, model.Fit(x(true), data.Y(true), options));
  return Outcome{.seconds = absl::ToDoubleSeconds(absl::Now() - begin),
                 .loss = history["loss"],
                 .accuracy = history["binary_accuracy"],
                 .val_loss = history["val_loss"],
                 .val_accuracy = history["val_binary_accuracy"]};
}

absl::StatusOr<Outcome> TrainRival(Context& context, bool dense, bool validate) {
  const Data& data = *context.data;
  const NotebookOptions options{.epochs = context.flags.epochs,
                                .batch = context.flags.batch,
                                .threads = context.flags.threads};
  NotebookResult result;
  if (dense) {
    const LentDense train(data.DenseX(true), data.Y(true));
    const LentDense validation(data.DenseX(false), data.Y(false));
    ADJOINT_ASSIGN_OR_RETURN(
        result, TrainRawOneDnn(train.data(), validate ? &validation.data() : nullptr, options));
  } else {
    const CsrData validation = data.Sparse(false);
    result = TrainCsrLoop(data.Sparse(true), validate ? &validation : nullptr, options);
  }
  return Outcome{.seconds = result.seconds,
                 .loss = std::move(result.loss),
                 .accuracy = std::move(result.accuracy),
                 .val_loss = std::move(result.val_loss),
                 .val_accuracy = std::move(result.val_accuracy)};
}

using TrainFn = absl::StatusOr<Outcome> (*)(Context&, bool dense, bool validate);

void Run(benchmark::State& state, Context& context, const std::string& name, TrainFn train,
         bool dense, bool validate) {
  if (dense) {
    if (const absl::Status status = context.data->MakeDense(); !status.ok()) {
      state.SkipWithError(std::string(status.message()).c_str());
      return;
    }
  }
  // OpenMP's threads, which raw oneDNN has used, go on spinning for some milliseconds.
  absl::SleepFor(absl::Milliseconds(50));
  for (auto _ : state) {
    const absl::StatusOr<Outcome> outcome = train(context, dense, validate);
    if (!outcome.ok()) {
      state.SkipWithError(outcome.status().ToString().c_str());
      return;
    }
    state.SetIterationTime(outcome->seconds);
    context.seconds[name].push_back(outcome->seconds);
    const int64_t steps = (context.data->Y(true).size() + context.flags.batch - 1) /
                          context.flags.batch * context.flags.epochs;
    state.counters["ms/step"] = 1e3 * outcome->seconds / static_cast<double>(steps);
    const auto least = [](const std::vector<double>& x) {
      return *std::min_element(x.begin(), x.end());
    };
    const auto most = [](const std::vector<double>& x) {
      return *std::max_element(x.begin(), x.end());
    };
    if (validate) {
      state.counters["val_loss"] = least(outcome->val_loss);
      state.counters["val_acc"] = most(outcome->val_accuracy);
    } else {
      state.counters["loss"] = least(outcome->loss);
      state.counters["acc"] = most(outcome->accuracy);
    }
  }
}

struct Contest {
  std::string name;
  std::string rival;
  bool dense, validate;

  std::string Ours() const { return name + "/adjoint"; }
  std::string Theirs() const { return name + "/" + rival; }
};

std::vector<Contest> Contests() {
  return {{"sparse/validation", "csr_loop", false, true},
          {"sparse/no_validation", "csr_loop", false, false},
          {"dense/validation", "raw_onednn", true, true},
          {"dense/no_validation", "raw_onednn", true, false}};
}

void Register(Context& context) {
  for (const Contest& contest : Contests()) {
    const std::pair<std::string, TrainFn> contestants[] = {{contest.Ours(), TrainOurs},
                                                           {contest.Theirs(), TrainRival}};
    for (const auto& [name, train] : contestants) {
      benchmark::RegisterBenchmark(
          name.c_str(),
          [&context, name = name, train = train, contest](benchmark::State& state) {
            Run(state, context, name, train, contest.dense, contest.validate);
          })
          ->UseManualTime()
          ->Unit(benchmark::kMillisecond)
          ->Iterations(1)
          ->Repetitions(contest.dense ? 3 : 7);
    }
  }
}

double Median(std::vector<double> x) {
  std::sort(x.begin(), x.end());
  return (x[(x.size() - 1) / 2] + x[x.size() / 2]) / 2;
}

void PrintRatios(const Context& context) {
  for (const Contest& contest : Contests()) {
    const auto ours = context.seconds.find(contest.Ours());
    const auto theirs = context.seconds.find(contest.Theirs());
    if (ours == context.seconds.end() || theirs == context.seconds.end()) continue;
    const auto least = [](const std::vector<double>& x) {
      return *std::min_element(x.begin(), x.end());
    };
    std::cout << absl::StreamFormat(
        "%-20s adjoint takes %.2f times as long as %s (medians %.3f s and %.3f s), %.2f by the "
        "fastest runs\n",
        contest.name, Median(ours->second) / Median(theirs->second), contest.rival,
        Median(ours->second), Median(theirs->second), least(ours->second) / least(theirs->second));
  }
}

// Google Benchmark's flags as it should start with; those on the command line come later and win.
std::vector<char*> WithDefaults(int argc, char** argv) {
  static char interleave[] = "--benchmark_enable_random_interleaving=true";
  static char aggregates[] = "--benchmark_display_aggregates_only=true";
  std::vector<char*> arguments(argv, argv + argc);
  arguments.insert(arguments.begin() + std::min(argc, 1), {interleave, aggregates});
  arguments.push_back(nullptr);
  return arguments;
}

int Main(int argc, char** argv) {
  Context context;
  CLI::App app("Training on IMDB reviews: adjoint beside a hand-written loop and raw oneDNN.");
  app.add_option("--data", context.flags.data, "IMDB data: npz file, archive or folder");
  app.add_option("--epochs", context.flags.epochs)
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--batch_size", context.flags.batch)
      ->check(CLI::Range(1, 15000))
      ->capture_default_str();
  app.add_option("--threads", context.flags.threads)
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  app.footer("Flags of Google Benchmark (--benchmark_filter=REGEX and so on) are taken too.");

  std::vector<char*> arguments = WithDefaults(argc, argv);
  int count = static_cast<int>(arguments.size()) - 1;
  // Its own answer to --help ends the process; ours names both kinds of flags.
  const bool help = std::any_of(argv, argv + argc, [](const char* a) {
    return std::string(a) == "--help" || std::string(a) == "-h";
  });
  if (!help) benchmark::Initialize(&count, arguments.data());
  try {
    app.parse(help ? argc : count, help ? argv : arguments.data());
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }

  absl::StatusOr<std::unique_ptr<Data>> data = Data::Load(context.flags.data);
  if (!data.ok()) {
    std::cerr << "benchmarks/imdb: " << data.status().message() << "\n";
    return 1;
  }
  context.data = *std::move(data);
  std::cerr << "data: " << context.data->source() << "\n"
            << context.data->Y(true).size() << " reviews to train on, "
            << context.data->Y(false).size() << " to validate, " << context.flags.epochs
            << " epochs of batch " << context.flags.batch << ", " << context.flags.threads
            << " threads\n";
  Register(context);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  PrintRatios(context);
  return 0;
}

}  // namespace
}  // namespace adjoint::benchmarks

int main(int argc, char** argv) { return adjoint::benchmarks::Main(argc, argv); }
