#include <algorithm>
#include <cmath>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "apps/imdb/classifier.h"
#include "apps/imdb/commands.h"
#include "apps/imdb/corpus.h"
#include "apps/imdb/explained_text.h"
#include "apps/imdb/output.h"
#include "apps/imdb/report.h"
#include "apps/imdb/review_input.h"
#include "apps/imdb/terminal.h"
#include "apps/report/html.h"
#include "apps/report/page.h"
#include "core/io/file.h"
#include "core/status_macros.h"

namespace adjoint::apps::imdb {
namespace {

constexpr char kMethod[] =
    "Contributions are gradient × input of the logit: what each word adds to it, in the linear "
    "model that the network is around this text.";

// The strongest features as a table with bars on both sides of a line.
void PrintTerms(const Explanation& explanation, bool color) {
  constexpr size_t kMost = 12;
  constexpr int kBar = 16;
  const size_t n = std::min(kMost, explanation.terms.size());
  if (n == 0) return;
  const double largest = std::abs(explanation.terms[0].contribution);
  size_t width = 14;
  for (size_t i = 0; i < n; ++i) {
    width = std::max(width, Printable(explanation.terms[i].text).size());
  }
  width = std::min<size_t>(width, 30);
  std::cout << "\n" << (explanation.terms.size() > n ? "The strongest words" : "Its words") << "\n";
  for (size_t i = 0; i < n; ++i) {
    const Explanation::Term& term = explanation.terms[i];
    const double strength = report::Strength(term.contribution, largest);
    const int length = static_cast<int>(std::lround(strength * kBar));
    std::string name = Printable(term.text);
    if (name.size() > width) name = name.substr(0, width - 3) + "...";
    const std::string bar(static_cast<size_t>(length), term.contribution < 0 ? '-' : '+');
    const std::string line =
        absl::StrFormat("  %-*s %s%s", static_cast<int>(width), name,
                        absl::StrFormat("%+7.2f  ", term.contribution),
                        InColor(bar, term.contribution, std::min(strength, 0.5), color));
    std::cout << line.substr(0, line.find_last_not_of(' ') + 1)
              << (term.count > 1 ? absl::StrCat("  ×", term.count) : "") << "\n";
  }
  double others = 0;
  for (size_t i = n; i < explanation.terms.size(); ++i) others += explanation.terms[i].contribution;
  if (explanation.terms.size() > n) {
    std::cout << absl::StrFormat("  %-*s %+7.2f\n", static_cast<int>(width),
                                 absl::StrCat("(", explanation.terms.size() - n, " others)"),
                                 others);
  }
  std::cout << absl::StrFormat("  %-*s %+7.2f\n", static_cast<int>(width), "(no word)",
                               explanation.base)
            << absl::StrFormat("  %-*s %+7.2f  = the logit, log(p / (1 - p))\n",
                               static_cast<int>(width), "together", explanation.logit);
}

std::string HtmlPage(absl::string_view text, const Explanation& explanation,
                     const ClassifierInfo& info, const std::string& model) {
  report::Page page("Why this review is " + LabelOf(explanation.probability),
                    absl::StrCat("Model ", model, " (", info.network, ", ", info.summary,
                                 "), trained on ", info.source));
  page.Add(report::Figure{"Probability that it is positive",
                          absl::StrFormat("%.1f %%", 100 * explanation.probability)});
  page.Add(report::Figure{"Label", LabelOf(explanation.probability)});
  page.Add(report::Figure{"Logit", report::Signed(explanation.logit),
                          absl::StrCat("of it from no word: ", report::Signed(explanation.base))});
  page.Add(report::Card{.title = "The review",
                        .html = absl::StrCat(report::ColourKey("negative", "positive"),
                                             ColouredHtml(text, explanation)),
                        .note = kMethod});
  page.Add(report::Card{.title = "Its words",
                        .html = TermBars(explanation, 30),
                        .note = "By falling size of what they add to the logit."});
  return page.ToHtml();
}

}  // namespace

absl::Status RunExplain(const Options& options) {
  NoteUnused(options, {"network", "num_words", "hidden", "encoding", "threads", "out", "model",
                       "report_json"});
  for (const std::string& path : {options.report_json, options.html}) {
    if (!path.empty()) ADJOINT_RETURN_IF_ERROR(CheckWritable(path));
  }
  Report report;
  const Stopwatch load;
  ADJOINT_ASSIGN_OR_RETURN(std::unique_ptr<Classifier> classifier, LoadClassifierFor(options));
  report.seconds.load = load.Seconds();
  ADJOINT_ASSIGN_OR_RETURN(const std::string text, ReadReview(options));
  ADJOINT_ASSIGN_OR_RETURN(const Explanation explanation, classifier->Explain(text));

  const ClassifierInfo& info = classifier->info();
  if (info.synthetic) NoteSyntheticModel();
  if (!classifier->KnowsAWord(text)) {
    std::cerr << "Note: the review has no word that the model knows; its prediction means nothing"
              << std::endl;
  }
  const bool color = UseColor(options.color);
  const double p = explanation.probability;
  std::cout << InColor(absl::StrFormat("%.6f\t%s", p, LabelOf(p)), p > 0.5 ? 1 : -1, 0.5, color)
            << "\n\n"
            << ColouredLines(text, WordsOf(explanation), TerminalWidth(), color) << "\n";
  PrintTerms(explanation, color);
  if (!options.html.empty()) {
    ADJOINT_RETURN_IF_ERROR(
        io::WriteFileAtomically(options.html, HtmlPage(text, explanation, info, options.model)));
    std::cout << "\nWritten to " << options.html << "\n";
  }
  ADJOINT_RETURN_IF_ERROR(classifier->Describe(report));
  ADJOINT_RETURN_IF_ERROR(WriteReport(report, options.report_json));
  return FlushOutput();
}

}  // namespace adjoint::apps::imdb
