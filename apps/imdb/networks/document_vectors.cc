#include "apps/imdb/networks/document_vectors.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "apps/imdb/networks/naive_bayes.h"
#include "apps/imdb/report.h"
#include "apps/imdb/text.h"
#include "core/philox.h"
#include "core/status_macros.h"
#include "datasets/shuffled_order.h"
#include "graph/function.h"
#include "graph/graph.h"
#include "graph/program.h"
#include "graph/variables.h"
#include "ops/activations.h"
#include "ops/arithmetic.h"
#include "ops/elementary.h"
#include "ops/indexing.h"
#include "ops/matmul.h"
#include "ops/reduce.h"
#include "ops/row_updates.h"
#include "ops/shape_ops.h"

namespace adjoint::apps::imdb {
namespace {

using ops::Var;

// Sizes of batches are rounded up to these, so that few executables serve all of them.
constexpr int64_t kEntriesGrain = 4096, kRowsGrain = 1024;
constexpr int64_t kInferenceBatch = 512;

// Of random numbers.
constexpr uint64_t kInitialStream = 0x646f635f696e6974, kDrawStream = 0x646f635f64726177,
                   kLastDrawStream = 0x646f635f6c617374;

int64_t RoundedUp(int64_t n, int64_t grain) { return (n + grain - 1) / grain * grain; }

// A batch of texts as its program reads it.
struct Batch {
  Tensor ranges, columns, values;  // a matrix [texts, n], its entries side by side
  Tensor rows;                     // i64[u]: the n-grams of all of them, ascending; then -1
  Tensor has;                      // f32[u, texts]: 1 where a text has one
};

Batch Gather(const CsrMatrix& x, absl::Span<const uint32_t> texts) {
  const auto n = static_cast<int64_t>(texts.size());
  std::vector<int64_t> distinct;
  int64_t entries = 0;
  for (const uint32_t text : texts) {
    const absl::Span<const int32_t> columns = x.RowColumns(text);
    distinct.insert(distinct.end(), columns.begin(), columns.end());
    entries += static_cast<int64_t>(columns.size());
  }
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  const auto num_rows = static_cast<int64_t>(distinct.size());
  Batch batch = {.ranges = Tensor::Zeros({DType::kI64, Shape{n, 2}}),
                 .columns = Tensor::Zeros({DType::kI32, Shape{RoundedUp(entries, kEntriesGrain)}}),
                 .values = Tensor::Zeros({DType::kF32, Shape{RoundedUp(entries, kEntriesGrain)}}),
                 .rows = Tensor::Empty({DType::kI64, Shape{RoundedUp(num_rows, kRowsGrain)}}),
                 .has = Tensor::Zeros({DType::kF32, Shape{RoundedUp(num_rows, kRowsGrain), n}})};
  const absl::Span<int64_t> rows = batch.rows.mutable_data<int64_t>();
  std::fill(std::copy(distinct.begin(), distinct.end(), rows.begin()), rows.end(), -1);
  const absl::Span<int64_t> ranges = batch.ranges.mutable_data<int64_t>();
  const absl::Span<int32_t> to = batch.columns.mutable_data<int32_t>();
  const absl::Span<float> has = batch.has.mutable_data<float>();
  int64_t entry = 0;
  for (int64_t i = 0; i < n; ++i) {
    ranges[2 * i] = entry;
    size_t row = 0;
    for (const int32_t column : x.RowColumns(texts[i])) {
      to[entry++] = column;
      row = static_cast<size_t>(
          std::lower_bound(distinct.begin() + static_cast<int64_t>(row), distinct.end(), column) -
          distinct.begin());
      has[static_cast<int64_t>(row) * n + i] = 1;
    }
    ranges[2 * i + 1] = entry;
  }
  std::fill_n(batch.values.mutable_data<float>().begin(), entries, 1.0f);
  return batch;
}

// The step of training, with the variables "ngrams" and "squares". Outputs, each a mean over the
// pairs of the batch: the cosine of a text and an n-gram that it has, and of any two.
absl::StatusOr<std::unique_ptr<graph::Function>> LearningStep(
    int64_t num_ngrams, const DocumentVectorSettings& settings) {
  DocumentVectorRule rule = settings.rule;
  rule.steps = settings.steps;
  const auto g = std::make_shared<graph::Graph>();
  const Dim texts = Dim::Symbol("texts"), distinct = Dim::Symbol("distinct"),
            entries = Dim::Symbol("entries");
  const ops::CsrVar x = {.ranges = g->Input("ranges", {DType::kI64, {texts, 2}}),
                         .columns = g->Input("columns", {DType::kI32, {entries}}),
                         .values = g->Input("values", {DType::kF32, {entries}}),
                         .cols = num_ngrams};
  const Var rows = g->Input("rows", {DType::kI64, {distinct}});
  const Var has = g->Input("has", {DType::kF32, {distinct, texts}});
  const Var drawn = g->Input("drawn", {DType::kI64, Shape{settings.drawn}});
  const Var rate = g->Input("rate", {DType::kF32, {}});
  const Var ngrams = g->Input("ngrams", {DType::kF32, Shape{num_ngrams, rule.units}});
  const Var squares = g->Input("squares", {DType::kF32, Shape{num_ngrams, 1}});

  const Var d = DocumentVectorsOf(x, ngrams, ops::Gather(ngrams, drawn), rule);
  const Var places = ops::Maximum(rows, 0);
  const Var w = ops::Gather(ngrams, places);
  const Var cosines = ops::MatMul(w, d, false, true);
  // All pairs of an n-gram and a text of the batch stand for those drawn by frequency.
  const Var of_ngram = ops::Sum(has, {1}, true), of_text = ops::Sum(has, {0}, true);
  const Var all = ops::Maximum(ops::Sum(of_text), 1.0);
  const Var pairs = of_ngram * of_text;
  const Var pull = rule.alpha * (has - (has + (rule.negatives / all) * pairs) *
                                           ops::Sigmoid(rule.alpha * cosines));
  Var gradient = ops::MatMul(pull, d);
  gradient = gradient - ops::Sum(gradient * w, {1}, true) * w;  // along the sphere
  const Var sums = ops::Gather(squares, places) + ops::Sum(ops::Square(gradient), {1}, true);
  const Var moved = UnitRows(w + gradient * (rate * ops::Rsqrt(sums + 1e-12)));

  graph::Program program{
      .name = "learn_ngrams", .graph = g, .inputs = {}, .outputs = {}, .states = {}};
  program.AddInput("ranges", x.ranges);
  program.AddInput("columns", x.columns);
  program.AddInput("values", x.values);
  program.AddInput("rows", rows);
  program.AddInput("has", has);
  program.AddInput("drawn", drawn);
  program.AddInput("rate", rate);
  program.AddOutput("own", ops::Sum(has * cosines) / all);
  program.AddOutput("any", ops::Sum(pairs * cosines) / ops::Square(all));
  program.states = {{"ngrams", ngrams, ops::UpdateRows(ngrams, rows, moved)},
                    {"squares", squares, ops::UpdateRows(squares, rows, sums)}};
  ADJOINT_RETURN_IF_ERROR(g->status());
  return graph::Function::Create(std::move(program));
}

std::vector<Tensor> FeedOf(Batch batch, absl::Span<const int64_t> drawn, double rate) {
  return {std::move(batch.ranges),
          std::move(batch.columns),
          std::move(batch.values),
          std::move(batch.rows),
          std::move(batch.has),
          Tensor::Vector<int64_t>(drawn),
          Tensor::Scalar(static_cast<float>(rate))};
}

// Unit vectors in random directions.
Tensor InitialVectors(int64_t n, int64_t units, uint64_t seed) {
  Tensor vectors = Tensor::Empty({DType::kF32, Shape{n, units}});
  float* const to = vectors.mutable_data<float>().data();
  PhiloxEngine random({.seed = seed, .stream = kInitialStream});
  for (int64_t row = 0; row < n; ++row) {
    float* const v = to + row * units;
    double length = 0;
    for (int64_t i = 0; i < units; ++i) {
      v[i] = UniformFloat(random()) - 0.5f;
      length += static_cast<double>(v[i]) * v[i];
    }
    const auto scale = static_cast<float>(1 / std::sqrt(std::max(length, 1e-12)));
    for (int64_t i = 0; i < units; ++i) v[i] *= scale;
  }
  return vectors;
}

// N-grams by how often they stand in texts.
class Draws {
 public:
  explicit Draws(const CsrMatrix& x) : until_(static_cast<size_t>(x.cols())) {
    for (int64_t row = 0; row < x.rows(); ++row) {
      for (const int32_t column : x.RowColumns(row)) ++until_[column];
    }
    for (size_t i = 1; i < until_.size(); ++i) until_[i] += until_[i - 1];
  }

