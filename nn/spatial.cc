#include "nn/spatial.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/status_macros.h"
#include "nn/layer.h"

namespace adjoint::nn {

absl::StatusOr<std::vector<int64_t>> Sizes::ForRank(int rank, absl::string_view what) const {
  std::vector<int64_t> sizes = values_;
  if (sizes.size() == 1) sizes.assign(rank, values_[0]);
  if (static_cast<int>(sizes.size()) != rank) {
    return absl::InvalidArgumentError(absl::StrCat(what, " has ", values_.size(), " entries for ",
                                                   rank, rank == 1 ? " axis" : " axes"));
  }
  for (int64_t size : sizes) {
    if (size < 1 || size >= (int64_t{1} << 31)) {
      return absl::InvalidArgumentError(
          absl::StrCat(what, " [", absl::StrJoin(sizes, ","), "] must be positive and below 2^31"));
    }
  }
  return sizes;
}

absl::StatusOr<TensorSpec> OneInputOfMaps(absl::Span<const ValueSpec> inputs, int rank,
                                          absl::string_view class_name) {
  ADJOINT_ASSIGN_OR_RETURN(TensorSpec spec, OneDenseInput(inputs, class_name));
  if (spec.shape.rank() != rank + 2) {
    return absl::InvalidArgumentError(absl::StrCat(
        class_name, " takes an input of rank ", rank + 2, ", a batch of maps with ", rank,
        rank == 1 ? " axis" : " axes", " and channels, but was given ", spec.ToString()));
  }
  return spec;
}

absl::StatusOr<int64_t> ChannelsOf(const Shape& maps, bool channels_last,
                                   absl::string_view class_name) {
  const Dim channels = maps.dim(channels_last ? maps.rank() - 1 : 1);
  if (channels.is_known() && channels.value() > 0) return channels.value();
  return absl::InvalidArgumentError(absl::StrCat(
      class_name, " wants a number of channels above 0, but was given maps of ", maps.ToString()));
}

absl::StatusOr<bool> IsChannelsLast(absl::string_view data_format) {
  if (data_format == "channels_last") return true;
  if (data_format == "channels_first") return false;
  return absl::InvalidArgumentError(absl::StrCat(
      "data_format is '", data_format, "'; there are 'channels_last' and 'channels_first'"));
}

absl::Status CheckPadding(absl::string_view padding, bool causal_allowed) {
  if (padding == "valid" || padding == "same" || (padding == "causal" && causal_allowed)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("padding is '", padding,
                                                 "'; there are 'valid' and 'same'",
                                                 causal_allowed ? " and 'causal'" : ""));
}

absl::StatusOr<Pads> PadsOf(absl::string_view padding, const Shape& maps, bool channels_last,
                            const std::vector<int64_t>& spans,
                            const std::vector<int64_t>& strides) {
  Pads pads{std::vector<int64_t>(spans.size(), 0), std::vector<int64_t>(spans.size(), 0)};
  for (size_t i = 0; i < spans.size(); ++i) {
    if (padding == "causal") pads.begin[i] = spans[i] - 1;
    if (padding != "same") continue;
    int64_t total = spans[i] - 1;
    if (strides[i] > 1) {
      const Dim d = maps.dim(static_cast<int>(i) + (channels_last ? 1 : 2));
      if (!d.is_known()) {
        return absl::InvalidArgumentError(
            absl::StrCat("padding 'same' with a stride of ", strides[i],
                         " wants an extent that is a number, but was given ", d.ToString()));
      }
      const int64_t last = d.value() % strides[i];
      total = std::max<int64_t>(0, spans[i] - (last == 0 ? strides[i] : last));
    }
    pads.begin[i] = total / 2;
    pads.end[i] = total - pads.begin[i];
  }
  return pads;
}

}  // namespace adjoint::nn
