#include "ops/tile_broadcast.h"

#include <algorithm>
#include <cstring>

namespace adjoint::ops {
namespace {

template <typename Word>
void Fill(const void* value, int64_t n, void* to) {
  Word word;
  std::memcpy(&word, value, sizeof(Word));
  Word* out = static_cast<Word*>(to);
  for (int64_t i = 0; i < n; ++i) out[i] = word;
}

}  // namespace

void FillElements(const void* value, size_t element_bytes, int64_t n, void* to) {
  switch (element_bytes) {
    case 1:
      return Fill<uint8_t>(value, n, to);
    case 2:
      return Fill<uint16_t>(value, n, to);
    case 4:
      return Fill<uint32_t>(value, n, to);
    default:
      return Fill<uint64_t>(value, n, to);
  }
}

BroadcastView::BroadcastView(const Shape& from, const Shape& to, size_t element_bytes)
    : element_bytes_(element_bytes), period_(1) {
  // From the innermost axis outwards.
  int64_t dense = 1;
  for (int i = 1; i <= to.rank(); ++i) {
    const int64_t extent = to[to.rank() - i];
    if (extent == 1) continue;
    const bool broadcast = i > from.rank() || from[from.rank() - i] == 1;
    const int64_t stride = broadcast ? 0 : dense;
    if (!broadcast) dense *= extent;
    if (!axes_.empty() && (axes_.back().stride == 0) == broadcast) {
      axes_.back().extent *= extent;
    } else {
      axes_.push_back({extent, stride});
    }
  }
  if (axes_.empty()) axes_.push_back({1, 0});
  for (size_t i = 0; i < axes_.size(); ++i) {
    if (i + 1 < axes_.size() || axes_[i].stride != 0) period_ *= axes_[i].extent;
  }
  std::reverse(axes_.begin(), axes_.end());
}

int64_t BroadcastView::Offset(int64_t at) const {
  int64_t offset = 0;
  for (size_t axis = axes_.size(); axis-- > 0; at /= axes_[axis].extent) {
    offset += at % axes_[axis].extent * axes_[axis].stride;
  }
  return offset;
}

void BroadcastView::Copy(const void* source, int64_t begin, int64_t n, void* to) const {
  const char* const from = static_cast<const char*>(source);
  char* out = static_cast<char*>(to);
  const Axis inner = axes_.back();
  if (n > period_) {
    // Copy one period, then double it.
    Copy(source, begin, period_, to);
    const int64_t bytes = n * static_cast<int64_t>(element_bytes_);
    for (int64_t done = period_ * static_cast<int64_t>(element_bytes_); done < bytes; done *= 2) {
      std::memcpy(out + done, out, static_cast<size_t>(std::min(done, bytes - done)));
    }
    return;
  }
  int64_t at = begin % inner.extent;
  int64_t outer = begin / inner.extent;
  while (n > 0) {
    int64_t offset = 0;
    int64_t rest = outer;
    for (size_t axis = axes_.size() - 1; axis-- > 1; rest /= axes_[axis].extent) {
      offset += rest % axes_[axis].extent * axes_[axis].stride;
    }
    if (axes_.size() > 1) offset += rest * axes_[0].stride;
    const int64_t run = std::min(n, inner.extent - at);
    const char* const start = from + (offset + at * inner.stride) * element_bytes_;
    if (inner.stride == 0) {
      FillElements(start, element_bytes_, run, out);
    } else {
      std::memcpy(out, start, static_cast<size_t>(run) * element_bytes_);
    }
    out += run * static_cast<int64_t>(element_bytes_);
    n -= run;
    at = 0;
    ++outer;
  }
}

}  // namespace adjoint::ops
