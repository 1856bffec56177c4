#ifndef ADJOINT_APPS_IMDB_NETWORK_H_
#define ADJOINT_APPS_IMDB_NETWORK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "apps/imdb/options.h"
#include "graph/executable.h"
#include "nn/model.h"

namespace adjoint::apps::imdb {

inline constexpr char kAccuracy[] = "binary_accuracy";

// The book's network by default, compiled, with weights for rows of num_words columns:
// Dense(16, relu), Dense(16, relu), Dense(1, sigmoid). Errors: not enough memory.
absl::StatusOr<nn::Model> MakeModel(const Options& options, const nn::DataList& x);

// How a model's programs are compiled, by --memory_limit and --dump_passes.
graph::CompileOptions CompileOptionsFrom(const Options& options);

// Rows of the first kernel; the units of the hidden layers. Errors: a model of another kind than
// MakeModel's, such as one with several inputs or without a single output column.
absl::StatusOr<int64_t> InputColumns(const nn::Model& model);
absl::StatusOr<std::vector<int64_t>> HiddenUnits(const nn::Model& model);

// The SHA-256 of the bytes of all weights, in the order of layers.
absl::StatusOr<std::string> WeightsSha256(const nn::Model& model);

}  // namespace adjoint::apps::imdb

#endif  // ADJOINT_APPS_IMDB_NETWORK_H_
