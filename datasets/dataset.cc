#include "datasets/dataset.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/parallel.h"
#include "core/status_macros.h"
#include "datasets/dataset_node.h"

namespace adjoint::datasets {
namespace {

using MaybeElement = absl::StatusOr<std::optional<Element>>;
using MaybeSamples = absl::StatusOr<std::optional<DatasetIterator::Samples>>;

// Sources -----------------------------------------------------------------------------------------

class FunctionIterator final : public DatasetIterator {
 public:
  explicit FunctionIterator(std::function<absl::StatusOr<std::optional<Element>>()> next)
      : next_(std::move(next)) {}
  MaybeElement Next() override { return next_(); }

 private:
  std::function<absl::StatusOr<std::optional<Element>>()> next_;
};

class GeneratorNode final : public Dataset::Node {
 public:
  GeneratorNode(std::function<absl::StatusOr<Dataset::Generator>(int64_t)> make, int64_t size)
      : make_(std::move(make)), size_(size) {}
  absl::StatusOr<IteratorPtr> Iterate(int64_t epoch) const override {
    ADJOINT_ASSIGN_OR_RETURN(Dataset::Generator next, make_(epoch));
    return std::make_unique<FunctionIterator>(std::move(next));
  }
  int64_t size() const override { return size_; }
  Dataset::Unit unit() const override { return Dataset::Unit::kUnknown; }

 private:
  const std::function<absl::StatusOr<Dataset::Generator>(int64_t)> make_;
  const int64_t size_;
};

// Transformations ---------------------------------------------------------------------------------

// A step that passes on what it does not change.
class StepNode : public Dataset::Node {
 public:
  explicit StepNode(NodePtr from) : from_(std::move(from)) {}
  int64_t size() const override { return from_->size(); }
  Dataset::Unit unit() const override { return from_->unit(); }

 protected:
  const NodePtr from_;
};

using MapFn = std::function<absl::StatusOr<Element>(Element, RandomStream)>;

class MapNode final : public StepNode {
 public:
  MapNode(NodePtr from, MapFn fn, const MapOptions& options)
      : StepNode(std::move(from)), fn_(std::move(fn)), options_(options) {}
  absl::StatusOr<IteratorPtr> Iterate(int64_t epoch) const override;

 private:
  friend class MapIterator;
  const MapFn fn_;
  const MapOptions options_;
};

class MapIterator final : public DatasetIterator {
 public:
  MapIterator(std::shared_ptr<const MapNode> node, IteratorPtr from, int64_t epoch)
      : node_(std::move(node)), from_(std::move(from)), epoch_(epoch) {}

  MaybeElement Next() override {
    ADJOINT_ASSIGN_OR_RETURN(std::optional<Element> element, from_->Next());
    if (!element.has_value()) return element;
    return Apply(*std::move(element), at_++);
  }
  MaybeSamples NextSamples(int64_t n) override {
    if (!node_->options_.parallel) return DatasetIterator::NextSamples(n);
    std::vector<Element> samples;
    while (static_cast<int64_t>(samples.size()) < n) {
      ADJOINT_ASSIGN_OR_RETURN(std::optional<Element> element, from_->Next());
      if (!element.has_value()) break;
      samples.push_back(*std::move(element));
    }
    if (samples.empty()) return std::nullopt;
    const int64_t first = at_;
    at_ += static_cast<int64_t>(samples.size());
    std::vector<absl::Status> status(samples.size());
    ParallelFor(static_cast<int64_t>(samples.size()), [&](int64_t i) {
      absl::StatusOr<Element> mapped = Apply(std::move(samples[i]), first + i);
      status[i] = mapped.status();
      if (mapped.ok()) samples[i] = *std::move(mapped);
    });
    for (const absl::Status& s : status) ADJOINT_RETURN_IF_ERROR(s);
    ADJOINT_ASSIGN_OR_RETURN(Element batch, Stack(samples, first));
    return Samples{std::move(batch), static_cast<int64_t>(samples.size())};
  }
  absl::StatusOr<int64_t> Skip(int64_t n) override {
    ADJOINT_ASSIGN_OR_RETURN(const int64_t count, from_->Skip(n));
    at_ += count;
    return count;
  }

 private:
  absl::StatusOr<Element> Apply(Element element, int64_t index) const {
    absl::StatusOr<Element> mapped =
        node_->fn_(std::move(element), RandomStream{.seed = node_->options_.seed,
                                                    .stream = static_cast<uint64_t>(index),
                                                    .step = static_cast<uint64_t>(epoch_)});
    if (mapped.ok()) return mapped;
    return absl::Status(mapped.status().code(),
                        absl::StrCat("mapping element ", index, ": ", mapped.status().message()));
  }

