#include "ops/matmul.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "ops/arithmetic.h"
#include "ops/autotune.h"
#include "ops/elementwise.h"
#include "ops/gemm/matmul.h"
#include "ops/gemm/plan.h"
#include "ops/matmul_config.h"
#include "ops/onednn/matmul.h"
#include "ops/op_list.h"
#include "ops/shape_ops.h"

namespace adjoint::ops {
namespace {

Shape BatchOf(const Shape& shape) { return Shape(shape.dims().subspan(0, shape.rank() - 2)); }

absl::StatusOr<TensorSpec> InferMatMul(const TensorSpec& lhs, const TensorSpec& rhs,
                                       const Attrs& attrs) {
  const char* const names[] = {"lhs", "rhs"};
  const TensorSpec* const specs[] = {&lhs, &rhs};
  for (int i = 0; i < 2; ++i) {
    if (specs[i]->shape.rank() < 2) {
      return absl::InvalidArgumentError(absl::StrCat(names[i], " has rank ", specs[i]->shape.rank(),
                                                     ", but must have rank 2 or more"));
    }
  }
  if (lhs.dtype != rhs.dtype) {
    return absl::InvalidArgumentError(absl::StrCat("element types differ: lhs has ",
                                                   DTypeName(lhs.dtype), ", rhs has ",
                                                   DTypeName(rhs.dtype)));
  }
  if (!IsFloating(lhs.dtype) && !IsInteger(lhs.dtype)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the element type must be f32, f64 or an integer type, but is ",
                     DTypeName(lhs.dtype), ": use Cast"));
  }
  const bool ta = attrs.At<bool>("transpose_a");
  const bool tb = attrs.At<bool>("transpose_b");
  const int ra = lhs.shape.rank();
  const int rb = rhs.shape.rank();
  const Dim ka = lhs.shape.dim(ta ? ra - 2 : ra - 1);
  const Dim kb = rhs.shape.dim(tb ? rb - 1 : rb - 2);
  if (ka != kb) {
    return absl::InvalidArgumentError(absl::StrCat("inner dimensions differ: lhs has ",
                                                   ka.ToString(), ", rhs has ", kb.ToString()));
  }
  const Shape lhs_batch = BatchOf(lhs.shape);
  const Shape rhs_batch = BatchOf(rhs.shape);
  absl::StatusOr<Shape> out = BroadcastShapes(lhs_batch, rhs_batch);
  if (!out.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("batches do not broadcast: lhs has ",
                                                   lhs_batch.ToString(), ", rhs has ",
                                                   rhs_batch.ToString()));
  }
  out->push_back(lhs.shape.dim(ta ? ra - 1 : ra - 2));
  out->push_back(rhs.shape.dim(tb ? rb - 2 : rb - 1));
  return TensorSpec{lhs.dtype, *out};
}

// x as one tall matrix.
Var Flatten(Var x) { return Reshape(x, Shape{Dim(-1), x.shape().dim(x.shape().rank() - 1)}); }

absl::StatusOr<std::vector<Cotangent>> MatMulVjp(const VjpContext& c) {
  Var a = c.inputs[0];
  const Var b = c.inputs[1];
  Var ct = c.cotangents[0];
  const bool ta = c.attrs.At<bool>("transpose_a");
  const bool tb = c.attrs.At<bool>("transpose_b");
  std::vector<Cotangent> result = {Cotangent::Zero(), Cotangent::Zero()};
  if (c.needs[0]) {
    const Var da = ta ? MatMul(b, ct, tb, true) : MatMul(ct, b, false, !tb);
    result[0] = SumTo(da, a.shape());
  }
  if (c.needs[1]) {
    // One matrix for all batches: a single product sums over them.
    if (!ta && b.shape().rank() == 2 && a.shape().rank() > 2) {
      a = Flatten(a);
      ct = Flatten(ct);
    }
    const Var db = tb ? MatMul(ct, a, true, ta) : MatMul(a, ct, !ta, false);
    result[1] = SumTo(db, b.shape());
  }
  return result;
}

