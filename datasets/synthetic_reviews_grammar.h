#ifndef ADJOINT_DATASETS_SYNTHETIC_REVIEWS_GRAMMAR_H_
#define ADJOINT_DATASETS_SYNTHETIC_REVIEWS_GRAMMAR_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace adjoint::datasets {

// SplitMix64 (Steele, Lea and Flood 2014). All arithmetic is on unsigned integers, so that a seed
// means the same stream on every platform.
class SplitMix64 {
 public:
  explicit SplitMix64(uint64_t seed) : state_(seed) {}
  uint64_t Next();
  // In [0, n); n must be above 0.
  uint32_t Below(uint32_t n);
  // True `percent` times in a hundred.
  bool Percent(uint32_t percent) { return Below(100) < percent; }

 private:
  uint64_t state_;
};

// A context-free grammar that writes English text.
//
// Notation, one line at a time:
//   = name       starts a rule whose options are equally likely
//   =~ name      starts a rule whose options are rarer the later they stand (1 / (3 + position))
//   x | y | z    three options; a line break separates options too
//   _            the empty option
// and inside an option:
//   {name}       what `name` is bound to in the scope, otherwise an expansion of the rule `name`
//   {@name}      as {name} with "@" replaced by the head bound to it in the scope: with "@" bound
//                to "music", {@good} is the rule "music.good". "%" works alike.
//   {a}          "a" or "an", as the next word demands; settled by FinishText
class Grammar {
 public:
  // The state of one text under composition.
  struct Scope {
    std::map<std::string, std::string> bindings;
    std::map<char, std::string> heads;
    // Options already used, as (rule, option); Expand avoids them where it can.
    std::set<std::pair<int, int>> used;
  };

  // Fails with the line concerned for an option before the first rule, a rule defined twice or
  // without options, and an unclosed brace.
  static absl::StatusOr<Grammar> Parse(absl::Span<const absl::string_view> texts);

  // Fails with the first reference that is neither a rule nor one of `bound`; a reference through
  // a head must be a rule for every head that `heads` lists for its sign.
  absl::Status CheckReferences(const std::set<std::string>& bound,
                               const std::map<char, std::vector<std::string>>& heads) const;

  // An expansion of `rule`; a reference without a meaning stays as it is written, braces included.
  std::string Expand(absl::string_view rule, Scope& scope, SplitMix64& rng) const;

 private:
  struct Rule {
    std::string name;
    bool ranked = false;
    std::vector<std::string> options;
    uint32_t total_weight = 0;
  };

  int PickOption(int rule, Scope& scope, SplitMix64& rng) const;

  std::vector<Rule> rules_;
  std::unordered_map<std::string, int> index_;
};

// Makes proper sentences of an expansion: settles {a}, removes doubled blanks and blanks before
// punctuation, and begins each sentence with a capital letter.
std::string FinishText(absl::string_view raw);

// The text of the reviews' grammar, in the notation above.
extern const char kReviewNames[];
extern const char kReviewPlots[];
extern const char kReviewAspects[];
extern const char kReviewOpinions[];

}  // namespace adjoint::datasets

#endif  // ADJOINT_DATASETS_SYNTHETIC_REVIEWS_GRAMMAR_H_
