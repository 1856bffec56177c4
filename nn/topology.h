#ifndef ADJOINT_NN_TOPOLOGY_H_
#define ADJOINT_NN_TOPOLOGY_H_

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/dtype.h"
#include "core/shape.h"
#include "nn/layer.h"

namespace adjoint::nn {

class LayerOutput;

// A handle to a layer, as layer functions return it: cheap to copy; copies are the same layer.
// Called with outputs of other layers it makes an output of its own:
//
//   auto hidden = nn::Dense(16, {.activation = "relu"});
//   auto y = nn::Add()({hidden(a), hidden(b)});  // one layer with one kernel, called twice
class LayerHandle {
 public:
  template <typename L, typename = std::enable_if_t<std::is_base_of_v<Layer, L>>>
  LayerHandle(std::shared_ptr<L> layer) : layer_(std::move(layer)) {}  // NOLINT: implicit

  LayerOutput operator()(const LayerOutput& input) const;
  LayerOutput operator()(std::vector<LayerOutput> inputs) const;

  const std::shared_ptr<const Layer>& layer() const { return layer_; }

 private:
  std::shared_ptr<const Layer> layer_;
};

// A layer of the user's class: nn::Make<MyLayer>(arguments of its constructor).
template <typename L, typename... Args>
LayerHandle Make(Args&&... args) {
  return LayerHandle(std::make_shared<L>(std::forward<Args>(args)...));
}

// One use of a layer. Immutable.
struct LayerCall {
  std::shared_ptr<const Layer> layer;
  std::vector<LayerOutput> inputs;
  int64_t order;  // of calls in this process: earlier ones have smaller numbers
};

// An output of a layer in a network that is being described: no numbers yet, only where they will
// come from. Cheap to copy.
class LayerOutput {
 public:
  LayerOutput(std::shared_ptr<const LayerCall> call, int index)
      : call_(std::move(call)), index_(index) {}

  const std::shared_ptr<const LayerCall>& call() const { return call_; }
  int index() const { return index_; }
  // For layers of several outputs: output `index` of the same call. The first one is what calling
  // a layer returns.
  LayerOutput Output(int index) const { return LayerOutput(call_, index); }

 private:
  std::shared_ptr<const LayerCall> call_;
  int index_;
};

// One output or several.
class OutputList {
 public:
  OutputList(LayerOutput output) : outputs_({std::move(output)}) {}  // NOLINT: implicit
  OutputList(std::initializer_list<LayerOutput> outputs) : outputs_(outputs) {}
  OutputList(std::vector<LayerOutput> outputs) : outputs_(std::move(outputs)) {}  // NOLINT

  const std::vector<LayerOutput>& outputs() const { return outputs_; }

 private:
  std::vector<LayerOutput> outputs_;
};

// Where data enters. In the functional API it is an output to call layers with; as the first item
// of a Sequential it says what one sample looks like.
class InputOutput : public LayerOutput {
 public:
  explicit InputOutput(std::shared_ptr<const LayerCall> call) : LayerOutput(std::move(call), 0) {}
  operator LayerHandle() const;  // NOLINT: implicit
};

struct InputOptions {
  DType dtype = DType::kF32;
  std::string name = {};
};

// Samples of this shape, the batch left out: Input({784}). Dims may be symbols.
InputOutput Input(Shape shape, InputOptions options = {},
                  std::source_location location = std::source_location::current());

// The layer behind Input. Without a shape it takes that of the first data.
class InputLayer final : public Layer {
 public:
  InputLayer(const Shape* shape, DType dtype, std::string name, std::source_location location);

  std::string ClassName() const override { return "Input"; }
  absl::StatusOr<Attrs> Config() const override;
  std::vector<Value> Call(CallContext& context, absl::Span<const Value> inputs) const override;

  bool has_shape() const { return has_shape_; }
  // "batch" and the shape. Requires has_shape().
  TensorSpec spec() const;

 private:
  const bool has_shape_;
  const Shape shape_;
  const DType dtype_;
};

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_TOPOLOGY_H_
