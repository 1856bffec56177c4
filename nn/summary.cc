#include <algorithm>
#include <cstdlib>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nn/model.h"

namespace adjoint::nn {
namespace {

std::string WithCommas(int64_t n) {
  std::string digits = absl::StrCat(n);
  for (int i = static_cast<int>(digits.size()) - 3; i > 0; i -= 3) digits.insert(i, ",");
  return digits;
}

// "(None, 16)"; "[(None, 784)]" for inputs.
std::string ShapeText(const std::vector<ValueSpec>& outputs, bool is_input) {
  const auto one = [](const ValueSpec& spec) {
    std::vector<std::string> dims;
    for (Dim d : spec.tensor.shape.dims()) dims.push_back(d.is_known() ? d.ToString() : "None");
    return absl::StrCat("(", absl::StrJoin(dims, ", "), dims.size() == 1 ? ",)" : ")");
  };
  if (outputs.empty()) return "?";
  std::vector<std::string> shapes;
  for (const ValueSpec& spec : outputs) shapes.push_back(one(spec));
  const std::string text = absl::StrJoin(shapes, ", ");
  return is_input || outputs.size() > 1 ? absl::StrCat("[", text, "]") : text;
}

// Fields cut and padded to end at `positions`, without trailing blanks.
std::string Row(const std::vector<std::string>& fields, const std::vector<size_t>& positions) {
  std::string line;
  for (size_t i = 0; i < fields.size(); ++i) {
    if (i > 0) line = absl::StrCat(line.substr(0, line.size() - 1), " ");
    absl::StrAppend(&line, fields[i]);
    line.resize(positions[i], ' ');
  }
  return absl::StrCat(absl::StripTrailingAsciiWhitespace(line), "\n");
}

}  // namespace

std::string Model::Summary() const {
  if (!construction_.ok()) {
    return absl::StrCat("Model: \"", name_, "\" (", construction_.message(), ")\n");
  }
  // Keras' line length and its parts (tensorflow/python/keras/utils/layer_utils.py).
  const size_t width = sequential_ ? 65 : 98;
  const std::vector<size_t> positions =
      sequential_ ? std::vector<size_t>{29, 55, 65} : std::vector<size_t>{32, 53, 65, 98};
  std::vector<std::string> header = {"Layer (type)", "Output Shape", "Param #"};
  if (!sequential_) header.push_back("Connected to");
  std::string text = absl::StrCat("Model: \"", name_, "\"\n", std::string(width, '_'), "\n",
                                  Row(header, positions), std::string(width, '='), "\n");
  int64_t trainable = 0, fixed = 0;
  bool first = true;
  std::set<int> seen;
  for (const Network::Call& call : network_.calls()) {
    const Network::Part& part = network_.parts()[call.part];
    const bool is_input = dynamic_cast<const InputLayer*>(part.layer.get()) != nullptr;
    if (sequential_ && is_input) continue;
    if (!seen.insert(call.part).second) continue;  // a shared layer has one line
    int64_t params = 0;
    for (const VariableDecl& decl : part.variables) {
      const int64_t n = decl.spec.shape.NumElements();
      params += n;
      (decl.trainable ? trainable : fixed) += n;
    }
    if (!first) absl::StrAppend(&text, std::string(width, '_'), "\n");
    first = false;
    std::vector<std::string> fields = {
        absl::StrCat(part.name, " (", is_input ? "InputLayer" : part.layer->ClassName(), ")"),
        ShapeText(call.outputs, is_input), absl::StrCat(params)};
    std::vector<std::string> sources;
    for (const Network::Call& other : network_.calls()) {
      if (&network_.parts()[other.part] != &part) continue;
      for (const Network::ValueId& id : other.inputs) {
        sources.push_back(absl::StrCat(network_.parts()[network_.calls()[id.call].part].name, "[",
                                       id.output, "]"));
      }
    }
    if (!sequential_) fields.push_back(sources.empty() ? "" : sources[0]);
    absl::StrAppend(&text, Row(fields, positions));
    for (size_t i = 1; !sequential_ && i < sources.size(); ++i) {
      absl::StrAppend(&text, Row({"", "", "", sources[i]}, positions));
    }
  }
  absl::StrAppend(&text, std::string(width, '='), "\n",
                  "Total params: ", WithCommas(trainable + fixed), "\n",
                  "Trainable params: ", WithCommas(trainable), "\n",
                  "Non-trainable params: ", WithCommas(fixed), "\n", std::string(width, '_'), "\n");
  return text;
}

}  // namespace adjoint::nn
