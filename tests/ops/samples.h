#ifndef ADJOINT_TESTS_OPS_SAMPLES_H_
#define ADJOINT_TESTS_OPS_SAMPLES_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "core/tensor_spec.h"
#include "ops/var.h"

namespace adjoint::testing {

// One operand of a sample. A floating operand is drawn in f64 and cast to the type a test runs in;
// operands of other types keep their dtype.
struct SampleArg {
  TensorSpec spec;            // dtype f32 stands for "the floating type under test"
  double low = -2, high = 2;  // uniform in [low, high); integers in [low, high], bools ignore it
  std::vector<double> values = {};  // when not empty, the elements themselves, row-major
};

// One use of an op, from which every generic test is made: forward against the reference kernel in
// f64, fast kernels against the reference in f32, gradients by random projection in f64 to second
// order, round trip through the model format, in-place safety.
struct Sample {
  std::string op;     // the op's name in AllOps()
  std::string label;  // tells samples of one op apart: "transposed", "zero_size"
  std::vector<SampleArg> args;
  // The op function under test; its first output is the one tests look at unless they look at all.
  std::function<std::vector<ops::Var>(absl::Span<const ops::Var>)> build;
  bool gradient = true;  // false where the op has none by definition
  int orders = 2;        // of its derivatives that there are; higher ones are refused by name
  bool in_f64 = true;    // false where the op takes no floating operand
  double f32_tolerance = 1e-5;   // |f32 - f64| <= tolerance * max(1, |f64|)
  std::string fast_kernel = {};  // the kernel an f32 run must take, "simd"; empty: any
};

// A misuse and what its message must contain (the rule with both numbers).
struct ErrorSample {
  std::string op;
  std::vector<SampleArg> args;
  std::function<std::vector<ops::Var>(absl::Span<const ops::Var>)> build;
  std::string message;
};

// The samples of every family, one file a family: tests/ops/samples_<family>.cc. Each op of
// AllOps() has at least one, with zero-size and broadcast cases where they make sense.
std::vector<Sample> ElementwiseSamples();
std::vector<Sample> MatMulSamples();    // matmul, CSR products
std::vector<Sample> ShapeSamples();     // reshape, transpose, broadcast, concat, slice, cast, ...
std::vector<Sample> ReduceSamples();    // sum, mean, softmax, log-softmax
std::vector<Sample> IndexingSamples();  // gather, scatter-add, one-hot
std::vector<Sample> SortSamples();
std::vector<Sample> ScatterSamples();
std::vector<Sample> NormalizationSamples();
std::vector<Sample> StatisticsSamples();
std::vector<Sample> RandomSamples();     // dropout
std::vector<Sample> LossSamples();       // compositions: op names the main primitive
std::vector<Sample> LinalgSamples();     // einsum, triangles, diagonals, factorizations
std::vector<Sample> RearrangeSamples();  // pad, tile, flip, roll, ..., iota
std::vector<Sample> ConvSamples();       // convolution and its gradients
std::vector<Sample> PoolSamples();
std::vector<Sample> ResizeSamples();  // axis maps, unfolding, sampling
std::vector<Sample> AllSamples();

std::vector<ErrorSample> ElementwiseErrors();
std::vector<ErrorSample> MatMulErrors();
std::vector<ErrorSample> LinalgErrors();
std::vector<ErrorSample> ShapeErrors();
std::vector<ErrorSample> RearrangeErrors();
std::vector<ErrorSample> ReduceErrors();
std::vector<ErrorSample> IndexingErrors();
std::vector<ErrorSample> SortErrors();
std::vector<ErrorSample> ScatterErrors();
std::vector<ErrorSample> NormalizationErrors();
std::vector<ErrorSample> StatisticsErrors();
std::vector<ErrorSample> RandomErrors();
std::vector<ErrorSample> LossErrors();
std::vector<ErrorSample> ConvErrors();
std::vector<ErrorSample> PoolErrors();
std::vector<ErrorSample> ResizeErrors();
std::vector<ErrorSample> AllErrors();

}  // namespace adjoint::testing

#endif  // ADJOINT_TESTS_OPS_SAMPLES_H_
