#include "ops/scatter_kernels.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/parallel.h"
#include "core/status_macros.h"
#include "ops/index_check.h"

namespace adjoint::ops {
namespace {

using MaybeKernel = absl::StatusOr<std::unique_ptr<Kernel>>;

constexpr int64_t kGrain = 1 << 15;  // elements a part, about

constexpr ScatterMode kModes[] = {ScatterMode::kSet, ScatterMode::kAdd, ScatterMode::kMul,
                                  ScatterMode::kMax, ScatterMode::kMin};

// Which element of the operand ("the place") an element of the updates belongs to: with m its
// coordinates, sum(m place_strides) + indices[sum(m index_strides)] axis_stride.
struct Plan {
  std::vector<int64_t> extents;  // of the updates
  std::vector<int64_t> place_strides;
  std::vector<int64_t> index_strides;
  int64_t axis_stride = 1;
  int axis = 0;  // places differ wherever the updates' coordinates before this axis do
  int64_t extent = 0;
  Shape index_shape;
  int64_t count = 0;  // of indices
  bool wide = false;  // i64
  int64_t updates = 1;

  std::string of = {};  // what errors say that an index is outside of

  absl::Status Check(absl::string_view op, const void* indices) const {
    if (wide) {
      return CheckIndices(op, "index", static_cast<const int64_t*>(indices), index_shape, count,
                          extent, of);
    }
    return CheckIndices(op, "index", static_cast<const int32_t*>(indices), index_shape, count,
                        extent, of);
  }
};

// `along`: one index an element (TakeAlongAxis), else one a slice (Gather).
absl::StatusOr<Plan> PlanOf(const Shape& x, const TensorSpec& indices, const Shape& updates,
                            const Attrs& attrs, bool along) {
  Plan plan;
  ADJOINT_ASSIGN_OR_RETURN(plan.axis, NormalizeAxis(attrs.At<int64_t>("axis"), x.rank()));
  const std::vector<int64_t> strides = RowMajorStrides(x.Extents());
  plan.extents = updates.Extents();
  plan.axis_stride = strides[plan.axis];
  plan.extent = x[plan.axis];
  plan.of = absl::StrCat("axis ", plan.axis, " of the operand");
  plan.index_shape = indices.shape;
  plan.count = indices.shape.NumElements();
  plan.wide = indices.dtype == DType::kI64;
  plan.updates = updates.NumElements();
  const std::vector<int64_t> of_indices = RowMajorStrides(indices.shape.Extents());
  if (along) {
    plan.index_strides = of_indices;
    plan.place_strides = strides;
    plan.place_strides[plan.axis] = 0;
    return plan;
  }
  for (int k = 0; k < x.rank(); ++k) {
    if (k != plan.axis) {
      plan.place_strides.push_back(strides[k]);
      plan.index_strides.push_back(0);
      continue;
    }
    plan.place_strides.insert(plan.place_strides.end(), of_indices.size(), 0);
    plan.index_strides.insert(plan.index_strides.end(), of_indices.begin(), of_indices.end());
  }
  return plan;
}

int64_t IndexAt(const void* indices, bool wide, int64_t i) {
  return wide ? static_cast<const int64_t*>(indices)[i] : static_cast<const int32_t*>(indices)[i];
}

// The reference's walk: calls fn(place, update) for each update in order.
template <typename Fn>
void ForEach(const Plan& plan, const void* indices, Fn fn) {
  for (int64_t i = 0; i < plan.updates; ++i) {
    int64_t rest = i, place = 0, at = 0;
    for (size_t k = plan.extents.size(); k-- > 0;) {
      const int64_t m = rest % plan.extents[k];
      rest /= plan.extents[k];
      place += m * plan.place_strides[k];
      at += m * plan.index_strides[k];
    }
    fn(place + IndexAt(indices, plan.wide, at) * plan.axis_stride, i);
  }
}

// The same in runs along the innermost axis, axes that can be walked as one merged.
class Runs {
 public:
  explicit Runs(const Plan& plan) : plan_(plan) {
    extents_ = plan.extents;
    place_ = plan.place_strides;
    index_ = plan.index_strides;
    if (extents_.empty()) {
      extents_.push_back(1);
      place_.push_back(0);
      index_.push_back(0);
    }
    size_t outer = static_cast<size_t>(plan.axis);  // axes that part the places
    for (size_t k = extents_.size() - 1; k-- > 0;) {
      const int64_t e = extents_[k + 1];
      if (place_[k] != place_[k + 1] * e || index_[k] != index_[k + 1] * e) continue;
      extents_[k] *= e;
      place_[k] = place_[k + 1];
      index_[k] = index_[k + 1];
      for (std::vector<int64_t>* v : {&extents_, &place_, &index_}) v->erase(v->begin() + k + 1);
      if (k + 1 < outer) {
        --outer;
      } else if (k + 1 == outer) {
        outer = k;
      }
    }
    length_ = extents_.back();
    for (size_t k = 0; k + 1 < extents_.size(); ++k) {
      (k < outer ? apart_ : together_) *= extents_[k];
    }
  }

