#ifndef ADJOINT_NN_BATCH_SOURCE_H_
#define ADJOINT_NN_BATCH_SOURCE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/tensor.h"
#include "datasets/dataset.h"
#include "nn/batches.h"
#include "nn/data.h"
#include "nn/programs.h"

namespace adjoint::nn {

// A place in a training.
struct TrainingPlace {
  int64_t epoch = 0;   // in the model's life: names the order of the samples
  int64_t in_fit = 0;  // the same, counted from the epoch that this Fit began with
  int64_t batch = 0;   // of the epoch
};

// Where the batches of an epoch come from, as the tensors that a program is fed with. Not
// thread-safe.
class BatchSource {
 public:
  struct Fed {
    absl::Span<const Tensor> feed;  // valid until the next call
    int64_t samples;
  };

  virtual ~BatchSource() = default;

  // Batches of an epoch; 0 when that is not known.
  virtual int64_t num_batches() const = 0;
  // For checkpoints: what must be equal in a training that resumes.
  virtual int64_t rows() const = 0;
  virtual int64_t batch_size() const = 0;

  // Goes to a place.
  virtual absl::Status Begin(const TrainingPlace& place) = 0;
  // The next batch of the epoch, none at its end.
  virtual absl::StatusOr<std::optional<Fed>> Next() = 0;
};

// Batches of data in memory, in their own order or, by `seed`, in another one every epoch.
class ArrayBatches final : public BatchSource {
 public:
  // With a seed, `feeder` must gather.
  explicit ArrayBatches(BatchFeeder feeder, std::optional<uint64_t> seed = {})
      : feeder_(std::move(feeder)), seed_(seed) {}

  int64_t num_batches() const override { return feeder_.num_batches(); }
  int64_t rows() const override { return feeder_.rows(); }
  int64_t batch_size() const override { return feeder_.batch_size(); }
  absl::Status Begin(const TrainingPlace& place) override;
  absl::StatusOr<std::optional<Fed>> Next() override;

 private:
  BatchFeeder feeder_;
  const std::optional<uint64_t> seed_;
  std::vector<uint32_t> order_;
  int64_t at_ = 0;
};

// Batches of a dataset. An epoch is a pass, or, when `steps` is set, so many batches of one pass
// that goes on over the epochs of a Fit.
class DatasetBatches final : public BatchSource {
 public:
  struct Options {
    std::string what = {};  // begins messages: "Fit"
    size_t inputs = 1, outputs = 1;
    bool targets = true;  // otherwise y is left aside
    int64_t steps = 0;
    int64_t epoch = 0;                            // whose first batch shows what the data are
    std::map<int64_t, double> class_weight = {};  // of FitOptions
    std::vector<Tensor> extra = {};               // appended to every feed
  };
  // Makes the first batch. Errors: those of the dataset; samples rather than batches; no end, and
  // no steps; no batch at all; batches that do not suit the model.
  static absl::StatusOr<std::unique_ptr<DatasetBatches>> Create(const datasets::Dataset& dataset,
                                                                Options options);

  // The first batch.
  const DataList& x() const { return first_x_; }
  const DataList& y() const { return first_y_; }
  const DataList& sample_weight() const { return first_weight_; }  // times class weights
  // What all batches must be: the specs that a program is built for. Named dims may vary.
  void Expect(std::vector<ValueSpec> inputs, TargetSpecs targets) {
    inputs_ = std::move(inputs);
    targets_ = std::move(targets);
  }

  int64_t num_batches() const override;
  int64_t rows() const override { return dataset_.size(); }
  int64_t batch_size() const override { return options_.steps; }
  absl::Status Begin(const TrainingPlace& place) override;
  absl::StatusOr<std::optional<Fed>> Next() override;

 private:
  DatasetBatches(const datasets::Dataset& dataset, Options options)
      : dataset_(dataset), options_(std::move(options)) {}

  // A new pass, of which `skipped` elements are passed over.
  absl::Status Restart(int64_t epoch, int64_t skipped);
  absl::StatusOr<std::optional<datasets::Element>> Take();
  // An element as lists that suit the model, or an error. `what` begins the message.
  struct Batch {
    DataList x, y, sample_weight;
  };
  absl::StatusOr<Batch> BatchOf(const datasets::Element& element, absl::string_view what) const;
  absl::Status CheckSpecs(const Batch& batch) const;

  const datasets::Dataset dataset_;
  const Options options_;
  DataList first_x_, first_y_, first_weight_;
  std::vector<ValueSpec> inputs_;
  TargetSpecs targets_;
  std::unique_ptr<datasets::DatasetIterator> iterator_;
  std::optional<datasets::Element> pending_;  // the first of the pass, not taken yet
  int64_t pass_ = 0;                          // epoch of the pass
  int64_t taken_ = 0;                         // elements of the pass
  TrainingPlace place_;
  int64_t known_batches_ = 0;  // of a whole pass
  std::vector<Tensor> feed_;
};

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_BATCH_SOURCE_H_
