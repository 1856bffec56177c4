#include "ops/tile_engine.h"

#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/parallel.h"
#include "core/tensor.h"
#include "gtest/gtest.h"
#include "ops/activations.h"
#include "ops/arithmetic.h"
#include "ops/cast.h"
#include "ops/comparison.h"
#include "ops/fused_elementwise.h"
#include "ops/op_list.h"

namespace adjoint::ops {
namespace {

using Ref = ElementwiseTape::Ref;

const auto kF32 = DType::kF32;

// What a kernel makes of copies of the inputs. alias[o] >= 0: output o is the memory of that input.
std::vector<Tensor> RunKernel(const Kernel& kernel, const std::vector<TensorSpec>& outputs,
                              const std::vector<Tensor>& inputs,
                              const std::vector<int>& alias = {}) {
  std::vector<Tensor> in, out;
  for (const Tensor& t : inputs) in.push_back(t.Clone());
  for (size_t o = 0; o < outputs.size(); ++o) {
    const bool in_place = o < alias.size() && alias[o] >= 0;
    out.push_back(in_place ? in[alias[o]] : Tensor::Zeros(outputs[o]));
  }
  std::vector<const void*> in_pointers;
  std::vector<void*> out_pointers;
  for (const Tensor& t : in) in_pointers.push_back(t.raw());
  for (Tensor& t : out) out_pointers.push_back(t.mutable_raw());
  const absl::Status status =
      kernel.Run({in_pointers.data(), out_pointers.data(), nullptr, nullptr});
  EXPECT_TRUE(status.ok()) << status;
  return out;
}

// A fused node prepared by a kernel of this name.
struct Fused {
  Fused(const ElementwiseTape& tape, const std::vector<Tensor>& inputs, const char* kernel_name) {
    const Attrs attrs = FusedElementwiseAttrs(tape);
    std::vector<TensorSpec> specs;
    for (const Tensor& t : inputs) specs.push_back(t.spec());
    auto inferred = InferOp(FusedElementwiseOp(), specs, attrs);
    EXPECT_TRUE(inferred.ok()) << inferred.status();
    outputs = *inferred;
    for (const KernelDef& def : FusedElementwiseOp().kernels) {
      if (def.name == kernel_name) kernel = *def.prepare({specs, outputs, attrs});
    }
  }