  const std::shared_ptr<const MapNode> node_;
  const IteratorPtr from_;
  const int64_t epoch_;
  int64_t at_ = 0;
};

absl::StatusOr<IteratorPtr> MapNode::Iterate(int64_t epoch) const {
  ADJOINT_ASSIGN_OR_RETURN(IteratorPtr from, from_->Iterate(epoch));
  return std::make_unique<MapIterator>(std::static_pointer_cast<const MapNode>(shared_from_this()),
                                       std::move(from), epoch);
}

class FilterNode final : public StepNode {
 public:
  FilterNode(NodePtr from, std::function<absl::StatusOr<bool>(const Element&)> fn)
      : StepNode(std::move(from)), fn_(std::move(fn)) {}
  absl::StatusOr<IteratorPtr> Iterate(int64_t epoch) const override {
    ADJOINT_ASSIGN_OR_RETURN(IteratorPtr from, from_->Iterate(epoch));
    const auto next = [from = std::shared_ptr<DatasetIterator>(std::move(from)),
                       self = shared_from_this(), this]() -> MaybeElement {
      while (true) {
        ADJOINT_ASSIGN_OR_RETURN(std::optional<Element> element, from->Next());
        if (!element.has_value()) return element;
        ADJOINT_ASSIGN_OR_RETURN(const bool keep, fn_(*element));
        if (keep) return element;
      }
    };
    return std::make_unique<FunctionIterator>(next);
  }
  int64_t size() const override {
    return from_->size() == Dataset::kInfinite ? Dataset::kInfinite : Dataset::kUnknown;
  }

 private:
  const std::function<absl::StatusOr<bool>(const Element&)> fn_;
};

class BatchIterator final : public DatasetIterator {
 public:
  BatchIterator(IteratorPtr from, int64_t batch_size, bool drop_remainder)
      : from_(std::move(from)), batch_size_(batch_size), drop_remainder_(drop_remainder) {}

  MaybeElement Next() override {
    ADJOINT_ASSIGN_OR_RETURN(auto samples, from_->NextSamples(batch_size_));
    if (!samples.has_value() || (drop_remainder_ && samples->count < batch_size_)) {
      return std::nullopt;
    }
    return std::move(samples->batch);
  }
  absl::StatusOr<int64_t> Skip(int64_t n) override {
    constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
    const int64_t wanted = n > kMost / batch_size_ ? kMost : n * batch_size_;
    ADJOINT_ASSIGN_OR_RETURN(const int64_t samples, from_->Skip(wanted));
    return samples / batch_size_ + (!drop_remainder_ && samples % batch_size_ != 0 ? 1 : 0);
  }

 private:
  const IteratorPtr from_;
  const int64_t batch_size_;
  const bool drop_remainder_;
};

class BatchNode final : public StepNode {
 public:
  BatchNode(NodePtr from, int64_t batch_size, const BatchOptions& options)
      : StepNode(std::move(from)), batch_size_(batch_size), options_(options) {}
  absl::StatusOr<IteratorPtr> Iterate(int64_t epoch) const override {
    ADJOINT_ASSIGN_OR_RETURN(IteratorPtr from, from_->Iterate(epoch));
    return std::make_unique<BatchIterator>(std::move(from), batch_size_, options_.drop_remainder);
  }
  int64_t size() const override {
    const int64_t n = from_->size();
    if (n < 0) return n;
    return n / batch_size_ + (!options_.drop_remainder && n % batch_size_ != 0 ? 1 : 0);
  }
  Dataset::Unit unit() const override { return Dataset::Unit::kBatch; }

 private:
  const int64_t batch_size_;
  const BatchOptions options_;
};

// Elements begin .. end - 1; end < 0: all from there.
class SliceNode final : public StepNode {
 public:
  SliceNode(NodePtr from, int64_t begin, int64_t end)
      : StepNode(std::move(from)), begin_(begin), end_(end) {}
  absl::StatusOr<IteratorPtr> Iterate(int64_t epoch) const override;
  int64_t size() const override {
    const int64_t n = from_->size();
    if (n == Dataset::kUnknown) return n;
    if (n == Dataset::kInfinite) return end_ < 0 ? n : end_ - begin_;
    return std::max<int64_t>(0, (end_ < 0 ? n : std::min(end_, n)) - begin_);
  }

 private:
  const int64_t begin_, end_;
};

class SliceIterator final : public DatasetIterator {
 public:
  SliceIterator(IteratorPtr from, int64_t begin, int64_t end)
      : from_(std::move(from)), begin_(begin), end_(end) {}

