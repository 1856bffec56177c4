#ifndef ADJOINT_DATASETS_SYNTHETIC_REVIEWS_H_
#define ADJOINT_DATASETS_SYNTHETIC_REVIEWS_H_

#include <cstdint>
#include <string>
#include <vector>

namespace adjoint::datasets {

struct TextReview {
  std::string text;  // ASCII, one paragraph, no line breaks
  int label = 0;     // 1 = the writer liked the film, 0 = did not
};

struct ReviewCorpus {
  std::vector<TextReview> train, test;
};

// English film reviews composed by a grammar: a stand-in for a real corpus where none is at hand.
//
// A review talks about an invented film: opening, plot, opinions on its parts, verdict, 30 to 250
// words in all. Its label is its overall stance. No label is wrong, but single sentences may point
// the other way: concessions, negations, what others said, sarcasm, and plots that use sad and
// happy words alike. Accuracy measured on it says nothing about accuracy on real reviews.
//
// Deterministic: the same arguments give the same bytes on every platform. Half of each part is
// positive (one less than half where the size is odd), in random order; no text occurs twice in
// the corpus. Sizes below 0 count as 0. Thread-safe.
ReviewCorpus SyntheticReviews(uint64_t seed = 113, int train_size = 2000, int test_size = 2000);

}  // namespace adjoint::datasets

#endif  // ADJOINT_DATASETS_SYNTHETIC_REVIEWS_H_
