#ifndef ADJOINT_APPS_IMDB_CLASSIFIER_H_
#define ADJOINT_APPS_IMDB_CLASSIFIER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "apps/imdb/options.h"
#include "apps/imdb/report.h"
#include "nn/model.h"

namespace adjoint::apps::imdb {

// Why a text has its probability. Contributions are gradient x input of the logit,
// log(p / (1 - p)): what a word adds to it, in the linear model that the network is around this
// text.
struct Explanation {
  double probability = 0;
  double logit = 0;
  // What no word accounts for, such as biases: logit - the sum of the contributions.
  double base = 0;

  // The words of the text in their order. A word that stands there several times, or in several
  // features (n-grams), has its share of each; so these sum up to logit - base.
  struct Word {
    size_t begin = 0, end = 0;  // bytes of the text
    double contribution = 0;
    bool known = false;  // has a feature of its own: neither rare nor unheard of
  };
  std::vector<Word> words = {};

  // The features that the network saw, by falling size of their contribution. They sum up to
  // logit - base, too.
  struct Term {
    std::string text;   // "great", "not a minute"; "(rare word)"
    int64_t count = 0;  // of its places in the text
    double contribution = 0;
  };
  std::vector<Term> terms = {};
};

struct ClassifierInfo {
  std::string network;  // as --network names it: "mlp"
  std::string summary;  // a line: "10,000 words, hidden layers of 16,16 units"
  std::string source;   // of the reviews that it was trained on
  bool synthetic = false;
};

// A trained model that reads film reviews, with whatever turns a text into its network's input. Not
// thread-safe.
class Classifier {
 public:
  virtual ~Classifier() = default;

  virtual const ClassifierInfo& info() const = 0;

  // How likely each text is a positive review. Any bytes are a text, and so is none. `texts` are
  // one batch: the caller bounds their number.
  virtual absl::StatusOr<std::vector<float>> Predict(absl::Span<const std::string> texts) = 0;

  virtual absl::StatusOr<Explanation> Explain(absl::string_view text) = 0;

  // Whether anything in the text means something to the model; otherwise its prediction does not.
  virtual bool KnowsAWord(absl::string_view text) const = 0;

  // Errors: a flag was given that describes another model than this one. --encoding, where it is
  // given and makes sense, takes effect.
  virtual absl::Status Accept(const Options& options) = 0;

  // Source, weights and kernels.
  virtual absl::Status Describe(Report& report) const = 0;

  // The network, for pictures and numbers of weights. Never null; lives as long as this.
  virtual const nn::Model* model() const = 0;
};

// Puts the terms in their order.
void SortTerms(Explanation& explanation);

// A model file of any of the app's networks; its sections tell which. Errors name the path: no such
// file, a damaged one, a model that is none of reviews or does not fit together.
absl::StatusOr<std::unique_ptr<Classifier>> LoadClassifier(const std::string& path);

// The model of options.model, which has accepted the options.
absl::StatusOr<std::unique_ptr<Classifier>> LoadClassifierFor(const Options& options);

}  // namespace adjoint::apps::imdb

#endif  // ADJOINT_APPS_IMDB_CLASSIFIER_H_
