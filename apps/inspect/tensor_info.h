#ifndef ADJOINT_APPS_INSPECT_TENSOR_INFO_H_
#define ADJOINT_APPS_INSPECT_TENSOR_INFO_H_

#include <string>

#include "apps/inspect/contents.h"
#include "core/tensor.h"

namespace adjoint::apps::inspect {

// What its spec tells.
TensorInfo Describe(const std::string& name, const TensorSpec& spec);
// The same, and with `stats` of its elements.
TensorInfo Describe(const std::string& name, const Tensor& tensor, bool stats);

}  // namespace adjoint::apps::inspect

#endif  // ADJOINT_APPS_INSPECT_TENSOR_INFO_H_
