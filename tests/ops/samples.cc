#include "tests/ops/samples.h"

namespace adjoint::testing {
namespace {

template <typename T>
std::vector<T> Concatenate(std::vector<std::vector<T>> parts) {
  std::vector<T> all;
  for (std::vector<T>& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

}  // namespace

std::vector<Sample> AllSamples() {
  return Concatenate<Sample>({ElementwiseSamples(), MatMulSamples(), ShapeSamples(),
                              ReduceSamples(), IndexingSamples(), RandomSamples(), LossSamples(),
                              LinalgSamples(), RearrangeSamples(), ConvSamples(), PoolSamples()});
}

std::vector<ErrorSample> AllErrors() {
  return Concatenate<ErrorSample>({ElementwiseErrors(), MatMulErrors(), ShapeErrors(),
                                   ReduceErrors(), IndexingErrors(), RandomErrors(), LossErrors(),
                                   LinalgErrors(), RearrangeErrors(), ConvErrors(), PoolErrors()});
}

}  // namespace adjoint::testing
