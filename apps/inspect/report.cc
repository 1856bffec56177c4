#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "apps/inspect/contents.h"

namespace adjoint::apps::inspect {
namespace {

std::string WithCommas(int64_t n) {
  std::string digits = absl::StrCat(n);
  for (int i = static_cast<int>(digits.size()) - 3; i > 0; i -= 3) digits.insert(i, ",");
  return digits;
}

// "512 B", "640.1 kB".
std::string BytesText(int64_t bytes) {
  if (bytes < 1000) return absl::StrCat(bytes, " B");
  double amount = static_cast<double>(bytes);
  const char* unit = "";
  for (const char* next : {"kB", "MB", "GB", "TB"}) {
    if (amount < 1000) break;
    amount /= 1000;
    unit = next;
  }
  return absl::StrFormat("%.1f %s", amount, unit);
}

std::string NumberText(double x) { return absl::StrFormat("%.4g", x); }

// A file's text may hold anything; a line of ours is one line.
std::string Clean(const std::string& text) { return Printable(text); }

std::string CleanLines(const std::string& text) {
  std::vector<std::string> lines = absl::StrSplit(text, '\n');
  for (std::string& line : lines) line = Clean(line);
  return absl::StrJoin(lines, "\n");
}

// Columns as wide as their widest field; those of numbers to the right.
class Table {
 public:
  Table(std::vector<std::string> header, std::vector<bool> right)
      : right_(std::move(right)), rows_({std::move(header)}) {}

  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }

  std::string Text() const {
    std::vector<size_t> widths(rows_[0].size(), 0);
    for (const auto& row : rows_) {
      for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    }
    std::string text;
    for (const auto& row : rows_) {
      std::string line = " ";
      for (size_t i = 0; i < row.size(); ++i) {
        const std::string blanks(widths[i] - row[i].size(), ' ');
        absl::StrAppend(&line, " ", right_[i] ? blanks : "", row[i], right_[i] ? "" : blanks, " ");
      }
      line.erase(line.find_last_not_of(' ') + 1);
      absl::StrAppend(&text, line, "\n");
    }
    return text;
  }

 private:
  const std::vector<bool> right_;
  std::vector<std::vector<std::string>> rows_;
};

std::string Pairs(const std::vector<std::pair<std::string, std::string>>& pairs) {
  size_t width = 0;
  for (const auto& [key, value] : pairs) width = std::max(width, Clean(key).size());
  std::string text;
  for (const auto& [key, value] : pairs) {
    const std::string shown = Clean(key);
    absl::StrAppend(&text, "  ", shown, std::string(width - shown.size() + 2, ' '), Clean(value),
                    "\n");
  }
  return text;
}

std::string Tensors(const std::vector<TensorInfo>& tensors) {
  const bool stats = std::any_of(tensors.begin(), tensors.end(),
                                 [](const TensorInfo& t) { return t.stats.has_value(); });
  std::vector<std::string> header = {"name", "type", "shape", "elements", "size"};
  std::vector<bool> right = {false, false, false, true, true};
  if (stats) {
    for (const char* name : {"min", "max", "mean", "std", "zeros", "not finite"}) {
      header.push_back(name);
      right.push_back(true);
    }
  }
  Table table(std::move(header), std::move(right));
  struct Total {
    int64_t tensors = 0, elements = 0, bytes = 0;
  } weights, optimizer;
  for (const TensorInfo& tensor : tensors) {
    Total& total = tensor.optimizer ? optimizer : weights;
    ++total.tensors;
    total.elements += tensor.elements;
    total.bytes += tensor.bytes;
    std::vector<std::string> row = {Clean(tensor.name), Clean(tensor.dtype), Clean(tensor.shape),
                                    WithCommas(tensor.elements), BytesText(tensor.bytes)};
    if (stats) {
      if (tensor.stats.has_value()) {
        const Stats& s = *tensor.stats;
        const bool any = tensor.elements > s.not_finite;
        for (const double x : {s.min, s.max, s.mean, s.std}) {
          row.push_back(any ? NumberText(x) : "-");
        }
        row.push_back(WithCommas(s.zeros));
        row.push_back(s.not_finite == 0 ? "-" : WithCommas(s.not_finite));
      } else {
        for (int i = 0; i < 6; ++i) row.push_back("");
      }
    }
    table.Add(std::move(row));
  }
  std::string text = absl::StrCat("\nTensors\n", table.Text());
  const auto sum = [&](const char* what, const Total& total) {
    if (total.tensors == 0) return;
    absl::StrAppend(&text, "  ", what, ": ", WithCommas(total.tensors),
                    total.tensors == 1 ? " tensor, " : " tensors, ", WithCommas(total.elements),
                    total.elements == 1 ? " element, " : " elements, ", BytesText(total.bytes),
                    "\n");
  };
  sum(optimizer.tensors > 0 ? "weights" : "in all", weights);
  sum("optimizer", optimizer);
  return text;
}

std::string Programs(const std::vector<ProgramInfo>& programs) {
  std::string text = programs.size() == 1 ? "\nProgram\n" : "\nPrograms\n";
  for (const ProgramInfo& program : programs) {
    std::vector<std::pair<std::string, int64_t>> ops(program.ops.begin(), program.ops.end());
    std::stable_sort(ops.begin(), ops.end(),
                     [](const auto& a, const auto& b) { return a.second > b.second; });
    absl::StrAppend(&text, "  ", program.name.empty() ? "(no name)" : Clean(program.name), ": ",
                    WithCommas(program.nodes), program.nodes == 1 ? " node" : " nodes",
                    ops.empty() ? "" : "; ",
                    absl::StrJoin(ops, ", ",
                                  [](std::string* out, const auto& op) {
                                    absl::StrAppend(out, op.second, " ", Clean(op.first));
                                  }),
                    "\n");
    const auto list = [&](const char* what, const std::vector<std::string>& ports) {
      for (const std::string& port : ports) {
        absl::StrAppend(&text, "    ", what, Clean(port), "\n");
      }
    };
    list("in     ", program.inputs);
    list("out    ", program.outputs);
    list("state  ", program.states);
  }
  return text;
}

}  // namespace

std::string ToText(const std::string& path, int64_t file_bytes, const Contents& contents) {
  std::string text =
      absl::StrCat(Clean(path), ": ", contents.kind, ", ", BytesText(file_bytes), "\n");
  absl::StrAppend(&text, Pairs(contents.facts));
  if (!contents.layers.empty()) absl::StrAppend(&text, "\n", CleanLines(contents.layers));
  if (!contents.tensors.empty()) absl::StrAppend(&text, Tensors(contents.tensors));
  if (!contents.programs.empty()) absl::StrAppend(&text, Programs(contents.programs));
  if (!contents.training.empty()) {
    absl::StrAppend(&text, "\nTraining\n", Pairs(contents.training));
  }
  if (!contents.sections.empty()) {
    std::vector<std::pair<std::string, std::string>> sections;
    for (const auto& [name, bytes] : contents.sections) {
      sections.emplace_back(name, BytesText(bytes));
    }
    absl::StrAppend(&text, "\nSections\n", Pairs(sections));
  }
  for (const std::string& note : contents.notes)
    absl::StrAppend(&text, "\nNote: ", Clean(note), "\n");
  return text;
}

}  // namespace adjoint::apps::inspect