  std::vector<TensorSpec> outputs;
  std::unique_ptr<Kernel> kernel;
};

Tensor Ramp(const Shape& shape, float first, float step) {
  Tensor t = Tensor::Empty({kF32, shape});
  float value = first;
  for (float& x : t.mutable_data<float>()) {
    x = value;
    value += step;
  }
  return t;
}

Tensor RandomTensor(const TensorSpec& spec, std::mt19937& random) {
  Tensor t = Tensor::Empty(spec);
  VisitDType(spec.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (T& x : t.mutable_data<T>()) {
      const int value = static_cast<int>(random() % 41) - 20;
      if constexpr (std::is_same_v<T, bool>) {
        x = value > 0;
      } else if constexpr (std::is_floating_point_v<T>) {
        x = value == 20 ? std::numeric_limits<T>::quiet_NaN() : static_cast<T>(value) / 7;
      } else {
        x = static_cast<T>(value);
      }
    }
  });
  return t;
}

// Bitwise, but any NaN equals any other and -0 equals 0.
void ExpectSame(const Tensor& a, const Tensor& b, const std::string& what) {
  ASSERT_EQ(a.spec(), b.spec()) << what;
  for (int64_t i = 0; i < a.size(); ++i) {
    const double x = a.ValueAt(i), y = b.ValueAt(i);
    ASSERT_TRUE(x == y || (std::isnan(x) && std::isnan(y)))
        << what << " element " << i << ": " << x << " and " << y;
  }
}

TEST(ElementwiseTapeTest, ReadsAsAProgram) {
  ElementwiseTape tape;
  const Ref x = tape.AddInput(kF32), y = tape.AddInput(DType::kI32);
  const Ref cast = tape.AddInstr(&CastOp(), Attrs{{"dtype", kF32}}, {y}, kF32);
  const Ref product = tape.AddInstr(&MulOp(), {}, {x, cast}, kF32);
  tape.AddOutput(tape.AddInstr(&ReluOp(), {}, {product}, kF32));
  tape.AddOutput(product);
  EXPECT_EQ(tape.ToString(),
            "(%0 f32, %1 i32) %2 = cast{dtype=f32}(%1); %3 = mul(%0, %2); %4 = relu(%3); "
            "-> %4, %3");
  ElementwiseTape same = tape;
  EXPECT_TRUE(tape.Equals(same));
  same.AddOutput(x);
  EXPECT_FALSE(tape.Equals(same));
}

TEST(FusedElementwiseTest, SaysWhatDoesNotFit) {
  ElementwiseTape tape;
  const Ref x = tape.AddInput(kF32), y = tape.AddInput(kF32);
  tape.AddOutput(tape.AddInstr(&AddOp(), {}, {x, y}, kF32));
  const Attrs attrs = FusedElementwiseAttrs(tape);
  const TensorSpec row{kF32, Shape{3}}, whole{DType::kI32, Shape{3}}, other{kF32, Shape{4}};
  const auto message = [&](std::vector<TensorSpec> inputs) {
    return std::string(InferOp(FusedElementwiseOp(), inputs, attrs).status().message());
  };
  EXPECT_EQ(message({row}), "the tape reads 2 inputs, but the node has 1");
  EXPECT_EQ(message({row, whole}), "input 1 of the tape is f32, but the node's is i32");
  EXPECT_EQ(message({row, other}),
            "shapes [3] and [4] do not broadcast: axis -1 has 3 and 4, which are neither equal nor "
            "1");
  // Symbols pass through.
  const Dim batch = Dim::Symbol("batch");
  const TensorSpec symbolic{kF32, Shape{batch, 3}};
  const auto specs = InferOp(FusedElementwiseOp(), {symbolic, row}, attrs);
  ASSERT_TRUE(specs.ok()) << specs.status();
  EXPECT_EQ((*specs)[0], symbolic);
}

// Later instructions read what an output lies on.
TEST(TileEngineTest, AnOutputWaitsForLaterReadersOfItsMemory) {
  ElementwiseTape tape;
  const Ref a = tape.AddInput(kF32), b = tape.AddInput(kF32);
  const Ref sum = tape.AddInstr(&AddOp(), {}, {a, b}, kF32);
  const Ref product = tape.AddInstr(&MulOp(), {}, {a, b}, kF32);
  const Ref both = tape.AddInstr(&SubOp(), {}, {sum, product}, kF32);
  tape.AddOutput(sum);
  tape.AddOutput(product);
  tape.AddOutput(both);
  for (const int64_t n : {1, 7, 5000, 50000}) {
    const std::vector<Tensor> in = {Ramp({n}, -3, 0.01f), Ramp({n}, 2, -0.02f)};
    const Fused fused(tape, in, "simd");
    const std::vector<Tensor> apart = RunKernel(*fused.kernel, fused.outputs, in);
    const std::vector<std::vector<int>> aliases = {{0, 1, -1}, {1, 0, -1}, {0, -1, 1}, {1, -1, 0},
                                                   {-1, 0, 1}, {-1, 1, 0}, {-1, -1, 0}};
    for (const std::vector<int>& alias : aliases) {
      const std::vector<Tensor> out = RunKernel(*fused.kernel, fused.outputs, in, alias);
      for (size_t o = 0; o < out.size(); ++o) EXPECT_TRUE(BitwiseEqual(out[o], apart[o])) << n;
    }
    EXPECT_EQ(apart[2].data<float>()[0], (-3.0f + 2.0f) - (-3.0f * 2.0f));
  }
}

// Outputs that are inputs, in each other's memory.
TEST(TileEngineTest, SwapsInputsInPlace) {
  ElementwiseTape tape;
  const Ref a = tape.AddInput(kF32), b = tape.AddInput(kF32);
  tape.AddOutput(b);
  tape.AddOutput(a);
  const std::vector<Tensor> in = {Ramp({5000}, 0, 1), Ramp({5000}, 0, -2)};
  const Fused fused(tape, in, "simd");
  const std::vector<Tensor> out = RunKernel(*fused.kernel, fused.outputs, in, {0, 1});
  EXPECT_TRUE(BitwiseEqual(out[0], in[1]));
  EXPECT_TRUE(BitwiseEqual(out[1], in[0]));
}

TEST(TileEngineTest, UpdatesWeightsInPlaceAsALoopDoes) {
  ElementwiseTape tape;
  const Ref w = tape.AddInput(kF32), rms = tape.AddInput(kF32), g = tape.AddInput(kF32);
  const Ref rate = tape.AddInput(kF32), rho = tape.AddInput(kF32), one = tape.AddInput(kF32);
  const Ref epsilon = tape.AddInput(kF32);
  const auto instr = [&](const OpDef& op, std::vector<Ref> operands) {
    return tape.AddInstr(&op, {}, operands, kF32);
  };
  const Ref rest = instr(SubOp(), {one, rho});  // of scalars alone
  const Ref kept = instr(MulOp(), {rho, rms});
  const Ref added = instr(MulOp(), {rest, instr(SquareOp(), {g})});
  const Ref new_rms = instr(AddOp(), {kept, added});
  const Ref root = instr(AddOp(), {instr(SqrtOp(), {new_rms}), epsilon});
  const Ref step = instr(DivOp(), {instr(MulOp(), {rate, g}), root});
  tape.AddOutput(instr(SubOp(), {w, step}));
  tape.AddOutput(new_rms);

  const int64_t rows = 1250, cols = 16;
  std::vector<Tensor> in = {Ramp({rows, cols}, -1, 1e-4f), Ramp({rows, cols}, 0.5f, 1e-5f),
                            Ramp({rows, cols}, 3, -3e-4f)};
  for (const float number : {0.001f, 0.9f, 1.0f, 1e-7f}) in.push_back(Tensor::Scalar(number));
  const Fused fused(tape, in, "simd");
  const std::vector<Tensor> out = RunKernel(*fused.kernel, fused.outputs, in, {0, 1});
  for (int64_t i = 0; i < rows * cols; ++i) {
    const float gi = in[2].data<float>()[i];
    const float r = 0.9f * in[1].data<float>()[i] + (1.0f - 0.9f) * (gi * gi);
    ASSERT_EQ(out[1].data<float>()[i], r) << i;
    ASSERT_EQ(out[0].data<float>()[i],
              in[0].data<float>()[i] - 0.001f * gi / (std::sqrt(r) + 1e-7f))
        << i;
  }
}

TEST(TileEngineTest, DeclinesATapeThatIsTooLongAndTheReferenceRunsIt) {
  ElementwiseTape tape;
  const Ref x = tape.AddInput(kF32);
  Ref last = x;
  for (int i = 0; i < ElementwiseTape::kMaxValues; ++i) {
    last = tape.AddInstr(&AddOp(), {}, {last, x}, kF32);
  }
  tape.AddOutput(last);
  const std::vector<Tensor> in = {Tensor::Of<float>({2}, {1, 2})};
  EXPECT_EQ(Fused(tape, in, "simd").kernel, nullptr);
  const Fused reference(tape, in, "reference");
  const std::vector<Tensor> out = RunKernel(*reference.kernel, reference.outputs, in);
  EXPECT_EQ(out[0].data<float>()[1], 2.0f * (ElementwiseTape::kMaxValues + 1));
}

TEST(TileEngineTest, KeepsManyTemporariesApart) {
  // 100 values that all live until the end.
  ElementwiseTape tape;
  const Ref x = tape.AddInput(kF32);
  std::vector<Ref> values = {x};
  for (int i = 0; i < 60; ++i)
    values.push_back(tape.AddInstr(&AddOp(), {}, {values.back(), x}, kF32));
  Ref sum = x;
  for (size_t i = values.size(); i-- > 1;) {
    sum = tape.AddInstr(&AddOp(), {}, {sum, values[i]}, kF32);
  }
  tape.AddOutput(sum);
  const std::vector<Tensor> in = {Ramp({3000}, 0, 1)};
  const Fused fused(tape, in, "simd");
  ASSERT_NE(fused.kernel, nullptr);
  const std::vector<Tensor> out = RunKernel(*fused.kernel, fused.outputs, in);
  // x (1 + 2 + 3 + ... + 61), whole numbers below 2^24.
  for (int64_t i = 0; i < 3000; ++i)
    ASSERT_EQ(out[0].data<float>()[i], static_cast<float>(i * 1891));
}

// Patterns --------------------------------------------------------------------------------------

// A tape over f32: vectors v[0..3] and scalars s[0..2].
struct PatternCase {
  const char* name;
  int loops;  // that the engine makes of it
  std::function<std::vector<Ref>(ElementwiseTape&, absl::Span<const Ref>, absl::Span<const Ref>)>
      build;
};

TEST(TileEngineTest, PatternsTakeOneLoopAndGiveTheSameBits) {
  using T = ElementwiseTape;
  using Refs = absl::Span<const Ref>;
  const auto op = [](T& t, const OpDef& op, std::vector<Ref> operands, DType dtype = kF32) {
    return t.AddInstr(&op, {}, operands, dtype);
  };
  const auto root = [op](T& t, Ref x, Ref epsilon) {
    return op(t, AddOp(), {op(t, SqrtOp(), {x}), epsilon});
  };
  const std::vector<PatternCase> cases = {
      {"rmsprop step", 1,
       [&](T& t, Refs v, Refs s) -> std::vector<Ref> {
         const Ref step = op(t, MulOp(), {s[0], v[1]});
         return {op(t, SubOp(), {v[0], op(t, DivOp(), {step, root(t, v[2], s[1])})})};
       }},
      {"commuted", 1,
       [&](T& t, Refs v, Refs s) -> std::vector<Ref> {
         const Ref below = op(t, AddOp(), {s[1], op(t, SqrtOp(), {v[2]})});
         const Ref step = op(t, DivOp(), {op(t, MulOp(), {v[1], s[0]}), below});
         return {op(t, SubOp(), {v[0], step})};
       }},
      {"scaled quotient", 1,
       [&](T& t, Refs v, Refs s) -> std::vector<Ref> {
         return {op(t, DivOp(), {op(t, MulOp(), {v[0], s[0]}), root(t, v[1], s[1])})};
       }},
      {"quotient", 1,
       [&](T& t, Refs v, Refs s) -> std::vector<Ref> {
         return {op(t, DivOp(), {v[0], root(t, v[1], s[1])})};
       }},
      {"average of squares", 1,
       [&](T& t, Refs v, Refs s) -> std::vector<Ref> {
         const Ref square = op(t, SquareOp(), {v[1]});
         return {op(t, AddOp(), {op(t, MulOp(), {square, s[1]}), op(t, MulOp(), {s[0], v[0]})})};
       }},
      {"average", 1,
       [&](T& t, Refs v, Refs s) -> std::vector<Ref> {
         return {op(t, AddOp(), {op(t, MulOp(), {s[0], v[0]}), op(t, MulOp(), {s[1], v[1]})})};
       }},
      {"step", 1,
       [&](T& t, Refs v, Refs s) -> std::vector<Ref> {
         return {op(t, SubOp(), {v[0], op(t, MulOp(), {s[0], v[1]})})};
       }},
      {"momentum", 1,
       [&](T& t, Refs v, Refs s) -> std::vector<Ref> {
         return {op(t, SubOp(), {op(t, MulOp(), {s[0], v[1]}), v[0]})};
       }},
      {"scaled sum", 1,
       [&](T& t, Refs v, Refs s) -> std::vector<Ref> {
         return {op(t, AddOp(), {op(t, MulOp(), {s[0], v[1]}), v[0]})};
       }},
      {"sum of squares", 1,
       [&](T& t, Refs v, Refs) -> std::vector<Ref> {
         return {op(t, AddOp(), {v[0], op(t, SquareOp(), {v[1]})})};
       }},
      {"sigmoid gradient", 1,
       [&](T& t, Refs v, Refs s) -> std::vector<Ref> {
         const Ref slope = op(t, MulOp(), {v[1], op(t, SubOp(), {s[0], v[1]})});
         return {op(t, MulOp(), {v[0], slope})};
       }},
      {"almost a sigmoid gradient", 3,  // of two different outputs
       [&](T& t, Refs v, Refs s) -> std::vector<Ref> {
         const Ref slope = op(t, MulOp(), {v[1], op(t, SubOp(), {s[0], v[2]})});
         return {op(t, MulOp(), {v[0], slope})};
       }},
      {"tanh gradient", 1,
       [&](T& t, Refs v, Refs s) -> std::vector<Ref> {
         const Ref slope = op(t, SubOp(), {s[0], op(t, SquareOp(), {v[1]})});
         return {op(t, MulOp(), {slope, v[0]})};
       }},
      {"relu gradient", 1,
       [&](T& t, Refs v, Refs s) -> std::vector<Ref> {
         const Ref on = op(t, GreaterOp(), {v[1], s[0]}, DType::kBool);
         return {op(t, WhereOp(), {on, v[0], s[1]})};
       }},
      {"bias and relu", 1,
       [&](T& t, Refs v, Refs) -> std::vector<Ref> {
         return {op(t, ReluOp(), {op(t, AddOp(), {v[0], v[1]})})};
       }},
      {"rmsprop", 2,
       [&](T& t, Refs v, Refs s) -> std::vector<Ref> {
         const Ref square = op(t, MulOp(), {s[1], op(t, SquareOp(), {v[1]})});
         const Ref rms = op(t, AddOp(), {op(t, MulOp(), {s[0], v[2]}), square});
         const Ref step = op(t, DivOp(), {op(t, MulOp(), {s[2], v[1]}), root(t, rms, s[1])});
         return {op(t, SubOp(), {v[0], step}), rms};
       }},
      {"a product that is an output", 2,
       [&](T& t, Refs v, Refs s) -> std::vector<Ref> {
         const Ref product = op(t, MulOp(), {s[0], v[1]});
         return {op(t, SubOp(), {v[0], product}), product};
       }},
      {"a product that is read twice", 3,
       [&](T& t, Refs v, Refs s) -> std::vector<Ref> {
         const Ref product = op(t, MulOp(), {s[0], v[1]});
         return {op(t, SubOp(), {v[0], product}), op(t, AddOp(), {v[2], product})};
       }},
  };
  for (const PatternCase& c : cases) {
    ElementwiseTape tape;
    std::vector<Ref> v, s;
    std::vector<Tensor> in;
    std::mt19937 random(7);
    for (int i = 0; i < 3; ++i) {
      v.push_back(tape.AddInput(kF32));
      in.push_back(RandomTensor({kF32, Shape{3001}}, random));
    }
    for (int i = 0; i < 3; ++i) {
      s.push_back(tape.AddInput(kF32));
      in.push_back(Tensor::Scalar(0.3f * static_cast<float>(i)));
    }
    for (const Ref ref : c.build(tape, v, s)) tape.AddOutput(ref);
    const Fused engine(tape, in, "simd"), reference(tape, in, "reference");
    ASSERT_NE(engine.kernel, nullptr) << c.name;
    EXPECT_EQ(engine.kernel->implementation(),
              absl::StrCat(c.loops, c.loops == 1 ? " loop" : " loops"))
        << c.name;
    const std::vector<Tensor> expected = RunKernel(*reference.kernel, reference.outputs, in);
    const std::vector<std::vector<int>> aliases = {{-1, -1}, {0, 2}, {1, 0}, {2, 1}};
    for (const std::vector<int>& alias : aliases) {
      const std::vector<Tensor> out = RunKernel(*engine.kernel, engine.outputs, in, alias);
      for (size_t o = 0; o < out.size(); ++o) ExpectSame(out[o], expected[o], c.name);
    }
  }
}

// Random tapes ----------------------------------------------------------------------------------

struct RandomCase {
  ElementwiseTape tape;
  std::vector<Tensor> inputs;
  std::vector<int> alias;
};

// Ops whose results are exact, or rounded once: the two kernels agree to the bit.
RandomCase MakeCase(unsigned seed) {
  std::mt19937 random(seed);
  const auto below = [&](size_t n) { return static_cast<int>(random() % n); };
  static const std::vector<Shape>* const kShapes =
      new std::vector<Shape>{{1},       {5},       {0, 3},     {3, 7},    {2, 3, 5}, {40, 16},
                             {300, 50}, {7, 1000}, {260, 257}, {4, 3000}, {}};
  const Shape full = (*kShapes)[below(kShapes->size())];
  RandomCase c;
  const int num_inputs = 1 + below(5);
  for (int i = 0; i < num_inputs; ++i) {
    // The first input has the full shape; others may lack axes or have extent 1.
    Shape shape;
    const int skip = i == 0 ? 0 : below(static_cast<size_t>(full.rank()) + 1);
    const bool whole = i == 0 || below(2) == 0;
    for (int axis = whole ? 0 : skip; axis < full.rank(); ++axis) {
      shape.push_back(whole || below(2) == 0 ? full.dim(axis) : Dim(1));
    }
    const DType dtypes[] = {kF32,        kF32,         kF32,       DType::kF64,
                            DType::kI32, DType::kBool, DType::kI8, DType::kF16};
    const DType dtype = dtypes[below(std::size(dtypes))];
    c.tape.AddInput(dtype);
    c.inputs.push_back(RandomTensor({dtype, shape}, random));
  }
  // Values by type, so that operands agree.
  const auto pick = [&](DType dtype) {
    std::vector<Ref> fit;
    for (size_t v = 0; v < c.tape.values().size(); ++v) {
      if (c.tape.values()[v].dtype == dtype) fit.push_back(static_cast<Ref>(v));
    }
    return fit.empty() ? -1 : fit[below(fit.size())];
  };
  const int num_instrs = below(12);
  for (int i = 0; i < num_instrs; ++i) {
    const Ref a = below(c.tape.values().size());
    const DType dtype = c.tape.values()[a].dtype;
    const Ref b = pick(dtype);
    const Ref condition = pick(DType::kBool);
    const bool number = IsFloating(dtype) || IsInteger(dtype);
    switch (below(6)) {
      case 0:
      case 1: {
        const OpDef* ops[] = {&AddOp(), &SubOp(), &MulOp(), &DivOp(), &MaximumOp(), &MinimumOp()};
        if (number) c.tape.AddInstr(ops[below(6)], {}, {a, b}, dtype);
        break;
      }
      case 2: {
        const OpDef* ops[] = {&NegOp(), &AbsOp(), &SquareOp(), &SignOp()};
        if (number) c.tape.AddInstr(ops[below(4)], {}, {a}, dtype);
        break;
      }
      case 3: {
        const OpDef* ops[] = {&EqualOp(), &LessOp(), &GreaterEqualOp()};
        if (!IsHalf(dtype)) c.tape.AddInstr(ops[below(3)], {}, {a, b}, DType::kBool);
        break;
      }
      case 4:
        if (condition >= 0) c.tape.AddInstr(&WhereOp(), {}, {condition, a, b}, dtype);
        break;
      default: {
        const DType to = kAllDTypes[below(std::size(kAllDTypes))];
        c.tape.AddInstr(&CastOp(), Attrs{{"dtype", to}}, {a}, to);
        break;
      }
    }
  }
  const int num_outputs = 1 + below(4);
  std::vector<bool> taken(c.inputs.size(), false);
  for (int o = 0; o < num_outputs; ++o) {
    const Ref ref = below(c.tape.values().size());
    c.tape.AddOutput(ref);
    c.alias.push_back(-1);
    const TensorSpec spec{c.tape.values()[ref].dtype, full};
    for (size_t i = 0; i < c.inputs.size(); ++i) {
      if (taken[i] || c.inputs[i].spec() != spec || below(3) == 0) continue;
      taken[i] = true;
      c.alias.back() = static_cast<int>(i);
      break;
    }
  }
  return c;
}

TEST(TileEngineTest, RandomTapesAgreeWithTheReferenceInPlaceAndOnAnyThreads) {
  const int threads = NumThreads();
  int in_place = 0, fast = 0;
  for (unsigned seed = 0; seed < 400; ++seed) {
    const RandomCase c = MakeCase(seed);
    const std::string what = absl::StrCat("seed ", seed, " ", c.tape.ToString());
    const Fused engine(c.tape, c.inputs, "simd");
    const Fused reference(c.tape, c.inputs, "reference");
    ASSERT_NE(engine.kernel, nullptr) << what;
    ASSERT_NE(reference.kernel, nullptr) << what;
    ++fast;
    const std::vector<Tensor> expected = RunKernel(*reference.kernel, reference.outputs, c.inputs);
    for (const bool alias : {false, true}) {
      SetNumThreads(alias ? 2 : 1);
      const std::vector<int> pairs = alias ? c.alias : std::vector<int>{};
      for (const int i : pairs) in_place += i >= 0;
      const std::vector<Tensor> out = RunKernel(*engine.kernel, engine.outputs, c.inputs, pairs);
      const std::vector<Tensor> slow =
          RunKernel(*reference.kernel, reference.outputs, c.inputs, pairs);
      for (size_t o = 0; o < out.size(); ++o) {
        ExpectSame(out[o], expected[o], absl::StrCat(what, " output ", o));
        ExpectSame(slow[o], expected[o], absl::StrCat(what, " reference output ", o));
        if (HasFatalFailure()) return;
      }
    }
  }
  SetNumThreads(threads);
  EXPECT_EQ(fast, 400);
  EXPECT_GT(in_place, 100);  // else this test does not test it
}

// Single ops ------------------------------------------------------------------------------------

Tensor SpecialValues(DType dtype, bool second, int64_t n) {
  Tensor t = Tensor::Empty({dtype, Shape{n}});
  VisitDType(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    using Limits = std::numeric_limits<T>;
    std::vector<T> values;
    if constexpr (std::is_same_v<T, bool>) {
      values = {false, true};
    } else if constexpr (std::is_floating_point_v<T>) {
      values = {0,      -T{0}, 1,    -1,  T{0.3}, T{-2.7}, 5,       T{1e-30},
                T{1e6}, -8,    T{3}, 300, -300,   T{3e9},  -T{1e20}};
      for (const T x : {Limits::infinity(), -Limits::infinity(), Limits::quiet_NaN()}) {
        values.push_back(x);
      }
    } else if constexpr (kIsHalf<T>) {
      for (const double x : {0.0, -0.0, 1.0, -1.0, 0.3, -2.7, 1e-7, 65504.0, -300.0, 3e9, -1e30,
                             HUGE_VAL, -HUGE_VAL, std::nan("")}) {
        values.push_back(T(x));
      }
    } else {
      values = {
          0, 1, 2, 3, 7, static_cast<T>(-1), static_cast<T>(-7), Limits::max(), Limits::min()};
    }
    for (int64_t i = 0; i < n; ++i) {
      const int64_t k = static_cast<int64_t>(values.size());
      t.mutable_data<T>()[i] = values[(second ? i / k : i) % k];
    }
  });
  return t;
}