  std::vector<int64_t> Draw(int64_t n, const RandomStream& stream) const {
    PhiloxEngine random(stream);
    std::vector<int64_t> drawn(static_cast<size_t>(n));
    for (int64_t& place : drawn) {
      const uint32_t high = random();
      const double at = UniformDouble(high, random()) * static_cast<double>(until_.back());
      place =
          std::upper_bound(until_.begin(), until_.end(), static_cast<int64_t>(at)) - until_.begin();
    }
    return drawn;
  }

 private:
  std::vector<int64_t> until_;
};

// The n-grams of `texts` that tell the labels of `labeled` apart.
absl::StatusOr<NgramVocabulary> TellingNgrams(absl::Span<const std::string> texts,
                                              const datasets::imdb::LabeledTexts& labeled,
                                              const DocumentVectorSettings& settings,
                                              const ShareProgress& counted,
                                              const ShareProgress& compared) {
  const std::vector<uint8_t> none(texts.size(), 0);
  ADJOINT_ASSIGN_OR_RETURN(const NgramCounts frequent,
                           CountNgrams(texts, none, settings.ngrams, settings.min_texts, counted));
  ADJOINT_ASSIGN_OR_RETURN(const CsrMatrix x,
                           NgramRows(labeled.texts, frequent.vocabulary, {}, compared));
  std::vector<int32_t> counts[2];
  for (std::vector<int32_t>& of_label : counts) of_label.resize(static_cast<size_t>(x.cols()));
  for (int64_t row = 0; row < x.rows(); ++row) {
    for (const int32_t column : x.RowColumns(row)) ++counts[labeled.labels[row] != 0][column];
  }
  const std::vector<float> ratio = LogCountRatio(counts[1], counts[0], 1);
  std::vector<uint64_t> kept;
  for (size_t i = 0; i < ratio.size(); ++i) {
    if (counts[0][i] + counts[1][i] >= settings.min_labeled &&
        std::abs(ratio[i]) >= settings.least_ratio) {
      kept.push_back(frequent.vocabulary.fingerprints()[i]);
    }
  }
  if (kept.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "none of the ", ratio.size(), " n-grams that stand in ", settings.min_texts, " of ",
        texts.size(), " reviews or more tells the labels of ", labeled.texts.size(), " apart"));
  }
  return NgramVocabulary::Create(settings.ngrams, std::move(kept));
}

}  // namespace

