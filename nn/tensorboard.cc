#include "nn/tensorboard.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "nn/event_writer.h"
#include "nn/model.h"
#include "nn/programs.h"

namespace adjoint::nn {
namespace {

class TensorBoardCallback final : public Callback {
 public:
  explicit TensorBoardCallback(TensorBoardOptions options) : options_(std::move(options)) {}

  void OnTrainBegin(Model& model) override {
    train_.reset();
    validation_.reset();
    graph_written_ = false;
    if (options_.histogram_freq < 0 || options_.update_freq < 0) {
      model.StopTraining(absl::InvalidArgumentError(
          absl::StrCat("TensorBoard: histogram_freq and update_freq must not be negative, but are ",
                       options_.histogram_freq, " and ", options_.update_freq)));
    }
  }

  void OnTrainBatchEnd(Model& model, int64_t, const Logs& logs) override {
    const Tensor* const step = model.variables().Find(kStepVariable);
    if (options_.update_freq == 0 || step == nullptr) return;
    const int64_t done = step->item<int64_t>();
    if (done % options_.update_freq != 0 || !Open(model, "train", &train_)) return;
    for (const Logs::Entry& entry : logs.entries()) {
      train_->Scalar(absl::StrCat("batch_", entry.first), entry.second, done - 1);
    }
  }

  void OnEpochEnd(Model& model, int epoch, Logs& logs) override {
    if (!Open(model, "train", &train_)) return;
    if (options_.write_graph && !std::exchange(graph_written_, true)) {
      if (const graph::Program* const program = model.FindProgram("train")) {
        train_->Graph(*program);
      }
    }
    for (const Logs::Entry& entry : logs.entries()) {
      absl::string_view name = entry.first;
      const bool of_validation = absl::ConsumePrefix(&name, "val_");
      if (of_validation && !Open(model, "validation", &validation_)) return;
      (of_validation ? validation_ : train_)
          ->Scalar(absl::StrCat("epoch_", name), entry.second, epoch);
    }
    train_->Scalar("epoch_learning_rate", model.learning_rate(), epoch);
    if (options_.histogram_freq > 0 && epoch % options_.histogram_freq == 0) {
      for (const std::string& weight : model.WeightNames()) {
        train_->Histogram(weight, *model.variables().Find(weight), epoch);
      }
    }
    for (EventWriter* writer : {train_.get(), validation_.get()}) {
      if (writer != nullptr) Check(model, writer->Flush());
    }
  }

  void OnTrainEnd(Model& model, const Logs&) override {
    if (train_ != nullptr) Check(model, train_->Flush());
    train_.reset();
    validation_.reset();
  }

 private:
  static bool Check(Model& model, const absl::Status& status) {
    if (!status.ok()) {
      model.StopTraining(
          absl::Status(status.code(), absl::StrCat("TensorBoard: ", status.message())));
    }
    return status.ok();
  }

  bool Open(Model& model, const char* folder, std::unique_ptr<EventWriter>* writer) {
    if (*writer != nullptr) return true;
    auto made = EventWriter::Create(absl::StrCat(options_.log_dir, "/", folder));
    if (!Check(model, made.status())) return false;
    *writer = *std::move(made);
    return true;
  }

  const TensorBoardOptions options_;
  std::unique_ptr<EventWriter> train_, validation_;
  bool graph_written_ = false;
};

}  // namespace

std::shared_ptr<Callback> TensorBoard(TensorBoardOptions options) {
  return std::make_shared<TensorBoardCallback>(std::move(options));
}

}  // namespace adjoint::nn