  // Groups of runs whose places have nothing in common, and the number of runs in each.
  int64_t apart() const { return apart_; }
  int64_t together() const { return together_; }
  int64_t length() const { return length_; }
  int64_t size() const { return apart_ * together_ * length_; }

  // Calls fn(place, index, update), the first ones of a run, for runs begin .. end-1 in order.
  template <typename Fn>
  void ForRuns(int64_t begin, int64_t end, Fn fn) const {
    const size_t rank = extents_.size() - 1;
    absl::InlinedVector<int64_t, 8> at(rank);
    int64_t rest = begin, place = 0, index = 0;
    for (size_t k = rank; k-- > 0;) {
      at[k] = rest % extents_[k];
      rest /= extents_[k];
      place += at[k] * place_[k];
      index += at[k] * index_[k];
    }
    for (int64_t run = begin; run < end; ++run) {
      fn(place, index, run * length_);
      for (size_t k = rank; k-- > 0;) {
        place += place_[k];
        index += index_[k];
        if (++at[k] < extents_[k]) break;
        place -= at[k] * place_[k];
        index -= at[k] * index_[k];
        at[k] = 0;
      }
    }
  }

  // Whether a run has one index and neighbouring places.
  bool contiguous() const { return index_.back() == 0 && (place_.back() == 1 || length_ == 1); }

  // Calls fn(place, update) for the elements of a run.
  template <typename Index, typename Fn>
  void ForElements(const Index* indices, int64_t place, int64_t index, int64_t update,
                   Fn fn) const {
    const int64_t place_step = place_.back(), index_step = index_.back();
    for (int64_t j = 0; j < length_; ++j) {
      const int64_t chosen = static_cast<int64_t>(indices[index + j * index_step]);
      fn(place + j * place_step + chosen * plan_.axis_stride, update + j);
    }
  }

  const Plan& plan() const { return plan_; }

