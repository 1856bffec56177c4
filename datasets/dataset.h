#ifndef ADJOINT_DATASETS_DATASET_H_
#define ADJOINT_DATASETS_DATASET_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/philox.h"
#include "core/tensor.h"
#include "datasets/element.h"

namespace adjoint::datasets {

// One pass over a dataset. It belongs to one thread at a time, and may outlive its dataset.
class DatasetIterator {
 public:
  virtual ~DatasetIterator() = default;

  // The next element, none at the end. After an error the iterator is of no further use.
  virtual absl::StatusOr<std::optional<Element>> Next() = 0;

  // The next `n` samples as one batch: fewer at the end, none behind it. Sources that can do so
  // gather them at once; elsewhere it is n times Next, stacked.
  struct Samples {
    Element batch;
    int64_t count = 0;
  };
  virtual absl::StatusOr<std::optional<Samples>> NextSamples(int64_t n);

  // Passes over `n` elements and returns how many there were: fewer at the end. Where elements can
  // be counted without being made (tensors, their shuffle, and Map, Batch, Take, Skip, Concat,
  // Repeat and Prefetch behind them) that is done; elsewhere it is n times Next.
  virtual absl::StatusOr<int64_t> Skip(int64_t n);

 protected:
  int64_t taken_ = 0;  // by NextSamples, to name a sample in errors
};

struct ShuffleOptions {
  uint64_t seed = 0;
  // From so many elements the next is drawn, and its place is taken by the one that follows; 0:
  // from all of them, which is an even shuffle and holds them in memory unless they lie in tensors.
  int64_t buffer_size = 0;
  // A new order every epoch; otherwise each has that of epoch 0.
  bool reshuffle_each_epoch = true;
};

struct MapOptions {
  // Of the random numbers that a function may take.
  uint64_t seed = 0;
  // Where Batch follows, samples of one batch are mapped on all threads: the function must be safe
  // to call at once.
  bool parallel = false;
};

struct BatchOptions {
  // Leaves out a last batch of fewer samples.
  bool drop_remainder = false;
};

// A sequence of elements, made as it is asked for: where samples come from, and what is done to
// them on their way into a model.
//
//   Dataset::FromTensors({images}, {labels})
//       .Shuffle({.seed = 1})
//       .Map(Augment, {.parallel = true})
//       .Batch(128)
//       .Prefetch(2)
//
// A dataset is a description and costs nothing to copy; Iterate starts a pass. What a pass yields
// is a function of the description and of the number of the epoch: never of time or threads.
// Mistakes in a description are kept, the first one, and every pass reports it. Datasets may be
// iterated by several threads at once if the functions in them may be called so.
class Dataset {
 public:
  // Values of size().
  static constexpr int64_t kUnknown = -1;
  static constexpr int64_t kInfinite = -2;

  // A sample for each row of the tensors and matrices, of which there must be equally many.
  static Dataset FromTensors(std::vector<Component> x, std::vector<Component> y = {},
                             std::vector<Component> sample_weight = {});
  // The same of one sparse matrix.
  static Dataset FromCsr(CsrMatrix x, std::vector<Component> y = {}) {
    return FromTensors({std::move(x)}, std::move(y));
  }

  // What a function yields until it gives nothing. `make` makes the function, one a pass, and is
  // told the epoch. `size` is how many elements there are, where that is known.
  using Generator = std::function<absl::StatusOr<std::optional<Element>>()>;
  static Dataset FromGenerator(std::function<absl::StatusOr<Generator>(int64_t epoch)> make,
                               int64_t size = kUnknown);

  // Each element through a function. The second form is for random changes: `random` is a stream of
  // its own for each element and epoch. Errors get the number of the element in front. A function
  // is not called for elements that are passed over.
  Dataset Map(std::function<absl::StatusOr<Element>(Element)> fn, MapOptions options = {}) const;
  Dataset Map(std::function<absl::StatusOr<Element>(Element, RandomStream random)> fn,
              MapOptions options = {}) const;
  // The elements for which the function is true.
  Dataset Filter(std::function<absl::StatusOr<bool>(const Element&)> fn) const;
  // All elements in another order. Among tensors of fewer than 2^32 rows nothing is held.
  Dataset Shuffle(ShuffleOptions options = {}) const;
  // So many samples as one element, see Stack; the last may have fewer. Requires samples.
  Dataset Batch(int64_t batch_size, BatchOptions options = {}) const;
  // Makes elements ahead, up to so many, from the first that is asked for, on a thread of its own
  // that ends with the pass.
  Dataset Prefetch(int64_t buffer_size = 2) const;
  // The first `count` elements, or those behind them.
  Dataset Take(int64_t count) const;
  Dataset Skip(int64_t count) const;
  // The elements of both.
  Dataset Concat(const Dataset& other) const;
  // So many passes, one behind the other, or passes without an end. Each is an epoch of what is
  // repeated: a shuffle below has a new order.
  Dataset Repeat(int64_t count = kInfinite) const;

  // The first mistake in the description.
  const absl::Status& status() const { return status_; }
  // Elements of a pass, as far as that can be told without one.
  int64_t size() const;
  // What elements are, as far as it is known: single samples of FromTensors, or the result of
  // Batch.
  enum class Unit { kUnknown, kSample, kBatch };
  Unit unit() const;

  // Begins a pass.
  absl::StatusOr<std::unique_ptr<DatasetIterator>> Iterate(int64_t epoch = 0) const;
  // A whole pass; ends at the first error.
  absl::Status ForEach(absl::FunctionRef<absl::Status(const Element&)> fn, int64_t epoch = 0) const;

  // What a description is made of; see dataset_node.h.
  class Node;

 private:
  explicit Dataset(std::shared_ptr<const Node> node) : node_(std::move(node)) {}
  explicit Dataset(absl::Status status) : status_(std::move(status)) {}

  std::shared_ptr<const Node> node_;  // null after a mistake
  absl::Status status_;
};

}  // namespace adjoint::datasets

#endif  // ADJOINT_DATASETS_DATASET_H_
