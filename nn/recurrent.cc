#include "nn/recurrent.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/recurrent.h"
#include "nn/config.h"
#include "nn/registry.h"
#include "ops/arithmetic.h"
#include "ops/cast.h"
#include "ops/comparison.h"
#include "ops/random.h"
#include "ops/rearrange.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"

namespace adjoint::nn {
namespace {

enum class Kind { kSimpleRnn, kLstm, kGru };

constexpr const char *kClassNames[] = {"SimpleRNN", "LSTM", "GRU"};
constexpr int64_t kGates[] = {1, 4, 3};
constexpr size_t kStates[] = {1, 2, 1};

struct Outputs {
  Var y;                    // [time, batch, units]
  std::vector<Var> states;  // [batch, units] each
};

// What the layers here share: a kind of cell, its options, and variables under a prefix.
class Recurrent {
 public:
  Recurrent(Kind kind, int64_t units, RecurrentOptions options)
      : kind_(kind), units_(units), options_(std::move(options)) {}

  const char *class_name() const { return kClassNames[static_cast<int>(kind_)]; }
  size_t num_states() const { return kStates[static_cast<int>(kind_)]; }
  const RecurrentOptions &options() const { return options_; }

  // Checks configuration and inputs, of which `sets` times num_states() may be initial states.
  absl::Status Check(absl::Span<const ValueSpec> inputs, size_t sets) const {
    if (units_ < 1) {
      return absl::InvalidArgumentError(
          absl::StrCat(class_name(), " wants at least 1 unit, but was given ", units_));
    }
    for (double rate : {options_.dropout, options_.recurrent_dropout}) {
      if (rate >= 0 && rate < 1) continue;
      return absl::InvalidArgumentError(absl::StrCat(
          class_name(), " wants dropout rates of at least 0 and below 1, but was given ", rate));
    }
    ADJOINT_RETURN_IF_ERROR(options_.activation.Check());
    ADJOINT_RETURN_IF_ERROR(options_.recurrent_activation.Check());
    const size_t with_states = 1 + sets * num_states();
    if (inputs.size() != 1 && inputs.size() != with_states) {
      return absl::InvalidArgumentError(
          absl::StrCat(class_name(), " takes one input, or ", with_states,
                       " with initial states, but was given ", inputs.size()));
    }
    for (const ValueSpec &input : inputs) {
      ADJOINT_RETURN_IF_ERROR(OneDenseInput({&input, 1}, class_name()).status());
    }
    const Shape &shape = inputs[0].tensor.shape;
    if (shape.rank() != 3 || !shape.dim(2).is_known()) {
      return absl::InvalidArgumentError(
          absl::StrCat(class_name(),
                       " takes [batch, time, inputs], the last of them a number, but "
                       "was given ",
                       inputs[0].ToString()));
    }
    for (const ValueSpec &state : inputs.subspan(1)) {
      if (state.tensor.shape == Shape{shape.dim(0), units_}) continue;
      return absl::InvalidArgumentError(absl::StrCat(class_name(), " takes initial states of ",
                                                     Shape{shape.dim(0), units_}.ToString(),
                                                     ", but was given ", state.ToString()));
    }
    return absl::OkStatus();
  }

  void Declare(const std::string &prefix, Dim inputs, std::vector<VariableDecl> *variables) const {
    const int64_t width = gates() * units_;
    variables->push_back({.name = prefix + "kernel",
                          .spec = {DType::kF32, Shape{inputs, width}},
                          .initializer = options_.kernel_initializer,
                          .regularizer = options_.kernel_regularizer});
    variables->push_back({.name = prefix + "recurrent_kernel",
                          .spec = {DType::kF32, Shape{units_, width}},
                          .initializer = options_.recurrent_initializer,
                          .regularizer = options_.recurrent_regularizer});
    if (!options_.use_bias) return;
    const bool unit_forget = kind_ == Kind::kLstm && options_.unit_forget_bias;
    variables->push_back(
        {.name = prefix + "bias",
         .spec = {DType::kF32, two_biases() ? Shape{2, width} : Shape{width}},
         .initializer = unit_forget ? Initializer("unit_forget_bias") : options_.bias_initializer,
         .regularizer = options_.bias_regularizer});
  }