 private:
  Plan plan_;
  std::vector<int64_t> extents_, place_, index_;
  int64_t apart_ = 1, together_ = 1, length_ = 1;
};

// y[update] = x[place] for words of the element's size.
template <typename Word>
MaybeKernel MakeTakeRuns(Runs runs) {
  return MakeKernel([runs = std::move(runs)](const KernelArgs& args) {
    const Plan& plan = runs.plan();
    ADJOINT_RETURN_IF_ERROR(plan.Check("take_along_axis", args.inputs[1]));
    const Word* x = In<Word>(args, 0);
    Word* y = Out<Word>(args);
    const auto copy = [&](int64_t from, int64_t to) { y[to] = x[from]; };
    const int64_t grain = std::max<int64_t>(1, kGrain / runs.length());
    ParallelForRange(runs.apart() * runs.together(), grain, [&](int64_t begin, int64_t end) {
      runs.ForRuns(begin, end, [&](int64_t place, int64_t index, int64_t update) {
        if (plan.wide) {
          runs.ForElements(In<int64_t>(args, 1), place, index, update, copy);
        } else {
          runs.ForElements(In<int32_t>(args, 1), place, index, update, copy);
        }
      });
    });
    return absl::OkStatus();
  });
}

// How an update joins what is there. Integers as unsigned ones for kAdd and kMul.
template <ScatterMode kMode, typename T>
struct Join {
  static T Of(T a, T b) {
    if constexpr (kMode == ScatterMode::kSet) {
      return b;
    } else if constexpr (kMode == ScatterMode::kAdd) {
      return static_cast<T>(a + b);
    } else if constexpr (kMode == ScatterMode::kMul) {
      // Narrow integers would be multiplied as signed ones.
      if constexpr (std::is_integral_v<T>) return static_cast<T>(uint64_t{a} * uint64_t{b});
      return a * b;
    } else if constexpr (kMode == ScatterMode::kMax) {
      return b > a || b != b ? b : a;
    } else {
      return b < a || b != b ? b : a;
    }
  }
};

// Calls fn(TypeTag<T>) with the type that elements are joined in.
template <ScatterMode kMode, typename Fn>
MaybeKernel VisitJoined(DType dtype, Fn fn) {
  if constexpr (kMode == ScatterMode::kSet) {
    return VisitWord(dtype, fn);
  } else if constexpr (kMode == ScatterMode::kAdd || kMode == ScatterMode::kMul) {
    if (IsFloating(dtype)) return VisitFloating(dtype, fn);
    return VisitWord(dtype, fn);
  } else {
    return VisitDType(dtype, [&](auto tag) -> MaybeKernel {
      using T = typename decltype(tag)::type;
      if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) return fn(tag);
      return std::unique_ptr<Kernel>();
    });
  }
}

template <typename Fn>
MaybeKernel VisitMode(ScatterMode mode, Fn fn) {
  switch (mode) {
    case ScatterMode::kSet:
      return fn(std::integral_constant<ScatterMode, ScatterMode::kSet>());
    case ScatterMode::kAdd:
      return fn(std::integral_constant<ScatterMode, ScatterMode::kAdd>());
    case ScatterMode::kMul:
      return fn(std::integral_constant<ScatterMode, ScatterMode::kMul>());
    case ScatterMode::kMax:
      return fn(std::integral_constant<ScatterMode, ScatterMode::kMax>());
    case ScatterMode::kMin:
      break;
  }
  return fn(std::integral_constant<ScatterMode, ScatterMode::kMin>());
}

void CopyBase(const KernelArgs& args, int64_t bytes) {
  if (args.inputs[0] != args.outputs[0] && bytes > 0) {
    std::memcpy(args.outputs[0], args.inputs[0], bytes);
  }
}

// Runs whose places are apart go to different threads, those of one place stay in order on one.
template <ScatterMode kMode, typename T>
MaybeKernel MakeScatterRuns(Runs runs, const char* op, int64_t bytes) {
  return MakeKernel([runs = std::move(runs), op, bytes](const KernelArgs& args) {
    const Plan& plan = runs.plan();
    ADJOINT_RETURN_IF_ERROR(plan.Check(op, args.inputs[1]));
    CopyBase(args, bytes);
    const T* updates = In<T>(args, 2);
    T* y = Out<T>(args);
    const auto join = [&](int64_t place, int64_t update) {
      y[place] = Join<kMode, T>::Of(y[place], updates[update]);
    };
    const int64_t grain = std::max<int64_t>(1, kGrain / (runs.together() * runs.length()));
    ParallelForRange(runs.apart(), grain, [&](int64_t begin, int64_t end) {
      runs.ForRuns(begin * runs.together(), end * runs.together(),
                   [&](int64_t place, int64_t index, int64_t update) {
                     if (runs.contiguous()) {
                       T* to =
                           y + place + IndexAt(args.inputs[1], plan.wide, index) * plan.axis_stride;
                       const T* from = updates + update;
                       for (int64_t j = 0; j < runs.length(); ++j) {
                         to[j] = Join<kMode, T>::Of(to[j], from[j]);
                       }
                     } else if (plan.wide) {
                       runs.ForElements(In<int64_t>(args, 1), place, index, update, join);
                     } else {
                       runs.ForElements(In<int32_t>(args, 1), place, index, update, join);
                     }
                   });
    });
    return absl::OkStatus();
  });
}

const char* NameOf(bool along) { return along ? "scatter_along_axis" : "scatter"; }

}  // namespace

