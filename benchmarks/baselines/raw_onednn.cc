#include "benchmarks/baselines/raw_onednn.h"

#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <dnnl.hpp>
#include <map>
#include <new>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "benchmarks/baselines/rmsprop.h"
#include "core/simd.h"
#include "core/vec_math.h"

namespace adjoint::benchmarks {
namespace {

constexpr std::align_val_t kAlignment{64};

using Floats = std::unique_ptr<float, FreeAligned>;

Floats Allocate(int64_t n) {
  Floats data(static_cast<float*>(::operator new(n * sizeof(float), kAlignment)));
  std::fill_n(data.get(), n, 0.0f);
  return data;
}

// The logits' losses, and their gradients for the mean over the batch.
struct LossLoop {
  static ADJOINT_INLINE void Run(const float* __restrict z, const float* __restrict y, int64_t n,
                                 float scale, float* __restrict losses, float* __restrict right,
                                 float* __restrict dz) {
    for (int64_t i = 0; i < n; ++i) {
      losses[i] = vec::Softplus(z[i]) - y[i] * z[i];
      right[i] = (z[i] > 0.0f) == (y[i] > 0.5f) ? 1.0f : 0.0f;
      dz[i] = (vec::Sigmoid(z[i]) - y[i]) * scale;
    }
  }
};

// The relu's gradient from its result.
struct MaskLoop {
  static ADJOINT_INLINE void Run(const float* __restrict h, float* __restrict d, int64_t n) {
    for (int64_t i = 0; i < n; ++i) d[i] = h[i] > 0.0f ? d[i] : 0.0f;
  }
};

struct UpdateLoop {
  static ADJOINT_INLINE void Run(const float* __restrict g, float* __restrict w,
                                 float* __restrict s, int64_t n) {
    for (int64_t i = 0; i < n; ++i) RmspropElement(g[i], w + i, s + i);
  }
};

dnnl::memory::desc Matrix(int64_t rows, int64_t cols) {
  return {{rows, cols}, dnnl::memory::data_type::f32, dnnl::memory::format_tag::ab};
}

dnnl::memory::desc Vector(int64_t n) {
  return {{n}, dnnl::memory::data_type::f32, dnnl::memory::format_tag::a};
}

using Arguments = std::unordered_map<int, dnnl::memory>;

struct Call {
  dnnl::primitive primitive;
  Arguments arguments;
};

// Where the parameters lie in the array of all of them, kernels as (out, in); each part begins at
// a cache line.
struct Layout {
  explicit Layout(int64_t cols)
      : w1(0),
        b1(w1 + RoundUp(cols * kHidden)),
        w2(b1 + kHidden),
        b2(w2 + kHidden * kHidden),
        w3(b2 + kHidden),
        b3(w3 + kHidden),
        size(b3 + 16) {}
  static int64_t RoundUp(int64_t n) { return (n + 15) / 16 * 16; }
  int64_t w1, b1, w2, b2, w3, b3, size;
};

// The primitives of a step on `rows` rows, bound to the trainer's buffers.
struct Step {
  dnnl::memory x;  // its data handle is set for each batch
  std::vector<Call> forward;
  std::vector<Call> backward3, backward2, backward1;
};

class Trainer {
 public:
  Trainer(const DenseData& train, const DenseData* validation, const NotebookOptions& options)
      : train_(train),
        validation_(validation),
        options_(options),
        cols_(train.cols),
        layout_(train.cols),
        engine_(dnnl::engine::kind::cpu, 0),
        stream_(engine_),
        order_(train.rows, options.seed, options.shuffle),
        w_(Allocate(layout_.size)),
        g_(Allocate(layout_.size)),
        s_(Allocate(layout_.size)),
        gathered_(Allocate(options.shuffle ? options.batch * train.cols : 1)),
        y_(Allocate(options.batch)),
        h1_(Allocate(options.batch * kHidden)),
        h2_(Allocate(options.batch * kHidden)),
        z_(Allocate(options.batch)),
        d1_(Allocate(options.batch * kHidden)),
        d2_(Allocate(options.batch * kHidden)),
        dz_(Allocate(options.batch)),
        losses_(Allocate(options.batch)),
        right_(Allocate(options.batch)) {
    const NotebookWeights weights = InitialWeights(cols_, options.seed);
    for (int64_t i = 0; i < cols_; ++i) {
      for (int64_t j = 0; j < kHidden; ++j) {
        w_.get()[layout_.w1 + j * cols_ + i] = weights.w1[i * kHidden + j];
      }
    }
    for (int64_t i = 0; i < kHidden; ++i) {
      for (int64_t j = 0; j < kHidden; ++j) {
        w_.get()[layout_.w2 + j * kHidden + i] = weights.w2[i * kHidden + j];
      }
    }
    std::copy(weights.w3.begin(), weights.w3.end(), w_.get() + layout_.w3);
    Prepare(train_.rows, true);
    if (validation_ != nullptr) Prepare(validation_->rows, false);
  }

