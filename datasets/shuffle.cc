#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "core/philox.h"
#include "core/status_macros.h"
#include "datasets/dataset_node.h"
#include "datasets/shuffled_order.h"

namespace adjoint::datasets {
namespace {

constexpr int64_t kMaxRows = UINT32_MAX;

// Rows of tensors in the order of a permutation.
class RowsIterator final : public DatasetIterator {
 public:
  RowsIterator(NodePtr from, uint64_t seed, int64_t epoch) : from_(std::move(from)) {
    ShuffledOrder(from_->row_source()->rows(), seed, epoch, &order_);
  }

  absl::StatusOr<std::optional<Element>> Next() override {
    if (at_ == order_.size()) return std::nullopt;
    return from_->row_source()->Row(order_[at_++]);
  }
  absl::StatusOr<std::optional<Samples>> NextSamples(int64_t n) override {
    const size_t count = std::min(static_cast<size_t>(n), order_.size() - at_);
    if (count == 0) return std::nullopt;
    ADJOINT_ASSIGN_OR_RETURN(Element batch, from_->row_source()->Gather(
                                                absl::MakeConstSpan(order_).subspan(at_, count)));
    at_ += count;
    return Samples{std::move(batch), static_cast<int64_t>(count)};
  }
  absl::StatusOr<int64_t> Skip(int64_t n) override {
    const size_t count = std::min(static_cast<size_t>(n), order_.size() - at_);
    at_ += count;
    return static_cast<int64_t>(count);
  }

 private:
  const NodePtr from_;
  std::vector<uint32_t> order_;
  size_t at_ = 0;
};

// All elements, held, in the order of a permutation: the same that rows of tensors have.
class AllIterator final : public DatasetIterator {
 public:
  AllIterator(IteratorPtr from, uint64_t seed, int64_t epoch)
      : from_(std::move(from)), seed_(seed), epoch_(epoch) {}

  absl::StatusOr<std::optional<Element>> Next() override {
    if (from_ != nullptr) {
      while (true) {
        ADJOINT_ASSIGN_OR_RETURN(std::optional<Element> element, from_->Next());
        if (!element.has_value()) break;
        elements_.push_back(*std::move(element));
      }
      if (static_cast<int64_t>(elements_.size()) > kMaxRows) {
        return absl::ResourceExhaustedError(
            "Dataset::Shuffle: more than 2^32 - 1 elements at once; give a buffer_size");
      }
      from_ = nullptr;
      ShuffledOrder(static_cast<int64_t>(elements_.size()), seed_, epoch_, &order_);
    }
    if (at_ == order_.size()) return std::nullopt;
    return std::move(elements_[order_[at_++]]);
  }

 private:
  IteratorPtr from_;  // null once it is empty
  const uint64_t seed_;
  const int64_t epoch_;
  std::vector<Element> elements_;
  std::vector<uint32_t> order_;
  size_t at_ = 0;
};

class WindowIterator final : public DatasetIterator {
 public:
  WindowIterator(IteratorPtr from, int64_t window, uint64_t seed, int64_t epoch)
      : from_(std::move(from)),
        window_(static_cast<size_t>(window)),
        engine_(RandomStream{
            .seed = seed, .stream = kShuffleStream, .step = static_cast<uint64_t>(epoch)}) {}

  absl::StatusOr<std::optional<Element>> Next() override {
    while (from_ != nullptr && held_.size() < window_) {
      ADJOINT_ASSIGN_OR_RETURN(std::optional<Element> element, from_->Next());
      if (element.has_value()) {
        held_.push_back(*std::move(element));
      } else {
        from_ = nullptr;
      }
    }
    if (held_.empty()) return std::nullopt;
    Element& drawn = held_[engine_.Below(static_cast<uint32_t>(held_.size()))];
    Element element = std::exchange(drawn, std::move(held_.back()));
    held_.pop_back();
    return element;
  }

 private:
  IteratorPtr from_;  // null once it is empty
  const size_t window_;
  PhiloxEngine engine_;
  std::vector<Element> held_;
};

class ShuffleNode final : public Dataset::Node {
 public:
  ShuffleNode(NodePtr from, const ShuffleOptions& options)
      : from_(std::move(from)), options_(options) {}

  absl::StatusOr<IteratorPtr> Iterate(int64_t epoch) const override {
    const int64_t order = options_.reshuffle_each_epoch ? epoch : 0;
    const RowSource* const rows = from_->row_source();
    if (options_.buffer_size == 0 && rows != nullptr && rows->rows() <= kMaxRows) {
      return std::make_unique<RowsIterator>(from_, options_.seed, order);
    }
    ADJOINT_ASSIGN_OR_RETURN(IteratorPtr from, from_->Iterate(epoch));
    if (options_.buffer_size == 0) {
      return std::make_unique<AllIterator>(std::move(from), options_.seed, order);
    }
    return std::make_unique<WindowIterator>(
        std::move(from), std::min(options_.buffer_size, kMaxRows), options_.seed, order);
  }
  int64_t size() const override { return from_->size(); }
  Dataset::Unit unit() const override { return from_->unit(); }

 private:
  const NodePtr from_;
  const ShuffleOptions options_;
};

}  // namespace

NodePtr MakeShuffleNode(NodePtr from, const ShuffleOptions& options) {
  return std::make_shared<ShuffleNode>(std::move(from), options);
}

}  // namespace adjoint::datasets
