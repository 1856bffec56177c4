#ifndef ADJOINT_APPS_IMDB_RUN_PAGE_H_
#define ADJOINT_APPS_IMDB_RUN_PAGE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "apps/imdb/classifier.h"
#include "apps/imdb/report.h"

namespace adjoint::apps::imdb {

// A test review that the network was sure of and wrong about.
struct Mistake {
  int64_t index = 0;  // of the review: "decode INDEX --test"
  int label = 0;
  std::string text;
  Explanation explanation;
};

// The places of the reviews of this label whose predictions are wrong, the surest first, at most
// `most`.
std::vector<int64_t> SurestMistakes(absl::Span<const uint8_t> labels,
                                    absl::Span<const float> probabilities, int label, size_t most);

// All that report.html tells of a training. What is empty is left out.
struct RunPage {
  std::string title;                                          // "IMDB: positive or negative?"
  std::string subtitle;                                       // of data and model
  std::string tag;                                            // Corpus::Tag
  std::vector<std::pair<std::string, std::string>> settings;  // flag and value
  const Report* report = nullptr;    // history, evaluation and seconds; outlives this
  std::vector<double> step_seconds;  // of every step of training
  int64_t batch_size = 0;
  int64_t weights = 0;
  std::string network_svg;
  std::string tested;                // what was evaluated, where that is not what the curves show
  std::vector<uint8_t> labels;       // of the test reviews
  std::vector<float> probabilities;  // as many
  std::vector<Mistake> mistakes;
};

// One file without any reference outside.
std::string ToHtml(const RunPage& page);

}  // namespace adjoint::apps::imdb

#endif  // ADJOINT_APPS_IMDB_RUN_PAGE_H_
