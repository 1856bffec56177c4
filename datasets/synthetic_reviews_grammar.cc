#include "datasets/synthetic_reviews_grammar.h"

#include <cstddef>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace adjoint::datasets {
namespace {

constexpr char kArticle = '\x01';

uint32_t RankWeight(size_t position) { return 10000u / (3u + static_cast<uint32_t>(position)); }

bool TakesAn(absl::string_view next) {
  const std::string word = absl::AsciiStrToLower(next.substr(0, 8));
  for (absl::string_view silent : {"hour", "honest", "honor", "heir"}) {
    if (absl::StartsWith(word, silent)) return true;
  }
  for (absl::string_view glide :
       {"union", "unic", "uniq", "unit", "unif", "univ", "use", "usu", "eu", "one-", "one "}) {
    if (absl::StartsWith(word, glide)) return false;
  }
  return !word.empty() && absl::string_view("aeiou").find(word[0]) != absl::string_view::npos;
}

bool IsOneOf(char c, absl::string_view set) { return set.find(c) != absl::string_view::npos; }

}  // namespace

uint64_t SplitMix64::Next() {
  state_ += 0x9E3779B97F4A7C15ull;
  uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

uint32_t SplitMix64::Below(uint32_t n) {
  return static_cast<uint32_t>(((Next() >> 32) * static_cast<uint64_t>(n)) >> 32);
}

absl::StatusOr<Grammar> Grammar::Parse(absl::Span<const absl::string_view> texts) {
  Grammar grammar;
  for (absl::string_view text : texts) {
    Rule* rule = nullptr;
    int line_number = 0;
    for (absl::string_view line : absl::StrSplit(text, '\n')) {
      ++line_number;
      line = absl::StripAsciiWhitespace(line);
      if (line.empty()) continue;
      const auto fail = [&](absl::string_view what) {
        return absl::InvalidArgumentError(
            absl::StrCat("Reading a grammar: line ", line_number, ", \"", line, "\": ", what));
      };
      if (line[0] == '=') {
        if (rule != nullptr && rule->options.empty()) {
          return fail(absl::StrCat("the rule before it, ", rule->name, ", has no options"));
        }
        Rule next;
        next.ranked = absl::StartsWith(line, "=~");
        next.name = std::string(absl::StripAsciiWhitespace(line.substr(next.ranked ? 2 : 1)));
        if (next.name.empty()) return fail("a rule needs a name");
        if (!grammar.index_.emplace(next.name, static_cast<int>(grammar.rules_.size())).second) {
          return fail("a rule of this name is already there");
        }
        grammar.rules_.push_back(std::move(next));
        rule = &grammar.rules_.back();
        continue;
      }
      if (rule == nullptr) return fail("an option stands before the first rule");
      for (absl::string_view option : absl::StrSplit(line, '|')) {
        option = absl::StripAsciiWhitespace(option);
        if (option.empty()) return fail("an empty option is written _");
        int depth = 0;
        for (char c : option) {
          depth += c == '{' ? 1 : c == '}' ? -1 : 0;
          if (depth < 0 || depth > 1) break;
        }
        if (depth != 0) return fail("its braces do not match");
        rule->total_weight += rule->ranked ? RankWeight(rule->options.size()) : 1;
        rule->options.emplace_back(option == "_" ? "" : option);
      }
    }
    if (rule != nullptr && rule->options.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("Reading a grammar: the last rule, ", rule->name, ", has no options"));
    }
  }
  return grammar;
}

absl::Status Grammar::CheckReferences(const std::set<std::string>& bound,
                                      const std::map<char, std::vector<std::string>>& heads) const {
  for (const Rule& rule : rules_) {
    for (const std::string& option : rule.options) {
      for (size_t open = option.find('{'); open != std::string::npos;
           open = option.find('{', open + 1)) {
        const std::string name = option.substr(open + 1, option.find('}', open) - open - 1);
        if (name == "a" || bound.count(name) != 0) continue;
        std::vector<std::string> targets = {name};
        const auto head = name.empty() ? heads.end() : heads.find(name[0]);
        if (head != heads.end()) {
          targets.clear();
          for (const std::string& h : head->second) {
            targets.push_back(absl::StrCat(h, ".", name.substr(1)));
          }
        }
        for (const std::string& target : targets) {
          if (index_.count(target) != 0) continue;
          return absl::NotFoundError(absl::StrCat("Checking a grammar: rule ", rule.name,
                                                  ", option \"", option, "\", refers to \"", target,
                                                  "\", which is neither rule nor bound"));
        }
      }
    }
  }
  return absl::OkStatus();
}

int Grammar::PickOption(int rule_index, Scope& scope, SplitMix64& rng) const {
  const Rule& rule = rules_[rule_index];
  int choice = 0;
  for (int attempt = 0; attempt < 6; ++attempt) {
    uint32_t at = rng.Below(rule.total_weight);
    choice = 0;
    if (rule.ranked) {
      while (at >= RankWeight(choice)) at -= RankWeight(choice++);
    } else {
      choice = static_cast<int>(at);
    }
    if (rule.options[choice].empty() || scope.used.emplace(rule_index, choice).second) break;
  }
  return choice;
}

std::string Grammar::Expand(absl::string_view rule, Scope& scope, SplitMix64& rng) const {
  const auto found = index_.find(std::string(rule));
  if (found == index_.end()) return absl::StrCat("{", rule, "}");
  const std::string& option = rules_[found->second].options[PickOption(found->second, scope, rng)];
  std::string out;
  for (size_t i = 0; i < option.size();) {
    if (option[i] != '{') {
      out.push_back(option[i++]);
      continue;
    }
    const size_t close = option.find('}', i);
    std::string name = option.substr(i + 1, close - i - 1);
    i = close + 1;
    if (name == "a") {
      out.push_back(kArticle);
      continue;
    }
    const auto bound = scope.bindings.find(name);
    if (bound != scope.bindings.end()) {
      out += bound->second;
      continue;
    }
    const auto head = name.empty() ? scope.heads.end() : scope.heads.find(name[0]);
    if (head != scope.heads.end()) name = absl::StrCat(head->second, ".", name.substr(1));
    out += Expand(name, scope, rng);
  }
  return out;
}

std::string FinishText(absl::string_view raw) {
  std::string spaced;
  for (char c : raw) {
    if (c == ' ' && (spaced.empty() || spaced.back() == ' ')) continue;
    if (IsOneOf(c, ".,;:!?") && !spaced.empty() && spaced.back() == ' ') spaced.pop_back();
    spaced.push_back(c);
  }
  while (!spaced.empty() && spaced.back() == ' ') spaced.pop_back();

  std::string out;
  bool sentence_start = true;
  for (size_t i = 0; i < spaced.size(); ++i) {
    char c = spaced[i];
    if (c == kArticle) {
      const size_t next = spaced.find_first_not_of(" \"\x01", i);
      const bool an = next != std::string::npos && TakesAn(absl::string_view(spaced).substr(next));
      out += sentence_start ? (an ? "An" : "A") : (an ? "an" : "a");
      sentence_start = false;
      continue;
    }
    if (sentence_start && (absl::ascii_isalnum(c) != 0)) {
      c = absl::ascii_toupper(c);
      sentence_start = false;
    }
    out.push_back(c);
    if (IsOneOf(c, ".!?")) {
      const size_t after = i + 1 < spaced.size() && spaced[i + 1] == '"' ? i + 2 : i + 1;
      if (after >= spaced.size() || spaced[after] == ' ') sentence_start = true;
    }
  }
  return out;
}

}  // namespace adjoint::datasets
