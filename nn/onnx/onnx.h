#ifndef ADJOINT_NN_ONNX_ONNX_H_
#define ADJOINT_NN_ONNX_ONNX_H_

#include <source_location>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "graph/onnx/export.h"
#include "nn/model.h"
#include "nn/topology.h"

namespace adjoint::nn {

// Writes what the model predicts with, network and weights, as an ONNX file: inputs "x0", "x1", ...
// and outputs "y0", ..., whose first axis is the dim "batch". Errors: a model without weights yet;
// a layer whose ops ONNX cannot express, by op.
absl::Status SaveOnnx(const Model& model, const std::string& path,
                      const onnx::ExportOptions& options = {});

struct OnnxLayerOptions {
  std::string name = {};
  // Whether the weights are trained further. Those of a BatchNormalization's statistics never are.
  bool trainable = true;
};

// A network read from an ONNX file as a layer, to be run, trained further, or put between other
// layers. Its weights are the layer's variables under the file's names and begin with the file's
// values; its inputs and outputs are those of the file, tensors all. It takes the shapes that it is
// given, whatever the file declares: a file for one sample runs on a batch, if its nodes allow
// that. Draws that the
// file makes follow the number of the training step.
//
// A model with such a layer is saved with the file's bytes in it. Errors: those of reading the
// file; what the importer refuses surfaces where the model is built.
absl::StatusOr<LayerHandle> LoadOnnx(
    const std::string& path, const OnnxLayerOptions& options = {},
    std::source_location location = std::source_location::current());

// Lets Model::Load make such layers; LoadOnnx does it too.
void RegisterOnnxLayer();

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_ONNX_ONNX_H_
