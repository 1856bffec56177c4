#ifndef ADJOINT_OPS_ONEDNN_ENGINE_H_
#define ADJOINT_OPS_ONEDNN_ENGINE_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "oneapi/dnnl/dnnl.hpp"

// What all builders of this folder share. Not for use outside it.

namespace adjoint::ops::onednn {

// The process's CPU engine. May throw dnnl::error the first time.
const dnnl::engine& CpuEngine();

// Makes oneDNN use one OpenMP thread on this thread while it lives, and restores what was set. Held
// while primitives are created (they plan for the number of threads) and while they run. Adjoint
// cuts the work into parts itself, for two reasons: gomp's workers spin, which makes a busy machine
// crawl, and oneDNN's own partition, and with it the bits of a result, depends on the number of
// threads.
class OneThreadScope {
 public:
  OneThreadScope();
  ~OneThreadScope();
  OneThreadScope(const OneThreadScope&) = delete;
  OneThreadScope& operator=(const OneThreadScope&) = delete;

 private:
  const int saved_;
};

// True for oneDNN's reference implementations ("ref:any"), which are up to 1,000 times slower than
// a plain loop of our own.
bool IsReferenceImplementation(absl::string_view impl_info);

// "oneDNN: <doing>: <what>".
absl::Status ErrorFrom(absl::string_view doing, const dnnl::error& error);

// A matmul's descriptor. The difference between oneDNN 2 and 3 lies here. Null when oneDNN has no
// implementation. `bias` may be an empty descriptor.
dnnl::matmul::primitive_desc MakeMatMulDescriptor(const dnnl::memory::desc& lhs,
                                                  const dnnl::memory::desc& rhs,
                                                  const dnnl::memory::desc& bias,
                                                  const dnnl::memory::desc& out,
                                                  const dnnl::primitive_attr& attr);

}  // namespace adjoint::ops::onednn

#endif  // ADJOINT_OPS_ONEDNN_ENGINE_H_
