#include "nn/topology.h"

#include <atomic>

namespace adjoint::nn {
namespace {

std::shared_ptr<const LayerCall> NewCall(std::shared_ptr<const Layer> layer,
                                         std::vector<LayerOutput> inputs) {
  static std::atomic<int64_t> calls{0};
  return std::make_shared<const LayerCall>(
      LayerCall{.layer = std::move(layer), .inputs = std::move(inputs), .order = calls++});
}

}  // namespace

LayerOutput LayerHandle::operator()(const LayerOutput& input) const {
  return (*this)(std::vector<LayerOutput>{input});
}

LayerOutput LayerHandle::operator()(std::vector<LayerOutput> inputs) const {
  return LayerOutput(NewCall(layer_, std::move(inputs)), 0);
}

InputOutput::operator LayerHandle() const { return LayerHandle(call()->layer); }

InputOutput Input(Shape shape, InputOptions options, std::source_location location) {
  return InputOutput(NewCall(
      std::make_shared<InputLayer>(&shape, options.dtype, std::move(options.name), location), {}));
}

InputLayer::InputLayer(const Shape* shape, DType dtype, std::string name,
                       std::source_location location)
    : Layer(std::move(name), location),
      has_shape_(shape != nullptr),
      shape_(shape != nullptr ? *shape : Shape()),
      dtype_(dtype) {}

TensorSpec InputLayer::spec() const {
  Shape shape{Dim::Symbol("batch")};
  for (Dim d : shape_.dims()) shape.push_back(d);
  return {dtype_, shape};
}

absl::StatusOr<Attrs> InputLayer::Config() const {
  Attrs config{{"dtype", dtype_}};
  if (has_shape_) config.Set("shape", shape_);
  return config;
}

std::vector<Value> InputLayer::Call(CallContext&, absl::Span<const Value> inputs) const {
  return {inputs.begin(), inputs.end()};
}

}  // namespace adjoint::nn
