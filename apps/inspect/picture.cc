#include "apps/inspect/picture.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "apps/inspect/layout.h"

namespace adjoint::apps::inspect {
namespace {

constexpr size_t kMaxChars = 44;
// Of the fonts below: some pixels a character, and the height of a line.
constexpr double kTitleChar = 8.3, kLineChar = 6.7, kTitleHeight = 18, kLineHeight = 14;
constexpr double kPadX = 10, kPadY = 6;

struct Colors {
  const char* fill;
  const char* stroke;
  const char* name;
};

Colors ColorsOf(Picture::Kind kind) {
  switch (kind) {
    case Picture::Kind::kInput:
      return {"#dbeafe", "#2563eb", "input"};
    case Picture::Kind::kOutput:
      return {"#dcfce7", "#16a34a", "output"};
    case Picture::Kind::kState:
      return {"#fef3c7", "#d97706", "state"};
    case Picture::Kind::kOp:
      break;
  }
  return {"#f8fafc", "#475569", "op"};
}

std::string Escaped(const std::string& text) {
  return absl::StrReplaceAll(Printable(text),
                             {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

// Characters rather than bytes.
size_t Length(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

// The text, or its beginning when it is long.
std::string Short(const std::string& text) {
  const std::string shown = Printable(text);
  if (Length(shown) <= kMaxChars) return shown;
  size_t at = 0;
  for (size_t chars = 0; at < shown.size(); ++at) {
    if ((static_cast<unsigned char>(shown[at]) & 0xC0) != 0x80 && chars++ == kMaxChars - 1) break;
  }
  return absl::StrCat(shown.substr(0, at), "…");
}

Box BoxOf(const Picture::Node& node) {
  double width = kTitleChar * static_cast<double>(Length(Short(node.title)));
  for (const std::string& line : node.lines) {
    width = std::max(width, kLineChar * static_cast<double>(Length(Short(line))));
  }
  return {std::max(width, 24.0) + 2 * kPadX,
          kTitleHeight + kLineHeight * static_cast<double>(node.lines.size()) + 2 * kPadY};
}

std::string PathOf(const std::vector<Point>& points) {
  std::string path = absl::StrFormat("M%.1f %.1f", points[0].x, points[0].y);
  for (size_t i = 1; i < points.size(); ++i) {
    const Point &a = points[i - 1], &b = points[i];
    if (a.x == b.x) {
      absl::StrAppendFormat(&path, "L%.1f %.1f", b.x, b.y);
      continue;
    }
    const double middle = (a.y + b.y) / 2;
    absl::StrAppendFormat(&path, "C%.1f %.1f %.1f %.1f %.1f %.1f", a.x, middle, b.x, middle, b.x,
                          b.y);
  }
  return path;
}

}  // namespace

std::string Printable(const std::string& text) {
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  std::string shown;
  for (size_t i = 0; i < text.size();) {
    const unsigned first = byte(i);
    const size_t length = first < 0x80                    ? 1
                          : first >= 0xC2 && first < 0xE0 ? 2
                          : first >= 0xE0 && first < 0xF0 ? 3
                          : first >= 0xF0 && first < 0xF5 ? 4
                                                          : 0;
    bool good = length > 0 && first >= 0x20 && first != 0x7F;
    for (size_t j = 1; j < length; ++j) good = good && (byte(i + j) & 0xC0) == 0x80;
    // Overlong forms, surrogates, beyond the last code point, and the C1 controls.
    const unsigned second = byte(i + 1);
    good = good && !(first == 0xE0 && second < 0xA0) && !(first == 0xED && second >= 0xA0) &&
           !(first == 0xF0 && second < 0x90) && !(first == 0xF4 && second >= 0x90) &&
           !(first == 0xC2 && second < 0xA0);
    if (good) {
      shown.append(text, i, length);
      i += length;
      continue;
    }
    absl::StrAppend(&shown, first == '\n' ? std::string("\\n") : absl::StrFormat("\\x%02x", first));
    ++i;
  }
  return shown;
}

std::string ToDot(const Picture& picture) {
  const auto quoted = [](const std::string& text) {
    return absl::StrReplaceAll(Printable(text), {{"\\", "\\\\"}, {"\"", "\\\""}});
  };
  std::string dot = absl::StrCat("digraph \"", quoted(picture.name),
                                 "\" {\n  node [shape=box, style=\"rounded,filled\", "
                                 "fontname=\"sans-serif\", fontsize=10];\n");
  for (size_t i = 0; i < picture.nodes.size(); ++i) {
    const Picture::Node& node = picture.nodes[i];
    std::string label = quoted(node.title);
    for (const std::string& line : node.lines) absl::StrAppend(&label, "\\n", quoted(line));
    const Colors colors = ColorsOf(node.kind);
    absl::StrAppend(&dot, "  n", i, " [label=\"", label, "\", fillcolor=\"", colors.fill,
                    "\", color=\"", colors.stroke, "\"];\n");
  }
  for (const Picture::Edge& edge : picture.edges) {
    absl::StrAppend(&dot, "  n", edge.from, " -> n", edge.to, ";\n");
  }
  return absl::StrCat(dot, "}\n");
}

std::string ToSvg(const Picture& picture) {
  std::vector<Box> boxes;
  for (const Picture::Node& node : picture.nodes) boxes.push_back(BoxOf(node));
  std::vector<std::pair<int, int>> edges;
  for (const Picture::Edge& edge : picture.edges) edges.emplace_back(edge.from, edge.to);
  const Layout layout = MakeLayout(boxes, edges);

  std::string svg = absl::StrFormat(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
      "viewBox=\"0 0 %.0f %.0f\">\n",
      layout.width, layout.height, layout.width, layout.height);
  absl::StrAppend(&svg, "<title>", Escaped(picture.name), "</title>\n", R"(<style>
text { font-family: "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: 11px;
  text-anchor: middle; fill: #334155; }
text.t { font-family: "DejaVu Sans", Helvetica, Arial, sans-serif; font-size: 13px;
  font-weight: 600; fill: #0f172a; }
path { fill: none; stroke: #94a3b8; stroke-width: 1.4; }
rect { stroke-width: 1.3; }
</style>
<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"
  orient="auto"><path d="M0 0L8 4L0 8z" style="fill:#94a3b8;stroke:none"/></marker></defs>
<rect width="100%" height="100%" fill="#ffffff"/>
)");
  for (const std::vector<Point>& path : layout.paths) {
    absl::StrAppend(&svg, "<path marker-end=\"url(#a)\" d=\"", PathOf(path), "\"/>\n");
  }
  for (size_t i = 0; i < picture.nodes.size(); ++i) {
    const Picture::Node& node = picture.nodes[i];
    const Box& box = boxes[i];
    const Point& center = layout.centers[i];
    const Colors colors = ColorsOf(node.kind);
    absl::StrAppendFormat(&svg,
                          "<g><rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
                          "height=\"%.1f\" rx=\"6\" fill=\"%s\" stroke=\"%s\"/>",
                          colors.name, center.x - box.width / 2, center.y - box.height / 2,
                          box.width, box.height, colors.fill, colors.stroke);
    // What the pointer rests on is shown whole.
    std::vector<std::string> hint_lines = {Escaped(node.title)};
    for (const std::string& line : node.lines) hint_lines.push_back(Escaped(line));
    absl::StrAppend(&svg, "<title>");
    for (size_t l = 0; l < hint_lines.size(); ++l) {
      absl::StrAppend(&svg, l == 0 ? "" : "\n", hint_lines[l]);
    }
    double y = center.y - box.height / 2 + kPadY + 13;
    absl::StrAppend(&svg, "</title>",
                    absl::StrFormat("<text class=\"t\" x=\"%.1f\" y=\"%.1f\">", center.x, y),
                    Escaped(Short(node.title)), "</text>");
    y += 4;
    for (const std::string& line : node.lines) {
      y += kLineHeight;
      absl::StrAppend(&svg, absl::StrFormat("<text x=\"%.1f\" y=\"%.1f\">", center.x, y),
                      Escaped(Short(line)), "</text>");
    }
    absl::StrAppend(&svg, "</g>\n");
  }
  return absl::StrCat(svg, "</svg>\n");
}

}  // namespace adjoint::apps::inspect
