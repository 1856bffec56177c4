#include <utility>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/model_file.h"
#include "nn/checkpoint.pb.h"
#include "nn/fit_data.h"
#include "nn/model.h"
#include "nn/optimizer_proto.h"
#include "nn/settings.h"

namespace adjoint::nn {
namespace {

constexpr uint32_t kVersion = 2;
constexpr char kSection[] = "nn.checkpoint";

absl::Status Differs(absl::string_view what, absl::string_view had, absl::string_view has) {
  return absl::FailedPreconditionError(
      absl::StrCat("the checkpoint cannot be resumed: it was made with ", what, " ", had,
                   ", this training has ", has));
}

absl::Status Damaged(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("the checkpoint cannot be resumed: ", what));
}

// Whether both stores have variables of the same names and specs.
absl::Status CheckVariables(const graph::VariableStore& had, const graph::VariableStore& has) {
  for (const std::string& name : has.Names()) {
    const Tensor* const saved = had.Find(name);
    const std::string wanted = has.Find(name)->spec().ToString();
    if (saved == nullptr || saved->spec() != has.Find(name)->spec()) {
      return Differs(absl::StrCat("variable '", name, "'"),
                     saved == nullptr ? "missing" : saved->spec().ToString(), wanted);
    }
  }
  for (const std::string& name : had.Names()) {
    if (!has.Has(name)) {
      return Differs(absl::StrCat("variable '", name, "'"), had.Find(name)->spec().ToString(),
                     "none of this name");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Model::WriteCheckpoint(const FitData& data, const FitOptions& options) const {
  if (!variables_.status().ok()) return variables_.status();
  proto::CheckpointProto state;
  state.set_version(kVersion);
  ToProto(optimizer_->Config(), state.mutable_optimizer());
  for (const Setting& setting :
       TrainingSettings(network_, objective_, *optimizer_, options.class_weight)) {
    proto::SettingProto* const to = state.add_settings();
    to->set_name(setting.name);
    to->set_value(setting.value);
  }
  state.set_seed(data.seed);
  state.set_rows(data.batches->rows());
  state.set_batch_size(data.batches->batch_size());
  state.set_shuffle(data.shuffle);
  state.set_first_epoch(data.first_epoch);
  state.set_epochs_trained(epochs_trained_);
  state.set_epoch(data.epoch);
  state.set_batch(data.batch);
  state.set_epoch_begun(data.epoch_begun);
  state.set_stopped(stop_training_);
  state.set_samples(data.totals.samples());
  for (const std::vector<double>& sums : data.totals.sums()) {
    state.add_sums()->mutable_values()->Add(sums.begin(), sums.end());
  }
  state.set_num_epochs(data.history.num_epochs());
  for (const auto& [name, values] : data.history.entries()) {
    proto::HistoryEntryProto* const entry = state.add_history();
    entry->set_name(name);
    entry->mutable_values()->Add(values.begin(), values.end());
  }
  for (const auto& callback : options.callbacks) state.add_callbacks(callback->SaveState());
  graph::ModelFile file;
  file.variables = variables_;
  file.sections.emplace_back(kSection, state.SerializeAsString());
  return data.checkpoints->Write(data.Steps(variables_), file);
}

absl::Status Model::ReadCheckpoint(FitData& data, const FitOptions& options) {
  ADJOINT_ASSIGN_OR_RETURN(const std::optional<graph::ModelFile> file,
                           data.checkpoints->ReadNewest());
  if (!file.has_value()) return absl::OkStatus();
  const std::string* const bytes = file->FindSection(kSection);
  proto::CheckpointProto state;
  if (bytes == nullptr || !state.ParseFromString(*bytes)) {
    return Damaged(absl::StrCat("it has no section '", kSection, "' that can be read"));
  }
  if (state.version() != kVersion) {
    return absl::UnimplementedError(absl::StrCat("the checkpoint has version ", state.version(),
                                                 ", this build knows version ", kVersion));
  }
  std::vector<Setting> settings;
  for (const proto::SettingProto& setting : state.settings()) {
    settings.push_back({setting.name(), setting.value()});
  }
  const std::optional<SettingDifference> difference = FirstDifference(
      settings, TrainingSettings(network_, objective_, *optimizer_, options.class_weight));
  if (difference.has_value()) return Differs(difference->name, difference->had, difference->has);
  const auto compare = [](const char* what, auto had, auto has) {
    return had == has ? absl::OkStatus() : Differs(what, absl::StrCat(had), absl::StrCat(has));
  };
  ADJOINT_RETURN_IF_ERROR(compare("seed", state.seed(), data.seed));
  ADJOINT_RETURN_IF_ERROR(compare("a number of samples of", state.rows(), data.batches->rows()));
  ADJOINT_RETURN_IF_ERROR(compare("batch_size", state.batch_size(), data.batches->batch_size()));
  ADJOINT_RETURN_IF_ERROR(compare("shuffle", int{state.shuffle()}, int{data.shuffle}));
  ADJOINT_RETURN_IF_ERROR(compare("a number of callbacks of",
                                  static_cast<size_t>(state.callbacks_size()),
                                  options.callbacks.size()));
  ADJOINT_RETURN_IF_ERROR(CheckVariables(file->variables, variables_));
  const int64_t batches = data.batches->num_batches();
  if (state.epoch() < 0 || state.batch() < 0 || (batches > 0 && state.batch() > batches) ||
      state.epochs_trained() < 0 || state.first_epoch() < 0 ||
      state.first_epoch() > state.epochs_trained() || state.num_epochs() < 0) {
    return Damaged("its place in the training is out of range");
  }
  std::vector<std::vector<double>> sums;
  for (const proto::SumsProto& sum : state.sums()) {
    sums.emplace_back(sum.values().begin(), sum.values().end());
  }
  if (!data.totals.Restore(std::move(sums), state.samples())) {
    return Differs("numbers to report:", absl::StrCat(state.sums_size()),
                   absl::StrCat(data.totals.sums().size()));
  }
  std::vector<History::Entry> history;
  for (const proto::HistoryEntryProto& entry : state.history()) {
    if (entry.values().empty()) return Damaged("its history is empty");
    history.emplace_back(entry.name(),
                         std::vector<double>(entry.values().begin(), entry.values().end()));
  }
  for (size_t i = 0; i < options.callbacks.size(); ++i) {
    ADJOINT_RETURN_IF_ERROR(
        options.callbacks[i]->RestoreState(state.callbacks(static_cast<int>(i))));
  }
  data.history = History::Of(std::move(history), state.num_epochs());
  data.epoch = state.epoch();
  data.batch = state.batch();
  data.epoch_begun = state.epoch_begun();
  data.first_epoch = state.first_epoch();
  epochs_trained_ = state.epochs_trained();
  stop_training_ = state.stopped();
  variables_.Restore(file->variables);
  frozen_ = false;
  return absl::OkStatus();
}

}  // namespace adjoint::nn
