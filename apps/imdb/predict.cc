#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "apps/imdb/classifier.h"
#include "apps/imdb/commands.h"
#include "apps/imdb/explained_text.h"
#include "apps/imdb/output.h"
#include "apps/imdb/progress.h"
#include "apps/imdb/report.h"
#include "apps/imdb/review_input.h"
#include "apps/imdb/text.h"
#include "core/status_macros.h"

namespace adjoint::apps::imdb {
namespace {

constexpr size_t kBatch = 512;

// Reviews from a stream, a line each.
class LineReader {
 public:
  LineReader(std::istream& in, std::string name) : in_(in), name_(std::move(name)) {}

  // As many lines as are there without waiting, at least one and at most kBatch; none at the end.
  // Errors: a line without an end.
  absl::StatusOr<std::vector<std::string>> Next() {
    std::vector<std::string> lines;
    while (lines.size() < kBatch && (lines.empty() || in_.rdbuf()->in_avail() > 0)) {
      std::string line;
      ADJOINT_ASSIGN_OR_RETURN(const bool any, ReadLine(&line));
      if (!any) break;
      lines.push_back(std::move(line));
    }
    return lines;
  }

 private:
  absl::StatusOr<bool> ReadLine(std::string* line) {
    ++number_;
    std::streambuf& from = *in_.rdbuf();
    constexpr int kEnd = std::streambuf::traits_type::eof();
    int byte = from.sbumpc();
    if (byte == kEnd) return false;
    for (; byte != kEnd && byte != '\n'; byte = from.sbumpc()) {
      if (line->size() == kLongestReview) {
        return absl::ResourceExhaustedError(absl::StrCat(
            "line ", number_, " of ", name_, " is longer than ", kLongestReview, " bytes"));
      }
      line->push_back(static_cast<char>(byte));
    }
    if (!line->empty() && line->back() == '\r') line->pop_back();
    return true;
  }

  std::istream& in_;
  const std::string name_;
  int64_t number_ = 0;
};

class Predictor {
 public:
  Predictor(std::unique_ptr<Classifier> classifier, Report report)
      : classifier_(std::move(classifier)), report_(std::move(report)) {}

  absl::Status Print(const std::vector<std::string>& reviews) {
    ADJOINT_ASSIGN_OR_RETURN(const std::vector<float> probabilities, classifier_->Predict(reviews));
    for (const float probability : probabilities) {
      std::cout << absl::StrFormat("%.6f\t%s\n", probability, LabelOf(probability));
    }
    for (const std::string& review : reviews) {
      unknown_ += classifier_->KnowsAWord(review) ? 0 : 1;
    }
    total_ += static_cast<int64_t>(reviews.size());
    return FlushOutput();
  }

  // bytes: of all of it, for telling how far it is; 0: not known.
  absl::Status PrintAll(std::istream& in, const std::string& name, int64_t bytes = 0) {
    LineReader reader(in, name);
    // Results that go to the terminal show themselves.
    std::optional<Progress> progress;
    if (bytes > 0 && isatty(STDOUT_FILENO) == 0) progress.emplace("Predicting");
    int64_t done = 0;
    while (true) {
      ADJOINT_ASSIGN_OR_RETURN(const std::vector<std::string> reviews, reader.Next());
      if (reviews.empty()) return absl::OkStatus();
      ADJOINT_RETURN_IF_ERROR(Print(reviews));
      if (!progress.has_value()) continue;
      for (const std::string& review : reviews) done += static_cast<int64_t>(review.size()) + 1;
      progress->Update(std::min(1.0, static_cast<double>(done) / static_cast<double>(bytes)),
                       absl::StrCat(WithCommas(total_), " reviews"));
    }
  }

  absl::Status Finish(const Options& options) {
    if (unknown_ > 0) {
      std::cerr << "Note: " << WithCommas(unknown_) << " of " << WithCommas(total_)
                << " reviews have no word that the model knows; their predictions mean nothing"
                << std::endl;
    }
    ADJOINT_RETURN_IF_ERROR(classifier_->Describe(report_));
    return WriteReport(report_, options.report_json);
  }

 private:
  std::unique_ptr<Classifier> classifier_;
  Report report_;
  int64_t total_ = 0, unknown_ = 0;
};

absl::Status PrintFile(const std::string& path, Predictor& predictor) {
  const auto error = [&](int number) {
    return absl::ErrnoToStatus(number, absl::StrCat("cannot read '", path, "'"));
  };
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return error(EISDIR);
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file.is_open()) return error(errno == 0 ? EIO : errno);
  const auto bytes = std::filesystem::file_size(path, ignored);
  return predictor.PrintAll(file, absl::StrCat("'", path, "'"),
                            ignored ? 0 : static_cast<int64_t>(bytes));
}

}  // namespace

absl::Status RunPredict(const Options& options) {
  NoteUnused(options, {"network", "num_words", "hidden", "encoding", "threads", "out", "model",
                       "report_json", "dump_passes", "memory_limit"});
  Report report;
  if (!options.report_json.empty()) ADJOINT_RETURN_IF_ERROR(CheckWritable(options.report_json));
  const Stopwatch load;
  ADJOINT_ASSIGN_OR_RETURN(std::unique_ptr<Classifier> classifier, LoadClassifierFor(options));
  report.seconds.load = load.Seconds();
  if (classifier->info().synthetic) {
    NoteSyntheticModel();
  }
  Predictor predictor(std::move(classifier), std::move(report));
  if (options.text.has_value()) {
    ADJOINT_RETURN_IF_ERROR(predictor.Print({*options.text}));
  } else if (options.file.has_value()) {
    ADJOINT_RETURN_IF_ERROR(PrintFile(*options.file, predictor));
  } else {
    ADJOINT_RETURN_IF_ERROR(predictor.PrintAll(std::cin, "standard input"));
  }
  return predictor.Finish(options);
}

}  // namespace adjoint::apps::imdb
