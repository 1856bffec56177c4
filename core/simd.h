// Choice of the instruction set at run time.
//
// The project is compiled for baseline x86-64 (SSE2). A kernel's loop is written once and compiled
// three times, for SSE2, AVX2 and AVX-512, in the ordinary .cc file of its op; the copy is chosen
// when the program runs:
//
//   namespace {
//   struct AddRow {
//     static ADJOINT_INLINE void Run(const float* __restrict x, float* __restrict y, int64_t n) {
//       for (int64_t i = 0; i < n; ++i) y[i] += x[i];
//     }
//   };
//   }  // namespace
//   ...
//   static const auto add_row = Simd<AddRow>::Select();   // a plain function pointer
//   add_row(x, y, n);
//
// Rules for a kernel's author:
//
// 1. The body is a struct (or an instance of a struct template) in the .cc file's anonymous
//    namespace with one static, non-overloaded ADJOINT_INLINE function `Run`. Functions that it
//    calls in its loop are ADJOINT_INLINE too (those of core/vec_math.h are). Only then is their
//    code compiled for the copy's instruction set.
// 2. Nothing else may be called in the loop. A function that is not inlined (std:: inline functions
//    and lambdas included) is compiled for baseline: that is right, but slow, and stops the
//    vectoriser. It is also why this scheme is safe: the only functions with AVX code are
//    Simd<Body>::Avx2 and Simd<Body>::Avx512, whose names differ from Simd<Body>::Baseline, so that
//    the linker, which merges inline functions of one name, never puts one in place of another.
//    Compiling whole files with -mavx2 has no such guarantee. Do not use `#pragma GCC target`.
// 3. The file is compiled with ADJOINT_KERNEL_COPTS of //third_party:adjoint.bzl:
//      -O2 -ftree-vectorize -fvect-cost-model=dynamic -fno-math-errno -fno-trapping-math
//      -ffp-contract=off -fno-thread-jumps -fpeel-loops --param=max-completely-peeled-insns=60
//    The last two unroll loops of few turns, such as those over lanes of rule 5. Loops vectorise
//    when their bodies are free of branches: write selects, `c ? a : b` with both sides computed
//    (jump threading would split the paths again). Mark pointers __restrict, as function
//    parameters.
// 4. Contraction is off: a*b+c rounds twice on every instruction set, so an elementwise kernel
// gives
//    the same bits on all of them, whether an element falls into the vector loop or the tail. A
//    kernel that lives on multiply-adds (matmul-like) may append -ffp-contract=fast; its bits then
//    depend on the CPU.
// 5. The compiler may not reassociate sums, so a reduction says its own order: a fixed number of
//    accumulators, the same in all copies, in a local array that the compiler keeps in registers:
//      float sum[32] = {};
//      int64_t i = 0;
//      for (; i + 32 <= n; i += 32) {
//        for (int lane = 0; lane < 32; ++lane) sum[lane] += x[i + lane];
//      }
//      for (int lane = 0; i + lane < n; ++lane) sum[lane] += x[i + lane];
//      for (int width = 16; width > 0; width /= 2) {
//        for (int lane = 0; lane < width; ++lane) sum[lane] += sum[lane + width];
//      }
//
// The environment variable ADJOINT_MAX_ISA=baseline|avx2|avx512 caps the choice; it is read once.
// All functions here are safe to call from any thread, and during static initialisation.

#ifndef ADJOINT_CORE_SIMD_H_
#define ADJOINT_CORE_SIMD_H_

#include <string>

#define ADJOINT_INLINE inline __attribute__((always_inline))
#define ADJOINT_TARGET_AVX2 __attribute__((target("avx2,fma")))
#define ADJOINT_TARGET_AVX512 \
  __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma,prefer-vector-width=512")))

namespace adjoint {

// In the order of preference; a CPU that has one has those before it.
enum class Isa {
  kBaseline,  // x86-64: SSE2
  kAvx2,      // AVX2 and FMA
  kAvx512,    // AVX-512 F, VL, BW and DQ
};

// "baseline", "avx2" or "avx512": the words that ADJOINT_MAX_ISA takes.
const char* IsaName(Isa isa);

// The best that this CPU and operating system have.
Isa DetectedIsa();

// DetectedIsa() capped by ADJOINT_MAX_ISA. An unknown word in that variable is ignored, with a line
// on standard error. Constant for the life of the process.
Isa CurrentIsa();

namespace simd_internal {

struct IsaChoice {
  Isa isa;
  std::string warning;  // empty, or a line for the user
};

// What CurrentIsa() computes; `cap` is the variable's value, null when it is not set.
IsaChoice ChooseIsa(Isa detected, const char* cap);

}  // namespace simd_internal

// Three copies of Body::Run, compiled for the three instruction sets.
template <class Body, class Fn = decltype(&Body::Run)>
struct Simd;

template <class Body, class Result, class... Args>
struct Simd<Body, Result (*)(Args...)> {
  using Function = Result (*)(Args...);

  static Result Baseline(Args... args) { return Body::Run(args...); }
  ADJOINT_TARGET_AVX2 static Result Avx2(Args... args) { return Body::Run(args...); }
  ADJOINT_TARGET_AVX512 static Result Avx512(Args... args) { return Body::Run(args...); }

  // The copy for `isa`. The caller answers for isa <= DetectedIsa(); anything higher is an illegal
  // instruction. For tests and benchmarks; kernels use Select().
  static Function For(Isa isa) {
    switch (isa) {
      case Isa::kAvx512:
        return &Avx512;
      case Isa::kAvx2:
        return &Avx2;
      case Isa::kBaseline:
        break;
    }
    return &Baseline;
  }

  // The copy for CurrentIsa(). Never null.
  static Function Select() { return For(CurrentIsa()); }
};

}  // namespace adjoint

#endif  // ADJOINT_CORE_SIMD_H_