  MaybeElement Next() override {
    ADJOINT_RETURN_IF_ERROR(GoToBegin());
    if (at_ == end_) return std::nullopt;
    ++at_;
    return from_->Next();
  }
  MaybeSamples NextSamples(int64_t n) override {
    ADJOINT_RETURN_IF_ERROR(GoToBegin());
    if (end_ >= 0) n = std::min(n, end_ - at_);
    if (n == 0) return std::nullopt;
    ADJOINT_ASSIGN_OR_RETURN(auto samples, from_->NextSamples(n));
    if (samples.has_value()) at_ += samples->count;
    return samples;
  }
  absl::StatusOr<int64_t> Skip(int64_t n) override {
    ADJOINT_RETURN_IF_ERROR(GoToBegin());
    if (end_ >= 0) n = std::min(n, end_ - at_);
    ADJOINT_ASSIGN_OR_RETURN(const int64_t count, from_->Skip(n));
    at_ += count;
    return count;
  }

 private:
  absl::Status GoToBegin() {
    if (at_ >= begin_) return absl::OkStatus();
    ADJOINT_RETURN_IF_ERROR(from_->Skip(begin_ - at_).status());
    at_ = begin_;  // or behind the end, where nothing follows
    return absl::OkStatus();
  }

  const IteratorPtr from_;
  const int64_t begin_, end_;
  int64_t at_ = 0;
};

absl::StatusOr<IteratorPtr> SliceNode::Iterate(int64_t epoch) const {
  ADJOINT_ASSIGN_OR_RETURN(IteratorPtr from, from_->Iterate(epoch));
  return std::make_unique<SliceIterator>(std::move(from), begin_, end_);
}

class ConcatIterator final : public DatasetIterator {
 public:
  ConcatIterator(IteratorPtr first, IteratorPtr second)
      : first_(std::move(first)), second_(std::move(second)) {}

  MaybeElement Next() override {
    if (first_ != nullptr) {
      ADJOINT_ASSIGN_OR_RETURN(std::optional<Element> element, first_->Next());
      if (element.has_value()) return element;
      first_ = nullptr;
    }
    return second_->Next();
  }
  absl::StatusOr<int64_t> Skip(int64_t n) override {
    int64_t count = 0;
    if (first_ != nullptr) {
      ADJOINT_ASSIGN_OR_RETURN(count, first_->Skip(n));
      if (count == n) return count;
      first_ = nullptr;
    }
    ADJOINT_ASSIGN_OR_RETURN(const int64_t more, second_->Skip(n - count));
    return count + more;
  }

 private:
  IteratorPtr first_;  // null once it is empty
  const IteratorPtr second_;
};

class ConcatNode final : public StepNode {
 public:
  ConcatNode(NodePtr first, NodePtr second)
      : StepNode(std::move(first)), second_(std::move(second)) {}
  absl::StatusOr<IteratorPtr> Iterate(int64_t epoch) const override {
    ADJOINT_ASSIGN_OR_RETURN(IteratorPtr first, from_->Iterate(epoch));
    ADJOINT_ASSIGN_OR_RETURN(IteratorPtr second, second_->Iterate(epoch));
    return std::make_unique<ConcatIterator>(std::move(first), std::move(second));
  }
  int64_t size() const override {
    const int64_t a = from_->size(), b = second_->size();
    if (a == Dataset::kInfinite || b == Dataset::kInfinite) return Dataset::kInfinite;
    return a < 0 || b < 0 ? Dataset::kUnknown : a + b;
  }
  Dataset::Unit unit() const override {
    return from_->unit() == second_->unit() ? from_->unit() : Dataset::Unit::kUnknown;
  }

 private:
  const NodePtr second_;
};

class RepeatIterator final : public DatasetIterator {
 public:
  // Passes with the epochs first, first + 1, ...; `count` of them, negative: without an end.
  RepeatIterator(NodePtr from, int64_t first, int64_t count)
      : from_(std::move(from)), first_(first), count_(count) {}

  MaybeElement Next() override {
    while (true) {
      ADJOINT_ASSIGN_OR_RETURN(const bool more, BeginPass());
      if (!more) return std::nullopt;
      ADJOINT_ASSIGN_OR_RETURN(std::optional<Element> element, pass_->Next());
      any_ = any_ || element.has_value();
      if (element.has_value()) return element;
      if (EndPass()) return std::nullopt;
    }
  }
  absl::StatusOr<int64_t> Skip(int64_t n) override {
    int64_t left = n;
    while (left > 0) {
      const int64_t size = from_->size();
      if (pass_ == nullptr && size > 0) {  // whole passes need not begin
        int64_t whole = left / size;
        if (count_ >= 0) whole = std::min(whole, count_ - passes_);
        passes_ += whole;
        left -= whole * size;
        if (left == 0) break;
      }
      ADJOINT_ASSIGN_OR_RETURN(const bool more, BeginPass());
      if (!more) break;
      ADJOINT_ASSIGN_OR_RETURN(const int64_t count, pass_->Skip(left));
      any_ = any_ || count > 0;
      left -= count;
      if (left > 0 && EndPass()) break;
    }
    return n - left;
  }

