#ifndef ADJOINT_NN_BATCHES_H_
#define ADJOINT_NN_BATCHES_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/tensor.h"
#include "nn/data.h"

namespace adjoint::nn {

// Cuts data into batches, as the tensors that a program is fed with: those of each item of x and
// then of y (a sparse item is three). Batches in the order of the data are views of it. Batches in
// another order are gathered into buffers that are used again by the next one; of a sparse matrix
// only the bounds of rows are gathered, its entries stay where they are. Not thread-safe.
class BatchFeeder {
 public:
  // `extra` is appended to every feed. Errors: no memory for the buffers.
  static absl::StatusOr<BatchFeeder> Create(const DataList& x, const DataList* y,
                                            int64_t batch_size, bool gathers,
                                            std::vector<Tensor> extra = {});

  int64_t rows() const { return rows_; }
  int64_t batch_size() const { return batch_size_; }
  int64_t num_batches() const { return (rows_ + batch_size_ - 1) / batch_size_; }
  // The samples of batch i: batch_size, but for the last.
  int64_t SamplesIn(int64_t batch) const;

  // Batch i of the data in its own order, valid until the next call.
  absl::Span<const Tensor> View(int64_t batch);
  // Batch i of the data in the order of `permutation`, of rows() numbers of rows. Requires
  // `gathers`.
  absl::Span<const Tensor> Gather(int64_t batch, absl::Span<const uint32_t> permutation);

 private:
  // A tensor whose rows are samples.
  struct Column {
    Tensor source;
    size_t port;       // its place in the feed
    Tensor full = {};  // for gathering: batch_size rows
    Tensor last = {};  // its first rows, as many as the last batch has
  };

  int64_t rows_ = 0;
  int64_t batch_size_ = 1;
  std::vector<Column> columns_;
  std::vector<Tensor> feed_;
};

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_BATCHES_H_