  NotebookResult Run() {
    const auto begin = std::chrono::steady_clock::now();
    for (int epoch = 0; epoch < options_.epochs; ++epoch) {
      const std::vector<int32_t>& order = order_.Next();
      for (int64_t first = 0; first < train_.rows; first += options_.batch) {
        TrainStep(order.data(), first, std::min<int64_t>(options_.batch, train_.rows - first));
      }
      Record(train_.rows, &result_.loss, &result_.accuracy);
      if (validation_ == nullptr) continue;
      for (int64_t first = 0; first < validation_->rows; first += options_.batch) {
        const int64_t n = std::min<int64_t>(options_.batch, validation_->rows - first);
        Forward(Prepared(n), validation_->x.get() + first * cols_,
                validation_->labels.get() + first, n);
      }
      Record(validation_->rows, &result_.val_loss, &result_.val_accuracy);
    }
    result_.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    TakeWeights();
    return std::move(result_);
  }

 private:
  dnnl::memory At(const dnnl::memory::desc& desc, float* data) const {
    return {desc, engine_, data};
  }

  // Forward and, for training, backward of one layer: h = activation(x w^T + b).
  void AddLayer(Step* step, dnnl::memory x, int64_t w, int64_t b, dnnl::memory h, bool relu,
                const dnnl::memory* dx, const dnnl::memory* dh, std::vector<Call>* backward) {
    using Forward = dnnl::inner_product_forward;
    using BackwardData = dnnl::inner_product_backward_data;
    using BackwardWeights = dnnl::inner_product_backward_weights;
    const dnnl::memory::desc w_desc = Matrix(h.get_desc().dims()[1], x.get_desc().dims()[1]);
    const dnnl::memory::desc b_desc = Vector(h.get_desc().dims()[1]);
    dnnl::primitive_attr attr;
    if (relu) {
      dnnl::post_ops post_ops;
      post_ops.append_eltwise(1.0f, dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
      attr.set_post_ops(post_ops);
    }
    const Forward::primitive_desc forward(
        {dnnl::prop_kind::forward_training, x.get_desc(), w_desc, b_desc, h.get_desc()}, attr,
        engine_);
    const dnnl::memory weights = At(w_desc, w_.get() + w);
    step->forward.push_back({Forward(forward),
                             {{DNNL_ARG_SRC, x},
                              {DNNL_ARG_WEIGHTS, weights},
                              {DNNL_ARG_BIAS, At(b_desc, w_.get() + b)},
                              {DNNL_ARG_DST, h}}});
    if (dh == nullptr) return;
    backward->push_back(
        {BackwardWeights({{x.get_desc(), w_desc, b_desc, dh->get_desc()}, engine_, forward}),
         {{DNNL_ARG_SRC, x},
          {DNNL_ARG_DIFF_DST, *dh},
          {DNNL_ARG_DIFF_WEIGHTS, At(w_desc, g_.get() + w)},
          {DNNL_ARG_DIFF_BIAS, At(b_desc, g_.get() + b)}}});
    if (dx == nullptr) return;
    backward->push_back(
        {BackwardData({{dx->get_desc(), w_desc, dh->get_desc()}, engine_, forward}),
         {{DNNL_ARG_DIFF_DST, *dh}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_DIFF_SRC, *dx}}});
  }

  // Makes the primitives for the whole batches of `rows` rows and for the last, smaller one.
  void Prepare(int64_t rows, bool training) {
    const int64_t batch = options_.batch;
    for (int64_t n : {std::min(batch, rows), rows % batch}) {
      if (n == 0) continue;
      Step& step = steps_[n];
      // Validation's whole batches may be training's.
      if (!step.forward.empty() && (!training || !step.backward1.empty())) continue;
      step = {};
      step.x = At(Matrix(n, cols_), gathered_.get());
      const dnnl::memory h1 = At(Matrix(n, kHidden), h1_.get());
      const dnnl::memory h2 = At(Matrix(n, kHidden), h2_.get());
      const dnnl::memory z = At(Matrix(n, 1), z_.get());
      const dnnl::memory d1 = At(Matrix(n, kHidden), d1_.get());
      const dnnl::memory d2 = At(Matrix(n, kHidden), d2_.get());
      const dnnl::memory dz = At(Matrix(n, 1), dz_.get());
      AddLayer(&step, step.x, layout_.w1, layout_.b1, h1, true, nullptr, training ? &d1 : nullptr,
               &step.backward1);
      AddLayer(&step, h1, layout_.w2, layout_.b2, h2, true, &d1, training ? &d2 : nullptr,
               &step.backward2);
      AddLayer(&step, h2, layout_.w3, layout_.b3, z, false, &d2, training ? &dz : nullptr,
               &step.backward3);
    }
  }

  Step& Prepared(int64_t n) { return steps_.at(n); }

  void Execute(const std::vector<Call>& calls) {
    for (const Call& call : calls) call.primitive.execute(stream_, call.arguments);
  }

  void Forward(Step& step, const float* x, const float* y, int64_t n) {
    static const auto loss_loop = Simd<LossLoop>::Select();
    step.x.set_data_handle(const_cast<float*>(x));  // only read
    Execute(step.forward);
    loss_loop(z_.get(), y, n, 1.0f / static_cast<float>(n), losses_.get(), right_.get(), dz_.get());
    for (int64_t i = 0; i < n; ++i) {
      loss_ += losses_.get()[i];
      right_count_ += right_.get()[i];
    }
  }

