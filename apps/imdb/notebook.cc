#include "apps/imdb/notebook.h"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "apps/imdb/corpus.h"
#include "apps/imdb/network.h"
#include "apps/imdb/output.h"
#include "apps/imdb/preprocessing.h"
#include "apps/imdb/report.h"
#include "apps/imdb/text.h"
#include "apps/imdb/train_page.h"
#include "apps/imdb/training.h"
#include "core/status_macros.h"

namespace adjoint::apps::imdb {
namespace {

constexpr int kRetrainEpochs = 4;

class Notebook {
 public:
  explicit Notebook(const Options& options) : options_(options) {}

  absl::Status Run() {
    ADJOINT_RETURN_IF_ERROR(LoadReviews());
    ADJOINT_RETURN_IF_ERROR(CheckResultsWritable(options_));
    ADJOINT_RETURN_IF_ERROR(ShowReviews());
    ADJOINT_RETURN_IF_ERROR(VectorizeTraining());
    ADJOINT_RETURN_IF_ERROR(TrainWithValidation());
    ADJOINT_RETURN_IF_ERROR(TrainOnAll());
    ADJOINT_RETURN_IF_ERROR(EvaluateAndPredict());
    ADJOINT_RETURN_IF_ERROR(SaveAndLoad());
    return WriteReports();
  }

 private:
  static void Title(const std::string& title) {
    std::cout << "\n" << title << "\n" << std::string(title.size(), '-') << "\n";
  }

  absl::Status LoadReviews() {
    std::cout << "Loading reviews ..." << std::endl;
    const Stopwatch watch;
    ADJOINT_ASSIGN_OR_RETURN(corpus_, LoadCorpus(options_, options_.num_words, std::cout));
    report_.seconds.load = watch.Seconds();
    report_.source = corpus_.data.source;
    report_.synthetic = corpus_.synthetic;
    report_.train_samples = corpus_.data.train.size();
    report_.test_samples = corpus_.data.test.size();
    if (corpus_.synthetic) tagger_.emplace(std::cout, kSyntheticSource);
    std::cout << corpus_.data.source << ": " << WithCommas(report_.train_samples)
              << " for training, " << WithCommas(report_.test_samples) << " for testing, ids below "
              << WithCommas(options_.num_words) << "; " << SecondsText(report_.seconds.load)
              << "\n";
    batch_size_ = ChooseBatchSize(options_, corpus_);
    return FlushOutput();
  }

  absl::Status ShowReviews() {
    const datasets::Reviews& train = corpus_.data.train;
    Title("1. The reviews");
    std::cout << ">>> train_data[0]\n"
              << Wrapped(ListText(train[0])) << "\n>>> train_labels[0]\n"
              << static_cast<int>(train.labels[0])
              << "\n>>> max([max(sequence) for sequence in train_data])\n"
              << (train.ids.empty() ? 0 : *std::max_element(train.ids.begin(), train.ids.end()))
              << "\n>>> decoded_review\n";
    if (corpus_.data.word_index.size() > 0) {
      std::cout << Wrapped(datasets::imdb::Decode(train[0], corpus_.data.word_index,
                                                  corpus_.encoding.index_from))
                << "\n";
    } else {
      std::cout << "(not to be had without a word index)\n";
    }
    return FlushOutput();
  }

  absl::Status VectorizeTraining() {
    Title("2. The reviews as vectors");
    const Stopwatch watch;
    ADJOINT_ASSIGN_OR_RETURN(x_train_,
                             VectorizeFor(corpus_.data.train, options_.num_words, options_.sparse));
    ADJOINT_ASSIGN_OR_RETURN(const Tensor labels, datasets::Labels(corpus_.data.train));
    y_train_ = labels;
    report_.seconds.vectorize = watch.Seconds();
    ADJOINT_ASSIGN_OR_RETURN(const Tensor first, datasets::Vectorize(corpus_.data.train.Slice(0, 1),
                                                                     options_.num_words));
    const absl::Span<const float> ones = first.data<float>();
    std::cout << ">>> x_train[0]\n"
              << ArrayText(ones) << "\n>>> x_train.shape\n(" << x_train_.rows() << ", "
              << options_.num_words << ")\n"
              << "The first review has " << std::count(ones.begin(), ones.end(), 1.0f)
              << " different words of its " << corpus_.data.train[0].size() << "; x_train is "
              << (options_.sparse ? "kept sparse" : "dense") << " (--encoding), made in "
              << SecondsText(report_.seconds.vectorize) << ".\n";
    return FlushOutput();
  }

  absl::Status TrainWithValidation() {
    const int64_t kept = corpus_.validation_size(), n = x_train_.rows();
    Title("3. Training with validation");
    ADJOINT_ASSIGN_OR_RETURN(nn::Model model, MakeModel(options_, x_train_));
    std::cout << model.Summary() << "\nTraining on " << WithCommas(n - kept)
              << " reviews, validating on the first " << WithCommas(kept) << ": " << options_.epochs
              << " epochs of batches of " << batch_size_ << ", " << options_.optimizer << ", "
              << options_.loss << "\n";
    const Stopwatch watch;
    ADJOINT_ASSIGN_OR_RETURN(
        report_.history, Train(model, x_train_.Rows(kept, n), y_train_.Rows(kept, n),
                               {x_train_.Rows(0, kept), y_train_.Rows(0, kept)}, options_.epochs,
                               batch_size_, {}, &step_seconds_));
    report_.seconds.train = watch.Seconds();
    std::cout << "Trained in " << SecondsText(report_.seconds.train) << "\n";
    report_.AddKernels(model);
    return ShowHistory(report_.history, options_, corpus_);
  }

