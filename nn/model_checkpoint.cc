#include "nn/model_checkpoint.h"

#include <cmath>
#include <iostream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/status_macros.h"
#include "nn/callback_state.h"
#include "nn/model.h"

namespace adjoint::nn {
namespace {

// The shortest decimal that reads back to the number, as Python's str.
std::string Shortest(double x) {
  for (int digits = 1; digits < 17; ++digits) {
    std::string text = absl::StrFormat("%.*g", digits, x);
    if (std::strtod(text.c_str(), nullptr) == x) return text;
  }
  return absl::StrFormat("%.17g", x);
}

absl::Status WrongFormat(absl::string_view field) {
  return absl::InvalidArgumentError(
      absl::StrCat("'{", field,
                   "}' is not a format: after the colon may stand 0 and a width, a precision, and "
                   "d, e, f, g or %"));
}

absl::StatusOr<std::string> FormatField(absl::string_view field, int epoch, const Logs& logs) {
  const size_t colon = field.find(':');
  const absl::string_view name = field.substr(0, colon);
  const bool is_epoch = name == "epoch";
  double value = epoch;
  if (!is_epoch) {
    const std::optional<double> log = logs.Find(name);
    if (!log.has_value()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "there is no '", name, "' to replace; there are epoch, ",
          absl::StrJoin(logs.entries(), ", ", [](std::string* out, const Logs::Entry& entry) {
            absl::StrAppend(out, entry.first);
          })));
    }
    value = *log;
  }
  if (colon == absl::string_view::npos) {
    return is_epoch ? absl::StrCat(epoch) : Shortest(value);
  }
  absl::string_view format = field.substr(colon + 1);
  char kind = is_epoch ? 'd' : 'g';
  if (!format.empty() && !absl::ascii_isdigit(format.back())) {
    kind = format.back();
    format.remove_suffix(1);
  }
  const size_t dot = format.find('.');
  absl::string_view width_text = format.substr(0, dot);
  const bool zeros = !width_text.empty() && width_text[0] == '0';
  int width = 0, precision = kind == 'd' ? 0 : 6;
  const bool has_precision = dot != absl::string_view::npos;
  constexpr int kMost = 100;
  if ((!width_text.empty() && (!absl::SimpleAtoi(width_text, &width) || width < 0 ||
                               width > kMost || !absl::ascii_isdigit(width_text[0]))) ||
      (has_precision && (!absl::SimpleAtoi(format.substr(dot + 1), &precision) || precision < 0 ||
                         precision > kMost || !absl::ascii_isdigit(format[dot + 1])))) {
    return WrongFormat(field);
  }
  std::string text;
  switch (kind) {
    case 'd':
      if (!is_epoch || has_precision) return WrongFormat(field);
      text = absl::StrCat(epoch);
      break;
    case 'f':
      text = absl::StrFormat("%.*f", precision, value);
      break;
    case 'e':
      text = absl::StrFormat("%.*e", precision, value);
      break;
    case 'g':
      text = has_precision || colon + 1 == field.size() || field.back() == 'g'
                 ? absl::StrFormat("%.*g", precision, value)
                 : Shortest(value);
      break;
    case '%':
      text = absl::StrFormat("%.*f%%", precision, value * 100);
      break;
    default:
      return WrongFormat(field);
  }
  if (text.size() < static_cast<size_t>(width)) {
    const size_t sign = zeros && text[0] == '-' ? 1 : 0;
    text.insert(sign, static_cast<size_t>(width) - text.size(), zeros ? '0' : ' ');
  }
  return text;
}

}  // namespace

absl::StatusOr<std::string> FormatPath(absl::string_view path, int epoch, const Logs& logs) {
  std::string text;
  for (size_t i = 0; i < path.size(); ++i) {
    const char c = path[i];
    if ((c == '{' || c == '}') && i + 1 < path.size() && path[i + 1] == c) {
      text.push_back(c);
      ++i;
    } else if (c == '{') {
      const size_t end = path.find('}', i);
      if (end == absl::string_view::npos) {
        return absl::InvalidArgumentError(absl::StrCat("'", path, "' has a '{' without its '}'"));
      }
      ADJOINT_ASSIGN_OR_RETURN(const std::string field,
                               FormatField(path.substr(i + 1, end - i - 1), epoch, logs));
      text += field;
      i = end;
    } else if (c == '}') {
      return absl::InvalidArgumentError(absl::StrCat("'", path, "' has a '}' without its '{'"));
    } else {
      text.push_back(c);
    }
  }
  return text;
}

