#include "datasets/synthetic_reviews.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "datasets/synthetic_reviews_grammar.h"

namespace adjoint::datasets {
namespace {

constexpr int kMinWords = 30;
constexpr int kMaxWords = 250;

// Deciles of the length aimed at, in words: about a log-normal law with median 96.
constexpr std::array<int, 11> kLengthDeciles = {32, 48, 61, 73, 84, 96, 110, 126, 148, 182, 245};

struct Genre {
  absl::string_view name;
  uint32_t liked;     // share of positive and of
  uint32_t disliked;  // negative reviews, in relative units
  bool jokes;
};

constexpr Genre kGenres[] = {
    {"western", 10, 9, true}, {"horror", 8, 13, false}, {"thriller", 10, 10, false},
    {"comedy", 10, 11, true}, {"romance", 10, 9, true}, {"scifi", 9, 12, false},
    {"war", 11, 8, false},    {"crime", 11, 9, true},   {"fantasy", 9, 11, true},
    {"drama", 12, 8, false},
};

constexpr absl::string_view kAspects[] = {"acting", "story",  "talk",   "music", "camera", "pace",
                                          "craft",  "ending", "people", "look",  "mood",   "humor"};

// How often a passing opinion agrees with the review's stance, and how common such reviews are.
struct Temper {
  uint32_t agreement_percent;
  uint32_t share;
};
constexpr Temper kTempers[] = {{95, 45}, {80, 35}, {60, 20}};

const Grammar& ReviewGrammar() {
  static const Grammar* const grammar = [] {
    const absl::string_view texts[] = {kReviewNames, kReviewPlots, kReviewAspects, kReviewOpinions};
    return new Grammar(Grammar::Parse(texts).value());
  }();
  return *grammar;
}

int CountWords(absl::string_view text) {
  int words = 0;
  bool inside = false;
  for (char c : text) {
    if (c != ' ' && !inside) ++words;
    inside = c != ' ';
  }
  return words;
}

class Composer {
 public:
  Composer(bool positive, uint64_t seed)
      : positive_(positive), rng_(seed), grammar_(ReviewGrammar()) {}

  std::string Compose() {
    SetScene();
    ChooseTemper();
    const int target = TargetWords();
    // Written first, placed last: the limit on the length must not cut the verdict.
    const std::string verdict = Verdict();
    words_ = CountWords(verdict);
    Add(Opening());
    AddPlot(target);
    while (words_ < kMinWords || words_ + 6 < target) {
      if (!Add(BodySentence())) break;
    }
    sentences_.push_back(verdict);
    std::string text;
    for (const std::string& sentence : sentences_) absl::StrAppend(&text, sentence, " ");
    return FinishText(text);
  }

 private:
  std::string Expand(absl::string_view rule) { return grammar_.Expand(rule, scope_, rng_); }
  void Bind(const char* name, std::string value) { scope_.bindings[name] = std::move(value); }
  std::string Stanced(absl::string_view rule, bool positive) {
    return absl::StrCat(rule, positive ? ".pos" : ".neg");
  }

  // False, and nothing added, where the review would grow too long.
  bool Add(std::string sentence) {
    const int words = CountWords(sentence);
    if (words_ + words > kMaxWords) return false;
    words_ += words;
    sentences_.push_back(std::move(sentence));
    return true;
  }

  std::string FullName(bool male) {
    std::string name = Expand(male ? "first.m" : "first.f");
    absl::StrAppend(&name, " ", Expand("surname"));
    return name;
  }

  void SetScene() {
    uint32_t total = 0;
    for (const Genre& g : kGenres) total += positive_ ? g.liked : g.disliked;
    uint32_t at = rng_.Below(total);
    const Genre* genre = kGenres;
    while (at >= (positive_ ? genre->liked : genre->disliked)) {
      at -= positive_ ? genre->liked : genre->disliked;
      ++genre;
    }
    jokes_ = genre->jokes;
    scope_.heads['%'] = std::string(genre->name);
    Bind("genre", Expand(absl::StrCat(genre->name, ".kind")));
    Bind("genres", Expand(absl::StrCat(genre->name, ".kinds")));

    const bool lead_male = rng_.Percent(50);
    Bind("lead", FullName(lead_male));
    Bind("leadlast", scope_.bindings["lead"].substr(scope_.bindings["lead"].find(' ') + 1));
    Bind("he", lead_male ? "he" : "she");
    Bind("his", lead_male ? "his" : "her");
    Bind("hero", Expand(lead_male ? "character.m" : "character.f"));
    const bool costar_male = rng_.Percent(50);
    Bind("costar", FullName(costar_male));
    Bind("herhis", costar_male ? "his" : "her");
    Bind("other", Expand("character.other"));
    Bind("director", FullName(rng_.Percent(60)));
    Bind("title", Expand("title"));
    do {
      Bind("title2", Expand("title"));
    } while (scope_.bindings["title2"] == scope_.bindings["title"]);
  }

  void ChooseTemper() {
    uint32_t total = 0;
    for (const Temper& t : kTempers) total += t.share;
    uint32_t at = rng_.Below(total);
    const Temper* temper = kTempers;
    while (at >= temper->share) at -= (temper++)->share;
    agreement_percent_ = temper->agreement_percent;
    sarcasm_percent_ = positive_ ? 0 : rng_.Percent(12) ? 35 : 4;
  }

