#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "apps/imdb/commands.h"
#include "apps/imdb/network.h"
#include "apps/imdb/output.h"
#include "apps/imdb/preprocessing.h"
#include "apps/imdb/report.h"
#include "apps/imdb/text.h"
#include "apps/imdb/training.h"
#include "core/status_macros.h"

namespace adjoint::apps::imdb {
namespace {

constexpr size_t kBatch = 512;
constexpr size_t kLongestReview = 64 << 20;

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
  Predictor(LoadedModel loaded, Report report)
      : loaded_(std::move(loaded)), report_(std::move(report)) {}

  absl::Status Print(const std::vector<std::string>& reviews) {
    ADJOINT_ASSIGN_OR_RETURN(const nn::DataList x, VectorizeTexts(loaded_.preprocessing, reviews));
    ADJOINT_ASSIGN_OR_RETURN(const Tensor predictions, PredictFor(loaded_.model, x));
    for (const float probability : predictions.data<float>()) {
      std::cout << absl::StrFormat("%.6f\t%s\n", probability,
                                   probability > 0.5f ? "positive" : "negative");
    }
    for (const std::string& review : reviews) {
      unknown_ += KnowsAWord(loaded_.preprocessing, review) ? 0 : 1;
    }
    total_ += static_cast<int64_t>(reviews.size());
    return FlushOutput();
  }

  absl::Status PrintAll(std::istream& in, const std::string& name) {
    LineReader reader(in, name);
    while (true) {
      ADJOINT_ASSIGN_OR_RETURN(const std::vector<std::string> reviews, reader.Next());
      if (reviews.empty()) return absl::OkStatus();
      ADJOINT_RETURN_IF_ERROR(Print(reviews));
    }
  }

  absl::Status Finish(const Options& options) {
    if (unknown_ > 0) {
      std::cerr << "Note: " << WithCommas(unknown_) << " of " << WithCommas(total_)
                << " reviews have no word that the model knows; their predictions mean nothing"
                << std::endl;
    }
    report_.source = loaded_.preprocessing.source;
    report_.synthetic = loaded_.preprocessing.synthetic;
    ADJOINT_ASSIGN_OR_RETURN(report_.weights_sha256, WeightsSha256(loaded_.model));
    report_.AddKernels(loaded_.model);
    return WriteReport(report_, options.report_json);
  }

 private:
  LoadedModel loaded_;
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
  return predictor.PrintAll(file, absl::StrCat("'", path, "'"));
}

}  // namespace

absl::Status RunPredict(const Options& options) {
  NoteUnused(options,
             {"num_words", "hidden", "encoding", "threads", "out", "model", "report_json"});
  Report report;
  if (!options.report_json.empty()) ADJOINT_RETURN_IF_ERROR(CheckWritable(options.report_json));
  const Stopwatch load;
  ADJOINT_ASSIGN_OR_RETURN(LoadedModel loaded, LoadModelFor(options));
  report.seconds.load = load.Seconds();
  if (loaded.preprocessing.synthetic) {
    std::cerr << "Note: this model was trained on " << kSyntheticSource
              << "; of real ones it knows little" << std::endl;
  }
  Predictor predictor(std::move(loaded), std::move(report));
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
