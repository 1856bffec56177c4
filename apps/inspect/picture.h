#ifndef ADJOINT_APPS_INSPECT_PICTURE_H_
#define ADJOINT_APPS_INSPECT_PICTURE_H_

#include <string>
#include <vector>

namespace adjoint::apps::inspect {

// A graph to look at.
struct Picture {
  enum class Kind { kOp, kInput, kOutput, kState };
  struct Node {
    Kind kind = Kind::kOp;
    std::string title = {};
    std::vector<std::string> lines = {};  // below the title
  };
  struct Edge {
    int from, to;  // places in `nodes`
  };

  std::string name = {};
  std::vector<Node> nodes = {};
  std::vector<Edge> edges = {};
};

// The text in the language of Graphviz' dot.
std::string ToDot(const Picture& picture);

// A drawing of its own, one file without references: nodes in layers from top to bottom, each below
// all that it depends on. Time and size grow as the graph does.
std::string ToSvg(const Picture& picture);

// Text with what is not UTF-8 (RFC 3629) or controls a terminal as escapes: "\n", "\x1b".
std::string Printable(const std::string& text);

}  // namespace adjoint::apps::inspect

#endif  // ADJOINT_APPS_INSPECT_PICTURE_H_