// A product as the reference kernel sees it.
struct Geometry {
  int64_t m, n, k;
  int64_t a_row, a_col;  // strides of op(a)
  int64_t b_row, b_col;
  std::vector<int64_t> a_batch, b_batch;  // element offsets, one for each matrix of the result
};

Geometry GeometryOf(const KernelRequest& request) {
  const Shape& a = request.inputs[0].shape;
  const Shape& b = request.inputs[1].shape;
  const Shape& out = request.outputs[0].shape;
  const bool ta = request.attrs.At<bool>("transpose_a");
  const bool tb = request.attrs.At<bool>("transpose_b");
  Geometry g;
  g.m = out[out.rank() - 2];
  g.n = out[out.rank() - 1];
  g.k = a[a.rank() - (ta ? 2 : 1)];
  g.a_row = ta ? 1 : g.k;
  g.a_col = ta ? g.m : 1;
  g.b_row = tb ? 1 : g.n;
  g.b_col = tb ? g.k : 1;
  g.a_batch = MatrixOffsets(a, out);
  g.b_batch = MatrixOffsets(b, out);
  return g;
}

template <typename T>
void ReferenceMatMul(const Geometry& g, const T* a, const T* b, T* out) {
  for (size_t batch = 0; batch < g.a_batch.size(); ++batch) {
    const T* const x = a + g.a_batch[batch];
    const T* const y = b + g.b_batch[batch];
    for (int64_t i = 0; i < g.m; ++i, out += g.n) {
      std::fill(out, out + g.n, T{0});
      for (int64_t l = 0; l < g.k; ++l) {
        const T factor = x[i * g.a_row + l * g.a_col];
        const T* const row = y + l * g.b_row;
        for (int64_t j = 0; j < g.n; ++j) {
          out[j] = static_cast<T>(out[j] + static_cast<Modular<T>>(factor) * row[j * g.b_col]);
        }
      }
    }
  }
}

// Which inputs beside the factors a node has.
void SetFurtherInputs(size_t num_inputs, const Attrs& attrs, MatMulConfig* config) {
  config->scale = attrs.GetOr<bool>("scale", false);
  config->residual = attrs.GetOr<bool>("residual", false);
  config->bias = num_inputs > 2u + config->scale + config->residual;
}

// Applied to a fused product; fn is null for none.
absl::StatusOr<Tile> ActivationOf(const Attrs& attrs, DType dtype) {
  const std::string name = attrs.GetOr<std::string>("activation", "");
  if (name.empty()) return Tile{};
  const OpDef* const op = FindOp(name);
  if (op == nullptr || !CanFuseActivation(*op)) {
    return absl::InvalidArgumentError(absl::StrCat("activation '", name, "' cannot be fused"));
  }
  const Attrs none;
  const DType inputs[] = {dtype};
  const Tile tile = op->tile(TileRequest{inputs, dtype, 0, none});
  if (tile.fn == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("activation '", name, "' has no tile for ", DTypeName(dtype)));
  }
  return tile;
}

absl::StatusOr<MatMulConfig> ConfigOf(const KernelRequest& request) {
  MatMulConfig config;
  config.lhs = request.inputs[0];
  config.rhs = request.inputs[1];
  config.out = request.outputs[0];
  config.transpose_lhs = request.attrs.At<bool>("transpose_a");
  config.transpose_rhs = request.attrs.At<bool>("transpose_b");
  SetFurtherInputs(request.inputs.size(), request.attrs, &config);
  config.constant_rhs = request.constant(1);
  const DType dtype = config.out.dtype;
  ADJOINT_ASSIGN_OR_RETURN(config.activation, ActivationOf(request.attrs, dtype));
  if (config.bias || config.scale || config.residual) {
    const Attrs none;
    const DType inputs[] = {dtype, dtype};
    config.multiply = MulOp().tile(TileRequest{inputs, dtype, 2, none});
    config.add = AddOp().tile(TileRequest{inputs, dtype, 0, none});
  }
  return config;
}