 private:
  // False where there is no pass any more.
  absl::StatusOr<bool> BeginPass() {
    if (pass_ != nullptr) return true;
    if (passes_ == count_) return false;
    ADJOINT_ASSIGN_OR_RETURN(pass_, from_->Iterate(first_ + passes_));
    ++passes_;
    any_ = false;
    return true;
  }
  // True where another pass would be in vain: nothing, without an end, would never come back.
  bool EndPass() {
    pass_ = nullptr;
    return !any_ && count_ < 0;
  }

  const NodePtr from_;
  const int64_t first_, count_;
  int64_t passes_ = 0;  // begun
  IteratorPtr pass_;    // null between two
  bool any_ = false;    // the pass has an element
};

class RepeatNode final : public StepNode {
 public:
  RepeatNode(NodePtr from, int64_t count) : StepNode(std::move(from)), count_(count) {}
  absl::StatusOr<IteratorPtr> Iterate(int64_t epoch) const override {
    // Epochs of what is repeated: those of one pass follow those of the pass before.
    const int64_t first =
        count_ >= 0 ? epoch * count_ : static_cast<int64_t>(static_cast<uint64_t>(epoch) << 24);
    return std::make_unique<RepeatIterator>(from_, first, count_);
  }
  int64_t size() const override {
    const int64_t n = from_->size();
    if (count_ == 0 || n == 0) return 0;
    if (count_ < 0 || n == Dataset::kInfinite) return Dataset::kInfinite;
    return n < 0 ? n : n * count_;
  }

 private:
  const int64_t count_;  // negative: without an end
};

absl::Status CheckAtLeast(const char* what, int64_t value, int64_t least) {
  if (value >= least) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("Dataset::", what, " must be at least ", least, ", but is ", value));
}

}  // namespace

absl::StatusOr<std::optional<DatasetIterator::Samples>> DatasetIterator::NextSamples(int64_t n) {
  std::vector<Element> samples;
  while (static_cast<int64_t>(samples.size()) < n) {
    ADJOINT_ASSIGN_OR_RETURN(std::optional<Element> element, Next());
    if (!element.has_value()) break;
    samples.push_back(*std::move(element));
  }
  if (samples.empty()) return std::nullopt;
  ADJOINT_ASSIGN_OR_RETURN(Element batch, Stack(samples, taken_));
  taken_ += static_cast<int64_t>(samples.size());
  return Samples{std::move(batch), static_cast<int64_t>(samples.size())};
}

absl::StatusOr<int64_t> DatasetIterator::Skip(int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    ADJOINT_ASSIGN_OR_RETURN(const std::optional<Element> element, Next());
    if (!element.has_value()) return i;
  }
  return n;
}

Dataset Dataset::FromTensors(std::vector<Component> x, std::vector<Component> y,
                             std::vector<Component> sample_weight) {
  if (x.empty()) return Dataset(absl::InvalidArgumentError("Dataset::FromTensors: x is empty"));
  for (const std::vector<Component>* list : {&x, &y, &sample_weight}) {
    for (const Component& component : *list) {
      const char* const name = list == &x ? "x" : list == &y ? "y" : "sample_weight";
      const Tensor* const tensor = std::get_if<Tensor>(&component);
      if (tensor != nullptr && tensor->shape().rank() == 0) {
        return Dataset(absl::InvalidArgumentError(
            absl::StrCat("Dataset::FromTensors: ", name, " is a scalar, ", ToString(component),
                         "; its first axis must count the samples")));
      }
      if (RowsOf(component) != RowsOf(x[0])) {
        return Dataset(absl::InvalidArgumentError(
            absl::StrCat("Dataset::FromTensors: x has ", RowsOf(x[0]), " rows (", ToString(x[0]),
                         "), but ", list == &x ? "another x" : name, " has ", RowsOf(component),
                         " (", ToString(component), "); they must have equally many")));
      }
    }
  }
  return Dataset(MakeTensorsNode({std::move(x), std::move(y), std::move(sample_weight)}));
}