  int TargetWords() {
    const uint32_t at = rng_.Below(1000);
    const int low = kLengthDeciles[at / 100], high = kLengthDeciles[at / 100 + 1];
    return low + (high - low) * static_cast<int>(at % 100) / 100;
  }

  // Makes one part of the film the subject of the next clause. Parts come up again only after all
  // others have had their turn.
  void ChooseAspect() {
    if (aspects_.empty()) {
      aspects_.assign(std::begin(kAspects), std::end(kAspects) - (jokes_ ? 0 : 1));
    }
    const uint32_t at = rng_.Below(static_cast<uint32_t>(aspects_.size()));
    const std::string aspect(aspects_[at]);
    aspects_.erase(aspects_.begin() + at);
    scope_.heads['@'] = aspect;
    const bool plural = rng_.Percent(40);
    Bind("np", Expand(absl::StrCat(aspect, plural ? ".pl" : ".sg")));
    Bind("is", plural ? "are" : "is");
    Bind("has", plural ? "have" : "has");
    Bind("s", plural ? "" : "s");
    Bind("ies", plural ? "y" : "ies");
  }

  // A clause without its full stop.
  std::string Clause(bool praise) {
    ChooseAspect();
    return Expand(praise ? "praise" : "blame");
  }

  // A clause that agrees with the stance.
  std::string StrongClause() {
    return rng_.Percent(30) ? Expand(Stanced("overall", positive_)) : Clause(positive_);
  }

  std::string Opening() {
    if (rng_.Percent(60)) return Expand("opening.neutral");
    Bind("strong", StrongClause());
    return Expand(Stanced("opening", positive_));
  }

  std::string Verdict() {
    Bind("strong", StrongClause());
    return Expand(Stanced("verdict", positive_));
  }

  void AddPlot(int target) {
    const int share = 10 + static_cast<int>(rng_.Below(25));
    const int limit = words_ + target * share / 100;
    if (target < 55 && rng_.Percent(50)) return;
    static constexpr absl::string_view kSteps[] = {"plot.setup", "plot.other"};
    for (size_t i = 0; words_ < limit; ++i) {
      if (i == 1 && rng_.Percent(35)) continue;
      if (!Add(Expand(i < std::size(kSteps) ? kSteps[i] : "plot.turn"))) return;
    }
  }

  std::string Connected(std::string sentence, bool praise) {
    const bool turns = last_opinion_ != 0 && (last_opinion_ > 0) != praise;
    const std::string link = last_opinion_ == 0 ? "" : Expand(turns ? "contrast" : "same");
    last_opinion_ = praise ? 1 : -1;
    return absl::StrCat(link, " ", sentence);
  }

  std::string BodySentence() {
    const uint32_t kind = rng_.Below(100);
    if (rng_.Percent(sarcasm_percent_)) {
      ChooseAspect();
      last_opinion_ = 0;
      return Expand("sarcasm");
    }
    if (kind < 9) return Expand("neutral");
    if (kind < 22) {
      Bind("weak", Clause(!positive_));
      Bind("strong", StrongClause());
      last_opinion_ = 0;
      return Expand("join");
    }
    if (kind < 28) {
      Bind("strong", StrongClause());
      ChooseAspect();
      last_opinion_ = 0;
      return Expand(Stanced("despite", positive_));
    }
    if (kind < 36) {
      ChooseAspect();
      last_opinion_ = 0;
      return Expand(Stanced("turn", positive_));
    }
    // Opinions against the stance never outnumber those for it, so that the label is plain.
    const bool pair = kind < 64;
    const int weight = pair ? 2 : 1;
    const bool agrees = rng_.Percent(agreement_percent_) || balance_ < weight;
    const bool praise = agrees == positive_;
    balance_ += agrees ? weight : -weight;
    if (pair) {
      Bind("one", Clause(praise));
      Bind("two", Clause(praise));
      return Connected(Expand("both"), praise);
    }
    return Connected(absl::StrCat(agrees ? StrongClause() : Clause(praise), "."), praise);
  }

  const bool positive_;
  SplitMix64 rng_;
  const Grammar& grammar_;
  Grammar::Scope scope_;
  std::vector<std::string> sentences_;
  std::vector<absl::string_view> aspects_;
  int words_ = 0;
  int balance_ = 0;       // opinions for the stance less those against it
  int last_opinion_ = 0;  // 1 praise, -1 blame, 0 neither
  uint32_t agreement_percent_ = 100;
  uint32_t sarcasm_percent_ = 0;
  bool jokes_ = true;
};

std::vector<TextReview> ComposePart(SplitMix64& seeds, int size,
                                    std::unordered_set<std::string>& seen) {
  std::vector<TextReview> reviews(std::max(size, 0));
  for (size_t i = 0; i < reviews.size() / 2; ++i) reviews[i].label = 1;
  for (size_t i = reviews.size(); i > 1; --i) {
    std::swap(reviews[i - 1].label, reviews[seeds.Below(static_cast<uint32_t>(i))].label);
  }
  for (TextReview& review : reviews) {
    do {
      review.text = Composer(review.label == 1, seeds.Next()).Compose();
    } while (!seen.insert(review.text).second);
  }
  return reviews;
}

}  // namespace

ReviewCorpus SyntheticReviews(uint64_t seed, int train_size, int test_size) {
  SplitMix64 seeds(seed);
  std::unordered_set<std::string> seen;
  ReviewCorpus corpus;
  corpus.train = ComposePart(seeds, train_size, seen);
  corpus.test = ComposePart(seeds, test_size, seen);
  return corpus;
}

}  // namespace adjoint::datasets