void ScaleTo(int64_t num_texts, DocumentVectorSettings& settings) {
  constexpr int64_t kUsual = 50000;
  if (num_texts >= kUsual) return;
  settings.batch_size = std::max<int64_t>(8, settings.batch_size * num_texts / kUsual);
  settings.min_texts =
      static_cast<int>(std::max<int64_t>(2, settings.min_texts * num_texts / kUsual));
  settings.min_labeled = std::min(settings.min_labeled, settings.min_texts);
}

absl::Status LearnNgrams(const CsrMatrix& x, absl::Span<const int64_t> drawn, double rate,
                         const DocumentVectorSettings& settings, Tensor* ngrams, Tensor* squares) {
  graph::VariableStore variables;
  variables.Set("ngrams", *ngrams);
  variables.Set("squares", *squares);
  DocumentVectorSettings own = settings;
  own.drawn = static_cast<int64_t>(drawn.size());
  ADJOINT_ASSIGN_OR_RETURN(const std::unique_ptr<graph::Function> step,
                           LearningStep(x.cols(), own));
  std::vector<uint32_t> texts(static_cast<size_t>(x.rows()));
  for (size_t i = 0; i < texts.size(); ++i) texts[i] = static_cast<uint32_t>(i);
  std::vector<Tensor> outputs;
  ADJOINT_RETURN_IF_ERROR(step->Run(FeedOf(Gather(x, texts), drawn, rate), &variables, &outputs));
  ADJOINT_ASSIGN_OR_RETURN(*ngrams, variables.Get("ngrams"));
  ADJOINT_ASSIGN_OR_RETURN(*squares, variables.Get("squares"));
  return absl::OkStatus();
}