  // x is [time, batch, inputs], the mask [time, batch] or not valid. Outputs keep their positions.
  Outputs Run(CallContext &context, const std::string &prefix, Var x, Var mask,
              absl::Span<const Value> initial, bool reverse) const {
    if (!x.valid()) return {x, std::vector<Var>(num_states(), x)};
    graph::SequenceOptions sequence;
    sequence.reverse = reverse;
    sequence.mask = mask;
    sequence.hold = true;
    if (!initial.empty()) sequence.initial_h = ops::Cast(initial[0].dense(), DType::kF32);
    if (initial.size() > 1) sequence.initial_c = ops::Cast(initial[1].dense(), DType::kF32);
    if (context.training()) {
      const Dim batch = x.shape().dim(1);
      if (options_.dropout > 0) {
        x = x * DropMask(context, x, options_.dropout, Shape{batch, x.shape().dim(2)});
      }
      if (options_.recurrent_dropout > 0) {
        sequence.recurrent_dropout =
            DropMask(context, x, options_.recurrent_dropout, Shape{batch, units_});
      }
    }
    const graph::ActivationFn activation = [this](Var v) { return options_.activation(v); };
    const graph::ActivationFn gate = [this](Var v) { return options_.recurrent_activation(v); };
    const std::vector<graph::GateWeights> weights = Weights(context, prefix);
    graph::SequenceResult result;
    if (kind_ == Kind::kSimpleRnn) {
      result = graph::RnnSequence(x, weights[0], activation, sequence);
      return {result.y, {result.h}};
    }
    if (kind_ == Kind::kGru) {
      result = graph::GruSequence(x,
                                  {.update = weights[0],
                                   .reset = weights[1],
                                   .candidate = weights[2],
                                   .f = gate,
                                   .g = activation,
                                   .reset_after = options_.reset_after},
                                  sequence);
      return {result.y, {result.h}};
    }
    result = graph::LstmSequence(x,
                                 {.input = weights[0],
                                  .forget = weights[1],
                                  .cell = weights[2],
                                  .output = weights[3],
                                  .f = gate,
                                  .g = activation,
                                  .h = activation},
                                 sequence);
    return {result.y, {result.h, result.c}};
  }

  absl::StatusOr<Attrs> Config() const {
    ADJOINT_ASSIGN_OR_RETURN(const std::string activation, ActivationConfig(options_.activation));
    ADJOINT_ASSIGN_OR_RETURN(const std::string gate,
                             ActivationConfig(options_.recurrent_activation));
    return Attrs{{"units", units_},
                 {"activation", activation},
                 {"recurrent_activation", gate},
                 {"use_bias", options_.use_bias},
                 {"kernel_initializer", options_.kernel_initializer.text()},
                 {"recurrent_initializer", options_.recurrent_initializer.text()},
                 {"bias_initializer", options_.bias_initializer.text()},
                 {"unit_forget_bias", options_.unit_forget_bias},
                 {"kernel_regularizer", options_.kernel_regularizer.ToString()},
                 {"recurrent_regularizer", options_.recurrent_regularizer.ToString()},
                 {"bias_regularizer", options_.bias_regularizer.ToString()},
                 {"dropout", options_.dropout},
                 {"recurrent_dropout", options_.recurrent_dropout},
                 {"return_sequences", options_.return_sequences},
                 {"return_state", options_.return_state},
                 {"go_backwards", options_.go_backwards},
                 {"reset_after", options_.reset_after}};
  }

  static absl::StatusOr<Recurrent> FromConfig(Kind kind, const LayerConfig &config) {
    ConfigReader reader(config);
    const int64_t units = reader.Get<int64_t>("units");
    RecurrentOptions options{
        .activation = reader.Get<std::string>("activation"),
        .recurrent_activation = reader.Get<std::string>("recurrent_activation"),
        .use_bias = reader.Get<bool>("use_bias"),
        .kernel_initializer = reader.Get<std::string>("kernel_initializer"),
        .recurrent_initializer = reader.Get<std::string>("recurrent_initializer"),
        .bias_initializer = reader.Get<std::string>("bias_initializer"),
        .unit_forget_bias = reader.Get<bool>("unit_forget_bias"),
        .kernel_regularizer = reader.GetRegularizer("kernel_regularizer"),
        .recurrent_regularizer = reader.GetRegularizer("recurrent_regularizer"),
        .bias_regularizer = reader.GetRegularizer("bias_regularizer"),
        .dropout = reader.Get<double>("dropout"),
        .recurrent_dropout = reader.Get<double>("recurrent_dropout"),
        .return_sequences = reader.Get<bool>("return_sequences"),
        .return_state = reader.Get<bool>("return_state"),
        .go_backwards = reader.Get<bool>("go_backwards"),
        .reset_after = reader.Get<bool>("reset_after"),
        .name = config.name};
    ADJOINT_RETURN_IF_ERROR(reader.status());
    return Recurrent(kind, units, std::move(options));
  }