absl::StatusOr<ScatterMode> ScatterModeOf(const Attrs& attrs) {
  const std::string& name = attrs.At<std::string>("mode");
  for (ScatterMode mode : kModes) {
    if (name == ScatterModeName(mode)) return mode;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("the mode is '", name, "'; it must be set, add, mul, max or min"));
}

MaybeKernel PrepareTakeRuns(const KernelRequest& r) {
  ADJOINT_ASSIGN_OR_RETURN(
      Plan plan, PlanOf(r.inputs[0].shape, r.inputs[1], r.outputs[0].shape, r.attrs, true));
  Runs runs(plan);
  if (runs.size() == 0) return std::unique_ptr<Kernel>();
  return VisitWord(r.inputs[0].dtype, [&](auto tag) {
    return MakeTakeRuns<typename decltype(tag)::type>(std::move(runs));
  });
}

MaybeKernel PrepareReferenceTake(const KernelRequest& r) {
  ADJOINT_ASSIGN_OR_RETURN(
      Plan plan, PlanOf(r.inputs[0].shape, r.inputs[1], r.outputs[0].shape, r.attrs, true));
  return VisitWord(r.inputs[0].dtype, [&](auto tag) -> MaybeKernel {
    using Word = typename decltype(tag)::type;
    return MakeKernel([plan](const KernelArgs& args) {
      ADJOINT_RETURN_IF_ERROR(plan.Check("take_along_axis", args.inputs[1]));
      ForEach(plan, args.inputs[1], [&](int64_t place, int64_t update) {
        Out<Word>(args)[update] = In<Word>(args, 0)[place];
      });
      return absl::OkStatus();
    });
  });
}

MaybeKernel PrepareScatterRuns(const KernelRequest& r, bool along) {
  ADJOINT_ASSIGN_OR_RETURN(ScatterMode mode, ScatterModeOf(r.attrs));
  ADJOINT_ASSIGN_OR_RETURN(
      Plan plan, PlanOf(r.inputs[0].shape, r.inputs[1], r.inputs[2].shape, r.attrs, along));
  ADJOINT_ASSIGN_OR_RETURN(int64_t bytes, r.outputs[0].ByteSize());
  Runs runs(plan);
  if (runs.size() == 0) return std::unique_ptr<Kernel>();
  return VisitMode(mode, [&](auto mode_tag) {
    constexpr ScatterMode kMode = decltype(mode_tag)::value;
    return VisitJoined<kMode>(r.inputs[0].dtype, [&](auto tag) {
      return MakeScatterRuns<kMode, typename decltype(tag)::type>(runs, NameOf(along), bytes);
    });
  });
}

MaybeKernel PrepareReferenceScatter(const KernelRequest& r, bool along) {
  ADJOINT_ASSIGN_OR_RETURN(ScatterMode mode, ScatterModeOf(r.attrs));
  ADJOINT_ASSIGN_OR_RETURN(
      Plan plan, PlanOf(r.inputs[0].shape, r.inputs[1], r.inputs[2].shape, r.attrs, along));
  ADJOINT_ASSIGN_OR_RETURN(int64_t bytes, r.outputs[0].ByteSize());
  return VisitMode(mode, [&](auto mode_tag) {
    constexpr ScatterMode kMode = decltype(mode_tag)::value;
    return VisitJoined<kMode>(r.inputs[0].dtype, [&](auto tag) -> MaybeKernel {
      using T = typename decltype(tag)::type;
      return MakeKernel([plan, along, bytes](const KernelArgs& args) {
        ADJOINT_RETURN_IF_ERROR(plan.Check(NameOf(along), args.inputs[1]));
        CopyBase(args, bytes);
        ForEach(plan, args.inputs[1], [&](int64_t place, int64_t update) {
          T& y = Out<T>(args)[place];
          y = Join<kMode, T>::Of(y, In<T>(args, 2)[update]);
        });
        return absl::OkStatus();
      });
    });
  });
}

}  // namespace adjoint::ops