absl::StatusOr<DocumentVectors> TrainDocumentVectors(absl::Span<const std::string> texts,
                                                     const datasets::imdb::LabeledTexts& labeled,
                                                     const DocumentVectorSettings& settings,
                                                     const DocumentVectorTraining& training) {
  const Stopwatch counting;
  DocumentVectors vectors;
  vectors.rule = settings.rule;
  // Counting takes about twice as long as making rows.
  const auto num_texts = static_cast<double>(texts.size()),
             num_labeled = static_cast<double>(labeled.texts.size());
  const double all = 3 * num_texts + num_labeled;
  const auto part = [&](double begin, double size) {
    return PartOfStep(training.progress, "Counting n-grams", begin / all, size / all);
  };
  ADJOINT_ASSIGN_OR_RETURN(vectors.vocabulary,
                           TellingNgrams(texts, labeled, settings, part(0, 2 * num_texts),
                                         part(2 * num_texts, num_labeled)));
  ADJOINT_ASSIGN_OR_RETURN(
      const CsrMatrix x,
      NgramRows(texts, vectors.vocabulary, {}, part(2 * num_texts + num_labeled, num_texts)));
  const Draws draws(x);
  if (training.tell) {
    training.tell(absl::StrCat(WithCommas(x.cols()), " n-grams tell the labels apart and stand in ",
                               WithCommas(x.rows()), " reviews ", WithCommas(x.nnz()),
                               " times in all; counted in ", SecondsText(counting.Seconds())));
  }
  graph::VariableStore variables;
  variables.Set("ngrams", InitialVectors(x.cols(), settings.rule.units, settings.seed));
  variables.Set("squares", Tensor::Zeros({DType::kF32, Shape{x.cols(), 1}}));
  ADJOINT_ASSIGN_OR_RETURN(const std::unique_ptr<graph::Function> step,
                           LearningStep(x.cols(), settings));

  const int64_t n = x.rows(), batches = (n + settings.batch_size - 1) / settings.batch_size;
  const int64_t steps = batches * settings.epochs;
  std::vector<uint32_t> order;
  std::vector<Tensor> outputs;
  for (int epoch = 0; epoch < settings.epochs; ++epoch) {
    const Stopwatch watch;
    datasets::ShuffledOrder(n, settings.seed, epoch, &order);
    double own = 0, any = 0;
    for (int64_t i = 0; i < batches; ++i) {
      const int64_t done = epoch * batches + i;
      const auto members = absl::MakeConstSpan(order).subspan(
          static_cast<size_t>(i * settings.batch_size), static_cast<size_t>(settings.batch_size));
      const std::vector<int64_t> drawn = draws.Draw(
          settings.drawn,
          {.seed = settings.seed, .stream = kDrawStream, .step = static_cast<uint64_t>(done)});
      const double rate =
          settings.learning_rate * (1 - static_cast<double>(done) / static_cast<double>(steps));
      ADJOINT_RETURN_IF_ERROR(
          step->Run(FeedOf(Gather(x, members), drawn, rate), &variables, &outputs));
      own += outputs[0].ValueAt(0);
      any += outputs[1].ValueAt(0);
      if (training.progress) {
        training.progress("Learning", static_cast<double>(done + 1) / static_cast<double>(steps));
      }
    }
    if (training.tell) {
      training.tell(absl::StrFormat(
          "Epoch %d/%d - %s - cosine of a text and an n-gram of it: %.3f, and any n-gram: %.3f",
          epoch + 1, settings.epochs, SecondsText(watch.Seconds()),
          own / static_cast<double>(batches), any / static_cast<double>(batches)));
    }
  }
  ADJOINT_ASSIGN_OR_RETURN(vectors.ngrams, variables.Get("ngrams"));
  const std::vector<int64_t> last =
      draws.Draw(settings.drawn, {.seed = settings.seed, .stream = kLastDrawStream});
  vectors.drawn = Tensor::Empty({DType::kF32, Shape{settings.drawn, settings.rule.units}});
  const absl::Span<const float> from = vectors.ngrams.data<float>();
  const absl::Span<float> to = vectors.drawn.mutable_data<float>();
  for (size_t i = 0; i < last.size(); ++i) {
    std::copy_n(from.begin() + last[i] * settings.rule.units, settings.rule.units,
                to.begin() + static_cast<int64_t>(i) * settings.rule.units);
  }
  return vectors;
}