 private:
  int64_t gates() const { return kGates[static_cast<int>(kind_)]; }
  bool two_biases() const { return kind_ == Kind::kGru && options_.reset_after; }

  // 0 or 1 / (1 - rate), the same for all steps.
  static Var DropMask(CallContext &context, Var like, double rate, const Shape &shape) {
    const Var ones = ops::BroadcastTo(ops::ScalarLike(like, 1), shape);
    return ops::Dropout(ones, rate, context.seed(), context.step());
  }

  std::vector<graph::GateWeights> Weights(CallContext &context, const std::string &prefix) const {
    const Var kernel = context.Variable(prefix + "kernel");
    const Var recurrent = context.Variable(prefix + "recurrent_kernel");
    const Var bias = options_.use_bias ? context.Variable(prefix + "bias") : Var{};
    std::vector<graph::GateWeights> weights;
    for (int64_t g = 0; g < gates(); ++g) {
      const int64_t first = g * units_, end = first + units_;
      graph::GateWeights gate{.kernel = ops::SliceAxis(kernel, 1, first, end),
                              .recurrent = ops::SliceAxis(recurrent, 1, first, end)};
      if (two_biases() && bias.valid()) {
        const auto row = [&](int64_t i) {
          return ops::Reshape(ops::Slice(bias, {i, first}, {i + 1, end}), Shape{units_});
        };
        gate.bias = row(0);
        gate.recurrent_bias = row(1);
        if (g < 2) {
          gate.bias = gate.bias + gate.recurrent_bias;
          gate.recurrent_bias = Var{};
        }
      } else if (bias.valid()) {
        gate.bias = ops::SliceAxis(bias, 0, first, end);
      }
      weights.push_back(gate);
    }
    return weights;
  }

  Kind kind_;
  int64_t units_;
  RecurrentOptions options_;
};

Var TimeFirst(Var x) { return ops::Transpose(x, {1, 0, 2}); }

struct Sequence {
  Var x;     // [time, batch, inputs]
  Var mask;  // [time, batch], or not valid
};

Sequence SequenceOf(const Value &input) {
  const Var mask = input.mask();
  return {TimeFirst(ops::Cast(input.dense(), DType::kF32)),
          mask.valid() ? ops::Transpose(mask, {1, 0}) : mask};
}

Value WithMask(Var y, Var mask) {
  Value value(y);
  value.set_mask(mask);
  return value;
}

class RecurrentLayer final : public Layer {
 public:
  RecurrentLayer(Recurrent recurrent, std::source_location location)
      : Layer(recurrent.options().name, location), recurrent_(std::move(recurrent)) {}

  const Recurrent &recurrent() const { return recurrent_; }

  std::string ClassName() const override { return recurrent_.class_name(); }
  absl::Status Build(absl::Span<const ValueSpec> inputs,
                     std::vector<VariableDecl> *variables) const override {
    ADJOINT_RETURN_IF_ERROR(recurrent_.Check(inputs, 1));
    recurrent_.Declare("", inputs[0].tensor.shape.dim(2), variables);
    return absl::OkStatus();
  }
  std::vector<Value> Call(CallContext &context, absl::Span<const Value> inputs) const override {
    const RecurrentOptions &options = recurrent_.options();
    const Sequence sequence = SequenceOf(inputs[0]);
    const Outputs outputs = recurrent_.Run(context, "", sequence.x, sequence.mask,
                                           inputs.subspan(1), options.go_backwards);
    std::vector<Value> values;
    if (!options.return_sequences) {
      values.push_back(outputs.states[0]);
    } else {
      Var y = TimeFirst(outputs.y);
      if (options.go_backwards) {
        y = ops::Flip(y, {1});
      }
      Var mask = inputs[0].mask();
      if (options.go_backwards && mask.valid()) mask = ops::Flip(mask, {1});
      values.push_back(WithMask(y, mask));
    }
    if (options.return_state) {
      values.insert(values.end(), outputs.states.begin(), outputs.states.end());
    }
    return values;
  }
  absl::StatusOr<Attrs> Config() const override { return recurrent_.Config(); }

