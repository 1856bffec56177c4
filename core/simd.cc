#include "core/simd.h"

#include <cstdio>
#include <cstdlib>
#include <string>

namespace adjoint {
namespace {

Isa DetectIsa() {
  __builtin_cpu_init();
  // __builtin_cpu_supports also asks whether the operating system saves the registers.
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return Isa::kBaseline;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")) {
    return Isa::kAvx512;
  }
  return Isa::kAvx2;
}

}  // namespace

const char* IsaName(Isa isa) {
  switch (isa) {
    case Isa::kAvx512:
      return "avx512";
    case Isa::kAvx2:
      return "avx2";
    case Isa::kBaseline:
      break;
  }
  return "baseline";
}

Isa DetectedIsa() {
  static const Isa isa = DetectIsa();
  return isa;
}

Isa CurrentIsa() {
  static const Isa isa = [] {
    simd_internal::IsaChoice choice =
        simd_internal::ChooseIsa(DetectedIsa(), std::getenv("ADJOINT_MAX_ISA"));
    if (!choice.warning.empty()) std::fprintf(stderr, "%s\n", choice.warning.c_str());
    return choice.isa;
  }();
  return isa;
}

namespace simd_internal {

IsaChoice ChooseIsa(Isa detected, const char* cap) {
  if (cap == nullptr || *cap == '\0') return {detected, ""};
  for (Isa isa : {Isa::kBaseline, Isa::kAvx2, Isa::kAvx512}) {
    if (IsaName(isa) == std::string(cap)) return {isa < detected ? isa : detected, ""};
  }
  return {detected, std::string("ADJOINT_MAX_ISA=") + cap +
                        " is ignored: it must be baseline, avx2 or avx512; using " +
                        IsaName(detected)};
}

}  // namespace simd_internal
}  // namespace adjoint
