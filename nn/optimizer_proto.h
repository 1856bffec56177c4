#ifndef ADJOINT_NN_OPTIMIZER_PROTO_H_
#define ADJOINT_NN_OPTIMIZER_PROTO_H_

#include "nn/network.pb.h"
#include "optim/optimizer.h"

namespace adjoint::nn {

// An optimizer's configuration as files hold it. Equal configurations give equal messages.
inline void ToProto(const optim::OptimizerConfig& config, proto::OptimizerProto* to) {
  to->set_name(config.name);
  for (const auto& [name, value] : config.values) {
    proto::HyperparameterProto* const field = to->add_values();
    field->set_name(name);
    field->set_value(value);
  }
  to->set_schedule(config.schedule);
}

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_OPTIMIZER_PROTO_H_
