#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "core/status_macros.h"
#include "datasets/dataset_node.h"

namespace adjoint::datasets {
namespace {

class TensorsNode final : public Dataset::Node, public RowSource {
 public:
  explicit TensorsNode(Element columns)
      : columns_(std::move(columns)), rows_(RowsOf(columns_.x[0])) {}

  absl::StatusOr<IteratorPtr> Iterate(int64_t epoch) const override;
  int64_t size() const override { return rows_; }
  Dataset::Unit unit() const override { return Dataset::Unit::kSample; }
  const RowSource* row_source() const override { return this; }

  int64_t rows() const override { return rows_; }
  absl::StatusOr<Element> Row(int64_t row) const override {
    return Each([&](const Component& from) -> absl::StatusOr<Component> {
      const Tensor* const tensor = std::get_if<Tensor>(&from);
      if (tensor == nullptr) return std::get<CsrMatrix>(from).Rows(row, row + 1);
      Shape shape;
      for (int axis = 1; axis < tensor->shape().rank(); ++axis) {
        shape.push_back(tensor->shape()[axis]);
      }
      return tensor->Rows(row, row + 1).Reshaped(shape);
    });
  }
  absl::StatusOr<Element> Rows(int64_t begin, int64_t end) const override {
    return Each([&](const Component& from) -> absl::StatusOr<Component> {
      const Tensor* const tensor = std::get_if<Tensor>(&from);
      if (tensor == nullptr) return std::get<CsrMatrix>(from).Rows(begin, end);
      return tensor->Rows(begin, end);
    });
  }
  absl::StatusOr<Element> Gather(absl::Span<const uint32_t> rows) const override {
    return Each([&](const Component& from) -> absl::StatusOr<Component> {
      const Tensor* const tensor = std::get_if<Tensor>(&from);
      if (tensor == nullptr) {
        return std::get<CsrMatrix>(from).SelectRows(std::vector<int64_t>(rows.begin(), rows.end()));
      }
      TensorSpec spec = tensor->spec();
      spec.shape.set_dim(0, static_cast<int64_t>(rows.size()));
      ADJOINT_ASSIGN_OR_RETURN(Tensor gathered, Tensor::Allocate(spec));
      GatherRows(*tensor, rows, &gathered);
      return gathered;
    });
  }

 private:
  template <typename Fn>
  absl::StatusOr<Element> Each(Fn fn) const {
    Element element;
    for (const auto list : {&Element::x, &Element::y, &Element::sample_weight}) {
      for (const Component& from : columns_.*list) {
        ADJOINT_ASSIGN_OR_RETURN(Component made, fn(from));
        (element.*list).push_back(std::move(made));
      }
    }
    return element;
  }

  const Element columns_;
  const int64_t rows_;
};

class TensorsIterator final : public DatasetIterator {
 public:
  explicit TensorsIterator(std::shared_ptr<const TensorsNode> node) : node_(std::move(node)) {}

  absl::StatusOr<std::optional<Element>> Next() override {
    if (at_ == node_->rows()) return std::nullopt;
    return node_->Row(at_++);
  }
  absl::StatusOr<std::optional<DatasetIterator::Samples>> NextSamples(int64_t n) override {
    const int64_t count = std::min(n, node_->rows() - at_);
    if (count == 0) return std::nullopt;
    ADJOINT_ASSIGN_OR_RETURN(Element batch, node_->Rows(at_, at_ + count));
    at_ += count;
    return Samples{std::move(batch), count};
  }
  absl::StatusOr<int64_t> Skip(int64_t n) override {
    const int64_t count = std::min(n, node_->rows() - at_);
    at_ += count;
    return count;
  }

 private:
  const std::shared_ptr<const TensorsNode> node_;
  int64_t at_ = 0;
};

absl::StatusOr<IteratorPtr> TensorsNode::Iterate(int64_t) const {
  return std::make_unique<TensorsIterator>(
      std::static_pointer_cast<const TensorsNode>(shared_from_this()));
}

}  // namespace

NodePtr MakeTensorsNode(Element columns) {
  return std::make_shared<TensorsNode>(std::move(columns));
}

}  // namespace adjoint::datasets