 private:
  const Recurrent recurrent_;
};

constexpr const char *kMergeModes[] = {"concat", "sum", "mul", "ave", "none"};

class BidirectionalLayer final : public Layer {
 public:
  BidirectionalLayer(LayerHandle layer, BidirectionalOptions options, std::source_location location)
      : Layer(options.name, location),
        layer_(std::move(layer)),
        recurrent_(dynamic_cast<const RecurrentLayer *>(layer_.layer().get())),
        options_(std::move(options)) {}

  std::string ClassName() const override { return "Bidirectional"; }
  absl::Status Build(absl::Span<const ValueSpec> inputs,
                     std::vector<VariableDecl> *variables) const override {
    if (recurrent_ == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("Bidirectional takes SimpleRNN, LSTM or GRU, but was given ",
                       layer_.layer()->ClassName()));
    }
    if (recurrent_->recurrent().options().go_backwards) {
      return absl::InvalidArgumentError(
          "Bidirectional runs both ways; give it a layer without go_backwards");
    }
    bool known = false;
    for (const char *mode : kMergeModes) known |= options_.merge_mode == mode;
    if (!known) {
      return absl::InvalidArgumentError(absl::StrCat("there is no merge mode '",
                                                     options_.merge_mode,
                                                     "'; there are concat, sum, mul, ave, none"));
    }
    const Recurrent &recurrent = recurrent_->recurrent();
    ADJOINT_RETURN_IF_ERROR(recurrent.Check(inputs, 2));
    recurrent.Declare("forward_", inputs[0].tensor.shape.dim(2), variables);
    recurrent.Declare("backward_", inputs[0].tensor.shape.dim(2), variables);
    return absl::OkStatus();
  }
  std::vector<Value> Call(CallContext &context, absl::Span<const Value> inputs) const override {
    const Recurrent &recurrent = recurrent_->recurrent();
    const RecurrentOptions &options = recurrent.options();
    const Sequence sequence = SequenceOf(inputs[0]);
    const size_t n = inputs.size() > 1 ? recurrent.num_states() : 0;
    const Outputs forward =
        recurrent.Run(context, "forward_", sequence.x, sequence.mask, inputs.subspan(1, n), false);
    const Outputs backward =
        recurrent.Run(context, "backward_", sequence.x, sequence.mask, inputs.subspan(1 + n), true);
    const Var a = options.return_sequences ? forward.y : forward.states[0];
    const Var b = options.return_sequences ? backward.y : backward.states[0];
    std::vector<Value> values;
    for (Var y : Merge(a, b)) {
      values.push_back(options.return_sequences ? WithMask(TimeFirst(y), inputs[0].mask())
                                                : Value(y));
    }
    if (options.return_state) {
      values.insert(values.end(), forward.states.begin(), forward.states.end());
      values.insert(values.end(), backward.states.begin(), backward.states.end());
    }
    return values;
  }
  absl::StatusOr<Attrs> Config() const override {
    ADJOINT_ASSIGN_OR_RETURN(Attrs config, recurrent_->Config());
    config.Set("merge_mode", options_.merge_mode);
    config.Set("layer", std::string(recurrent_->ClassName()));
    return config;
  }

 private:
  std::vector<Var> Merge(Var a, Var b) const {
    if (options_.merge_mode == "none") return {a, b};
    if (options_.merge_mode == "sum") return {a + b};
    if (options_.merge_mode == "mul") return {a * b};
    if (options_.merge_mode == "ave") return {(a + b) * 0.5};
    return {ops::Concat({a, b}, -1)};
  }

  const LayerHandle layer_;
  const RecurrentLayer *const recurrent_;  // the same, when it is one
  const BidirectionalOptions options_;
};

class MaskingLayer final : public Layer {
 public:
  MaskingLayer(double mask_value, LayerOptions options, std::source_location location)
      : Layer(std::move(options.name), location), mask_value_(mask_value) {}