// All pairs of special values, each op, each type it takes: against the independent loop.
TEST(ElementwiseOpsTest, FastKernelsAgreeWithReferencesOnSpecialValues) {
  int cases = 0;
  for (const OpDef* op : AllOps()) {
    if (!op->traits.elementwise || op->traits.internal || op->tile == nullptr) continue;
    for (const DType dtype : kAllDTypes) {
      for (const DType to : kAllDTypes) {
        const bool cast = op->name == "cast";
        if (!cast && to != kF32) continue;
        const Attrs attrs = cast ? Attrs{{"dtype", to}} : Attrs{};
        std::vector<Tensor> in;
        if (op->min_inputs == 3) in.push_back(SpecialValues(DType::kBool, false, 331));
        while (in.size() < static_cast<size_t>(op->min_inputs)) {
          in.push_back(SpecialValues(dtype, in.size() % 2 == 1, 331));
        }
        std::vector<TensorSpec> specs;
        for (const Tensor& t : in) specs.push_back(t.spec());
        const auto outputs = InferOp(*op, specs, attrs);
        if (!outputs.ok()) continue;  // a type that the op does not take
        const KernelRequest request{specs, *outputs, attrs};
        const auto fast = PrepareKernel(*op, request);
        const auto reference = PrepareKernel(*op, request, {"simd", "onednn"});
        ASSERT_TRUE(fast.ok() && reference.ok()) << op->name << " " << DTypeName(dtype);
        EXPECT_EQ(fast->name, op->name + "/simd") << DTypeName(dtype);
        EXPECT_EQ(reference->name, op->name + "/reference");
        const Tensor a = RunKernel(*fast->kernel, *outputs, in)[0];
        const Tensor b = RunKernel(*reference->kernel, *outputs, in)[0];
        const double epsilon = a.dtype() == kF32 ? 6e-7 : 1e-14;
        for (int64_t i = 0; i < a.size(); ++i) {
          const double x = a.ValueAt(i), y = b.ValueAt(i);
          const bool same =
              x == y || (std::isnan(x) && std::isnan(y)) ||
              (IsFloating(a.dtype()) && std::abs(x - y) <= epsilon * std::max(1e-30, std::abs(y)));
          EXPECT_TRUE(same) << op->name << " " << DTypeName(dtype) << " element " << i << " of "
                            << in[0].ValueAt(i) << ", " << in.back().ValueAt(i) << ": " << x
                            << ", reference " << y;
        }
        ++cases;
      }
    }
  }
  EXPECT_GT(cases, 350);
}

