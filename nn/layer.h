#ifndef ADJOINT_NN_LAYER_H_
#define ADJOINT_NN_LAYER_H_

#include <source_location>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/attrs.h"
#include "nn/initializers.h"
#include "nn/regularizers.h"
#include "nn/value.h"
#include "ops/builder.h"

namespace adjoint::nn {

// A variable that a layer wants. In its model it is called "<layer>/<name>".
struct VariableDecl {
  std::string name;  // "kernel"
  TensorSpec spec;   // all numbers, floating
  Initializer initializer;
  bool trainable = true;
  Regularizer regularizer = {};
};

// What a layer sees of the program that is being built.
class CallContext {
 public:
  virtual ~CallContext() = default;

  virtual ops::Builder& builder() = 0;

  // Whether the program trains: dropout drops, batch statistics are used.
  virtual bool training() const = 0;

  // The value that a variable of this layer's Build has before the step.
  virtual Var Variable(absl::string_view name) = 0;
  // Gives a variable another value after the step, in training programs; ignored in others. For
  // variables that are not trainable.
  virtual void SetVariable(absl::string_view name, Var value) = 0;

  // i64 scalars for random draws, known at run time: the seed, and the number of training steps
  // before this one. Zeros in programs that do not train.
  virtual Var seed() = 0;
  virtual Var step() = 0;

  // Adds a scalar to the model's loss, in training and evaluation.
  virtual void AddLoss(Var loss) = 0;

  // Reports a mistake; the message is put after the layer's name and place.
  virtual void Fail(absl::string_view message) = 0;
};

// A part of a network: from its inputs to its outputs, with variables. A layer object is a
// description, immutable and shareable: names and variables belong to the model it is used in. It
// may be called several times within a model, always with the same variables.
class Layer {
 public:
  // `name`: in the model, unique there; when empty the model makes one of ClassName(): "dense",
  // "dense_1". `location`: of the user's line that errors quote.
  explicit Layer(std::string name = "",
                 std::source_location location = std::source_location::current())
      : name_(std::move(name)), location_(location) {}
  virtual ~Layer() = default;
  Layer(const Layer&) = delete;
  Layer& operator=(const Layer&) = delete;

  // "Dense": for printing, names, and files.
  virtual std::string ClassName() const = 0;

  // Declares variables, for inputs like these (the batch is a symbol), and checks the
  // configuration. Called once a model, before the first Call. Messages of errors are put after the
  // layer's name and place.
  virtual absl::Status Build(absl::Span<const ValueSpec> inputs,
                             std::vector<VariableDecl>* variables) const;

  // The outputs. Mistakes go to the builder, by op functions, or to CallContext::Fail; what is
  // returned then does not matter.
  virtual std::vector<Value> Call(CallContext& context, absl::Span<const Value> inputs) const = 0;

  // Whether the mask of the first input (nn/value.h) is that of the first output too, where Call
  // has given it none: true for layers that treat each step by itself.
  virtual bool PassesMask() const { return false; }

  // All that a factory registered under ClassName() (nn/registry.h) needs to make the layer again,
  // in attributes other than objects and tensors. As it stands, an error: such a layer trains but
  // is not saved.
  virtual absl::StatusOr<Attrs> Config() const;

  const std::string& name() const { return name_; }
  const std::source_location& location() const { return location_; }

 private:
  const std::string name_;
  const std::source_location location_;
};

// For layers of one dense input: it, or an error that names the layer's class.
absl::StatusOr<TensorSpec> OneDenseInput(absl::Span<const ValueSpec> inputs,
                                         absl::string_view class_name);

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_LAYER_H_
