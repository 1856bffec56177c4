#ifndef ADJOINT_DATASETS_DATASET_NODE_H_
#define ADJOINT_DATASETS_DATASET_NODE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "datasets/dataset.h"

// For the dataset's own files.

namespace adjoint::datasets {

// Samples that can be had in any order: rows of tensors.
class RowSource {
 public:
  virtual ~RowSource() = default;
  virtual int64_t rows() const = 0;
  virtual absl::StatusOr<Element> Row(int64_t row) const = 0;
  virtual absl::StatusOr<Element> Rows(int64_t begin, int64_t end) const = 0;
  virtual absl::StatusOr<Element> Gather(absl::Span<const uint32_t> rows) const = 0;
};

// One step of a description. Immutable; its iterators keep it alive.
class Dataset::Node : public std::enable_shared_from_this<Node> {
 public:
  virtual ~Node() = default;
  virtual absl::StatusOr<std::unique_ptr<DatasetIterator>> Iterate(int64_t epoch) const = 0;
  virtual int64_t size() const = 0;
  virtual Unit unit() const = 0;
  virtual const RowSource* row_source() const { return nullptr; }
};

using NodePtr = std::shared_ptr<const Dataset::Node>;
using IteratorPtr = std::unique_ptr<DatasetIterator>;

// A row of each component is a sample. Requires equally many rows of all, and an x.
NodePtr MakeTensorsNode(Element columns);
NodePtr MakeShuffleNode(NodePtr from, const ShuffleOptions& options);
NodePtr MakePrefetchNode(NodePtr from, int64_t buffer_size);

}  // namespace adjoint::datasets

#endif  // ADJOINT_DATASETS_DATASET_NODE_H_
