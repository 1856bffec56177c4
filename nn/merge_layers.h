#ifndef ADJOINT_NN_MERGE_LAYERS_H_
#define ADJOINT_NN_MERGE_LAYERS_H_

#include <cstdint>
#include <source_location>
#include <string>

#include "nn/basic_layers.h"
#include "nn/topology.h"

namespace adjoint::nn {

// Layers that join two inputs or more, element by element; they broadcast. Add and Concatenate are
// in nn/basic_layers.h.
LayerHandle Multiply(LayerOptions options = {},
                     std::source_location location = std::source_location::current());
LayerHandle Average(LayerOptions options = {},
                    std::source_location location = std::source_location::current());
LayerHandle Maximum(LayerOptions options = {},
                    std::source_location location = std::source_location::current());
LayerHandle Minimum(LayerOptions options = {},
                    std::source_location location = std::source_location::current());
// The first of two inputs less the second.
LayerHandle Subtract(LayerOptions options = {},
                     std::source_location location = std::source_location::current());

struct DotOptions {
  // Divides each input by its length along its axis before, so that the result is the cosine.
  bool normalize = false;
  std::string name = {};
};

// Of each sample, the sum over the products along axis_a of the first of two inputs and axis_b of
// the second, the batch being axis 0: [batch,i,k] and [batch,j,k] give [batch,i,j] along (2, 2),
// and [batch,k] twice gives [batch,1] along (1, 1). Negative axes count from the end.
LayerHandle Dot(int64_t axis_a, int64_t axis_b, DotOptions options = {},
                std::source_location location = std::source_location::current());

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_MERGE_LAYERS_H_
