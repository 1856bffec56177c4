#include "nn/batches.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

#include "core/parallel.h"
#include "core/philox.h"
#include "core/status_macros.h"
#include "ops/random.h"

namespace adjoint::nn {

absl::StatusOr<BatchFeeder> BatchFeeder::Create(const DataList& x, const DataList* y,
                                                int64_t batch_size, bool gathers,
                                                std::vector<Tensor> extra) {
  BatchFeeder feeder;
  feeder.rows_ = x.rows();
  feeder.batch_size_ = std::min(batch_size, std::max<int64_t>(1, x.rows()));
  const auto add_column = [&](const Tensor& source) {
    Column column{.source = source,
                  .port = feeder.feed_.size(),
                  .row_bytes = source.shape()[0] == 0 ? 0 : source.bytes() / source.shape()[0]};
    feeder.columns_.push_back(std::move(column));
    feeder.feed_.push_back(source);
  };
  const auto add = [&](const Data& item) {
    if (!item.is_csr()) return add_column(item.dense());
    add_column(item.csr().ranges());
    feeder.feed_.push_back(item.csr().columns());
    feeder.feed_.push_back(item.csr().values());
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
  const uint32_t* const rows = permutation.data() + batch * batch_size_;
  for (Column& column : columns_) {
    feed_[column.port] = samples == batch_size_ ? column.full : column.last;
    const size_t row_bytes = static_cast<size_t>(column.row_bytes);
    const char* const from = static_cast<const char*>(column.source.raw());
    char* const to = static_cast<char*>(column.full.mutable_raw());
    // Pieces of some 256 KB; bounds of sparse rows and labels are one piece.
    const int64_t grain =
        std::max<int64_t>(1, (1 << 18) / static_cast<int64_t>(std::max<size_t>(1, row_bytes)));
    ParallelForRange(samples, grain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        std::memcpy(to + static_cast<size_t>(i) * row_bytes, from + rows[i] * row_bytes, row_bytes);
      }
    });
  }
  return feed_;
}

void ShuffledOrder(int64_t n, uint64_t seed, int64_t epoch, std::vector<uint32_t>* order) {
  order->resize(static_cast<size_t>(n));
  std::iota(order->begin(), order->end(), 0u);
  PhiloxEngine engine(
      RandomStream{.seed = seed,
                   .stream = static_cast<uint64_t>(ops::RandomStreamFor("shuffle", 0)),
                   .step = static_cast<uint64_t>(epoch)});
  for (size_t i = order->size(); i > 1; --i) {
    std::swap((*order)[i - 1], (*order)[engine.Below(static_cast<uint32_t>(i))]);
  }
}

}  // namespace adjoint::nn
