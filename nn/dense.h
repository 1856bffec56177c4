#ifndef ADJOINT_NN_DENSE_H_
#define ADJOINT_NN_DENSE_H_

#include <cstdint>
#include <source_location>
#include <string>

#include "nn/activations.h"
#include "nn/initializers.h"
#include "nn/regularizers.h"
#include "nn/topology.h"

namespace adjoint::nn {

struct DenseOptions {
  ActivationFunction activation = {};
  bool use_bias = true;
  Initializer kernel_initializer = "glorot_uniform";
  Initializer bias_initializer = "zeros";
  Regularizer kernel_regularizer = {};
  Regularizer bias_regularizer = {};
  std::string name = {};
};

// activation(x kernel + bias) over the last axis of x: [..., in] gives [..., units]. The variables
// are kernel [in, units] and bias [units], f32. Takes a sparse matrix as it takes a dense tensor;
// elements of other types are converted to f32.
LayerHandle Dense(int64_t units, DenseOptions options = {},
                  std::source_location location = std::source_location::current());

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_DENSE_H_
