#ifndef ADJOINT_NN_COUNTING_METRICS_H_
#define ADJOINT_NN_COUNTING_METRICS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/tensor.h"
#include "nn/metrics.h"

namespace adjoint::nn {

// Metrics made of counts over all samples of an epoch: of tf.keras.metrics of TensorFlow 2.4
// (tensorflow/python/keras/metrics.py, utils/metrics_utils.py) where no other source is named. The
// training program counts; what is counted in a batch is exact up to 2^24. y_true counts as
// positive where it is not 0, y_pred where it is above the threshold; both have one shape, or
// differ by a last axis of 1. Divisions by 0 give 0.

struct AUCOptions {
  int num_thresholds = 200;   // at least 2
  std::string curve = "ROC";  // or "PR"
  std::string name = "auc";
};
// The area under the curve through the points of num_thresholds thresholds, the first just below 0,
// the last just above 1, and the others at equal distances: by trapezoids, for "PR" interpolated as
// Davis and Goadrich (2006) do. Predictions lie in 0..1.
Metric AUC(const AUCOptions& options = {});

struct ThresholdOptions {
  double threshold = 0.5;
  int64_t class_id = -1;  // of the last axis, the others do not count; -1: all
  std::string name = {};  // empty: that of the function, in snake case
};
// tp / (tp + fp).
Metric Precision(const ThresholdOptions& options = {});
// tp / (tp + fn).
Metric Recall(const ThresholdOptions& options = {});
Metric TruePositives(const ThresholdOptions& options = {});
Metric FalsePositives(const ThresholdOptions& options = {});
Metric TrueNegatives(const ThresholdOptions& options = {});
Metric FalseNegatives(const ThresholdOptions& options = {});

struct F1ScoreOptions {
  // "macro": the mean over the classes; "weighted": weighted by how often each is true; "micro": of
  // all classes' counts together.
  std::string average = "macro";
  // -1: the largest of a row counts as positive where there are several columns, and what is above
  // 0.5 where there is one.
  double threshold = -1;
  std::string name = "f1_score";
};
// 2 precision recall / (precision + recall), a class being a place of the last axis (Keras 3,
// keras/src/metrics/f_score_metrics.py).
Metric F1Score(const F1ScoreOptions& options = {});

// The root of the mean of (y_true - y_pred)^2 over all elements.
Metric RootMeanSquaredError(std::string name = "root_mean_squared_error");

// 1 - sum (y_true - y_pred)^2 / sum (y_true - mean y_true)^2, the mean over the columns; 0 for a
// column that is constant (Keras 3, keras/src/metrics/regression_metrics.py). In f64.
Metric R2Score(std::string name = "r2_score");

// How often class i (row) was predicted to be class j (column): i64[n, n], as
// tf.math.confusion_matrix. Class numbers are integers of one shape; n is num_classes or, when that
// is 0, one more than the greatest. Errors: other types, different shapes, a negative number or one
// of num_classes or more.
absl::StatusOr<Tensor> ConfusionMatrix(const Tensor& labels, const Tensor& predictions,
                                       int64_t num_classes = 0);

// For Metric: the counting metric that a name with numbers describes; NotFound when the name is
// none of theirs.
absl::StatusOr<Metric> CountingMetric(const std::string& name, absl::Span<const double> numbers);
// Their names.
std::string CountingMetricNames();

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_COUNTING_METRICS_H_
