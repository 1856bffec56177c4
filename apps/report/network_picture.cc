#include "apps/report/network_picture.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "apps/report/html.h"
#include "core/attrs.h"
#include "nn/layer.h"
#include "nn/network.h"

namespace adjoint::apps::report {
namespace {

constexpr double kBoxWidth = 252, kBoxHeight = 58, kGapX = 28, kGapY = 40, kMargin = 12;
constexpr size_t kLongestText = 34;

std::string Shortened(std::string text) {
  if (text.size() <= kLongestText) return text;
  size_t cut = kLongestText - 1;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;
  return absl::StrCat(text.substr(0, cut), "…");
}

// What a reader wants to know of a layer, of the settings that it is made again with.
std::string Settings(const nn::Layer& layer) {
  const absl::StatusOr<Attrs> config = layer.Config();
  if (!config.ok()) return "";
  std::vector<std::string> parts;
  for (const char* name : {"units", "filters", "kernel_size", "pool_size", "output_dim", "rate",
                           "strides", "padding", "activation"}) {
    const AttrValue* const value = config->Find(name);
    if (value == nullptr) continue;
    if (const auto* n = std::get_if<int64_t>(value)) {
      parts.push_back(absl::StrCat(name, " ", *n));
    } else if (const auto* x = std::get_if<double>(value)) {
      parts.push_back(absl::StrFormat("%s %g", name, *x));
    } else if (const auto* text = std::get_if<std::string>(value)) {
      if (*text != "linear" && *text != "valid" && !text->empty()) parts.push_back(*text);
    } else if (const auto* list = std::get_if<std::vector<int64_t>>(value)) {
      const bool ones = std::all_of(list->begin(), list->end(), [](int64_t n) { return n == 1; });
      if (!ones || std::string(name) != "strides") parts.push_back(absl::StrJoin(*list, "×"));
    }
  }
  return Shortened(absl::StrJoin(parts, ", "));
}

std::string ShapeText(const nn::ValueSpec& spec) {
  std::vector<std::string> dims;
  for (const Dim dim : spec.tensor.shape.dims()) dims.push_back(dim.ToString());
  return absl::StrCat(spec.csr ? "sparse " : "", absl::StrJoin(dims, " × "));
}

struct Place {
  int level = 0;
  double x = 0, y = 0;  // the box's upper left corner
};

class PictureWriter {
 public:
  explicit PictureWriter(const nn::Network& network)
      : network_(network), places_(network.calls().size()) {
    // A call stands one level below the lowest that it reads.
    std::vector<int> wide;  // boxes a level
    for (size_t i = 0; i < places_.size(); ++i) {
      for (const nn::Network::ValueId& from : network.calls()[i].inputs) {
        places_[i].level = std::max(places_[i].level, places_[from.call].level + 1);
      }
      wide.resize(std::max(wide.size(), static_cast<size_t>(places_[i].level) + 1));
      ++wide[places_[i].level];
    }
    const int widest = wide.empty() ? 1 : *std::max_element(wide.begin(), wide.end());
    width_ = RowWidth(widest) + 2 * kMargin;
    height_ = static_cast<double>(wide.size()) * (kBoxHeight + kGapY) - kGapY + 2 * kMargin;
    std::vector<int> next(wide.size());
    for (Place& place : places_) {
      const int column = next[place.level]++;
      place.x = (width_ - RowWidth(wide[place.level])) / 2 + column * (kBoxWidth + kGapX);
      place.y = kMargin + place.level * (kBoxHeight + kGapY);
    }
  }

  std::string Write() {
    absl::StrAppendFormat(
        &svg_,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"network\" viewBox=\"0 0 %.0f %.0f\" "
        "width=\"%.0f\" height=\"%.0f\" role=\"img\" aria-label=\"The network's layers\" "
        "font-family=\"system-ui, Helvetica, Arial, sans-serif\">\n"
        "<defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" "
        "markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" "
        "fill=\"var(--muted, #5d6673)\"/></marker></defs>\n",
        width_, height_, width_, height_);
    for (size_t i = 0; i < places_.size(); ++i) Arrows(i);
    for (size_t i = 0; i < places_.size(); ++i) Box(i);
    return absl::StrCat(svg_, "</svg>");
  }