ModelCheckpointCallback::ModelCheckpointCallback(ModelCheckpointOptions options)
    : options_(std::move(options)),
      monitor_(options_.monitor, options_.mode, 0),
      best_(monitor_.Worst()) {}

void ModelCheckpointCallback::OnTrainBegin(Model& model) {
  if (!monitor_.status().ok()) {
    model.StopTraining(
        absl::InvalidArgumentError(absl::StrCat("ModelCheckpoint: ", monitor_.status().message())));
  } else if (options_.save_freq < 0) {
    model.StopTraining(absl::InvalidArgumentError(absl::StrCat(
        "ModelCheckpoint: save_freq is ", options_.save_freq, "; it must not be negative")));
  }
}

void ModelCheckpointCallback::OnEpochBegin(Model&, int epoch) { epoch_ = epoch; }

void ModelCheckpointCallback::OnTrainBatchEnd(Model& model, int64_t, const Logs& logs) {
  if (options_.save_freq == 0 || ++batches_ < options_.save_freq) return;
  batches_ = 0;
  Save(model, epoch_, logs);
}

void ModelCheckpointCallback::OnEpochEnd(Model& model, int epoch, Logs& logs) {
  if (options_.save_freq == 0) Save(model, epoch, logs);
}

void ModelCheckpointCallback::Save(Model& model, int epoch, const Logs& logs) {
  auto path = FormatPath(options_.filepath, epoch + 1, logs);
  if (!path.ok()) {
    return model.StopTraining(absl::Status(
        path.status().code(), absl::StrCat("ModelCheckpoint: ", path.status().message())));
  }
  const bool tells = options_.verbose > 0;
  if (options_.save_best_only) {
    const std::optional<double> current = monitor_.Read(logs, "Can save best model only with");
    if (!current.has_value()) return;
    if (!monitor_.IsBetter(*current, best_)) {
      if (tells) {
        std::cout << absl::StrFormat("\nEpoch %05d: %s did not improve from %0.5f\n", epoch + 1,
                                     options_.monitor, best_);
      }
      return;
    }
    if (tells) {
      std::cout << absl::StrFormat(
          "\nEpoch %05d: %s improved from %0.5f to %0.5f, saving model to %s\n", epoch + 1,
          options_.monitor, best_, *current, *path);
    }
    best_ = *current;
  } else if (tells) {
    std::cout << absl::StrFormat("\nEpoch %05d: saving model to %s\n", epoch + 1, *path);
  }
  const absl::Status saved =
      options_.save_weights_only ? model.SaveWeights(*path) : model.Save(*path);
  if (!saved.ok()) {
    model.StopTraining(
        absl::Status(saved.code(), absl::StrCat("ModelCheckpoint: ", saved.message())));
  }
}

std::string ModelCheckpointCallback::SaveState() const {
  return CallbackState{{best_, static_cast<double>(epoch_), static_cast<double>(batches_)}}
      .Serialize();
}

absl::Status ModelCheckpointCallback::RestoreState(absl::string_view bytes) {
  ADJOINT_ASSIGN_OR_RETURN(const CallbackState state,
                           CallbackState::Parse("ModelCheckpoint", bytes, 3));
  best_ = state.numbers[0];
  epoch_ = static_cast<int>(state.numbers[1]);
  batches_ = static_cast<int64_t>(state.numbers[2]);
  return absl::OkStatus();
}

std::shared_ptr<ModelCheckpointCallback> ModelCheckpoint(ModelCheckpointOptions options) {
  return std::make_shared<ModelCheckpointCallback>(std::move(options));
}

}  // namespace adjoint::nn
