#include "tests/ops/samples.h"

namespace adjoint::testing {
namespace {

template <typename T>
void Append(std::vector<T> part, std::vector<T>* all) {
  all->insert(all->end(), part.begin(), part.end());
}

}  // namespace

std::vector<Sample> AllSamples() {
  std::vector<Sample> all;
  Append(ElementwiseSamples(), &all);
  Append(MatMulSamples(), &all);
  Append(ShapeSamples(), &all);
  Append(ReduceSamples(), &all);
  Append(IndexingSamples(), &all);
  Append(SortSamples(), &all);
  Append(StatisticsSamples(), &all);
  Append(NormalizationSamples(), &all);
  Append(ScatterSamples(), &all);
  Append(RandomSamples(), &all);
  Append(LossSamples(), &all);
  Append(LinalgSamples(), &all);
  Append(RearrangeSamples(), &all);
  Append(ConvSamples(), &all);
  Append(PoolSamples(), &all);
  Append(ResizeSamples(), &all);
  return all;
}

std::vector<ErrorSample> AllErrors() {
  std::vector<ErrorSample> all;
  Append(ElementwiseErrors(), &all);
  Append(MatMulErrors(), &all);
  Append(ShapeErrors(), &all);
  Append(ReduceErrors(), &all);
  Append(IndexingErrors(), &all);
  Append(SortErrors(), &all);
  Append(StatisticsErrors(), &all);
  Append(NormalizationErrors(), &all);
  Append(ScatterErrors(), &all);
  Append(RandomErrors(), &all);
  Append(LossErrors(), &all);
  Append(LinalgErrors(), &all);
  Append(RearrangeErrors(), &all);
  Append(ConvErrors(), &all);
  Append(PoolErrors(), &all);
  Append(ResizeErrors(), &all);
  return all;
}

}  // namespace adjoint::testing