  void TrainStep(const int32_t* order, int64_t first, int64_t n) {
    static const auto mask_loop = Simd<MaskLoop>::Select();
    const float* x = train_.x.get() + first * cols_;
    const float* y = train_.labels.get() + first;
    if (options_.shuffle) {
      const int32_t* rows = order + first;
#pragma omp parallel for schedule(static)
      for (int64_t r = 0; r < n; ++r) {
        std::memcpy(gathered_.get() + r * cols_, train_.x.get() + rows[r] * cols_,
                    cols_ * sizeof(float));
      }
      for (int64_t r = 0; r < n; ++r) y_.get()[r] = train_.labels.get()[rows[r]];
      x = gathered_.get();
      y = y_.get();
    }
    Step& step = Prepared(n);
    Forward(step, x, y, n);
    Execute(step.backward3);
    mask_loop(h2_.get(), d2_.get(), n * kHidden);
    Execute(step.backward2);
    mask_loop(h1_.get(), d1_.get(), n * kHidden);
    Execute(step.backward1);
    Update();
  }

  void Update() {
    static const auto update_loop = Simd<UpdateLoop>::Select();
    const int64_t lines = layout_.size / 16;
#pragma omp parallel
    {
      const int64_t begin = lines * omp_get_thread_num() / omp_get_num_threads() * 16;
      const int64_t end = lines * (omp_get_thread_num() + 1) / omp_get_num_threads() * 16;
      update_loop(g_.get() + begin, w_.get() + begin, s_.get() + begin, end - begin);
    }
  }

  void Record(int64_t rows, std::vector<double>* loss, std::vector<double>* accuracy) {
    loss->push_back(loss_ / static_cast<double>(rows));
    accuracy->push_back(right_count_ / static_cast<double>(rows));
    loss_ = right_count_ = 0;
  }

  void TakeWeights() {
    auto transposed = [this](int64_t at, int64_t in, int64_t out) {
      std::vector<float> kernel(in * out);
      for (int64_t i = 0; i < in; ++i) {
        for (int64_t j = 0; j < out; ++j) kernel[i * out + j] = w_.get()[at + j * in + i];
      }
      return kernel;
    };
    result_.weights = {transposed(layout_.w1, cols_, kHidden),   transposed(layout_.b1, 1, kHidden),
                       transposed(layout_.w2, kHidden, kHidden), transposed(layout_.b2, 1, kHidden),
                       transposed(layout_.w3, kHidden, 1),       transposed(layout_.b3, 1, 1)};
  }

  const DenseData& train_;
  const DenseData* validation_;
  const NotebookOptions& options_;
  const int64_t cols_;
  const Layout layout_;
  dnnl::engine engine_;
  dnnl::stream stream_;
  EpochOrder order_;
  // All parameters, their gradients and the optimizer's means, as layout_ says.
  Floats w_, g_, s_;
  // One batch: its rows and labels, activations, logits, and the gradients of those.
  Floats gathered_, y_, h1_, h2_, z_, d1_, d2_, dz_;
  Floats losses_, right_;
  std::map<int64_t, Step> steps_;  // by the number of rows
  double loss_ = 0;
  double right_count_ = 0;
  NotebookResult result_;
};

class ScopedThreads {
 public:
  explicit ScopedThreads(int threads) : before_(omp_get_max_threads()) {
    omp_set_num_threads(threads);
  }
  ~ScopedThreads() { omp_set_num_threads(before_); }

 private:
  const int before_;
};

}  // namespace

void FreeAligned::operator()(float* p) const { ::operator delete(p, kAlignment); }

absl::StatusOr<DenseData> Densify(const CsrData& csr) {
  try {
    DenseData dense = {csr.rows, csr.cols, Allocate(csr.rows * csr.cols), Allocate(csr.rows)};
    for (int64_t r = 0; r < csr.rows; ++r) {
      for (int32_t i = csr.row_offsets[r]; i < csr.row_offsets[r + 1]; ++i) {
        dense.x.get()[r * csr.cols + csr.columns[i]] = 1.0f;
      }
    }
    std::copy_n(csr.labels, csr.rows, dense.labels.get());
    return dense;
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(
        absl::StrCat("making a dense matrix of ", csr.rows, " x ", csr.cols,
                     " floats: ", csr.rows * csr.cols * 4 / 1000000, " MB cannot be allocated"));
  }
}

absl::StatusOr<NotebookResult> TrainRawOneDnn(const DenseData& train, const DenseData* validation,
                                              const NotebookOptions& options) {
  const ScopedThreads threads(options.threads);
  try {
    return Trainer(train, validation, options).Run();
  } catch (const dnnl::error& error) {
    return absl::InternalError(absl::StrCat("training with raw oneDNN calls: status ",
                                            static_cast<int>(error.status), ", ", error.what()));
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("training with raw oneDNN calls: out of memory");
  }
}

}  // namespace adjoint::benchmarks
