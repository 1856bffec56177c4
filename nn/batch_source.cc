#include "nn/batch_source.h"

#include <variant>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "datasets/shuffled_order.h"
#include "graph/function.h"
#include "nn/weighting.h"

namespace adjoint::nn {
namespace {

using datasets::Component;
using datasets::Dataset;
using datasets::Element;

DataList ListOf(const std::vector<Component>& components) {
  std::vector<Data> items;
  for (const Component& component : components) {
    items.push_back(std::visit([](const auto& part) { return Data(part); }, component));
  }
  return items;
}

void AppendFeed(const DataList& list, std::vector<Tensor>* feed) {
  for (const Data& item : list.items()) {
    if (item.is_csr()) {
      graph::AppendFeed(item.csr(), feed);
    } else {
      feed->push_back(item.dense());
    }
  }
}

}  // namespace

absl::Status ArrayBatches::Begin(const TrainingPlace& place) {
  at_ = place.batch;
  if (seed_.has_value()) {
    datasets::ShuffledOrder(feeder_.rows(), *seed_, place.epoch, &order_);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<BatchSource::Fed>> ArrayBatches::Next() {
  if (at_ >= feeder_.num_batches()) return std::nullopt;
  const int64_t batch = at_++;
  return Fed{seed_.has_value() ? feeder_.Gather(batch, order_) : feeder_.View(batch),
             feeder_.SamplesIn(batch)};
}

absl::StatusOr<std::unique_ptr<DatasetBatches>> DatasetBatches::Create(const Dataset& dataset,
                                                                       Options options) {
  const auto invalid = [&](auto... parts) {
    return absl::InvalidArgumentError(absl::StrCat(options.what, ": ", parts...));
  };
  ADJOINT_RETURN_IF_ERROR(dataset.status());
  if (options.steps == 0 && dataset.size() == Dataset::kInfinite) {
    return invalid(
        "the dataset has no end; say how many batches an epoch has (steps_per_epoch), "
        "or Take so many");
  }
  std::unique_ptr<DatasetBatches> source(new DatasetBatches(dataset, std::move(options)));
  const Options& kept = source->options_;
  const int64_t pass = kept.steps > 0 ? 0 : kept.epoch;
  ADJOINT_RETURN_IF_ERROR(source->Restart(pass, 0));
  ADJOINT_ASSIGN_OR_RETURN(source->pending_, source->iterator_->Next());
  if (!source->pending_.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat(kept.what, ": there are no samples: the dataset is empty"));
  }
  const Element& first = *source->pending_;
  if (dataset.unit() == Dataset::Unit::kSample) {
    return absl::InvalidArgumentError(
        absl::StrCat(kept.what, ": the dataset gives single samples, ", ToString(first),
                     "; make batches of them with Batch"));
  }
  ADJOINT_ASSIGN_OR_RETURN(Batch batch, source->BatchOf(first, kept.what));
  source->first_x_ = std::move(batch.x);
  source->first_y_ = std::move(batch.y);
  source->first_weight_ = std::move(batch.sample_weight);
  return absl::StatusOr<std::unique_ptr<DatasetBatches>>(std::move(source));
}

absl::StatusOr<DatasetBatches::Batch> DatasetBatches::BatchOf(const Element& element,
                                                              absl::string_view what) const {
  Batch batch{.x = ListOf(element.x), .y = {}, .sample_weight = {}};
  if (options_.targets) batch.y = ListOf(element.y);
  ADJOINT_RETURN_IF_ERROR(CheckSamples(what, batch.x, options_.targets ? &batch.y : nullptr,
                                       options_.inputs, options_.outputs));
  if (!options_.targets) return batch;
  batch.sample_weight = ListOf(element.sample_weight);
  ADJOINT_RETURN_IF_ERROR(
      CheckWeights(what, batch.sample_weight, batch.x.rows(), options_.outputs));
  if (!options_.class_weight.empty()) {
    ADJOINT_ASSIGN_OR_RETURN(
        batch.sample_weight,
        ClassWeights(what, options_.class_weight, batch.y.items()[0].dense(), batch.sample_weight));
  }
  return batch;
}

int64_t DatasetBatches::num_batches() const {
  if (options_.steps > 0) return options_.steps;
  return dataset_.size() > 0 ? dataset_.size() : known_batches_;
}

absl::Status DatasetBatches::Restart(int64_t epoch, int64_t skipped) {
  pending_.reset();
  iterator_ = nullptr;  // ends its threads before there are others
  ADJOINT_ASSIGN_OR_RETURN(iterator_, dataset_.Skip(skipped).Iterate(epoch));
  pass_ = epoch;
  taken_ = skipped;
  return absl::OkStatus();
}

absl::Status DatasetBatches::Begin(const TrainingPlace& place) {
  place_ = place;
  const bool goes_on = options_.steps > 0;
  const int64_t pass = goes_on ? 0 : place.epoch;
  const int64_t at = goes_on ? place.in_fit * options_.steps + place.batch : place.batch;
  if (iterator_ != nullptr && pass == pass_ && at == taken_) return absl::OkStatus();
  return Restart(pass, at);
}

absl::StatusOr<std::optional<Element>> DatasetBatches::Take() {
  if (pending_.has_value()) return std::exchange(pending_, std::nullopt);
  return iterator_->Next();
}

absl::StatusOr<std::optional<BatchSource::Fed>> DatasetBatches::Next() {
  if (options_.steps > 0 && place_.batch == options_.steps) return std::nullopt;
  absl::StatusOr<std::optional<Element>> element = Take();
  if (!element.ok()) {
    return absl::Status(
        element.status().code(),
        absl::StrCat(options_.what, ", batch ", place_.batch, ": ", element.status().message()));
  }
  if (!element->has_value()) {
    if (options_.steps > 0) {
      return absl::InvalidArgumentError(
          absl::StrCat(options_.what, ": the dataset ended after ", place_.batch,
                       " batches of an epoch that has steps_per_epoch ", options_.steps,
                       "; Repeat it, or leave steps_per_epoch out"));
    }
    known_batches_ = place_.batch;
    return std::nullopt;
  }
  ADJOINT_ASSIGN_OR_RETURN(
      const Batch batch, BatchOf(**element, absl::StrCat(options_.what, ", batch ", place_.batch)));
  ADJOINT_RETURN_IF_ERROR(CheckSpecs(batch));
  feed_.clear();
  AppendFeed(batch.x, &feed_);
  AppendFeed(batch.y, &feed_);
  AppendFeed(batch.sample_weight, &feed_);
  feed_.insert(feed_.end(), options_.extra.begin(), options_.extra.end());
  ++taken_;
  ++place_.batch;
  return Fed{feed_, batch.x.rows()};
}

absl::Status DatasetBatches::CheckSpecs(const Batch& batch) const {
  const auto check = [&](const Data& item, const ValueSpec& wanted, const char* name) {
    const ValueSpec spec = item.spec();
    bool fits = spec.csr == wanted.csr && spec.tensor.dtype == wanted.tensor.dtype &&
                spec.tensor.shape.rank() == wanted.tensor.shape.rank();
    for (int axis = 1; fits && axis < spec.tensor.shape.rank(); ++axis) {
      const Dim& dim = wanted.tensor.shape.dim(axis);
      fits = !dim.is_known() || spec.tensor.shape.dim(axis) == dim;
    }
    if (fits) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(
        options_.what, ", batch ", place_.batch, ": ", name, " is ", spec.ToString(),
        ", but the first batch made it ", wanted.ToString(),
        "; batches may differ in the number of samples alone, and in axes that the model's Input "
        "leaves open"));
  };
  for (size_t i = 0; i < inputs_.size(); ++i) {
    ADJOINT_RETURN_IF_ERROR(check(batch.x.items()[i], inputs_[i], "x"));
  }
  for (size_t i = 0; i < targets_.targets.size(); ++i) {
    ADJOINT_RETURN_IF_ERROR(check(batch.y.items()[i], {.tensor = targets_.targets[i]}, "y"));
  }
  if (batch.sample_weight.empty() != targets_.weights.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(options_.what, ", batch ", place_.batch, ": it has ",
                     batch.sample_weight.empty() ? "no sample_weight, but the first batch had"
                                                 : "sample_weight, but the first batch had none",
                     "; all batches must have it, or none"));
  }
  for (size_t i = 0; i < targets_.weights.size(); ++i) {
    ADJOINT_RETURN_IF_ERROR(
        check(batch.sample_weight.items()[i], {.tensor = targets_.weights[i]}, "sample_weight"));
  }
  return absl::OkStatus();
}

}  // namespace adjoint::nn