absl::StatusOr<Tensor> VectorsOf(absl::Span<const std::string> texts,
                                 const DocumentVectors& vectors, const ShareProgress& progress) {
  const int64_t cols = vectors.vocabulary.size(), units = vectors.rule.units;
  const auto g = std::make_shared<graph::Graph>();
  const ops::CsrVar x = g->CsrInput("x", Dim::Symbol("texts"), cols);
  const Var ngrams = g->Input("ngrams", vectors.ngrams.spec());
  const Var drawn = g->Input("drawn", vectors.drawn.spec());
  graph::Program program{
      .name = "document_vectors", .graph = g, .inputs = {}, .outputs = {}, .states = {}};
  program.AddInput("x", x);
  program.AddInput("ngrams", ngrams);
  program.AddInput("drawn", drawn);
  program.AddOutput("vectors", DocumentVectorsOf(x, ngrams, drawn, vectors.rule));
  ADJOINT_RETURN_IF_ERROR(g->status());
  ADJOINT_ASSIGN_OR_RETURN(const std::unique_ptr<graph::Function> function,
                           graph::Function::Create(std::move(program)));
  const auto n = static_cast<int64_t>(texts.size());
  Tensor result = Tensor::Empty({DType::kF32, Shape{n, units}});
  for (int64_t begin = 0; begin < n; begin += kInferenceBatch) {
    ADJOINT_ASSIGN_OR_RETURN(
        const CsrMatrix batch,
        NgramRows(texts.subspan(static_cast<size_t>(begin), static_cast<size_t>(kInferenceBatch)),
                  vectors.vocabulary));
    std::vector<Tensor> inputs, outputs;
    graph::AppendFeed(batch, &inputs);
    inputs.push_back(vectors.ngrams);
    inputs.push_back(vectors.drawn);
    ADJOINT_RETURN_IF_ERROR(function->Run(inputs, nullptr, &outputs));
    const absl::Span<const float> rows = outputs[0].data<float>();
    std::copy(rows.begin(), rows.end(), result.mutable_data<float>().begin() + begin * units);
    if (progress) {
      progress(static_cast<double>(std::min(n, begin + kInferenceBatch)) / static_cast<double>(n));
    }
  }
  return result;
}

}  // namespace adjoint::apps::imdb
