// Shows what is in a model, a checkpoint, an ONNX model or a file of tensors:
//
//     bazel run //apps:inspect -- FILE [--stats] [--graph=NAME] [--dot=PATH] [--svg=PATH]
//
// Exit codes: 0; 1 when a file cannot be read or written; 2 for a mistake in the command line.

#include <cstdint>
#include <filesystem>
#include <iostream>
#include <string>
#include <system_error>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "apps/console.h"
#include "apps/inspect/contents.h"
#include "core/io/file.h"
#include "core/status_macros.h"

namespace adjoint::apps::inspect {
namespace {

constexpr char kProgram[] = "inspect";
constexpr char kUsageText[] =
    "usage: inspect FILE [--stats] [--graph=NAME] [--dot=PATH] [--svg=PATH]\n"
    "Shows what is in a model or checkpoint of Adjoint, an ONNX model, or a .safetensors, .npz or\n"
    ".npy file.\n"
    "  --stats       also reads every tensor: minimum, maximum, mean, zeros, NaNs\n"
    "  --dot=PATH    writes a graph in the language of Graphviz\n"
    "  --svg=PATH    writes a drawing of a graph\n"
    "  --graph=NAME  which graph: 'layers' of a network, or a program; the first when not given\n";

struct Arguments {
  std::string file;
  bool stats = false;
  std::string graph, dot, svg;
};

absl::StatusOr<Arguments> Parse(const std::vector<std::string>& args) {
  Arguments arguments;
  const auto value_of = [](absl::string_view arg, absl::string_view name, std::string* to) {
    if (!absl::ConsumePrefix(&arg, name)) return false;
    *to = std::string(arg);
    return true;
  };
  for (const std::string& arg : args) {
    if (arg == "--stats") {
      arguments.stats = true;
    } else if (value_of(arg, "--graph=", &arguments.graph) ||
               value_of(arg, "--dot=", &arguments.dot) || value_of(arg, "--svg=", &arguments.svg)) {
      if (absl::EndsWith(arg, "=")) {
        return absl::InvalidArgumentError(absl::StrCat(arg, " needs a value"));
      }
    } else if (absl::StartsWith(arg, "-")) {
      return absl::InvalidArgumentError(absl::StrCat("unknown option '", arg, "'; see --help"));
    } else if (arguments.file.empty() && !arg.empty()) {
      arguments.file = arg;
    } else {
      return absl::InvalidArgumentError(absl::StrCat("one file is enough, not also '", arg, "'"));
    }
  }
  if (arguments.file.empty()) return absl::InvalidArgumentError("which file? See --help");
  if (!arguments.graph.empty() && arguments.dot.empty() && arguments.svg.empty()) {
    return absl::InvalidArgumentError("--graph goes with --dot or --svg");
  }
  return arguments;
}

absl::StatusOr<const Picture*> Choose(const Contents& contents, const Arguments& arguments) {
  if (contents.pictures.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", arguments.file, "' has no graph to draw: it is a ", contents.kind));
  }
  if (arguments.graph.empty()) return &contents.pictures[0];
  std::string names;
  for (const Picture& picture : contents.pictures) {
    if (picture.name == arguments.graph) return &picture;
    absl::StrAppend(&names, names.empty() ? "" : ", ", Printable(picture.name));
  }
  return absl::InvalidArgumentError(absl::StrCat("'", arguments.file, "' has no graph '",
                                                 arguments.graph, "'; there are ", names));
}

absl::Status Run(const Arguments& arguments) {
  ADJOINT_ASSIGN_OR_RETURN(const Contents contents, ReadContents(arguments.file, arguments.stats));
  std::error_code error;
  const uintmax_t bytes = std::filesystem::file_size(arguments.file, error);
  std::cout << ToText(arguments.file, error ? 0 : static_cast<int64_t>(bytes), contents);
  if (!arguments.dot.empty() || !arguments.svg.empty()) {
    ADJOINT_ASSIGN_OR_RETURN(const Picture* const picture, Choose(contents, arguments));
    std::cout << "\n";
    if (!arguments.dot.empty()) {
      ADJOINT_RETURN_IF_ERROR(io::WriteFileAtomically(arguments.dot, ToDot(*picture)));
      std::cout << "Graph '" << Printable(picture->name) << "' written to " << arguments.dot
                << "\n";
    }
    if (!arguments.svg.empty()) {
      ADJOINT_RETURN_IF_ERROR(io::WriteFileAtomically(arguments.svg, ToSvg(*picture)));
      std::cout << "Graph '" << Printable(picture->name) << "' drawn in " << arguments.svg << "\n";
    }
  }
  return FlushOutput();
}

int Main(const std::vector<std::string>& args) {
  for (const std::string& arg : args) {
    if (arg == "--help" || arg == "-h") return PrintHelp(kUsageText);
  }
  const absl::StatusOr<Arguments> arguments = Parse(args);
  if (!arguments.ok()) return Fail(kProgram, arguments.status().message(), kExitUsage);
  const absl::Status entered = EnterUsersFolder();
  if (!entered.ok()) return Fail(kProgram, entered.message());
  return ExitCode(kProgram, Run(*arguments));
}

}  // namespace
}  // namespace adjoint::apps::inspect

int main(int argc, char** argv) {
  using namespace adjoint::apps;
  return RunMain(inspect::kProgram, argc, argv, inspect::Main);
}
