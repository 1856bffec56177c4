#include "nn/csv_logger.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/status_macros.h"
#include "nn/callback_state.h"
#include "nn/model.h"

namespace adjoint::nn {
namespace {

// The number as Python's csv writes it.
std::string NumberText(double x) {
  if (std::isnan(x)) return "nan";
  if (std::isinf(x)) return x > 0 ? "inf" : "-inf";
  std::string text = absl::StrFormat("%.15g", x);
  return std::strtod(text.c_str(), nullptr) == x ? text : absl::StrFormat("%.17g", x);
}

// A field that holds the separator, a quote or a line's end stands in quotes.
std::string Quoted(const std::string& field, const std::string& separator) {
  if (field.find(separator) == std::string::npos &&
      field.find_first_of("\"\r\n") == std::string::npos) {
    return field;
  }
  std::string quoted = "\"";
  for (char c : field) quoted.append(c == '"' ? 2 : 1, c);
  return quoted + "\"";
}

class Logger final : public Callback {
 public:
  explicit Logger(CSVLoggerOptions options) : options_(std::move(options)) {}
  ~Logger() override { Close(); }

  void OnTrainBegin(Model& model) override {
    Close();
    if (options_.separator.empty()) {
      return model.StopTraining(absl::InvalidArgumentError("CSVLogger: the separator is empty"));
    }
    // What is there stays until the first line: a training that is resumed goes on with it.
    begun_ = false;
    keys_.clear();
  }

  void OnEpochEnd(Model& model, int epoch, Logs& logs) override {
    if (absl::Status s = Write(epoch, logs); !s.ok()) model.StopTraining(s);
  }

  void OnTrainEnd(Model&, const Logs&) override { Close(); }

  std::string SaveState() const override {
    // The names of the columns follow as a tensor of bytes.
    const std::string names = absl::StrJoin(keys_, "\n");
    const absl::Span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(names.data()),
                                          names.size());
    return CallbackState{{static_cast<double>(size_), begun_ ? 1.0 : 0.0},
                         {Tensor::Vector<uint8_t>(bytes)}}
        .Serialize();
  }

  absl::Status RestoreState(absl::string_view bytes) override {
    ADJOINT_ASSIGN_OR_RETURN(const CallbackState state,
                             CallbackState::Parse("CSVLogger", bytes, 2));
    if (state.numbers[1] == 0) return absl::OkStatus();
    if (state.tensors.size() != 1 || state.tensors[0].dtype() != DType::kU8) {
      return absl::DataLossError("the state of callback CSVLogger in the checkpoint is damaged");
    }
    const Tensor& names = state.tensors[0];
    keys_.clear();
    if (names.size() > 0) {
      keys_ = absl::StrSplit(absl::string_view(static_cast<const char*>(names.raw()), names.size()),
                             '\n');
    }
    // Lines of epochs that the checkpoint does not know go.
    std::error_code error;
    const auto wanted = static_cast<std::uintmax_t>(state.numbers[0]);
    if (std::filesystem::file_size(options_.filename, error) >= wanted && !error) {
      std::filesystem::resize_file(options_.filename, wanted, error);
    }
    if (error) {
      return absl::NotFoundError(
          absl::StrCat("CSVLogger: '", options_.filename, "': ", error.message()));
    }
    file_ = std::fopen(options_.filename.c_str(), "ab");
    if (file_ == nullptr) return Error();
    size_ = static_cast<int64_t>(wanted);
    begun_ = true;
    return absl::OkStatus();
  }

 private:
  absl::Status Error() const {
    return absl::ErrnoToStatus(errno,
                               absl::StrCat("CSVLogger: cannot write '", options_.filename, "'"));
  }

  void Close() {
    if (file_ != nullptr) std::fclose(file_);
    file_ = nullptr;
  }

  absl::Status Write(int epoch, const Logs& logs) {
    std::string line;
    if (!begun_) {
      begun_ = true;
      file_ = std::fopen(options_.filename.c_str(), options_.append ? "ab" : "wb");
      if (file_ == nullptr) return Error();
      std::fseek(file_, 0, SEEK_END);
      size_ = std::ftell(file_);
      for (const Logs::Entry& entry : logs.entries()) keys_.push_back(entry.first);
      std::sort(keys_.begin(), keys_.end());
      if (size_ == 0) {
        line = "epoch";
        for (const std::string& key : keys_) {
          absl::StrAppend(&line, options_.separator, Quoted(key, options_.separator));
        }
        line += "\n";
      }
    }
    if (file_ == nullptr) return absl::OkStatus();  // it could not be opened
    absl::StrAppend(&line, epoch);
    for (const std::string& key : keys_) {
      const std::optional<double> value = logs.Find(key);
      absl::StrAppend(&line, options_.separator, value.has_value() ? NumberText(*value) : "NA");
    }
    line += "\n";
    if (std::fwrite(line.data(), 1, line.size(), file_) != line.size() || std::fflush(file_) != 0) {
      return Error();
    }
    size_ += static_cast<int64_t>(line.size());
    return absl::OkStatus();
  }

  const CSVLoggerOptions options_;
  std::FILE* file_ = nullptr;
  bool begun_ = false;
  int64_t size_ = 0;  // of the file
  std::vector<std::string> keys_;
};

class NaNTerminator final : public Callback {
 public:
  void OnTrainBatchEnd(Model& model, int64_t batch, const Logs& logs) override {
    const std::optional<double> loss = logs.Find("loss");
    if (!loss.has_value() || std::isfinite(*loss)) return;
    std::cout << absl::StrFormat("Batch %d: Invalid loss, terminating training\n", batch);
    model.StopTraining();
  }
};

}  // namespace

std::shared_ptr<Callback> CSVLogger(CSVLoggerOptions options) {
  return std::make_shared<Logger>(std::move(options));
}

std::shared_ptr<Callback> TerminateOnNaN() { return std::make_shared<NaNTerminator>(); }

}  // namespace adjoint::nn