template <typename T>
std::vector<T> Apply(const OpDef& op, std::vector<Tensor> in, Attrs attrs = {}) {
  std::vector<TensorSpec> specs;
  for (const Tensor& t : in) specs.push_back(t.spec());
  const auto outputs = InferOp(op, specs, attrs);
  EXPECT_TRUE(outputs.ok()) << outputs.status();
  const auto kernel = PrepareKernel(op, {specs, *outputs, attrs});
  const Tensor out = RunKernel(*kernel->kernel, *outputs, in)[0];
  return std::vector<T>(out.data<T>().begin(), out.data<T>().end());
}

TEST(ElementwiseOpsTest, IntegersAreDefinedEverywhere) {
  const int32_t low = std::numeric_limits<int32_t>::min(),
                high = std::numeric_limits<int32_t>::max();
  const auto ints = [](std::vector<int32_t> v) { return Tensor::Vector<int32_t>(v); };
  using Ints = std::vector<int32_t>;
  EXPECT_EQ(Apply<int32_t>(DivOp(), {ints({7, -7, 5, low, 0}), ints({2, 2, 0, -1, 0})}),
            (Ints{3, -3, 0, low, 0}));
  EXPECT_EQ(Apply<int32_t>(AddOp(), {ints({high, low}), ints({1, -1})}), (Ints{low, high}));
  EXPECT_EQ(Apply<int32_t>(NegOp(), {ints({low, 3})}), (Ints{low, -3}));
  EXPECT_EQ(Apply<int32_t>(AbsOp(), {ints({low, -3})}), (Ints{low, 3}));
  EXPECT_EQ(
      Apply<int32_t>(PowOp(), {ints({2, -1, -1, 1, 0, 3, 0}), ints({10, -3, -2, -9, -1, 3, 0})}),
      (Ints{1024, -1, 1, 1, 0, 27, 1}));
  const float inf = std::numeric_limits<float>::infinity();
  const Tensor x = Tensor::Vector<float>({1.9f, -1.9f, 3e9f, -inf, std::nanf(""), 300.0f});
  EXPECT_EQ(Apply<int32_t>(CastOp(), {x}, Attrs{{"dtype", DType::kI32}}),
            (Ints{1, -1, high, low, 0, 300}));
  EXPECT_EQ(Apply<uint8_t>(CastOp(), {x}, Attrs{{"dtype", DType::kU8}}),
            (std::vector<uint8_t>{1, 0, 255, 0, 0, 255}));
  EXPECT_EQ(Apply<bool>(CastOp(), {x}, Attrs{{"dtype", DType::kBool}}),
            (std::vector<bool>{true, true, true, true, true, true}));
}

TEST(ElementwiseOpsTest, NanPropagates) {
  const float nan = std::nanf("");
  const Tensor a = Tensor::Vector<float>({nan, 1, nan}), b = Tensor::Vector<float>({1, nan, nan});
  for (const OpDef* op : {&MaximumOp(), &MinimumOp(), &AddOp()}) {
    for (const float x : Apply<float>(*op, {a, b})) EXPECT_TRUE(std::isnan(x)) << op->name;
  }
  for (const OpDef* op : {&ReluOp(), &SignOp(), &GeluOp(), &TanhOp()}) {
    EXPECT_TRUE(std::isnan(Apply<float>(*op, {a})[0])) << op->name;
  }
}

}  // namespace
}  // namespace adjoint::ops