absl::StatusOr<std::unique_ptr<Kernel>> PrepareReference(const KernelRequest& request) {
  const DType dtype = request.outputs[0].dtype;
  const int64_t elements = request.outputs[0].shape.NumElements();
  ADJOINT_ASSIGN_OR_RETURN(const MatMulConfig config, ConfigOf(request));
  // Integers of one size are one type here: their arithmetic wraps around.
  const auto visit = [&](auto fn) {
    return IsFloating(dtype) ? VisitFloating(dtype, fn) : VisitWord(dtype, fn);
  };
  return visit([&](auto tag) {
    using T = typename decltype(tag)::type;
    return MakeKernel([g = GeometryOf(request), config, elements](const KernelArgs& args) {
      T* const out = Out<T>(args);
      ReferenceMatMul<T>(g, In<T>(args, 0), In<T>(args, 1), out);
      if (config.scale) {
        const T factor = *In<T>(args, config.scale_input());
        for (int64_t i = 0; i < elements; ++i) {
          out[i] = static_cast<T>(static_cast<Modular<T>>(out[i]) * factor);
        }
      }
      if (config.bias) {
        const T* const b = In<T>(args, 2);
        for (int64_t i = 0; i < elements; ++i) out[i] += b[i % g.n];
      }
      if (config.residual) {
        const T* const residual = In<T>(args, config.residual_input());
        for (int64_t i = 0; i < elements; ++i) out[i] += residual[i];
      }
      if (config.activation.fn != nullptr) {
        config.activation.fn(
            TileArgs{.in = {out}, .out = out, .n = elements, .params = config.activation.params});
      }
      return absl::OkStatus();
    });
  });
}

// Our own loops, where the plan for the shape says so.
absl::StatusOr<std::unique_ptr<Kernel>> PrepareSimd(const KernelRequest& request) {
  if (request.outputs[0].dtype != DType::kF32) return nullptr;
  for (const TensorSpec& spec : request.inputs) {
    if (spec.shape.NumElements() == 0) return nullptr;
  }
  ADJOINT_ASSIGN_OR_RETURN(const MatMulConfig config, ConfigOf(request));
  const MatMulShape shape = MatMulBatches(config).shape;
  MatMulPlan plan = ChooseMatMulPlan(shape);
  if (Autotuner* const tuner = AutotuneScope::Current(); tuner != nullptr) {
    ADJOINT_ASSIGN_OR_RETURN(plan, tuner->Choose(shape));
  }
  if (plan.path == MatMulPlan::Path::kOneDnn) return nullptr;
  return MakeGemmMatMul(config, plan);
}

absl::StatusOr<std::unique_ptr<Kernel>> PrepareOneDnn(const KernelRequest& request) {
  ADJOINT_ASSIGN_OR_RETURN(const MatMulConfig config, ConfigOf(request));
  return onednn::MakeMatMul(config);
}

std::vector<KernelDef> MatMulKernels() {
  return {{"simd", PrepareSimd}, {"onednn", PrepareOneDnn}, {"reference", PrepareReference}};
}

