#ifndef ADJOINT_NN_COMPILED_STEP_H_
#define ADJOINT_NN_COMPILED_STEP_H_

#include <memory>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "graph/function.h"
#include "nn/model.h"
#include "nn/programs.h"

// For Model's own files.

namespace adjoint::nn {

// A program for one kind of data.
struct Model::CompiledStep {
  std::string name;     // "train"
  std::string kind;     // of data: specs as text
  bool frozen = false;  // with the weights as constants
  std::unique_ptr<graph::Function> function;
  std::vector<Reported> reported;
  std::vector<Tensor> outputs;  // of the last run, used again
};

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_COMPILED_STEP_H_
