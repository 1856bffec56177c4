#ifndef ADJOINT_APPS_IMDB_NETWORKS_NAIVE_BAYES_H_
#define ADJOINT_APPS_IMDB_NETWORKS_NAIVE_BAYES_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "nn/topology.h"

namespace adjoint::apps::imdb {

// ln((smoothing + positive) / |smoothing + positive|_1) - ln((smoothing + negative) /
// |smoothing + negative|_1) for each feature: the log-count ratio of multinomial naive Bayes on
// binary features (Wang and Manning 2012, "Baselines and Bigrams", equation 2). Counts are those of
// texts of each label that have the feature.
std::vector<float> LogCountRatio(absl::Span<const int32_t> positive,
                                 absl::Span<const int32_t> negative, double smoothing);

// A dense layer of one unit whose weights are naive Bayes' times the trained ones: of a sparse
// matrix x [batch, n] it gives sigmoid(x (ratio * kernel) + prior), [batch, 1], or the sigmoid's
// argument where `logits` is set. The variables ratio [n, 1] and prior [1] are frozen, at first 1
// and 0; kernel [n, 1] is trained from 0, with the penalty l2 times its squares.
nn::LayerHandle NaiveBayesDense(double l2, bool logits = false);

// So that models with this layer can be loaded. Thread-safe; once is enough.
void RegisterNaiveBayesDense();

}  // namespace adjoint::apps::imdb

#endif  // ADJOINT_APPS_IMDB_NETWORKS_NAIVE_BAYES_H_