absl::StatusOr<std::vector<TensorSpec>> InferFusedMatMul(const InferContext& c) {
  ADJOINT_ASSIGN_OR_RETURN(TensorSpec out, InferMatMul(c.inputs[0], c.inputs[1], c.attrs));
  MatMulConfig config;
  SetFurtherInputs(c.inputs.size(), c.attrs, &config);
  const size_t expected = 2u + config.bias + config.scale + config.residual;
  if (c.inputs.size() != expected) {
    return absl::InvalidArgumentError(absl::StrCat("the attributes speak of ", expected,
                                                   " inputs, and there are ", c.inputs.size()));
  }
  if (config.bias) {
    const TensorSpec bias{out.dtype, Shape{out.shape.dim(out.shape.rank() - 1)}};
    if (c.inputs[2] != bias) {
      return absl::InvalidArgumentError(
          absl::StrCat("the bias must be ", bias.ToString(), ", but is ", c.inputs[2].ToString()));
    }
  }
  if (config.scale) {
    const TensorSpec& scale = c.inputs[config.scale_input()];
    if (scale.dtype != out.dtype || !scale.shape.IsConcrete() || scale.shape.NumElements() != 1) {
      return absl::InvalidArgumentError(absl::StrCat("the scale must be one number of type ",
                                                     DTypeName(out.dtype), ", but is ",
                                                     scale.ToString()));
    }
  }
  if (config.residual && c.inputs[config.residual_input()] != out) {
    return absl::InvalidArgumentError(absl::StrCat("the residual must be ", out.ToString(),
                                                   ", but is ",
                                                   c.inputs[config.residual_input()].ToString()));
  }
  ADJOINT_RETURN_IF_ERROR(ActivationOf(c.attrs, out.dtype).status());
  return std::vector<TensorSpec>{out};
}

double Flops(const KernelRequest& request) {
  const Shape& a = request.inputs[0].shape;
  const int64_t inner = a[a.rank() - (request.attrs.At<bool>("transpose_a") ? 2 : 1)];
  return 2.0 * static_cast<double>(request.outputs[0].shape.NumElements()) *
         static_cast<double>(inner);
}

}  // namespace

Var MatMul(Operand a, Operand b, bool transpose_a, bool transpose_b) {
  const auto is_vector = [](const Operand& x) {
    return !x.is_number && x.var.valid() && x.var.shape().rank() == 1;
  };
  if (is_vector(a)) {
    const Var row = ExpandDims(a, 0);
    const Var out = MatMul(Operand(row, a.location), b, false, transpose_b);
    if (!out.valid()) return out;
    return Squeeze(Operand(out, a.location), {is_vector(b) ? -1 : -2});
  }
  if (is_vector(b)) {
    const Var column = ExpandDims(b, 1);
    const Var out = MatMul(a, Operand(column, b.location), transpose_a, false);
    return out.valid() ? Squeeze(Operand(out, a.location), {-1}) : out;
  }
  return Apply1(MatMulOp(), {a, b},
                Attrs{{"transpose_a", transpose_a}, {"transpose_b", transpose_b}});
}

const OpDef& MatMulOp() {
  static const OpDef* const op = new OpDef{
      .name = "matmul",
      .min_inputs = 2,
      .max_inputs = 2,
      .attrs = {{"transpose_a", AttrKind::kBool}, {"transpose_b", AttrKind::kBool}},
      .infer = [](const InferContext& c) -> absl::StatusOr<std::vector<TensorSpec>> {
        ADJOINT_ASSIGN_OR_RETURN(TensorSpec out, InferMatMul(c.inputs[0], c.inputs[1], c.attrs));
        return std::vector<TensorSpec>{out};
      },
      .vjp = MatMulVjp,
      .kernels = MatMulKernels(),
      .flops = Flops,
      .onnx_name = "MatMul",
  };
  return *op;
}

const OpDef& FusedMatMulOp() {
  static const OpDef* const op = new OpDef{
      .name = "fused_matmul",
      .traits = {.internal = true},
      .min_inputs = 2,
      .max_inputs = 5,
      .attrs = {{"transpose_a", AttrKind::kBool},
                {"transpose_b", AttrKind::kBool},
                {"activation", AttrKind::kString},
                {"scale", AttrKind::kBool, /*optional=*/true},
                {"residual", AttrKind::kBool, /*optional=*/true}},
      .infer = InferFusedMatMul,
      .kernels = MatMulKernels(),
      .flops = Flops,
  };
  return *op;
}

bool CanFuseActivation(const OpDef& op) {
  return op.traits.elementwise && op.min_inputs == 1 && op.max_inputs == 1 && op.attrs.empty() &&
         !op.post_op.empty() && op.tile != nullptr;
}

}  // namespace adjoint::ops