Dataset Dataset::FromGenerator(std::function<absl::StatusOr<Generator>(int64_t epoch)> make,
                               int64_t size) {
  if (!make) return Dataset(absl::InvalidArgumentError("Dataset::FromGenerator: no function"));
  return Dataset(std::make_shared<GeneratorNode>(std::move(make), size));
}

Dataset Dataset::Map(std::function<absl::StatusOr<Element>(Element)> fn, MapOptions options) const {
  if (!fn && status_.ok()) return Dataset(absl::InvalidArgumentError("Dataset::Map: no function"));
  return Map([fn = std::move(fn)](Element element, RandomStream) { return fn(std::move(element)); },
             options);
}

Dataset Dataset::Map(std::function<absl::StatusOr<Element>(Element, RandomStream random)> fn,
                     MapOptions options) const {
  if (!status_.ok()) return *this;
  if (!fn) return Dataset(absl::InvalidArgumentError("Dataset::Map: no function"));
  return Dataset(std::make_shared<MapNode>(node_, std::move(fn), options));
}

Dataset Dataset::Filter(std::function<absl::StatusOr<bool>(const Element&)> fn) const {
  if (!status_.ok()) return *this;
  if (!fn) return Dataset(absl::InvalidArgumentError("Dataset::Filter: no function"));
  return Dataset(std::make_shared<FilterNode>(node_, std::move(fn)));
}

Dataset Dataset::Shuffle(ShuffleOptions options) const {
  if (!status_.ok()) return *this;
  absl::Status ok = CheckAtLeast("Shuffle: buffer_size", options.buffer_size, 0);
  if (ok.ok() && options.buffer_size == 0 && node_->size() == kInfinite) {
    ok = absl::InvalidArgumentError(
        "Dataset::Shuffle: all elements of a dataset without an end; give a buffer_size");
  }
  if (!ok.ok()) return Dataset(ok);
  return Dataset(MakeShuffleNode(node_, options));
}

Dataset Dataset::Batch(int64_t batch_size, BatchOptions options) const {
  if (!status_.ok()) return *this;
  if (absl::Status s = CheckAtLeast("Batch: batch_size", batch_size, 1); !s.ok()) return Dataset(s);
  return Dataset(std::make_shared<BatchNode>(node_, batch_size, options));
}

Dataset Dataset::Prefetch(int64_t buffer_size) const {
  if (!status_.ok()) return *this;
  if (absl::Status s = CheckAtLeast("Prefetch: buffer_size", buffer_size, 1); !s.ok()) {
    return Dataset(s);
  }
  return Dataset(MakePrefetchNode(node_, buffer_size));
}

Dataset Dataset::Take(int64_t count) const {
  if (!status_.ok()) return *this;
  if (absl::Status s = CheckAtLeast("Take: count", count, 0); !s.ok()) return Dataset(s);
  return Dataset(std::make_shared<SliceNode>(node_, 0, count));
}

Dataset Dataset::Skip(int64_t count) const {
  if (!status_.ok()) return *this;
  if (absl::Status s = CheckAtLeast("Skip: count", count, 0); !s.ok()) return Dataset(s);
  return Dataset(std::make_shared<SliceNode>(node_, count, -1));
}

Dataset Dataset::Concat(const Dataset& other) const {
  if (!status_.ok()) return *this;
  if (!other.status_.ok()) return other;
  return Dataset(std::make_shared<ConcatNode>(node_, other.node_));
}

Dataset Dataset::Repeat(int64_t count) const {
  if (!status_.ok()) return *this;
  if (count != kInfinite) {
    if (absl::Status s = CheckAtLeast("Repeat: count", count, 0); !s.ok()) return Dataset(s);
  }
  return Dataset(std::make_shared<RepeatNode>(node_, count));
}

int64_t Dataset::size() const { return status_.ok() ? node_->size() : 0; }

Dataset::Unit Dataset::unit() const { return status_.ok() ? node_->unit() : Unit::kUnknown; }

absl::StatusOr<std::unique_ptr<DatasetIterator>> Dataset::Iterate(int64_t epoch) const {
  ADJOINT_RETURN_IF_ERROR(status_);
  return node_->Iterate(epoch);
}

absl::Status Dataset::ForEach(absl::FunctionRef<absl::Status(const Element&)> fn,
                              int64_t epoch) const {
  ADJOINT_ASSIGN_OR_RETURN(const IteratorPtr iterator, Iterate(epoch));
  while (true) {
    ADJOINT_ASSIGN_OR_RETURN(const std::optional<Element> element, iterator->Next());
    if (!element.has_value()) return absl::OkStatus();
    ADJOINT_RETURN_IF_ERROR(fn(*element));
  }
}

}  // namespace adjoint::datasets