  std::string ClassName() const override { return "Masking"; }
  absl::Status Build(absl::Span<const ValueSpec> inputs,
                     std::vector<VariableDecl> *) const override {
    ADJOINT_ASSIGN_OR_RETURN(const TensorSpec spec, OneDenseInput(inputs, ClassName()));
    if (spec.shape.rank() >= 3) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(
        "Masking takes [batch, time, ...] of at least 3 axes, but was given ", spec.ToString()));
  }
  std::vector<Value> Call(CallContext &, absl::Span<const Value> inputs) const override {
    const Var x = ops::Cast(inputs[0].dense(), DType::kF32);
    if (!x.valid()) return {x};
    std::vector<int64_t> axes;
    for (int axis = 2; axis < x.shape().rank(); ++axis) axes.push_back(axis);
    const Var differs = ops::Cast(ops::NotEqual(x, mask_value_), DType::kF32);
    const Var any = ops::ReduceMax(differs, axes, /*keepdims=*/true);
    const Var counts = ops::Greater(ops::ReduceMax(differs, axes), 0.0);
    return {WithMask(x * any, counts)};
  }
  absl::StatusOr<Attrs> Config() const override { return Attrs{{"mask_value", mask_value_}}; }

 private:
  const double mask_value_;
};

constexpr std::source_location kFromFile = std::source_location();

LayerHandle MakeRecurrent(Kind kind, int64_t units, RecurrentOptions options,
                          const std::source_location &location) {
  return LayerHandle(
      std::make_shared<RecurrentLayer>(Recurrent(kind, units, std::move(options)), location));
}

absl::StatusOr<LayerHandle> FromConfig(Kind kind, const LayerConfig &config) {
  ADJOINT_ASSIGN_OR_RETURN(Recurrent recurrent, Recurrent::FromConfig(kind, config));
  return LayerHandle(std::make_shared<RecurrentLayer>(std::move(recurrent), kFromFile));
}

}  // namespace

LayerHandle SimpleRNN(int64_t units, RecurrentOptions options, std::source_location location) {
  return MakeRecurrent(Kind::kSimpleRnn, units, std::move(options), location);
}

LayerHandle LSTM(int64_t units, RecurrentOptions options, std::source_location location) {
  return MakeRecurrent(Kind::kLstm, units, std::move(options), location);
}

LayerHandle GRU(int64_t units, RecurrentOptions options, std::source_location location) {
  return MakeRecurrent(Kind::kGru, units, std::move(options), location);
}

LayerHandle Bidirectional(LayerHandle layer, BidirectionalOptions options,
                          std::source_location location) {
  return LayerHandle(
      std::make_shared<BidirectionalLayer>(std::move(layer), std::move(options), location));
}

LayerHandle Masking(double mask_value, LayerOptions options, std::source_location location) {
  return LayerHandle(std::make_shared<MaskingLayer>(mask_value, std::move(options), location));
}

absl::StatusOr<LayerHandle> SimpleRNNFromConfig(const LayerConfig &config) {
  return FromConfig(Kind::kSimpleRnn, config);
}

absl::StatusOr<LayerHandle> LSTMFromConfig(const LayerConfig &config) {
  return FromConfig(Kind::kLstm, config);
}

absl::StatusOr<LayerHandle> GRUFromConfig(const LayerConfig &config) {
  return FromConfig(Kind::kGru, config);
}

absl::StatusOr<LayerHandle> BidirectionalFromConfig(const LayerConfig &config) {
  ConfigReader reader(config);
  BidirectionalOptions options{.merge_mode = reader.Get<std::string>("merge_mode"),
                               .name = config.name};
  const std::string layer = reader.Get<std::string>("layer");
  ADJOINT_RETURN_IF_ERROR(reader.status());
  for (Kind kind : {Kind::kSimpleRnn, Kind::kLstm, Kind::kGru}) {
    if (layer != kClassNames[static_cast<int>(kind)]) continue;
    ADJOINT_ASSIGN_OR_RETURN(LayerHandle inner, FromConfig(kind, config));
    return Bidirectional(std::move(inner), std::move(options), kFromFile);
  }
  reader.Fail(absl::StrCat("value 'layer' is '", layer, "', which is not a recurrent layer"));
  return reader.status();
}

absl::StatusOr<LayerHandle> MaskingFromConfig(const LayerConfig &config) {
  ConfigReader reader(config);
  const double mask_value = reader.Get<double>("mask_value");
  ADJOINT_RETURN_IF_ERROR(reader.status());
  return Masking(mask_value, {config.name}, kFromFile);
}

}  // namespace adjoint::nn