  absl::Status TrainOnAll() {
    Title("4. A new network, trained on all reviews");
    ADJOINT_ASSIGN_OR_RETURN(nn::Model model, MakeModel(options_, x_train_));
    std::cout << kRetrainEpochs << " epochs on " << WithCommas(x_train_.rows())
              << " reviews, before the validation loss begins to rise\n";
    const Stopwatch watch;
    ADJOINT_RETURN_IF_ERROR(
        Train(model, x_train_, y_train_, {}, kRetrainEpochs, batch_size_).status());
    report_.seconds.retrain = watch.Seconds();
    std::cout << "Trained in " << SecondsText(report_.seconds.retrain) << "\n";
    model_ = std::make_unique<nn::Model>(std::move(model));
    x_train_ = y_train_ = {};  // in dense form a gigabyte
    return FlushOutput();
  }

  absl::Status EvaluateAndPredict() {
    Title("5. Evaluation and predictions");
    const Stopwatch vectorize;
    ADJOINT_ASSIGN_OR_RETURN(x_test_,
                             VectorizeFor(corpus_.data.test, options_.num_words, options_.sparse));
    ADJOINT_ASSIGN_OR_RETURN(const Tensor labels, datasets::Labels(corpus_.data.test));
    report_.seconds.vectorize += vectorize.Seconds();
    const Stopwatch watch;
    ADJOINT_ASSIGN_OR_RETURN(report_.evaluation, EvaluateOn(*model_, x_test_, labels));
    report_.seconds.evaluate = watch.Seconds();
    const double loss = (*report_.evaluation)["loss"];
    const double accuracy = (*report_.evaluation)[kAccuracy];
    std::cout << ">>> results" << corpus_.Tag() << "\n"
              << absl::StrFormat("[%.7g, %.7g]\n", loss, accuracy)
              << absl::StrFormat("Test loss: %.4f, test accuracy: %.4f\n", loss, accuracy);
    ADJOINT_ASSIGN_OR_RETURN(predictions_, PredictFor(*model_, x_test_));
    std::cout << ">>> model.predict(x_test).shape\n(" << predictions_.shape().dim(0).value() << ", "
              << predictions_.shape().dim(1).value() << ")\n>>> model.predict(x_test)\n"
              << ColumnText(predictions_.data<float>()) << "\n";
    return FlushOutput();
  }

  absl::Status SaveAndLoad() {
    Title("6. The model as a file");
    ADJOINT_RETURN_IF_ERROR(Attach(Preprocessing::Of(corpus_, options_), *model_));
    ADJOINT_RETURN_IF_ERROR(model_->Save(options_.model));
    ADJOINT_ASSIGN_OR_RETURN(LoadedModel loaded, LoadModel(options_.model));
    ADJOINT_ASSIGN_OR_RETURN(const Tensor again, PredictFor(loaded.model, x_test_));
    double largest = 0;
    for (int64_t i = 0; i < predictions_.size(); ++i) {
      largest = std::max(largest, std::abs(predictions_.ValueAt(i) - again.ValueAt(i)));
    }
    const bool equal = BitwiseEqual(predictions_, again);
    std::cout << "Saved in " << options_.model << " and loaded again: "
              << (equal ? "its predictions are the same, bit for bit" : "its predictions differ")
              << absl::StrFormat(" (max difference %g)\n", largest)
              << "It holds network, vocabulary and preprocessing. Ask it:\n"
              << "  bazel run //apps:imdb -- predict --model=" << options_.model
              << " --text='A moving, beautifully acted film.'\n";
    ADJOINT_ASSIGN_OR_RETURN(report_.weights_sha256, WeightsSha256(*model_));
    report_.AddKernels(*model_);
    report_.AddKernels(loaded.model);
    return equal ? absl::OkStatus()
                 : absl::InternalError(
                       absl::StrCat("the model loaded from '", options_.model,
                                    "' does not predict what the saved one predicted"));
  }

  absl::Status WriteReports() {
    ADJOINT_RETURN_IF_ERROR(WriteReport(report_, options_.report_json));
    ADJOINT_RETURN_IF_ERROR(WriteTrainPage(
        options_, corpus_, report_,
        {.model = model_.get(),
         .predictions = predictions_.data<float>(),
         .validated = corpus_.validation_size(),
         .step_seconds = step_seconds_,
         .batch_size = batch_size_,
         .tested = absl::StrCat("by the network of ", kRetrainEpochs, " epochs on all reviews")}));
    std::cout << "All done in " << SecondsText(report_.since_start.Seconds()) << ".\n";
    return FlushOutput();
  }

  const Options& options_;
  Report report_;
  Corpus corpus_;
  int64_t batch_size_ = 0;
  std::optional<AccuracyTagger> tagger_;
  nn::DataList x_train_, y_train_, x_test_;
  std::unique_ptr<nn::Model> model_;
  Tensor predictions_;
  std::vector<double> step_seconds_;
};

}  // namespace

absl::Status RunNotebook(const Options& options) { return Notebook(options).Run(); }

}  // namespace adjoint::apps::imdb