 private:
  static double RowWidth(int boxes) { return boxes * (kBoxWidth + kGapX) - kGapX; }

  void Text(double x, double y, const char* anchor, const char* style, const std::string& text) {
    absl::StrAppendFormat(&svg_, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" %s>%s</text>\n", x,
                          y, anchor, style, Escape(text));
  }

  void Arrows(size_t i) {
    const Place& to = places_[i];
    const nn::Network::Call& call = network_.calls()[i];
    for (size_t j = 0; j < call.inputs.size(); ++j) {
      const nn::Network::ValueId& source = call.inputs[j];
      const Place& from = places_[source.call];
      const double x1 = from.x + kBoxWidth / 2, y1 = from.y + kBoxHeight;
      const double x2 = to.x + kBoxWidth * static_cast<double>(j + 1) /
                                   static_cast<double>(call.inputs.size() + 1);
      const double bend = kGapY / 2;
      absl::StrAppendFormat(&svg_,
                            "<path d=\"M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f\" fill=\"none\" "
                            "stroke=\"var(--muted, #5d6673)\" marker-end=\"url(#arrow)\"/>\n",
                            x1, y1, x1, y1 + bend, x2, to.y - bend, x2, to.y - 1);
      const auto& outputs = network_.calls()[source.call].outputs;
      if (static_cast<size_t>(source.output) < outputs.size()) {
        Text(x1 + 8, y1 + kGapY / 2 + 4, "start", "font-size=\"12\" fill=\"var(--muted, #5d6673)\"",
             ShapeText(outputs[source.output]));
      }
    }
  }

  void Box(size_t i) {
    const Place& at = places_[i];
    const nn::Network::Part& part = network_.parts()[network_.calls()[i].part];
    const auto* const input = dynamic_cast<const nn::InputLayer*>(part.layer.get());
    int64_t params = 0;
    for (const nn::VariableDecl& decl : part.variables) params += decl.spec.shape.NumElements();
    absl::StrAppendFormat(&svg_,
                          "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.0f\" height=\"%.0f\" rx=\"8\" "
                          "fill=\"%s\" stroke=\"var(--line-strong, #b9c0ca)\"/>\n",
                          at.x, at.y, kBoxWidth, kBoxHeight,
                          params > 0 ? "var(--tint, #e8effc)" : "var(--card, #ffffff)");
    const double left = at.x + 14, right = at.x + kBoxWidth - 14;
    constexpr char kStrong[] = "font-size=\"15\" font-weight=\"600\" fill=\"var(--ink, #171a1f)\"";
    constexpr char kQuiet[] = "font-size=\"12.5\" fill=\"var(--muted, #5d6673)\"";
    Text(left, at.y + 25, "start", kStrong, input != nullptr ? "Input" : part.layer->ClassName());
    Text(right, at.y + 25, "end", kQuiet, part.name);
    const std::vector<nn::ValueSpec>& outputs = network_.calls()[i].outputs;
    const std::string settings = input == nullptr   ? Settings(*part.layer)
                                 : !outputs.empty() ? ShapeText(outputs[0])
                                                    : "";
    Text(left, at.y + 45, "start", kQuiet, settings);
    if (params > 0) {
      Text(right, at.y + 45, "end", kQuiet, absl::StrCat(Thousands(params), " params"));
    }
  }

  const nn::Network& network_;
  std::vector<Place> places_;
  double width_ = 0, height_ = 0;
  std::string svg_;
};

}  // namespace

std::string NetworkPicture(const nn::Model& model) {
  return PictureWriter(model.network()).Write();
}

}  // namespace adjoint::apps::report
