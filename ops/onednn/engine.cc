#include "ops/onednn/engine.h"

#include <omp.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace adjoint::ops::onednn {

const dnnl::engine& CpuEngine() {
  static const dnnl::engine* const engine = new dnnl::engine(dnnl::engine::kind::cpu, 0);
  return *engine;
}

OneThreadScope::OneThreadScope() : saved_(omp_get_max_threads()) {
  if (saved_ != 1) omp_set_num_threads(1);
}

OneThreadScope::~OneThreadScope() {
  if (saved_ != 1) omp_set_num_threads(saved_);
}

bool IsReferenceImplementation(absl::string_view impl_info) {
  return absl::StrContains(impl_info, "ref");
}

absl::Status ErrorFrom(absl::string_view doing, const dnnl::error& error) {
  const std::string message =
      absl::StrCat("oneDNN: ", doing, ": ", error.message == nullptr ? "failed" : error.message);
  return error.status == dnnl_out_of_memory ? absl::ResourceExhaustedError(message)
                                            : absl::InternalError(message);
}

dnnl::matmul::primitive_desc MakeMatMulDescriptor(const dnnl::memory::desc& lhs,
                                                  const dnnl::memory::desc& rhs,
                                                  const dnnl::memory::desc& bias,
                                                  const dnnl::memory::desc& out,
                                                  const dnnl::primitive_attr& attr) {
#if DNNL_VERSION_MAJOR >= 3
  return dnnl::matmul::primitive_desc(CpuEngine(), lhs, rhs, bias, out, attr,
                                      /*allow_empty=*/true);
#else
  return dnnl::matmul::primitive_desc(dnnl::matmul::desc(lhs, rhs, bias, out), attr, CpuEngine(),
                                      /*allow_empty=*/true);
#endif
}

}  // namespace adjoint::ops::onednn
