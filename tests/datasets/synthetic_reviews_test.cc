#include "datasets/synthetic_reviews.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "datasets/synthetic_reviews_grammar.h"
#include "gtest/gtest.h"

namespace adjoint::datasets {
namespace {

std::vector<std::string> Words(const std::string& text) {
  std::vector<std::string> words(1);
  for (char c : text) {
    if (absl::ascii_isalnum(c) || c == '\'') {
      words.back().push_back(absl::ascii_tolower(c));
    } else if (!words.back().empty()) {
      words.emplace_back();
    }
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

int BlankSeparated(const std::string& text) {
  return static_cast<int>(std::count(text.begin(), text.end(), ' ')) + 1;
}

// FNV-1a over label and text of each review.
uint64_t Fingerprint(const ReviewCorpus& corpus) {
  uint64_t hash = 0xCBF29CE484222325ull;
  const auto add = [&hash](unsigned char byte) { hash = (hash ^ byte) * 0x100000001B3ull; };
  for (const auto* part : {&corpus.train, &corpus.test}) {
    for (const TextReview& review : *part) {
      add(static_cast<unsigned char>('0' + review.label));
      for (char c : review.text) add(static_cast<unsigned char>(c));
      add('\n');
    }
  }
  return hash;
}

const ReviewCorpus& Corpus() {
  static const auto* const corpus = new ReviewCorpus(SyntheticReviews());
  return *corpus;
}

std::vector<const TextReview*> All() {
  std::vector<const TextReview*> all;
  for (const TextReview& review : Corpus().train) all.push_back(&review);
  for (const TextReview& review : Corpus().test) all.push_back(&review);
  return all;
}

// Accuracy on `test` of a multinomial naive Bayes model with add-one smoothing.
double NaiveBayesAccuracy(const std::vector<TextReview>& train,
                          const std::vector<TextReview>& test) {
  std::unordered_map<std::string, std::array<double, 2>> counts;
  std::array<double, 2> totals = {0, 0}, reviews = {0, 0};
  for (const TextReview& review : train) {
    reviews[review.label] += 1;
    for (const std::string& word : Words(review.text)) {
      counts[word][review.label] += 1;
      totals[review.label] += 1;
    }
  }
  const double vocabulary = static_cast<double>(counts.size());
  int right = 0;
  for (const TextReview& review : test) {
    double odds = std::log(reviews[1] / reviews[0]);
    for (const std::string& word : Words(review.text)) {
      const auto found = counts.find(word);
      if (found == counts.end()) continue;
      odds += std::log((found->second[1] + 1) / (totals[1] + vocabulary)) -
              std::log((found->second[0] + 1) / (totals[0] + vocabulary));
    }
    right += (odds > 0) == (review.label == 1);
  }
  return static_cast<double>(right) / static_cast<double>(test.size());
}

TEST(SyntheticReviewsTest, SameArgumentsGiveTheSameBytes) {
  EXPECT_EQ(Fingerprint(Corpus()), 15538535635576332056ull);
  EXPECT_EQ(Fingerprint(SyntheticReviews(5, 60, 40)), Fingerprint(SyntheticReviews(5, 60, 40)));
  EXPECT_NE(Fingerprint(SyntheticReviews(5, 60, 40)), Fingerprint(SyntheticReviews(6, 60, 40)));
}

TEST(SyntheticReviewsTest, SizesAndBalance) {
  const auto positives = [](const std::vector<TextReview>& part) {
    return std::count_if(part.begin(), part.end(), [](const auto& r) { return r.label == 1; });
  };
  EXPECT_EQ(Corpus().train.size(), 2000u);
  EXPECT_EQ(Corpus().test.size(), 2000u);
  EXPECT_EQ(positives(Corpus().train), 1000);
  EXPECT_EQ(positives(Corpus().test), 1000);
  // In random order: the first tenth is neither of one class nor far from balanced.
  const std::vector<TextReview> head(Corpus().train.begin(), Corpus().train.begin() + 200);
  EXPECT_GT(positives(head), 70);
  EXPECT_LT(positives(head), 130);

  const ReviewCorpus odd = SyntheticReviews(1, 7, 1);
  EXPECT_EQ(odd.train.size(), 7u);
  EXPECT_EQ(positives(odd.train), 3);
  EXPECT_EQ(positives(odd.test), 0);
  const ReviewCorpus none = SyntheticReviews(1, 0, -3);
  EXPECT_TRUE(none.train.empty());
  EXPECT_TRUE(none.test.empty());
}

TEST(SyntheticReviewsTest, LengthsAreSkewedBetweenThirtyAndTwoHundredFiftyWords) {
  std::vector<int> lengths;
  double mean = 0;
  for (const TextReview* review : All()) {
    lengths.push_back(BlankSeparated(review->text));
    mean += lengths.back() / 4000.0;
  }
  std::sort(lengths.begin(), lengths.end());
  EXPECT_GE(lengths.front(), 30);
  EXPECT_LE(lengths.back(), 250);
  EXPECT_LT(lengths[400], 60);
  EXPECT_GT(lengths[3600], 160);
  EXPECT_GT(lengths[2000], 80);
  EXPECT_LT(lengths[2000], 115);
  EXPECT_GT(mean, lengths[2000] + 3);  // the long tail is on the right
}

TEST(SyntheticReviewsTest, NoTextOccursTwice) {
  std::unordered_set<std::string> texts;
  for (const TextReview* review : All()) {
    EXPECT_TRUE(texts.insert(review->text).second) << review->text;
  }
  // Nor do reviews that differ only in the names at their front: compare the last 20 words.
  std::unordered_set<std::string> tails;
  for (const TextReview* review : All()) {
    const std::vector<std::string> words = Words(review->text);
    std::string tail;
    for (size_t i = words.size() - 20; i < words.size(); ++i) tail += words[i] + " ";
    tails.insert(tail);
  }
  EXPECT_GT(tails.size(), 3950u);
}

TEST(SyntheticReviewsTest, VocabularyIsRichAndSharedByBothClasses) {
  std::map<std::string, std::array<int, 2>> reviews_with;
  for (const TextReview* review : All()) {
    const std::vector<std::string> words = Words(review->text);
    for (const std::string& word : std::set<std::string>(words.begin(), words.end())) {
      ++reviews_with[word][review->label];
    }
  }
  EXPECT_GE(reviews_with.size(), 2000u);
  int common = 0, shared = 0;
  for (const auto& [word, count] : reviews_with) {
    if (count[0] + count[1] < 40) continue;
    ++common;
    shared += count[0] > 0 && count[1] > 0;
  }
  EXPECT_GT(common, 600);
  EXPECT_GT(shared, common * 85 / 100);
  // Words of opinion lean to one side and are at home on both.
  for (const char* word : {"great", "excellent", "recommend", "charm", "loved", "funny"}) {
    const auto& count = reviews_with[word];
    EXPECT_GE(count[1], count[0]) << word;
    EXPECT_GE(count[0], 10) << word;
  }
  for (const char* word : {"terrible", "awful", "poor", "hated", "weak", "dull"}) {
    const auto& count = reviews_with[word];
    EXPECT_GE(count[0], count[1]) << word;
    EXPECT_GE(count[1], 10) << word;
  }
}

TEST(SyntheticReviewsTest, TextIsCleanEnglish) {
  for (const TextReview* review : All()) {
    const std::string& text = review->text;
    ASSERT_EQ(text.find_first_of("{}|_@%=~\n\t\x01"), std::string::npos) << text;
    ASSERT_EQ(text.find("  "), std::string::npos) << text;
    ASSERT_TRUE(absl::ascii_isupper(text.front())) << text;
    ASSERT_EQ(text.back(), '.') << text;
    int quotes = 0;
    for (size_t i = 0; i < text.size(); ++i) {
      ASSERT_TRUE(absl::ascii_isprint(text[i])) << text;
      quotes += text[i] == '"';
      if (text[i] == ' ' && i + 1 < text.size()) {
        ASSERT_EQ(std::string(".,;:!?").find(text[i + 1]), std::string::npos) << text;
        if (text[i - 1] == '.' || text[i - 1] == '?' || text[i - 1] == '!') {
          ASSERT_TRUE(absl::ascii_isupper(text[i + 1])) << text.substr(i - 1);
        }
      }
    }
    ASSERT_EQ(quotes % 2, 0) << text;
    const std::vector<std::string> tokens = absl::StrSplit(text, ' ');
    for (size_t i = 0; i + 1 < tokens.size(); ++i) ASSERT_NE(tokens[i], tokens[i + 1]) << text;
    ASSERT_EQ(std::count(text.begin(), text.end(), '('), std::count(text.begin(), text.end(), ')'));
    const std::vector<std::string> words = Words(text);
    for (size_t i = 0; i + 1 < words.size(); ++i) {
      const std::string& next = words[i + 1];
      const bool vowel = std::string("aeio").find(next[0]) != std::string::npos;
      if (words[i] == "a") {
        ASSERT_FALSE(vowel && next != "one") << next << " in " << text;
      } else if (words[i] == "an") {
        ASSERT_TRUE(vowel || next[0] == 'u' || next == "honest" || next == "hour")
            << next << " in " << text;
      }
    }
  }
}

TEST(SyntheticReviewsTest, IsNeitherTrivialNorHopeless) {
  const double accuracy = NaiveBayesAccuracy(Corpus().train, Corpus().test);
  EXPECT_GT(accuracy, 0.78);
  EXPECT_LT(accuracy, 0.96);
  const std::vector<TextReview> fewer(Corpus().train.begin(), Corpus().train.begin() + 1200);
  EXPECT_GT(NaiveBayesAccuracy(fewer, Corpus().test), 0.80);
  // Another seed is as hard, and learning carries over: the stance is in the language.
  const ReviewCorpus other = SyntheticReviews(2024);
  EXPECT_NEAR(NaiveBayesAccuracy(other.train, other.test), accuracy, 0.03);
  EXPECT_NEAR(NaiveBayesAccuracy(Corpus().train, other.test), accuracy, 0.03);
}

TEST(SyntheticReviewsGrammarTest, EveryReferenceOfTheBuiltInGrammarResolves) {
  const absl::string_view texts[] = {kReviewNames, kReviewPlots, kReviewAspects, kReviewOpinions};
  const auto grammar = Grammar::Parse(texts);
  ASSERT_TRUE(grammar.ok()) << grammar.status();
  const std::set<std::string> bound = {"genre",  "genres", "lead",   "leadlast", "he",    "his",
                                       "hero",   "costar", "herhis", "other",    "title", "title2",
                                       "np",     "is",     "has",    "s",        "ies",   "weak",
                                       "strong", "one",    "two",    "director"};
  const std::map<char, std::vector<std::string>> heads = {
      {'%',
       {"western", "horror", "thriller", "comedy", "romance", "scifi", "war", "crime", "fantasy",
        "drama"}},
      {'@',
       {"acting", "story", "talk", "music", "camera", "pace", "craft", "ending", "humor", "people",
        "look", "mood"}}};
  EXPECT_TRUE(grammar->CheckReferences(bound, heads).ok())
      << grammar->CheckReferences(bound, heads);
  const absl::Status without = grammar->CheckReferences({}, heads);
  EXPECT_EQ(without.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(without.message().find("which is neither rule nor bound"), absl::string_view::npos);
}

TEST(SyntheticReviewsGrammarTest, ExpandsRulesBindingsAndHeads) {
  const absl::string_view texts[] = {
      "= s\n{who} hears {a} {@adj} {thing}\n= thing\nowl | _\n= music.adj\nodd\n=~ r\na | b | c"};
  const auto grammar = Grammar::Parse(texts);
  ASSERT_TRUE(grammar.ok()) << grammar.status();
  SplitMix64 rng(1);
  std::set<std::string> seen;
  std::map<std::string, int> ranked;
  for (int i = 0; i < 3000; ++i) {
    Grammar::Scope scope;
    scope.bindings["who"] = "she";
    scope.heads['@'] = "music";
    seen.insert(FinishText(grammar->Expand("s", scope, rng)));
    ++ranked[grammar->Expand("r", scope, rng)];
  }
  EXPECT_EQ(seen, (std::set<std::string>{"She hears an odd owl", "She hears an odd"}));
  // Weights 1/3, 1/4, 1/5: shares of 20, 15 and 12 in 47.
  EXPECT_NEAR(ranked["a"], 3000 * 20 / 47, 100);
  EXPECT_NEAR(ranked["b"], 3000 * 15 / 47, 100);
  EXPECT_NEAR(ranked["c"], 3000 * 12 / 47, 100);
  // Within one scope options are used up before they come again.
  Grammar::Scope scope;
  std::set<std::string> first;
  for (int i = 0; i < 2; ++i) first.insert(grammar->Expand("r", scope, rng));
  EXPECT_EQ(first.size(), 2u);
  EXPECT_EQ(grammar->Expand("missing", scope, rng), "{missing}");
}

TEST(SyntheticReviewsGrammarTest, ParseNamesTheLineAtFault) {
  const auto message = [](absl::string_view text) {
    const absl::string_view texts[] = {text};
    const auto grammar = Grammar::Parse(texts);
    return grammar.ok() ? std::string("OK") : std::string(grammar.status().message());
  };
  EXPECT_EQ(message("x | y"),
            "Reading a grammar: line 1, \"x | y\": an option stands before the first rule");
  EXPECT_EQ(message("= a\nx\n= a\ny"),
            "Reading a grammar: line 3, \"= a\": a rule of this name is already there");
  EXPECT_EQ(message("= a\n\n= b\ny"),
            "Reading a grammar: line 3, \"= b\": the rule before it, a, has no options");
  EXPECT_EQ(message("= a"), "Reading a grammar: the last rule, a, has no options");
  EXPECT_EQ(message("="), "Reading a grammar: line 1, \"=\": a rule needs a name");
  EXPECT_EQ(message("= a\nx {b"), "Reading a grammar: line 2, \"x {b\": its braces do not match");
  EXPECT_EQ(message("= a\nx } {"), "Reading a grammar: line 2, \"x } {\": its braces do not match");
  EXPECT_EQ(message("= a\nx | | y"),
            "Reading a grammar: line 2, \"x | | y\": an empty option is written _");
}

TEST(SyntheticReviewsGrammarTest, FinishTextSettlesArticlesBlanksAndCapitals) {
  EXPECT_EQ(FinishText("\x01 honest man  meets \x01 union man . he left"),
            "An honest man meets a union man. He left");
  EXPECT_EQ(FinishText("\x01 used car, \x01 uninspired plot, \x01 one-note hero, \x01 hour "),
            "A used car, an uninspired plot, a one-note hero, an hour");
  EXPECT_EQ(FinishText("called it \"dull.\" so what? nothing"),
            "Called it \"dull.\" So what? Nothing");
  EXPECT_EQ(FinishText(""), "");
}

}  // namespace
}  // namespace adjoint::datasets
