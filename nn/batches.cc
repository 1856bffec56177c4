#include "nn/batches.h"

#include <algorithm>
#include <utility>

#include "core/status_macros.h"
#include "datasets/element.h"

namespace adjoint::nn {

absl::StatusOr<BatchFeeder> BatchFeeder::Create(const DataList& x, const DataList* y,
                                                int64_t batch_size, bool gathers,
                                                std::vector<Tensor> extra) {
  BatchFeeder feeder;
  feeder.rows_ = x.rows();
  feeder.batch_size_ = std::min(batch_size, std::max<int64_t>(1, x.rows()));
  const auto add_column = [&](const Tensor& source) {
    feeder.columns_.push_back({.source = source, .port = feeder.feed_.size()});
    feeder.feed_.push_back(source);
  };
  const auto add = [&](const Data& item) {
    if (!item.is_csr()) return add_column(item.dense());
    add_column(item.csr().ranges());
    feeder.feed_.push_back(item.csr().columns());
    if (!item.csr().all_ones()) feeder.feed_.push_back(item.csr().values());
  };
  for (const Data& item : x.items()) add(item);
  if (y != nullptr) {
    for (const Data& item : y->items()) add(item);
  }
  for (Tensor& tensor : extra) feeder.feed_.push_back(std::move(tensor));
  if (gathers) {
    const int64_t last = feeder.SamplesIn(feeder.num_batches() - 1);
    for (Column& column : feeder.columns_) {
      TensorSpec spec = column.source.spec();
      spec.shape.set_dim(0, feeder.batch_size_);
      ADJOINT_ASSIGN_OR_RETURN(column.full, Tensor::Allocate(spec));
      column.last = column.full.Rows(0, last);
    }
  }
  return feeder;
}

int64_t BatchFeeder::SamplesIn(int64_t batch) const {
  return std::min(batch_size_, rows_ - batch * batch_size_);
}

absl::Span<const Tensor> BatchFeeder::View(int64_t batch) {
  const int64_t begin = batch * batch_size_;
  const int64_t end = begin + SamplesIn(batch);
  for (const Column& column : columns_) feed_[column.port] = column.source.Rows(begin, end);
  return feed_;
}

absl::Span<const Tensor> BatchFeeder::Gather(int64_t batch,
                                             absl::Span<const uint32_t> permutation) {
  const int64_t samples = SamplesIn(batch);
  const absl::Span<const uint32_t> rows =
      permutation.subspan(static_cast<size_t>(batch * batch_size_), static_cast<size_t>(samples));
  for (Column& column : columns_) {
    feed_[column.port] = samples == batch_size_ ? column.full : column.last;
    datasets::GatherRows(column.source, rows, &column.full);
  }
  return feed_;
}

}  // namespace adjoint::nn
